import assert from "node:assert/strict";
import { readFile, rename, rm } from "node:fs/promises";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ContainerState, Signal } from "../../src/cri/index.ts";
import { collect, withRuntime } from "./cri-runtime-setup.ts";

test("a container is created, runs, and ends with the exit code of its program", () =>
  withRuntime({}, async ({ cri, runPod, create, status, ended }) => {
    const containerId = await create(await runPod(), { command: ["sh", "-c", "exit 7"] });
    const created = await status(containerId);
    assert.equal(created.state, ContainerState.CONTAINER_CREATED);
    assert.deepEqual([created.startedAt, created.finishedAt, created.reason], [0n, 0n, ""]);
    await cri.runtime.startContainer({ containerId });
    const exited = await ended(containerId);
    assert.deepEqual([exited.exitCode, exited.reason], [7, "Error"]);
    assert.ok(created.createdAt < exited.startedAt && exited.startedAt < exited.finishedAt);
  }));

test("a container that succeeds is Completed, one that is stopped in time has the code of its signal", () =>
  withRuntime({}, async ({ cri, runPod, start, ended, status }) => {
    const podSandboxId = await runPod();
    const done = await ended(await start(podSandboxId, { command: ["true"] }));
    assert.deepEqual([done.exitCode, done.reason], [0, "Completed"]);
    const containerId = await start(podSandboxId, { command: ["sleep", "infinity"] });
    assert.equal((await status(containerId)).state, ContainerState.CONTAINER_RUNNING);
    await cri.runtime.stopContainer({ containerId, timeout: 60n });
    const stopped = await status(containerId);
    assert.deepEqual([stopped.state, stopped.exitCode, stopped.reason], [2, 143, "Error"]);
  }));

test("a container that does not heed its stop signal is killed after the time, or at once with time 0", () =>
  withRuntime(
    {
      programs: {
        deaf: async ({ onSignal, stdout, signal }) => {
          onSignal("SIGTERM", () => void stdout("no\n"));
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          return 0;
        },
      },
    },
    async ({ cri, runPod, start, status }) => {
      const podSandboxId = await runPod();
      const containerId = await start(podSandboxId, { command: ["deaf"] });
      const begun = performance.now();
      await cri.runtime.stopContainer({ containerId, timeout: 1n });
      assert.ok(performance.now() - begun > 900);
      const { exitCode, logPath } = await status(containerId);
      assert.equal(exitCode, 137);
      assert.match(await readFile(logPath, "utf8"), / stdout F no\n$/);
      const other = await start(podSandboxId, { command: ["deaf"] });
      await cri.runtime.stopContainer({ containerId: other, timeout: 0n });
      assert.equal((await status(other)).exitCode, 137);
    },
  ));

test("a container is stopped by the signal of its configuration, else by that of its image", () =>
  withRuntime(
    {
      images: [{ name: "busybox", stopSignal: "SIGQUIT" }],
      programs: {
        told: ({ onSignal }) =>
          new Promise((resolve) => {
            for (const [code, name] of ["SIGINT", "SIGQUIT", "SIGTERM"].entries()) {
              onSignal(name, () => resolve(code + 1));
            }
          }),
      },
    },
    async ({ cri, runPod, start, status }) => {
      const podSandboxId = await runPod();
      const byImage = await start(podSandboxId, { command: ["told"] });
      await cri.runtime.stopContainer({ containerId: byImage, timeout: 10n });
      assert.equal((await status(byImage)).exitCode, 2);
      assert.equal((await status(byImage)).stopSignal, Signal.SIGQUIT);
      const own = await start(podSandboxId, { command: ["told"], rest: { stopSignal: Signal.SIGINT } });
      await cri.runtime.stopContainer({ containerId: own, timeout: 10n });
      assert.equal((await status(own)).exitCode, 1);
    },
  ));

test("a stop that the client gives up does not kill the container", () =>
  withRuntime(
    { programs: { deaf: ({ onSignal }) => new Promise(() => onSignal("SIGTERM", () => {})) } },
    async ({ cri, runPod, start, status }) => {
      const containerId = await start(await runPod(), { command: ["deaf"] });
      const late = cri.runtime.stopContainer({ containerId, timeout: 1n }, { timeoutMs: 100 });
      await assert.rejects(late, { code: "ERR_CRI_DEADLINE_EXCEEDED" });
      await sleep(1200);
      assert.equal((await status(containerId)).state, ContainerState.CONTAINER_RUNNING);
    },
  ));

test("a container over its memory is OOMKilled, also when the limit comes down to what it uses", () =>
  withRuntime(
    {
      programs: {
        eat: async ({ use, args, signal }) => {
          use({ memoryBytes: BigInt(args[1] ?? 0) });
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          return 0;
        },
      },
    },
    async ({ cri, runPod, start, ended, status }) => {
      const podSandboxId = await runPod();
      const rest = { linux: { resources: { memoryLimitInBytes: 1000n } } };
      const killed = await ended(await start(podSandboxId, { command: ["eat", "1001"], rest }));
      assert.deepEqual([killed.exitCode, killed.reason], [137, "OOMKilled"]);
      const containerId = await start(podSandboxId, { command: ["eat", "1000"], rest });
      await sleep(20);
      assert.equal((await status(containerId)).state, ContainerState.CONTAINER_RUNNING);
      await cri.runtime.updateContainerResources({ containerId, linux: { memoryLimitInBytes: 999n } });
      assert.equal((await ended(containerId)).reason, "OOMKilled");
      assert.equal((await status(containerId)).resources?.linux?.memoryLimitInBytes, 999n);
    },
  ));

test("an update changes what it gives and keeps the rest", () =>
  withRuntime({}, async ({ cri, runPod, start, status }) => {
    const rest = { linux: { resources: { cpuShares: 10n, cpuQuota: 20n, cpusetCpus: "0" } } };
    const containerId = await start(await runPod(), { command: ["sleep", "infinity"], rest });
    await cri.runtime.updateContainerResources({ containerId, linux: { cpuQuota: 30n } });
    const linux = (await status(containerId)).resources?.linux;
    assert.deepEqual([linux?.cpuShares, linux?.cpuQuota, linux?.cpusetCpus], [10n, 30n, "0"]);
    await cri.runtime.stopContainer({ containerId });
    await cri.runtime.updateContainerResources({ containerId, linux: { cpuQuota: 1n } });
  }));

test("a container can be started once", () =>
  withRuntime({}, async ({ cri, runPod, create, ended }) => {
    const containerId = await create(await runPod(), { command: ["true"] });
    const both = [cri.runtime.startContainer({ containerId }), cri.runtime.startContainer({ containerId })];
    const outcomes = (await Promise.allSettled(both)).map(({ status }) => status);
    assert.deepEqual(outcomes.sort(), ["fulfilled", "rejected"]);
    await ended(containerId);
    await assert.rejects(cri.runtime.startContainer({ containerId }), { code: "ERR_CRI_UNKNOWN" });
  }));

test("a container that is removed, or whose sandbox is stopped, while it is started does not run", () =>
  withRuntime({}, async ({ cri, runPod, create, status }) => {
    const podSandboxId = await runPod();
    const removed = await create(podSandboxId, { command: ["sleep", "infinity"] });
    const stopped = await create(podSandboxId, { command: ["sleep", "infinity"] });
    const starts = [removed, stopped].map((containerId) => cri.runtime.startContainer({ containerId }));
    const all = [
      ...starts,
      cri.runtime.removeContainer({ containerId: removed }),
      cri.runtime.stopPodSandbox({ podSandboxId }),
    ];
    await Promise.allSettled(all);
    await assert.rejects(cri.runtime.containerStatus({ containerId: removed }), {
      code: "ERR_CRI_NOT_FOUND",
    });
    assert.notEqual((await status(stopped)).state, ContainerState.CONTAINER_RUNNING);
    await assert.rejects(cri.runtime.startContainer({ containerId: stopped }), {
      code: "ERR_CRI_UNKNOWN",
    });
  }));

test("a command that the image does not have is a StartError in containerd, and no container in CRI-O", async () => {
  await withRuntime({}, async ({ cri, runPod, create, status }) => {
    const containerId = await create(await runPod(), { command: ["nowhere"] });
    await assert.rejects(cri.runtime.startContainer({ containerId }), {
      code: "ERR_CRI_UNKNOWN",
      details: /executable file not found in \$PATH/,
    });
    const { state, exitCode, reason, startedAt, finishedAt } = await status(containerId);
    assert.deepEqual([state, exitCode, reason], [ContainerState.CONTAINER_EXITED, 128, "StartError"]);
    assert.ok(startedAt === 0n && finishedAt > 0n);
  });
  await withRuntime({ flavor: "cri-o" }, async ({ cri, runPod, create }) => {
    await assert.rejects(create(await runPod(), { command: ["constructor"] }), { code: "ERR_CRI_UNKNOWN" });
    assert.deepEqual((await cri.runtime.listContainers({})).containers, []);
  });
});

test("what a container runs is of its configuration and its image, as Kubernetes has it", () =>
  withRuntime(
    {
      images: [{ name: "tool:1", entrypoint: ["echo", "entry"], cmd: ["cmd"], env: ["A=1", "B=2=3", "C="] }],
    },
    async ({ cri, runPod, ended }) => {
      const podSandboxId = await runPod();
      let number = 0;
      const output = async (config: { command?: string[]; args?: string[]; envs?: object[] }) => {
        const { containerId } = await cri.runtime.createContainer({
          podSandboxId,
          config: {
            metadata: { name: `c${++number}` },
            image: { image: "tool:1" },
            logPath: `c${number}.log`,
            ...config,
          },
        });
        await cri.runtime.startContainer({ containerId });
        const log = await readFile((await ended(containerId)).logPath, "utf8");
        return log.replaceAll(/^\S+ stdout F /gm, "");
      };
      assert.equal(await output({}), "entry cmd\n");
      assert.equal(await output({ args: ["x"] }), "entry x\n");
      assert.equal(await output({ command: ["echo", "own"] }), "own\n");
      assert.equal(await output({ command: ["echo"], args: ["own"] }), "own\n");
      const envs = [{ key: "B", value: Buffer.from("ü") }];
      assert.equal(await output({ command: ["printenv", "A", "B", "C"], envs }), "1\nü\n\n");
    },
  ));

test("bytes of the environment reach a program as they are", () => {
  let seen: Uint8Array | undefined;
  const programs = {
    look: ({ envBytes }: { envBytes: ReadonlyMap<string, Uint8Array> }) => {
      seen = envBytes.get("RAW");
      return 0;
    },
  };
  return withRuntime({ programs }, async ({ runPod, start, ended }) => {
    const raw = Uint8Array.of(0xff, 0, 0xc3);
    const rest = { envs: [{ key: "RAW", value: raw }] };
    await ended(await start(await runPod(), { command: ["look"], rest }));
    assert.deepEqual(Buffer.from(seen ?? []), Buffer.from(raw));
  });
});

test("a container of an image or in a sandbox that is not there is refused", () =>
  withRuntime({}, async ({ cri, runPod, create }) => {
    const podSandboxId = await runPod();
    await assert.rejects(create(podSandboxId, { command: ["true"], image: "example.com/absent:1" }), {
      code: "ERR_CRI_NOT_FOUND",
    });
    await assert.rejects(create("absent", { command: ["true"] }), { code: "ERR_CRI_NOT_FOUND" });
    await assert.rejects(cri.runtime.createContainer({ podSandboxId }), { code: "ERR_CRI_UNKNOWN" });
    const volume = { containerPath: "/v", image: { image: "example.com/absent:1" } };
    await assert.rejects(create(podSandboxId, { command: ["true"], rest: { mounts: [volume] } }), {
      reason: "ImageVolumeMountFailed",
    });
    await cri.runtime.stopPodSandbox({ podSandboxId });
    await assert.rejects(create(podSandboxId, { command: ["true"] }), { code: "ERR_CRI_NOT_FOUND" });
    assert.deepEqual((await cri.runtime.listContainers({})).containers, []);
  }));

test("a second container of the same name and attempt in a sandbox is refused until the first is removed", () =>
  withRuntime({}, async ({ cri, runPod, create, start }) => {
    const podSandboxId = await runPod();
    const containerId = await start(podSandboxId, { command: ["sleep", "infinity"], name: "c" });
    await assert.rejects(create(podSandboxId, { command: ["true"], name: "c" }), {
      code: "ERR_CRI_UNKNOWN",
      details: new RegExp(
        `^failed to reserve container name "c_.*": name "c_.*" is reserved for "${containerId}"$`,
      ),
    });
    await create(podSandboxId, { command: ["true"], rest: { metadata: { name: "c", attempt: 1 } } });
    await create(await runPod(), { command: ["true"], name: "c" });
    // Running ones are ended first.
    await cri.runtime.removeContainer({ containerId });
    await create(podSandboxId, { command: ["true"], name: "c" });
  }));

test("containers are listed by id, pod, state and labels, the newest first, streamed as in one answer", () =>
  withRuntime({ listBatchSize: 2 }, async ({ cri, runPod, create, start, ended }) => {
    const [pod, other] = [await runPod(), await runPod()];
    const created = await create(pod, { command: ["true"], labels: { app: "a" } });
    const running = await start(pod, { command: ["sleep", "infinity"], labels: { app: "a", x: "1" } });
    const exited = await start(other, { command: ["true"], labels: { app: "b" } });
    await ended(exited);
    const list = async (filter: Parameters<typeof cri.runtime.listContainers>[0]["filter"]) => {
      const request = filter ? { filter } : {};
      const ids = (await cri.runtime.listContainers(request)).containers.map(({ id }) => id);
      const batches = await collect(cri.runtime.streamContainers(request));
      assert.deepEqual(
        batches.flatMap(({ containers }) => containers.map(({ id }) => id)),
        ids,
      );
      assert.equal(batches.length, Math.max(1, Math.ceil(ids.length / 2)));
      return ids;
    };
    assert.deepEqual(await list(undefined), [exited, running, created]);
    assert.deepEqual(await list({ id: running.slice(0, 16) }), [running]);
    assert.deepEqual(await list({ podSandboxId: pod }), [running, created]);
    assert.deepEqual(await list({ podSandboxId: other.slice(0, 16) }), [exited]);
    assert.deepEqual(await list({ podSandboxId: "absent" }), []);
    assert.deepEqual(await list({ state: { state: ContainerState.CONTAINER_RUNNING } }), [running]);
    assert.deepEqual(await list({ state: { state: ContainerState.CONTAINER_CREATED } }), [created]);
    assert.deepEqual(await list({ state: { state: ContainerState.CONTAINER_EXITED } }), [exited]);
    assert.deepEqual(await list({ labelSelector: { app: "a" } }), [running, created]);
    assert.deepEqual(await list({ labelSelector: { app: "a", x: "1" } }), [running]);
    assert.deepEqual(await list({ id: running, podSandboxId: other }), []);
  }));

test("a log has what was written to each stream, in CRI's form, cut at 16384 bytes, its end without a line end", () =>
  withRuntime({}, async ({ runPod, start, ended }) => {
    const command = ["sh", "-c", `echo out; echo err >&2; echo ${"x".repeat(20_000)}; echo -n end`];
    const { logPath } = await ended(await start(await runPod(), { command }));
    const entries = (await readFile(logPath, "latin1")).trimEnd().split("\n");
    const parts = entries.map((entry) => /^(\S+) (stdout|stderr) ([PF]) (.*)$/.exec(entry)?.slice(2) ?? []);
    assert.deepEqual(
      parts.map(([stream, tag, content = ""]) => [stream, tag, content.length]),
      [
        ["stdout", "F", 3],
        ["stderr", "F", 3],
        ["stdout", "P", 16_384],
        ["stdout", "F", 3_616],
        ["stdout", "P", 3],
      ],
    );
  }));

test("a log that was renamed or removed is there again after reopening, and goes on", () =>
  withRuntime({}, async ({ cri, runPod, start, status }) => {
    const rest = { stdin: true };
    const podSandboxId = await runPod();
    const containerId = await start(podSandboxId, { command: ["yes"], rest });
    const { logPath } = await status(containerId);
    await rename(logPath, `${logPath}.old`);
    await cri.runtime.reopenContainerLog({ containerId });
    await readFile(logPath);
    await rm(logPath);
    await cri.runtime.reopenContainerLog({ containerId });
    for (let tries = 0; (await readFile(logPath)).length === 0; tries++) {
      assert.ok(tries < 200, "nothing is written to the new file");
      await sleep(10);
    }
    await cri.runtime.stopContainer({ containerId });
    await rm(logPath);
    await assert.rejects(cri.runtime.reopenContainerLog({ containerId }), {
      code: "ERR_CRI_UNKNOWN",
      details: "container is not running",
    });
    await assert.rejects(readFile(logPath), { code: "ENOENT" });
  }));

test("a container without a log path writes nowhere", () =>
  withRuntime({}, async ({ runPod, start, ended }) => {
    const containerId = await start(await runPod(), { command: ["echo", "x"], rest: { logPath: "" } });
    const { logPath, exitCode } = await ended(containerId);
    assert.deepEqual([logPath, exitCode], ["", 0]);
  }));

test("a program that throws writes why to stderr and exits with 1", () =>
  withRuntime(
    {
      programs: {
        throws: () => {
          throw new Error("went wrong");
        },
      },
    },
    async ({ runPod, start, ended }) => {
      const { exitCode, logPath } = await ended(await start(await runPod(), { command: ["throws"] }));
      assert.equal(exitCode, 1);
      assert.match(await readFile(logPath, "utf8"), / stderr F went wrong\n$/);
    },
  ));

import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:http2";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ContainerState, connectCri, exec } from "../../src/cri/index.ts";
import { type ProgramProcess, type RuntimeFailure, startCriRuntime } from "../../src/testing/index.ts";
import { collect, withRuntime } from "./cri-runtime-setup.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const LIST = "RuntimeService/ListContainers";
const FOREVER = { command: ["sleep", "infinity"] };

for (const [name, failure, error] of [
  [
    "a status by name",
    { status: { code: "DATA_LOSS", details: "größe" } },
    { code: "ERR_CRI_DATA_LOSS", details: "größe" },
  ],
  ["a status by number", { status: { code: 99 } }, { code: "ERR_CRI_UNKNOWN" }],
  ["bytes that are no message", { garbage: true }, { code: "ERR_CRI_INVALID_RESPONSE" }],
  ["given bytes", { garbage: Uint8Array.of(0x0a, 0x05) }, { code: "ERR_CRI_INVALID_RESPONSE" }],
  [
    "a message over the limit of the client",
    { oversizeBytes: 20_000_000 },
    { code: "ERR_CRI_RESOURCE_EXHAUSTED" },
  ],
  ["a cut connection before the answer", { disconnect: "before" }, { code: "ERR_CRI_UNAVAILABLE" }],
  ["a cut connection in the answer", { disconnect: "during" }, { code: "ERR_CRI_UNAVAILABLE" }],
] satisfies [string, RuntimeFailure, object][]) {
  test(`a call can fail by ${name}, and the next one succeeds`, async () => {
    const before = countResources();
    await withRuntime({}, async ({ cri, runtime }) => {
      const injected = runtime.fail({ ...failure, method: LIST, times: 1 });
      await cri.runtime.listPodSandbox({});
      assert.equal(injected.met, 0);
      await assert.rejects(cri.runtime.listContainers({}), error);
      assert.equal(injected.met, 1);
      await cri.runtime.listContainers({}, { timeoutMs: 5000 });
    });
    await assertNothingLeft(before);
  });
}

test("a call can be late, and can never be answered", () =>
  withRuntime({}, async ({ cri, runtime }) => {
    const late = runtime.fail({ method: LIST, delayMs: 150 });
    const begun = performance.now();
    await cri.runtime.listContainers({});
    assert.ok(performance.now() - begun >= 145);
    late.undo();
    runtime.fail({ never: true });
    await assert.rejects(cri.runtime.listContainers({}, { timeoutMs: 100 }), {
      code: "ERR_CRI_DEADLINE_EXCEEDED",
    });
  }));

for (const failure of [{ never: true }, { disconnect: "before" }] satisfies RuntimeFailure[]) {
  test(`what nobody hears of is done all the same: ${Object.keys(failure)}`, () =>
    withRuntime({}, async ({ cri, runtime, runPod, create, status }) => {
      const containerId = await create(await runPod(), FOREVER);
      runtime.fail({ ...failure, method: "RuntimeService/StartContainer", times: 1 });
      await assert.rejects(cri.runtime.startContainer({ containerId }, { timeoutMs: 200 }));
      for (let tries = 0; (await status(containerId)).state !== ContainerState.CONTAINER_RUNNING; tries++) {
        assert.ok(tries < 1000, "it does not start");
        await sleep(10);
      }
    }));
}

test("what is carried out for a caller that has gone ends as if the caller went then", async () => {
  const before = countResources();
  const stubborn = async ({ onSignal, signal }: ProgramProcess) => {
    onSignal("SIGTERM", () => {});
    await once(signal, "abort");
    return 0;
  };
  await withRuntime({ programs: { stubborn } }, async ({ cri, runtime, runPod, start }) => {
    const containerId = await start(await runPod(), { command: ["stubborn"] });
    const running = countResources();
    runtime.fail({ never: true });
    const late = { timeoutMs: 100 };
    const code = "ERR_CRI_DEADLINE_EXCEEDED";
    await assert.rejects(cri.runtime.execSync({ containerId, cmd: ["sleep", "1000"] }, late), { code });
    await assert.rejects(cri.runtime.stopContainer({ containerId, timeout: 1000n }, late), { code });
    await assertNothingLeft(running);
  });
  await assertNothingLeft(before);
});

test("failures meet calls in the order in which they were asked for, as often as they were, until undone", () =>
  withRuntime({}, async ({ cri, runtime }) => {
    runtime.fail({ status: { code: "ABORTED" }, times: 2 });
    const second = runtime.fail({ method: LIST, status: { code: "INTERNAL" } });
    const codeOf = async () => {
      const error: unknown = await cri.runtime.listContainers({}).catch((reason: unknown) => reason);
      return error instanceof Error && "code" in error ? error.code : "none";
    };
    assert.equal(await codeOf(), "ERR_CRI_ABORTED");
    assert.equal(await codeOf(), "ERR_CRI_ABORTED");
    assert.equal(await codeOf(), "ERR_CRI_INTERNAL");
    assert.equal(await codeOf(), "ERR_CRI_INTERNAL");
    second.undo();
    assert.equal(await codeOf(), "none");
    assert.equal(second.met, 2);
  }));

for (const [name, failure, code] of [
  ["a status", { status: { code: "INTERNAL" } }, "ERR_CRI_INTERNAL"],
  ["bytes that are no message", { garbage: true }, "ERR_CRI_INVALID_RESPONSE"],
  ["a connection that is cut in a message", { disconnect: "during" }, "ERR_CRI_UNAVAILABLE"],
] satisfies [string, RuntimeFailure, string][]) {
  test(`a stream can break off after so many messages by ${name}`, () =>
    withRuntime({ listBatchSize: 1 }, async ({ cri, runtime, runPod }) => {
      for (let i = 0; i < 3; i++) await runPod();
      runtime.fail({ method: "RuntimeService/StreamPodSandboxes", afterMessages: 2, times: 1, ...failure });
      let seen = 0;
      await assert.rejects(
        async () => {
          for await (const { podSandboxes } of cri.runtime.streamPodSandboxes({}))
            seen += podSandboxes.length;
        },
        { code },
      );
      assert.ok(seen <= 2 && (failure.disconnect || seen === 2), `${seen} came`);
      assert.equal((await collect(cri.runtime.streamPodSandboxes({}))).length, 3);
    }));
}

test("a connection that is cut in a message has brought the beginning of it", () =>
  withRuntime({}, async ({ runtime }) => {
    runtime.fail({ method: LIST, disconnect: "during" });
    const path = runtime.endpoint.replace("unix://", "");
    const session = connect("http://localhost", { createConnection: () => createConnection(path) });
    session.on("error", () => {});
    const call = session.request({
      ":method": "POST",
      ":path": "/runtime.v1.RuntimeService/ListContainers",
      "content-type": "application/grpc",
      te: "trailers",
    });
    call.on("error", () => {});
    const parts: Buffer[] = [];
    call.on("data", (bytes: Buffer) => parts.push(bytes));
    const closed = once(session, "close");
    call.end(Buffer.alloc(5));
    await closed;
    const received = Buffer.concat(parts);
    // One byte of flags and four of the length that was to come.
    assert.ok(received.length > 5, `${received.length} bytes`);
    assert.ok(received.length < received.readUInt32BE(1) + 5);
  }));

test("a restart keeps pods, containers, images and the log of calls, and breaks connections and streams", () =>
  withRuntime({ images: [{ name: "busybox" }, { name: "x", pulled: false }] }, async (setup) => {
    const { cri, runtime, runPod, start, status } = setup;
    const podSandboxId = await runPod();
    const containerId = await start(podSandboxId, FOREVER);
    await cri.image.pullImage({ image: { image: "x" } });
    const { startedAt } = await status(containerId);
    const events = collect(cri.runtime.getContainerEvents({}));
    const session = await exec(cri, containerId, ["sleep", "infinity"]);
    const lost = assert.rejects(session.exit, { code: "ERR_CRI_CONNECTION_LOST" });
    const { url } = await cri.runtime.exec({ containerId, cmd: ["true"], stdout: true });
    const broken = assert.rejects(events);
    await runtime.restart({ downMs: 20 });
    await Promise.all([broken, lost]);
    assert.equal((await status(containerId)).state, ContainerState.CONTAINER_RUNNING);
    assert.equal((await status(containerId)).startedAt, startedAt);
    assert.equal((await cri.runtime.listPodSandbox({})).items[0]?.id, podSandboxId);
    assert.equal((await cri.image.listImages({})).images.length, 2);
    assert.ok(runtime.calls.some(({ method }) => method === "RuntimeService/RunPodSandbox"));
    await assert.rejects(fetch(url), TypeError);
    await cri.runtime.execSync({ containerId, cmd: ["true"] });
  }));

test("restarts at once follow each other, and closing ends the last one", async () => {
  const before = countResources();
  await withRuntime({}, async ({ cri, runtime }) => {
    await Promise.all([runtime.restart(), runtime.restart({ downMs: 5 }), runtime.restart()]);
    await cri.runtime.version({}, { timeoutMs: 5000 });
    const late = runtime.restart({ downMs: 50 });
    await runtime.close();
    await late;
    await runtime.restart();
    assert.ok(!existsSync(runtime.folder));
  });
  await assertNothingLeft(before);
});

test("while it is down there is no socket", () =>
  withRuntime({}, async ({ cri, runtime }) => {
    const restarted = runtime.restart({ downMs: 300 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await assert.rejects(cri.runtime.version({}), { code: "ERR_CRI_UNAVAILABLE" });
    assert.ok(!existsSync(runtime.endpoint.replace("unix://", "")));
    await restarted;
    await cri.runtime.version({}, { timeoutMs: 5000 });
  }));

test("closing leaves no socket, timer, file or folder, whatever still runs", async () => {
  const before = countResources();
  const folder = await mkdtemp(join(tmpdir(), "lading-test-"));
  try {
    const socketPath = join(folder, "cri.sock");
    const runtime = await startCriRuntime({
      socketPath,
      programs: { stuck: ({ onSignal }) => new Promise(() => onSignal("SIGTERM", () => {})) },
    });
    const cri = await connectCri({ endpoint: runtime.endpoint });
    const config = {
      metadata: { name: "p", uid: "u", namespace: "n" },
      logDirectory: `${runtime.folder}/logs`,
    };
    const { podSandboxId } = await cri.runtime.runPodSandbox({ config });
    for (const command of [["stuck"], ["sleep", "60"], ["yes"], ["cat"]]) {
      const metadata = { name: command[0] ?? "" };
      const { containerId } = await cri.runtime.createContainer({
        podSandboxId,
        config: {
          metadata,
          image: { image: "busybox" },
          command,
          stdin: true,
          logPath: `${metadata.name}.log`,
        },
      });
      await cri.runtime.startContainer({ containerId });
    }
    const events = collect(cri.runtime.getContainerEvents({}));
    const broken = assert.rejects(events);
    await runtime.close();
    await runtime.close();
    await broken;
    await cri.close();
    assert.ok(!existsSync(socketPath) && !existsSync(runtime.folder));
    assert.ok(existsSync(folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  await assertNothingLeft(before);
});

test("a socket that cannot be made rejects the start and leaves nothing", async () => {
  const before = countResources();
  await assert.rejects(startCriRuntime({ socketPath: "/nonexistent/cri.sock" }), { syscall: "listen" });
  await assertNothingLeft(before);
});

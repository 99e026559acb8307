import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { finished } from "node:stream/promises";
import { test } from "node:test";
import { attach, dialPod, exec } from "../../src/cri/index.ts";
import { collect, withRuntime } from "./cri-runtime-setup.ts";

const FOREVER = { command: ["sleep", "infinity"] };

async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await collect(source)).toString("utf8");
}

test("ExecSync gives both outputs and the exit code", () =>
  withRuntime({}, async ({ cri, runPod, start }) => {
    const containerId = await start(await runPod(), FOREVER);
    const cmd = ["sh", "-c", "echo out; echo err >&2; exit 9"];
    const { stdout, stderr, exitCode } = await cri.runtime.execSync({ containerId, cmd });
    assert.deepEqual(
      [Buffer.from(stdout).toString(), Buffer.from(stderr).toString(), exitCode],
      ["out\n", "err\n", 9],
    );
  }));

test("ExecSync cuts each output at 16 MiB", () =>
  withRuntime(
    {
      maxMessageBytes: 64 * 1024 * 1024,
      programs: { much: async ({ stdout }) => void (await stdout(new Uint8Array(17 * 1024 * 1024))) },
    },
    async ({ cri, runtime, runPod, start }) => {
      const containerId = await start(await runPod(), FOREVER);
      const { calls } = runtime;
      // The answer is over the limit of the client: its being made is enough here.
      const failed = cri.runtime.execSync({ containerId, cmd: ["much"] });
      await assert.rejects(failed, { code: "ERR_CRI_RESOURCE_EXHAUSTED", details: /16777\d{3}/ });
      assert.equal(calls.at(-1)?.method, "RuntimeService/ExecSync");
    },
  ));

for (const [flavor, asked, expected] of [
  ["containerd", undefined, "deadline-exceeded"],
  ["containerd", "exit-137", "exit-137"],
  ["cri-o", undefined, "exit-minus-one"],
] as const) {
  test(`ExecSync that takes too long: ${flavor} answers by ${expected}`, () =>
    withRuntime({ flavor, execSyncTimeout: asked }, async ({ cri, runPod, start }) => {
      const containerId = await start(await runPod(), FOREVER);
      const call = cri.runtime.execSync({ containerId, cmd: ["sleep", "60"], timeout: 1n });
      if (expected === "deadline-exceeded") {
        await assert.rejects(call, { code: "ERR_CRI_DEADLINE_EXCEEDED" });
        return;
      }
      const { exitCode, stderr } = await call;
      const text = Buffer.from(stderr).toString();
      assert.deepEqual([exitCode, text], expected === "exit-137" ? [137, ""] : [-1, "command timed out"]);
    }));
}

test("commands in containers that do not run, or are not there, or do not have them, fail as in the runtimes", async () => {
  await withRuntime({}, async ({ cri, runPod, start, ended }) => {
    const podSandboxId = await runPod();
    const over = await start(podSandboxId, { command: ["true"] });
    await ended(over);
    const running = await start(podSandboxId, FOREVER);
    const cmd = ["true"];
    for (const call of [
      (containerId: string) => cri.runtime.exec({ containerId, cmd, stdout: true }),
      (containerId: string) => cri.runtime.attach({ containerId, stdout: true }),
    ]) {
      await assert.rejects(call(over), {
        code: "ERR_CRI_UNKNOWN",
        details: "container is in CONTAINER_EXITED state",
      });
      await assert.rejects(call("absent"), { code: "ERR_CRI_NOT_FOUND" });
    }
    await assert.rejects(cri.runtime.execSync({ containerId: over, cmd }), {
      code: "ERR_CRI_UNKNOWN",
      details: "failed to exec in container: container is in CONTAINER_EXITED state",
    });
    await assert.rejects(cri.runtime.execSync({ containerId: "absent", cmd }), { code: "ERR_CRI_NOT_FOUND" });
    for (const [command, why] of [
      [["nowhere"], /: exec: "nowhere": executable file not found in \$PATH: unknown$/],
      [
        ["/bin/nowhere"],
        /: exec: "\/bin\/nowhere": stat \/bin\/nowhere: no such file or directory: unknown$/,
      ],
      [[], /: args must not be empty: unknown$/],
    ] as const) {
      const call = cri.runtime.execSync({ containerId: running, cmd: [...command] });
      await assert.rejects(call, { code: "ERR_CRI_UNKNOWN", details: why });
    }
    await assert.rejects(cri.runtime.portForward({ podSandboxId: "absent" }), { code: "ERR_CRI_NOT_FOUND" });
  });
  await withRuntime({ flavor: "cri-o" }, async ({ cri, runPod, start, ended }) => {
    const over = await start(await runPod(), { command: ["true"] });
    await ended(over);
    await assert.rejects(cri.runtime.execSync({ containerId: over, cmd: ["true"] }), {
      code: "ERR_CRI_NOT_FOUND",
      details: `container is not created or running: ${over}`,
    });
    await assert.rejects(cri.runtime.exec({ containerId: "absent", cmd: ["true"], stdout: true }), {
      code: "ERR_CRI_UNKNOWN",
    });
  });
});

test("requests for streams that lack something are refused as invalid", () =>
  withRuntime({}, async ({ cri, runPod, start }) => {
    const containerId = await start(await runPod(), FOREVER);
    const cmd = ["true"];
    for (const [request, details] of [
      [{ cmd, stdout: true }, "missing required container_id"],
      [{ containerId, cmd }, "one of stdin, stdout, or stderr must be set"],
      [{ containerId, cmd, tty: true, stdout: true, stderr: true }, "tty and stderr cannot both be true"],
    ] as const) {
      await assert.rejects(cri.runtime.exec(request), { code: "ERR_CRI_INVALID_ARGUMENT", details });
    }
    await assert.rejects(cri.runtime.portForward({}), { details: "missing required pod_sandbox_id" });
  }));

for (const transport of ["websocket", "spdy"] as const) {
  test(`a command with streams over ${transport}: output, errors and its exit code`, () =>
    withRuntime({}, async ({ cri, runPod, start }) => {
      const containerId = await start(await runPod(), FOREVER);
      const command = ["sh", "-c", "echo out; echo err >&2; exit 5"];
      const session = await exec(cri, containerId, command, { transport });
      const [stdout, stderr, exit] = await Promise.all([
        textOf(session.stdout),
        textOf(session.stderr),
        session.exit,
      ]);
      assert.deepEqual([stdout, stderr], ["out\n", "err\n"]);
      assert.equal(exit.kind === "exited" && exit.exitCode, 5);
    }));

  test(`a connection to a port of a pod over ${transport}`, () =>
    withRuntime(
      {
        onConnect: async (id, port, connection) => {
          const [bytes] = await once(connection, "data");
          connection.end(`${id} ${port} ${bytes}`);
          await finished(connection, { readable: false });
        },
      },
      async ({ cri, runPod }) => {
        const podSandboxId = await runPod();
        const connection = await dialPod(cri, podSandboxId, 8080, { transport });
        connection.write("hello");
        assert.equal(await textOf(connection), `${podSandboxId} 8080 hello`);
        connection.destroy();
      },
    ));
}

test("a command reads its stdin to the end", () =>
  withRuntime({}, async ({ cri, runPod, start }) => {
    const containerId = await start(await runPod(), FOREVER);
    const session = await exec(cri, containerId, ["cat"], { stdin: true, transport: "spdy" });
    session.stdin.end("x".repeat(300_000));
    assert.equal((await textOf(session.stdout)).length, 300_000);
    assert.deepEqual((await session.exit).kind, "exited");
  }));

test("an attached client sees what a container writes from then on, and writes to its stdin", () =>
  withRuntime({}, async ({ cri, runPod, start, ended }) => {
    const rest = { stdin: true, stdinOnce: true };
    const containerId = await start(await runPod(), { command: ["cat"], rest });
    const session = await attach(cri, containerId, { stdin: true, transport: "spdy" });
    session.stdin.end("line\n");
    assert.equal(await textOf(session.stdout), "line\n");
    await session.exit;
    assert.equal((await ended(containerId)).exitCode, 0);
  }));

test("an attached client that leaves does not end the container", () =>
  withRuntime({}, async ({ cri, runPod, start, status }) => {
    const rest = { stdin: true };
    const containerId = await start(await runPod(), { command: ["cat"], rest });
    const first = await attach(cri, containerId, { stdin: true, transport: "spdy" });
    await first.close();
    const second = await attach(cri, containerId, { stdin: true, transport: "spdy" });
    second.stdin.write("still here\n");
    for await (const bytes of second.stdout) {
      assert.equal(Buffer.from(bytes).toString(), "still here\n");
      break;
    }
    await second.close();
    assert.equal((await status(containerId)).exitCode, 0);
  }));

for (const transport of ["websocket", "spdy"] as const)
  test(`a connection to a port over ${transport} goes to the loopback address unless the test takes it`, () =>
    withRuntime({}, async ({ cri, runPod }) => {
      const server = createServer((socket) => socket.end("served"));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const address = server.address();
      const port = typeof address === "object" ? (address?.port ?? 0) : 0;
      try {
        const connection = await dialPod(cri, await runPod(), port, { transport });
        assert.equal(await textOf(connection), "served");
        connection.destroy();
      } finally {
        server.close();
      }
    }));

test("a container that ends takes the commands in it along", () =>
  withRuntime({}, async ({ cri, runPod, start }) => {
    const containerId = await start(await runPod(), FOREVER);
    const session = await exec(cri, containerId, ["sleep", "infinity"]);
    await cri.runtime.stopContainer({ containerId });
    const exit = await session.exit;
    assert.equal(exit.kind === "exited" && exit.exitCode, 137);
  }));

test("a command and a container with a terminal are told its sizes, and have one output", () =>
  withRuntime(
    {
      programs: {
        sizes: async ({ tty, sizes, stdout, stderr }) => {
          for await (const { width, height } of sizes) {
            await stdout(`${tty} ${width}x${height}\n`);
            if (width === 100) break;
          }
          await stderr("end\n");
          return 0;
        },
      },
    },
    async ({ cri, runPod, start, ended }) => {
      const podSandboxId = await runPod();
      const size = { width: 80, height: 24 };
      const follow = async (session: {
        stdout: AsyncIterable<Uint8Array>;
        resize(size: { width: number; height: number }): void;
      }) => {
        let text = "";
        for await (const bytes of session.stdout) {
          text += Buffer.from(bytes).toString();
          if (text === "true 80x24\n") session.resize({ width: 100, height: 30 });
        }
        return text;
      };
      const running = await start(podSandboxId, FOREVER);
      const command = await exec(cri, running, ["sizes"], { tty: true, stdin: true, size });
      assert.equal(await follow(command), "true 80x24\ntrue 100x30\nend\n");
      await command.exit;
      const rest = { tty: true, stdin: true };
      const containerId = await start(podSandboxId, { command: ["sizes"], rest });
      const attached = await attach(cri, containerId, { tty: true, stdin: true, size });
      assert.equal(await follow(attached), "true 80x24\ntrue 100x30\nend\n");
      const { logPath } = await ended(containerId);
      assert.doesNotMatch(await readFile(logPath, "utf8"), / stderr /);
    },
  ));

test("a container whose attached client reads nothing waits for it, and can be killed", () =>
  withRuntime({}, async ({ cri, runPod, start, status }) => {
    const containerId = await start(await runPod(), { command: ["yes"] });
    const session = await attach(cri, containerId, { transport: "websocket" });
    session.stdout.pause();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await cri.runtime.stopContainer({ containerId, timeout: 0n }, { timeoutMs: 5000 });
    assert.equal((await status(containerId)).exitCode, 137);
    await session.close();
  }));

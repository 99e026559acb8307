import assert from "node:assert/strict";
import { buffer, text } from "node:stream/consumers";
import { test } from "node:test";
import { attach, exec, type SessionOptions } from "../../src/cri/index.ts";
import type { StartStreamingServerOptions } from "../../src/testing/streaming/index.ts";
import { setUpStreaming } from "./cri-streaming-setup.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

type Exec = StartStreamingServerOptions["exec"];

const hello: Exec = async ({ cmd }, { stdout, stderr }) => {
  await stdout(Buffer.from("out \u00fc\n"));
  await stderr(Buffer.from("err\n"));
  const code = Number(cmd[1] ?? 0);
  return code < 0 ? { error: "no such program" } : { exitCode: code };
};

/** Gives back what it reads, and how much that was. */
const cat: Exec = async (_request, { stdin, stdout, stderr }) => {
  let length = 0;
  for await (const chunk of stdin) {
    length += chunk.length;
    await stdout(chunk);
  }
  await stderr(Buffer.from(String(length)));
  return { exitCode: 3 };
};

const WAYS: readonly [string, Partial<StartStreamingServerOptions>, SessionOptions, string][] = [
  ["SPDY", {}, { transport: "spdy" }, "v4.channel.k8s.io"],
  ["WebSocket of a server with v4", {}, { transport: "websocket" }, "v4.channel.k8s.io"],
  ["WebSocket of a server with v5", { websocket: "v5" }, { transport: "websocket" }, "v5.channel.k8s.io"],
  ["WebSocket of conmon-rs", { websocket: "conmon-rs" }, { transport: "websocket" }, "v5.channel.k8s.io"],
  ["WebSocket in base64", {}, { protocols: ["v4.base64.channel.k8s.io"] }, "v4.base64.channel.k8s.io"],
  ["WebSocket of version 1", {}, { protocols: ["channel.k8s.io"] }, "channel.k8s.io"],
  ["WebSocket of version 1 in base64", {}, { protocols: ["base64.channel.k8s.io"] }, "base64.channel.k8s.io"],
];

for (const [name, server, options, protocol] of WAYS) {
  test(`output and exit codes over ${name}`, async (t) => {
    const { cri, server: streams } = await setUpStreaming(t, { exec: hello, ...server });
    const before = countResources();
    for (const exitCode of [0, 1, 137, 255]) {
      const session = await exec(cri, "c", ["program", String(exitCode)], options);
      assert.equal(session.protocol, protocol);
      assert.deepEqual(await Promise.all([text(session.stdout), text(session.stderr), session.exit]), [
        "out \u00fc\n",
        "err\n",
        // conmon-rs tells failures only.
        { kind: "exited", exitCode, ...(name.includes("conmon") && exitCode === 0 ? { silent: true } : {}) },
      ]);
    }
    await assertNothingLeft(before);
    assert.ok(streams.log.every(({ fragments }) => fragments === 0));
  });

  // There is no word for it there.
  if (name.includes("conmon")) continue;
  test(`a command that cannot be run over ${name}`, async (t) => {
    const { cri } = await setUpStreaming(t, { exec: hello, ...server });
    const session = await exec(cri, "c", ["program", "-1"], options);
    await assert.rejects(session.exit, (error: Error & { code?: string; details?: string }) => {
      assert.equal(error.code, "ERR_CRI_EXEC_FAILED");
      assert.match(error.details ?? "", /no such program/);
      return true;
    });
    assert.equal(await text(session.stdout), "out \u00fc\n");
  });
}

for (const [name, server, options] of WAYS.slice(0, 3).filter(([way]) => !way.includes("v4"))) {
  test(`stdin to its end over ${name}`, async (t) => {
    const { cri } = await setUpStreaming(t, { exec: cat, ...server });
    const before = countResources();
    const session = await exec(cri, "c", ["cat"], { ...options, stdin: true });
    assert.ok(session.stdin);
    session.stdin.write("one ");
    session.stdin.write(new Uint8Array());
    session.stdin.end("two");
    assert.deepEqual(await Promise.all([text(session.stdout), text(session.stderr), session.exit]), [
      "one two",
      "7",
      { kind: "exited", exitCode: 3 },
    ]);
    await assertNothingLeft(before);
  });
}

test("the end of stdin over version 4 of WebSocket is an error and not a hang", async (t) => {
  const { cri } = await setUpStreaming(t, { exec: cat });
  const before = countResources();
  const session = await exec(cri, "c", ["cat"], { transport: "websocket", stdin: true });
  session.stdin.end("last words");
  await assert.rejects(session.exit, { code: "ERR_CRI_STDIN_END_UNSUPPORTED" });
  await assert.rejects(text(session.stdout), { code: "ERR_CRI_STDIN_END_UNSUPPORTED" });
  await assertNothingLeft(before);
});

test("the end of stdin with conmon-rs, which ends all, never looks like success", async (t) => {
  const { cri } = await setUpStreaming(t, {
    websocket: "conmon-rs",
    exec: async (_request, { stdin, stdout, signal }) => {
      for await (const chunk of stdin) await stdout(chunk);
      // What the command does now is not seen.
      await new Promise((resolve) =>
        signal.aborted ? resolve(0) : signal.addEventListener("abort", resolve),
      );
      return { exitCode: 3 };
    },
  });
  const before = countResources();
  const early = await exec(cri, "c", ["cat"], { stdin: true });
  assert.equal(early.protocol, "v5.channel.k8s.io");
  early.stdin.end();
  await assert.rejects(early.exit, { code: "ERR_CRI_CONNECTION_LOST" });
  const late = await exec(cri, "c", ["cat"], { stdin: true });
  late.stdin.write("x");
  late.stdout.once("data", () => late.stdin.end());
  await assert.rejects(late.exit, { code: "ERR_CRI_STDIN_END_UNSUPPORTED" });
  await assertNothingLeft(before);
});

test("the end of stdin of a terminal is not told, and no error", async (t) => {
  const { cri } = await setUpStreaming(t, {
    exec: async (_request, { stdin, stdout }) => {
      for await (const chunk of stdin) {
        await stdout(chunk);
        if (chunk.includes(4)) return { exitCode: 0 };
      }
      return { exitCode: 9 };
    },
  });
  const session = await exec(cri, "c", ["sh"], { tty: true, stdin: true });
  assert.equal(session.transport, "websocket");
  session.stdin.end("exit\x04");
  assert.deepEqual(await Promise.all([text(session.stdout), session.exit]), [
    "exit\x04",
    { kind: "exited", exitCode: 0 },
  ]);
});

test("which transport is taken by itself, and what if the server does not know it", async (t) => {
  for (const [server, options, transport, protocol, asked] of [
    [{}, {}, "websocket", "v4.channel.k8s.io", 1],
    [{}, { stdin: true }, "spdy", "v4.channel.k8s.io", 1],
    [{}, { stdin: true, tty: true }, "websocket", "v4.channel.k8s.io", 1],
    [{ websocket: "none" }, {}, "spdy", "v4.channel.k8s.io", 2],
    [{ websocket: "v5", spdy: false }, { stdin: true }, "websocket", "v5.channel.k8s.io", 2],
    [{ websocket: "conmon-rs" }, { stdin: true }, "websocket", "v5.channel.k8s.io", 2],
  ] as const) {
    const { cri, server: streams, asked: calls } = await setUpStreaming(t, { exec: hello, ...server });
    const session = await exec(cri, "c", ["program"], options);
    assert.deepEqual([session.transport, session.protocol], [transport, protocol]);
    // Each try has a URL of its own: a refused one is used up.
    assert.equal(calls.length, asked);
    assert.equal(new Set(streams.log.map(({ url }) => url)).size, asked);
    await session.close();
  }
});

test("a transport that was chosen is not replaced", async (t) => {
  const { cri, asked } = await setUpStreaming(t, { websocket: "none" });
  await assert.rejects(exec(cri, "c", ["true"], { transport: "websocket" }), {
    code: "ERR_CRI_UPGRADE_REFUSED",
  });
  assert.equal(asked.length, 1);
});

test("what the runtime is asked for", async (t) => {
  const requests: unknown[] = [];
  const { cri } = await setUpStreaming(t, {
    exec: async ({ containerId, cmd, tty, stdin, stdout, stderr }) => {
      requests.push({ containerId, cmd, tty, stdin, stdout, stderr });
      return { exitCode: 0 };
    },
  });
  const plain = {
    containerId: "id",
    cmd: ["a", "b c", ""],
    tty: false,
    stdin: false,
    stdout: true,
    stderr: true,
  };
  for (const [options, asked] of [
    [{}, {}],
    [{ stdin: true }, { stdin: true }],
    [{ tty: true }, { tty: true, stderr: false }],
    [{ stdout: false }, { stdout: false }],
    [{ stderr: false }, { stderr: false }],
    [{ stdout: "ignore", stderr: "ignore" }, {}],
  ] as const) {
    const session = await exec(cri, "id", ["a", "b c", ""], options);
    await session.exit;
    assert.deepEqual(requests.pop(), { ...plain, ...asked });
  }
});

test("options that make no session are mistakes of the caller", async (t) => {
  const { cri, asked } = await setUpStreaming(t);
  for (const options of [
    { tty: true, stderr: true },
    { tty: true, stderr: "ignore" },
    { stdout: false, stderr: false },
    { size: { width: 80, height: 24 } },
    { detachKeys: "ctrl-p" },
    { detachKeys: "ctrl-p", tty: true },
    { protocols: [] },
  ] as const) {
    await assert.rejects(exec(cri, "c", ["true"], options), TypeError);
  }
  for (const options of [
    { openTimeoutMs: 0 },
    { pingIntervalMs: -1 },
    { pingTimeoutMs: 0 },
    { bufferBytes: 0 },
  ]) {
    await assert.rejects(exec(cri, "c", ["true"], options), RangeError);
  }
  await assert.rejects(exec(cri, "c", []), TypeError);
  await assert.rejects(exec(cri, "c", ["sh"], { tty: true, stdin: true, detachKeys: "ctrl-1" }), {
    code: "ERR_CRI_CONFIG_INVALID",
  });
  assert.deepEqual(asked, []);
});

for (const transport of ["websocket", "spdy"] as const) {
  test(`sizes of the terminal over ${transport}`, async (t) => {
    const { cri } = await setUpStreaming(t, {
      exec: async (_request, { sizes, stdout }) => {
        let seen = 0;
        for await (const { width, height } of sizes) {
          await stdout(Buffer.from(`${width}x${height} `));
          if (++seen === 2) break;
        }
        return { exitCode: 0 };
      },
    });
    const session = await exec(cri, "c", ["sh"], { tty: true, size: { width: 133, height: 44 }, transport });
    let output = "";
    for await (const chunk of session.stdout) {
      output += chunk;
      if (output === "133x44 ") session.resize({ width: 1, height: 65_535 });
    }
    assert.equal(output, "133x44 1x65535 ");
    assert.throws(() => session.resize({ width: 0, height: 1 }), RangeError);
    const plain = await exec(cri, "c", ["sh"], { transport });
    assert.throws(() => plain.resize({ width: 80, height: 24 }), TypeError);
    await plain.close();
  });

  test(`keys to detach with, over chunks, over ${transport}`, async (t) => {
    let resolve: (text: string) => void = () => {};
    const left = new Promise<string>((onResolve) => {
      resolve = onResolve;
    });
    const { cri } = await setUpStreaming(t, {
      exec: async (_request, { stdin, stdout }) => {
        let seen = "";
        await stdout(Buffer.from("$ "));
        for await (const chunk of stdin) seen += Buffer.from(chunk);
        resolve(seen);
        return { exitCode: 0 };
      },
    });
    const before = countResources();
    const options = { tty: true, stdin: true, detachKeys: "ctrl-p,ctrl-q", transport } as const;
    const session = await exec(cri, "c", ["sh"], options);
    session.stdin.write("a\x10");
    session.stdin.write("b\x10\x10");
    session.stdin.write("\x11dropped");
    assert.deepEqual(await session.exit, { kind: "detached" });
    assert.equal(await text(session.stdout), "$ ");
    assert.equal(await left, "a\x10b\x10");
    await assertNothingLeft(before);
  });

  test(`32 MiB each way with a slow reader over ${transport}`, async (t) => {
    const taken = { stdin: 0, stdout: 0 };
    let sent = 0;
    const { cri, server } = await setUpStreaming(t, {
      websocket: "v5",
      exec: async (_request, { stdin, stdout }) => {
        for await (const chunk of stdin) {
          taken.stdin += chunk.length;
          await stdout(chunk);
          taken.stdout += chunk.length;
        }
        return { exitCode: 0 };
      },
    });
    const total = 32 * 1024 * 1024;
    const session = await exec(cri, "c", ["cat"], { stdin: true, transport });
    const block = Buffer.alloc(1024 * 1024, "0123456789abcdef");
    const writing = (async () => {
      for (; sent < total; sent += block.length) {
        await new Promise<void>((resolve, reject) => {
          session.stdin.write(block, (error) => (error ? reject(error) : resolve()));
        });
      }
      session.stdin.end();
    })();
    // Nothing is read: all stops once the buffers on the way are full.
    let last = -1;
    while (last !== taken.stdin) {
      last = taken.stdin;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    assert.ok(taken.stdin < total, `${taken.stdin} bytes were taken`);
    assert.ok(session.stdout.readableLength < 1024 * 1024, `${session.stdout.readableLength} bytes wait`);
    let length = 0;
    for await (const chunk of session.stdout as AsyncIterable<Buffer>) {
      const at = length % 16;
      assert.ok(chunk.equals(block.subarray(at, at + chunk.length)));
      length += chunk.length;
    }
    await writing;
    assert.equal(length, total);
    assert.deepEqual(await session.exit, { kind: "exited", exitCode: 0 });
    // Every frame of the client is a whole message.
    assert.equal(server.log[0]?.fragments, 0);
  });

  test(`output that is ignored, or that nobody wants any more, holds nothing up over ${transport}`, async (t) => {
    const { cri } = await setUpStreaming(t, {
      exec: async (_request, { stdout, stderr }) => {
        const block = Buffer.alloc(64 * 1024);
        for (let count = 0; count < 64; count++) await Promise.all([stdout(block), stderr(block)]);
        return { exitCode: 5 };
      },
    });
    const session = await exec(cri, "c", ["yes"], { stdout: "ignore", stderr: "ignore", transport });
    assert.deepEqual(await session.exit, { kind: "exited", exitCode: 5 });
    assert.equal((await buffer(session.stdout)).length, 0);
    const left = await exec(cri, "c", ["yes"], { stderr: "ignore", transport });
    for await (const _chunk of left.stdout) break;
    assert.deepEqual(await left.exit, { kind: "exited", exitCode: 5 });
  });

  test(`a server that leaves the end of the connection to the client, over ${transport}`, async (t) => {
    const { cri } = await setUpStreaming(t, { exec: hello, lingers: true });
    const begun = performance.now();
    const session = await exec(cri, "c", ["program"], { transport });
    assert.deepEqual(await session.exit, { kind: "exited", exitCode: 0 });
    assert.ok(performance.now() - begun < 2000);
  });

  test(`messages in fragments over ${transport}`, async (t) => {
    const { cri } = await setUpStreaming(t, { exec: hello, faults: () => ({ fragmentBytes: 3 }) });
    const session = await exec(cri, "c", ["program", "77"], { transport });
    assert.deepEqual(await Promise.all([text(session.stdout), text(session.stderr), session.exit]), [
      "out \u00fc\n",
      "err\n",
      { kind: "exited", exitCode: 77 },
    ]);
  });

  test(`streams of the web over ${transport}`, async (t) => {
    const { cri } = await setUpStreaming(t, { exec: cat, websocket: "v5" });
    const session = await exec(cri, "c", ["cat"], { stdin: true, streams: "web", transport });
    const writer = session.stdin.getWriter();
    const written = (async () => {
      await writer.write(Buffer.from("one "));
      await writer.write(Buffer.from("two"));
      await writer.close();
    })();
    assert.deepEqual(await Promise.all([text(session.stdout), text(session.stderr), session.exit]), [
      "one two",
      "7",
      { kind: "exited", exitCode: 3 },
    ]);
    await written;
  });

  test(`attaching over ${transport}`, async (t) => {
    const { cri } = await setUpStreaming(t, {
      attach: async ({ containerId }, { stdin, stdout }) => {
        await stdout(Buffer.from(`${containerId}: `));
        for await (const chunk of stdin) await stdout(chunk);
        return { exitCode: 0 };
      },
      websocket: "v5",
    });
    const session = await attach(cri, "id", { stdin: true, transport });
    session.stdin.end("input");
    assert.deepEqual(await Promise.all([text(session.stdout), session.exit]), [
      "id: input",
      { kind: "ended" },
    ]);
  });
}

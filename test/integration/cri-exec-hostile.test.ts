import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import dns from "node:dns";
import { createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { attach, type CriError, dialPod, exec, portForward } from "../../src/cri/index.ts";
import type { StreamingFaults } from "../../src/testing/streaming/index.ts";
import { runtimeWithUrl, setUpStreaming } from "./cri-streaming-setup.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const TRANSPORTS = ["websocket", "spdy"] as const;

/** A server that does with each connection what it is told, and ends with the test. */
async function rawServer(t: TestContext, onConnection: (socket: Socket) => void): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

/** Counts the client sockets that are made while something runs. */
async function socketsMadeBy(run: () => Promise<unknown>): Promise<number> {
  let made = 0;
  const count = () => {
    made++;
  };
  subscribe("net.client.socket", count);
  try {
    await run();
  } finally {
    unsubscribe("net.client.socket", count);
  }
  return made;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return (error as CriError).code;
  }
}

test("a URL that leads to another host is refused before anything is dialled", async (t) => {
  let url = "unused";
  const cri = await runtimeWithUrl(t, () => url);
  await cri.runtime.exec({ containerId: "the socket of the runtime" });
  for (url of [
    "http://192.0.2.1:1234/exec/secrettoken",
    "http://streams.example:1234/exec/secrettoken",
    "https://[2001:db8::1]/exec/secrettoken",
    "http://127.0.0.1.streams.example/exec/secrettoken",
    "http://localhost.streams.example/exec/secrettoken",
    "http://0.0.0.0:1/exec/secrettoken",
    "http://[::]:1/exec/secrettoken",
    "http://[::ffff:192.0.2.1]:1/exec/secrettoken",
    "http://localhost@192.0.2.1/exec/secrettoken",
    "http://user:secrettoken@127.0.0.1/exec/secrettoken",
    "ftp://127.0.0.1/exec/secrettoken",
    "file:///exec/secrettoken",
    "http://127.0.0.1:0/exec/secrettoken",
    "127.0.0.1:80/exec/secrettoken",
    "\u0000secrettoken",
  ]) {
    const made = await socketsMadeBy(async () => {
      for (const attempt of [
        exec(cri, "c", ["true"]),
        attach(cri, "c"),
        dialPod(cri, "p", 80),
        portForward(cri, "p", [":80"]),
      ]) {
        await assert.rejects(attempt, (error: CriError) => {
          assert.equal(error.code, "ERR_CRI_STREAM_URL_REFUSED", url);
          assert.ok(!error.message.includes("secrettoken"), error.message);
          return true;
        });
      }
    });
    assert.equal(made, 0, url);
  }
});

test("a host that is allowed is dialled, and only that one", async (t) => {
  const { cri } = await setUpStreaming(t, {
    rewriteUrl: (url) => url.replace("127.0.0.1", "localhost.localdomain"),
  });
  assert.equal(await codeOf(exec(cri, "c", ["true"])), "ERR_CRI_STREAM_URL_REFUSED");
  for (const allowHosts of [
    ["localdomain"],
    ["*"],
    ["localhost.localdomain:1"],
    ["localhost.localdomain.x"],
  ]) {
    assert.equal(await codeOf(exec(cri, "c", ["true"], { allowHosts })), "ERR_CRI_STREAM_URL_REFUSED");
  }
  const code = await codeOf(exec(cri, "c", ["true"], { allowHosts: ["localhost.localdomain"] }));
  // The name may be unknown here; that it was asked for is the point.
  assert.ok(["none", "ERR_CRI_UNAVAILABLE"].includes(code), code);
});

for (const transport of TRANSPORTS) {
  test(`refusals of the upgrade over ${transport}`, async (t) => {
    let faults: StreamingFaults = {};
    const { cri, server, asked } = await setUpStreaming(t, { faults: () => faults });
    const before = countResources();
    for (const status of [301, 307, 403, 404, 500, 503]) {
      faults = {
        refuse: {
          status,
          body: "why it is so\r\n".repeat(1000),
          location: `${server.baseUrl}/exec/elsewhere`,
        },
      };
      asked.length = 0;
      const visits = server.log.length;
      await assert.rejects(exec(cri, "c", ["true"], { transport }), (error: CriError) => {
        assert.equal(error.code, "ERR_CRI_UPGRADE_REFUSED");
        assert.equal(error.statusCode, status);
        assert.match(error.details, /^why it is so why/);
        assert.ok(error.details.length <= 1024);
        const token = server.log.at(-1)?.url.split("/").at(-1) ?? "";
        assert.ok(token.length > 4 && !error.message.includes(token));
        return true;
      });
      // One URL is one try, and redirects lead nowhere.
      assert.deepEqual([asked.length, server.log.length - visits], [1, 1]);
    }
    await assertNothingLeft(before);
  });

  test(`a server that never answers the upgrade over ${transport}`, async (t) => {
    const port = await rawServer(t, (socket) => socket.resume());
    const cri = await runtimeWithUrl(t, () => `http://127.0.0.1:${port}/exec/abcdefgh`);
    const before = countResources();
    assert.equal(
      await codeOf(exec(cri, "c", ["true"], { transport, openTimeoutMs: 50 })),
      "ERR_CRI_DEADLINE_EXCEEDED",
    );
    const reason = new Error("enough");
    await assert.rejects(
      exec(cri, "c", ["true"], { transport, signal: AbortSignal.timeout(50) }),
      (error: Error) => error.name === "TimeoutError",
    );
    const controller = new AbortController();
    const opening = exec(cri, "c", ["true"], { transport, signal: controller.signal });
    setTimeout(() => controller.abort(reason), 30);
    await assert.rejects(opening, (error) => error === reason);
    await assert.rejects(
      exec(cri, "c", ["true"], { signal: controller.signal }),
      (error) => error === reason,
    );
    await assertNothingLeft(before);
  });

  test(`what is not the protocol over ${transport}`, async (t) => {
    let answer = "";
    const port = await rawServer(t, (socket) => {
      socket.once("data", () => socket.end(answer));
    });
    const cri = await runtimeWithUrl(t, () => `http://127.0.0.1:${port}/exec/abcdefgh`);
    const before = countResources();
    for (const [text, code] of [
      ["garbage\r\n\r\n", "ERR_CRI_STREAM_PROTOCOL"],
      ["", "ERR_CRI_CONNECTION_LOST"],
      ["HTTP/1.1 101 Switching Protocols\r\n\r\n", "ERR_CRI_STREAM_PROTOCOL"],
      [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n",
        "ERR_CRI_STREAM_PROTOCOL",
      ],
      [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v9\r\n\r\n",
        "ERR_CRI_STREAM_PROTOCOL",
      ],
      [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n",
        "ERR_CRI_STREAM_PROTOCOL",
      ],
    ] as const) {
      answer = text;
      assert.equal(await codeOf(exec(cri, "c", ["true"], { transport })), code, text);
    }
    await assertNothingLeft(before);
  });

  test(`nobody listens, over ${transport}`, async (t) => {
    const cri = await runtimeWithUrl(t, () => "http://127.0.0.1:1/exec/abcdefgh");
    await assert.rejects(exec(cri, "c", ["true"], { transport }), (error: CriError) => {
      assert.equal(error.code, "ERR_CRI_UNAVAILABLE");
      assert.equal(error.systemCode, "ECONNREFUSED");
      assert.ok(!error.message.includes("abcdefgh"));
      return true;
    });
  });

  test(`cuts at each stage over ${transport}`, async (t) => {
    let faults: StreamingFaults = {};
    const { cri } = await setUpStreaming(t, {
      faults: () => faults,
      exec: async (_request, { stdout }) => {
        await stdout(Buffer.from("half of the outp"));
        return { exitCode: 0 };
      },
    });
    const before = countResources();
    const outcome = async () => {
      const session = await exec(cri, "c", ["true"], { transport });
      return codeOf(session.exit);
    };
    for (const [name, given] of [
      ["cut at the start", { cut: "open" }],
      ["cut before the status", { cut: "status" }],
      ["no status", { omitStatus: true }],
      ["cut after a byte", { cutAfterBytes: 1 }],
      ["cut within the output", { cutAfterBytes: 10 }],
    ] as const) {
      faults = given;
      // Where the connection breaks before all streams are open there is no session at all.
      const code = await outcome().catch((error: CriError) => error.code);
      assert.equal(code, "ERR_CRI_CONNECTION_LOST", name);
    }
    await assertNothingLeft(before);
  });

  test(`abort, close and leaving at any time over ${transport}`, async (t) => {
    const { cri, server } = await setUpStreaming(t, {
      exec: async (_request, { stdout, signal }) => {
        await stdout(Buffer.from("started"));
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        return { exitCode: 0 };
      },
    });
    const { cri: quick } = await setUpStreaming(t);
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown) => void unhandled.push(reason);
    process.on("unhandledRejection", onUnhandled);
    t.after(() => process.off("unhandledRejection", onUnhandled));
    const before = countResources();

    const reason = new Error("enough");
    const controller = new AbortController();
    const aborted = await exec(cri, "c", ["sleep"], { transport, signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(aborted.exit, (error) => error === reason);
    await assert.rejects(text(aborted.stdout), (error) => error === reason);

    const closed = await exec(cri, "c", ["sleep"], { transport });
    await Promise.all([closed.close(), closed.close()]);
    await assert.rejects(closed.exit, { code: "ERR_CRI_CLOSED" });
    await closed[Symbol.asyncDispose]();

    // Nobody looks at what becomes of this one.
    const left = await exec(cri, "c", ["sleep"], { transport, stdin: true });
    await left.close();
    assert.equal(
      await new Promise((resolve) => left.stdin.write("late", (error) => resolve(error instanceof Error))),
      true,
    );

    const over = new AbortController();
    const done = await exec(quick, "c", ["true"], { transport, signal: over.signal });
    assert.deepEqual(await done.exit, { kind: "exited", exitCode: 0 });
    over.abort(reason);
    await done.close();
    assert.deepEqual(await done.exit, { kind: "exited", exitCode: 0 });

    await assertNothingLeft(before);
    assert.equal(server.sessions, 0);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(unhandled, []);
  });

  test(`garbage after the upgrade over ${transport}`, async (t) => {
    let garbage = Buffer.alloc(0);
    const port = await rawServer(t, (socket) => {
      socket.once("data", (request: Buffer) => {
        const key = /Sec-WebSocket-Key: (\S+)/i.exec(request.toString())?.[1] ?? "";
        socket.write(upgradeAnswer(transport, key));
        socket.write(garbage);
        socket.resume();
      });
    });
    const cri = await runtimeWithUrl(t, () => `http://127.0.0.1:${port}/exec/abcdefgh`);
    const before = countResources();
    // No frame of either: a reserved opcode, and version 0x7f80.
    for (garbage of [
      Buffer.from("ff80fe0201000000ffffffff", "hex"),
      Buffer.from("HTTP/1.1 500 no\r\n\r\n"),
    ]) {
      const session = exec(cri, "c", ["true"], { transport }).then(({ exit }) => exit);
      assert.equal(await codeOf(session), "ERR_CRI_STREAM_PROTOCOL");
    }
    await assertNothingLeft(before);
  });

  test(`a server that is silent counts as lost over ${transport}`, async (t) => {
    const port = await rawServer(t, (socket) => {
      socket.once("data", (request: Buffer) => {
        const key = /Sec-WebSocket-Key: (\S+)/i.exec(request.toString())?.[1] ?? "";
        socket.write(upgradeAnswer(transport, key));
      });
    });
    const cri = await runtimeWithUrl(t, () => `http://127.0.0.1:${port}/exec/abcdefgh`);
    const before = countResources();
    const options = { transport, pingIntervalMs: 20, pingTimeoutMs: 100 } as const;
    const session = exec(cri, "c", ["true"], options).then(({ exit }) => exit);
    assert.equal(await codeOf(session), "ERR_CRI_CONNECTION_LOST");
    await assertNothingLeft(before);
  });
}

function upgradeAnswer(transport: "websocket" | "spdy", key: string): string {
  const head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n";
  if (transport === "spdy")
    return `${head}Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n`;
  const accept = hash("sha1", `${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, "base64");
  return `${head}Upgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n`;
}

test("a message that is too large, and a status that never ends", async (t) => {
  let frame = Buffer.alloc(0);
  const port = await rawServer(t, (socket) => {
    socket.once("data", (request: Buffer) => {
      const key = /Sec-WebSocket-Key: (\S+)/i.exec(request.toString())?.[1] ?? "";
      socket.write(upgradeAnswer("websocket", key));
      const send = () => {
        for (let count = 0; count < 100 && !socket.destroyed; count++) socket.write(frame);
      };
      send();
    });
  });
  const cri = await runtimeWithUrl(t, () => `http://127.0.0.1:${port}/exec/abcdefgh`);
  const before = countResources();
  // A binary frame that says that it has 2^40 bytes.
  frame = Buffer.from("827f0000010000000000", "hex");
  assert.equal(await codeOf((await exec(cri, "c", ["true"])).exit), "ERR_CRI_STREAM_PROTOCOL");
  frame = Buffer.concat([Buffer.from("827e0801", "hex"), Buffer.from([3]), Buffer.alloc(2048, 0x20)]);
  assert.equal(await codeOf((await exec(cri, "c", ["true"])).exit), "ERR_CRI_STREAM_PROTOCOL");
  await assertNothingLeft(before);
});

test("a runtime that gives no URL", async (t) => {
  const cri = await runtimeWithUrl(t, () => "");
  assert.equal(await codeOf(exec(cri, "c", ["true"])), "ERR_CRI_INVALID_RESPONSE");
});

test("no proxy setting is read", async (t) => {
  const { cri, server } = await setUpStreaming(t);
  const names = ["http_proxy", "HTTP_PROXY", "https_proxy", "NODE_USE_ENV_PROXY"];
  for (const name of names) process.env[name] = name === "NODE_USE_ENV_PROXY" ? "1" : "http://127.0.0.1:1";
  t.after(() => {
    for (const name of names) delete process.env[name];
  });
  for (const transport of TRANSPORTS) await (await exec(cri, "c", ["true"], { transport })).exit;
  assert.equal(server.log.length, 2);
});

test("what the server is sent", async (t) => {
  let request = "";
  const port = await rawServer(t, (socket) => {
    socket.once("data", (bytes: Buffer) => {
      request = bytes.toString();
      socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    });
  });
  const cri = await runtimeWithUrl(t, () => `http://127.0.0.1:${port}/exec/abcdefgh?x=y`);
  const headers = () =>
    request
      .split("\r\n")
      .slice(1)
      .filter((line) => line !== "" && !/^sec-websocket-key:/i.test(line))
      .map((line) => line.toLowerCase())
      .sort();
  assert.equal(await codeOf(exec(cri, "c", ["true"], { transport: "spdy" })), "ERR_CRI_UPGRADE_REFUSED");
  assert.match(request, /^POST \/exec\/abcdefgh\?x=y HTTP\/1\.1\r\n/);
  assert.deepEqual(headers(), [
    "connection: upgrade",
    "content-length: 0",
    `host: 127.0.0.1:${port}`,
    "upgrade: spdy/3.1",
    "x-stream-protocol-version: channel.k8s.io",
    "x-stream-protocol-version: v2.channel.k8s.io",
    "x-stream-protocol-version: v3.channel.k8s.io",
    "x-stream-protocol-version: v4.channel.k8s.io",
  ]);
  // Version 1 has no end of stdin.
  assert.equal(
    await codeOf(exec(cri, "c", ["cat"], { transport: "spdy", stdin: true })),
    "ERR_CRI_UPGRADE_REFUSED",
  );
  assert.ok(!request.includes("Version: channel.k8s.io"));
  assert.equal(await codeOf(exec(cri, "c", ["true"], { transport: "websocket" })), "ERR_CRI_UPGRADE_REFUSED");
  assert.match(request, /^GET \/exec\/abcdefgh\?x=y HTTP\/1\.1\r\n/);
  assert.deepEqual(headers(), [
    "connection: upgrade",
    `host: 127.0.0.1:${port}`,
    "sec-websocket-protocol: v5.channel.k8s.io,v4.channel.k8s.io",
    "sec-websocket-version: 13",
    "upgrade: websocket",
  ]);
});

test("localhost is this machine, and no name server is asked", async (t) => {
  const { cri } = await setUpStreaming(t, { rewriteUrl: (url) => url.replace("127.0.0.1", "localhost") });
  const lookup = t.mock.method(dns, "lookup", () => assert.fail("a name was looked up"));
  for (const transport of TRANSPORTS) {
    const session = await exec(cri, "c", ["true"], { transport });
    assert.deepEqual(await session.exit, { kind: "exited", exitCode: 0 });
  }
  assert.equal(lookup.mock.callCount(), 0);
});

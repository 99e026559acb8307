import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { type CriError, dialPod, portForward } from "../../src/cri/index.ts";
import { setUpStreaming } from "./cri-streaming-setup.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

/** Sends back all that comes, and ends when the other side does; port 9 cannot be reached, port 13 says the time. */
async function echo(_request: unknown, port: number, connection: Duplex): Promise<void> {
  if (port === 9) throw new Error("connection refused");
  if (port === 13) {
    connection.resume();
    connection.end("noon");
    await once(connection, "finish");
    return;
  }
  for await (const chunk of connection) {
    if (!connection.write(chunk)) await once(connection, "drain");
  }
  connection.end();
  await once(connection, "finish");
}

function dialLocal(port: number, host = "127.0.0.1"): Socket {
  const socket = connect({ port, host, allowHalfOpen: true });
  socket.on("error", () => {});
  return socket;
}

/** All that comes until the other side ends. */
async function readAll(socket: Socket): Promise<Buffer> {
  try {
    return await buffer(socket);
  } finally {
    socket.destroy();
  }
}

/** Waits until a socket is gone, in whatever way; its error if there was one. */
function gone(socket: Socket): Promise<Error | null> {
  return new Promise((resolve) => socket.on("close", () => resolve(socket.errored)));
}

async function hasIpv6(t: TestContext): Promise<boolean> {
  const server = createServer();
  const bound = await new Promise<boolean>((resolve) => {
    server.on("error", () => resolve(false));
    server.listen(0, "::1", () => resolve(true));
  });
  t.after(() => server.close());
  return bound;
}

test("one connection into a pod, with half closes over SPDY", async (t) => {
  const { cri, server } = await setUpStreaming(t, { portForward: echo });
  const before = countResources();
  const connection = await dialPod(cri, "pod", 8080);
  connection.write("one ");
  connection.end("two");
  assert.equal(await text(connection), "one two");
  await assertNothingLeft(before);
  assert.equal(server.sessions, 0);
});

test("one connection over WebSocket, where the pod ends it", async (t) => {
  const { cri } = await setUpStreaming(t, { portForward: echo });
  const before = countResources();
  const connection = await dialPod(cri, "pod", 13, { transport: "websocket" });
  connection.write("what time is it?");
  assert.equal(await text(connection), "noon");
  const unended = await dialPod(cri, "pod", 80, { transport: "websocket" });
  unended.end("to the end");
  await assert.rejects(buffer(unended), { code: "ERR_CRI_STDIN_END_UNSUPPORTED" });
  await assertNothingLeft(before);
});

for (const transport of ["spdy", "websocket"] as const) {
  test(`a port where nothing listens, over ${transport}`, async (t) => {
    const { cri } = await setUpStreaming(t, { portForward: echo });
    const before = countResources();
    const connection = await dialPod(cri, "pod", 9, { transport });
    await assert.rejects(buffer(connection), (error: CriError) => {
      assert.equal(error.code, "ERR_CRI_PORT_FORWARD_FAILED");
      assert.match(error.details, /connection refused/);
      return true;
    });
    await assertNothingLeft(before);
  });

  test(`16 MiB each way with a slow reader over ${transport}`, async (t) => {
    let taken = 0;
    const total = 16 * 1024 * 1024;
    const { cri } = await setUpStreaming(t, {
      portForward: async (_request, _port, connection) => {
        for await (const chunk of connection as AsyncIterable<Buffer>) {
          taken += chunk.length;
          if (!connection.write(chunk)) await once(connection, "drain");
          if (taken === total) break;
        }
        connection.end();
      },
    });
    const connection = await dialPod(cri, "pod", 80, { transport });
    const block = Buffer.alloc(256 * 1024, "0123456789abcdef");
    const writing = (async () => {
      for (let sent = 0; sent < total; sent += block.length) {
        if (!connection.write(block)) await once(connection, "drain");
      }
    })();
    let last = -1;
    while (last !== taken) {
      last = taken;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    assert.ok(
      taken < total && connection.readableLength < 1024 * 1024,
      `${taken}, ${connection.readableLength}`,
    );
    let length = 0;
    for await (const chunk of connection as AsyncIterable<Buffer>) {
      assert.ok(chunk.equals(block.subarray(length % 16, (length % 16) + chunk.length)));
      length += chunk.length;
    }
    await writing;
    assert.equal(length, total);
  });

  test(`abort and leaving a connection over ${transport}`, async (t) => {
    const { cri, server } = await setUpStreaming(t, { portForward: echo });
    const before = countResources();
    const reason = new Error("enough");
    const controller = new AbortController();
    const connection = await dialPod(cri, "pod", 80, { transport, signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(buffer(connection), (error) => error === reason);
    await assert.rejects(dialPod(cri, "pod", 80, { signal: controller.signal }), (error) => error === reason);
    const left = await dialPod(cri, "pod", 80, { transport });
    left.destroy();
    await assertNothingLeft(before);
    assert.equal(server.sessions, 0);
  });

  test(`a connection that the server cuts over ${transport}`, async (t) => {
    const { cri } = await setUpStreaming(t, {
      portForward: echo,
      faults: () => ({ cutAfterBytes: 200 }),
    });
    const before = countResources();
    const connection = await dialPod(cri, "pod", 80, { transport });
    connection.write(Buffer.alloc(4096));
    await assert.rejects(buffer(connection), { code: "ERR_CRI_CONNECTION_LOST" });
    await assertNothingLeft(before);
  });
}

test("ports that are none", async (t) => {
  const { cri, asked } = await setUpStreaming(t);
  for (const port of [0, -1, 65_536, 1.5, Number.NaN]) {
    await assert.rejects(dialPod(cri, "pod", port), RangeError);
    await assert.rejects(portForward(cri, "pod", [{ remote: port }]), RangeError);
  }
  await assert.rejects(portForward(cri, "pod", []), TypeError);
  await assert.rejects(portForward(cri, "pod", ["80:"]), { code: "ERR_CRI_QUERY_INVALID" });
  assert.deepEqual(asked, []);
});

test("local ports on both loopback addresses, for parallel connections over one upgrade", async (t) => {
  const ipv6 = await hasIpv6(t);
  const { cri, server, asked } = await setUpStreaming(t, { portForward: echo });
  const before = countResources();
  const forwarding = await portForward(cri, "pod", [":80", { remote: 13 }]);
  const [first, second] = forwarding.ports;
  assert.ok(first && second);
  assert.deepEqual([first.remote, second.remote], [80, 13]);
  assert.deepEqual(first.addresses, [`127.0.0.1:${first.local}`, ...(ipv6 ? [`[::1]:${first.local}`] : [])]);
  const texts = await Promise.all(
    Array.from({ length: 20 }, async (_, at) => {
      const socket = dialLocal(first.local, ipv6 && at % 2 ? "::1" : "127.0.0.1");
      const body = Buffer.alloc(100_000, String(at));
      socket.end(body);
      return (await readAll(socket)).equals(body);
    }),
  );
  assert.ok(texts.every(Boolean));
  assert.equal(String(await readAll(dialLocal(second.local))), "noon");
  assert.deepEqual([asked.length, server.log.length], [1, 1]);
  await forwarding.close();
  await forwarding.close();
  await forwarding.closed;
  await assertNothingLeft(before);
  const refused = dialLocal(first.local);
  const [error] = await once(refused, "error");
  assert.equal(error.code, "ECONNREFUSED");
});

test("a connection that fails is reset and told, and the others go on", async (t) => {
  const { cri } = await setUpStreaming(t, { portForward: echo });
  const told: unknown[] = [];
  const forwarding = await portForward(cri, "pod", [":9", ":80"], {
    onError: (error, port) => told.push([(error as CriError).code, port.remote]),
  });
  t.after(() => forwarding.close());
  const [bad, good] = forwarding.ports;
  assert.ok(bad && good);
  const other = dialLocal(good.local);
  other.write("still ");
  const failed = dialLocal(bad.local);
  const [error] = await once(failed, "error");
  assert.equal(error.code, "ECONNRESET");
  other.end("here");
  assert.equal(String(await readAll(other)), "still here");
  assert.deepEqual(told, [["ERR_CRI_PORT_FORWARD_FAILED", 9]]);
});

test("a SPDY connection that was lost is opened anew for the next connection", async (t) => {
  let cut = true;
  const { cri, asked } = await setUpStreaming(t, {
    portForward: echo,
    faults: () => (cut ? { cutAfterBytes: 100 } : undefined),
  });
  const told: unknown[] = [];
  const forwarding = await portForward(cri, "pod", [":80"], {
    onError: (error) => told.push((error as CriError).code),
  });
  t.after(() => forwarding.close());
  const port = forwarding.ports[0]?.local ?? 0;
  const first = dialLocal(port);
  first.write(Buffer.alloc(1000));
  assert.ok(await gone(first));
  assert.deepEqual(told, ["ERR_CRI_CONNECTION_LOST"]);
  cut = false;
  const second = dialLocal(port);
  second.end("again");
  assert.equal(String(await readAll(second)), "again");
  assert.equal(asked.length, 2);
});

test("a local port that is taken", async (t) => {
  const { cri, server } = await setUpStreaming(t);
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  t.after(() => taken.close());
  const address = taken.address();
  const local = typeof address === "object" && address ? address.port : 0;
  const before = countResources();
  await assert.rejects(portForward(cri, "pod", [":81", `${local}:80`]), (error: CriError) => {
    assert.equal(error.code, "ERR_CRI_PORT_FORWARD_FAILED");
    assert.equal(error.systemCode, "EADDRINUSE");
    return true;
  });
  await assertNothingLeft(before);
  assert.equal(server.sessions, 0);
});

test("an abort ends the forwarding with its connections", async (t) => {
  const { cri, server } = await setUpStreaming(t, { portForward: echo });
  const before = countResources();
  const reason = new Error("enough");
  const controller = new AbortController();
  const forwarding = await portForward(cri, "pod", [":80"], { signal: controller.signal });
  const socket = dialLocal(forwarding.ports[0]?.local ?? 0);
  socket.write("x");
  await once(socket, "data");
  controller.abort(reason);
  assert.ok(await gone(socket));
  await assert.rejects(forwarding.closed, (error) => error === reason);
  await forwarding.close();
  await assertNothingLeft(before);
  assert.equal(server.sessions, 0);
  await assert.rejects(
    portForward(cri, "pod", [":80"], { signal: controller.signal }),
    (error) => error === reason,
  );
});

test("a server without SPDY can serve one connection, but no forwarding", async (t) => {
  const { cri } = await setUpStreaming(t, { portForward: echo, spdy: false });
  const before = countResources();
  await assert.rejects(portForward(cri, "pod", [":80"]), { code: "ERR_CRI_UPGRADE_REFUSED" });
  assert.equal(await text(await dialPod(cri, "pod", 13)), "noon");
  await assertNothingLeft(before);
});

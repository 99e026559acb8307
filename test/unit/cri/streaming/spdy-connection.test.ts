import assert from "node:assert/strict";
import { once } from "node:events";
import { Duplex, duplexPair } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type SpdyStream, spdyConnection } from "../../../../src/cri/streaming/spdy-connection.ts";
import {
  createSpdyFrameDecoder,
  encodeSpdyFrame,
  SPDY_RESET,
  type SpdyFrame,
} from "../../../../src/cri/streaming/spdy-frames.ts";
import { createSpdyHeaderEncoder } from "../../../../src/cri/streaming/spdy-headers.ts";

/** Both sides of a connection; the server replies to all streams, and hands them on. */
function pair(options: { maxStreams?: number; streamBufferBytes?: number } = {}) {
  const [near, far] = duplexPair();
  const accepted: SpdyStream[] = [];
  const waiting: ((stream: SpdyStream) => void)[] = [];
  const server = spdyConnection(far, {
    role: "server",
    onStream(stream) {
      stream.reply();
      const next = waiting.shift();
      if (next) next(stream);
      else accepted.push(stream);
    },
    ...options,
  });
  const client = spdyConnection(near, { role: "client", ...options });
  const next = async () => accepted.shift() ?? new Promise<SpdyStream>((resolve) => waiting.push(resolve));
  return { client, server, next, near, far };
}

/** One side, against frames that are written by hand. */
function byHand(role: "client" | "server" = "client", onStream?: (stream: SpdyStream) => void) {
  const [near, far] = duplexPair();
  const connection = spdyConnection(near, { role, onStream });
  const decoder = createSpdyFrameDecoder();
  const frames: SpdyFrame[] = [];
  far.on("data", (chunk: Buffer) => frames.push(...decoder.push(chunk)));
  far.on("error", () => {});
  const encode = createSpdyHeaderEncoder();
  return { connection, far, frames, encode };
}

async function settle(): Promise<void> {
  for (let count = 0; count < 10; count++) await turn();
}

test("streams both ways, with headers, half closes and replies", async () => {
  const { client, server, next } = pair();
  const stream = client.open({ streamtype: "data", port: "80" });
  const other = await next();
  assert.deepEqual(
    [...other.headers],
    [
      ["streamtype", "data"],
      ["port", "80"],
    ],
  );
  await stream.replied;
  stream.writable.end("to the server");
  assert.equal(await text(other.readable), "to the server");
  assert.equal(await stream.replied, undefined);
  other.writable.write("and ");
  other.writable.end("back");
  assert.equal(await text(stream.readable), "and back");
  assert.equal(await stream.remoteEnded, "end");
  await Promise.all([stream.gone, other.gone]);
  client.close();
  assert.equal(await client.closed, undefined);
  assert.equal((await server.closed)?.code, "ERR_CRI_CONNECTION_LOST");
});

test("numbers of streams go up by two, from one for clients and two for servers", async () => {
  const { client, server, next } = pair();
  assert.deepEqual(
    [client.open({}).id, client.open({}).id, server.open({}).id, server.open({}).id],
    [1, 3, 2, 4],
  );
  assert.deepEqual([(await next()).id, (await next()).id], [1, 3]);
  // The client takes no streams.
  const refused = server.open({});
  await assert.rejects(refused.replied, { code: "ERR_CRI_CONNECTION_LOST" });
  client.close();
});

test("a reset ends both directions, and what came before it is still read", async () => {
  const { client, next } = pair();
  const stream = client.open({});
  const other = await next();
  other.writable.write("before");
  await settle();
  other.reset();
  assert.equal(await text(stream.readable), "before");
  assert.equal(await stream.remoteEnded, "reset");
  await new Promise((resolve) => stream.writable.write("x", resolve));
  assert.ok(stream.writable.destroyed);
  assert.ok(other.readable.destroyed || other.readable.readableEnded);
  client.close();
});

test("a slow reader pauses the socket, and the end of its stream resumes it", async () => {
  const { client, next, near } = pair({ streamBufferBytes: 1024 });
  const [slow, quick] = [client.open({}), client.open({})];
  const [toSlow, toQuick] = [await next(), await next()];
  let written = 0;
  const pump = () => {
    while (written < 4 * 1024 * 1024) {
      written += 65_536;
      if (!toSlow.writable.write(Buffer.alloc(65_536))) return;
    }
  };
  toSlow.writable.on("drain", pump);
  pump();
  await settle();
  assert.ok(near.isPaused());
  assert.ok(slow.readable.readableLength <= 2 * 65_536, `${slow.readable.readableLength}`);
  assert.ok(written < 1024 * 1024, `${written}`);
  toQuick.writable.end("late");
  await settle();
  assert.equal(quick.readable.readableLength, 0);
  slow.readable.destroy();
  assert.equal(await text(quick.readable), "late");
  client.close();
});

test("pings of the other side are sent back, answers are not", async () => {
  const { far, frames, connection } = byHand();
  for (const id of [2, 1, 0xfffffffe]) far.write(encodeSpdyFrame({ kind: "PING", id }));
  await settle();
  assert.deepEqual(frames, [
    { kind: "PING", id: 2 },
    { kind: "PING", id: 0xfffffffe },
  ]);
  connection.close();
});

test("a side that does not answer pings is lost; one that is not read is not", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let time = 0;
  t.mock.method(performance, "now", () => time);
  const [near, far] = duplexPair();
  const options = { pingIntervalMs: 10, pingTimeoutMs: 35, streamBufferBytes: 1 };
  const connection = spdyConnection(near, { role: "client", ...options });
  const stream = connection.open({});
  const wait = (ms: number) => {
    time += ms;
    t.mock.timers.tick(ms);
  };
  far.resume();
  far.write(encodeSpdyFrame({ kind: "DATA", streamId: stream.id, fin: false, payload: Buffer.from("ab") }));
  await settle();
  for (let count = 0; count < 20; count++) wait(10);
  assert.equal(stream.readable.destroyed, false);
  stream.readable.resume();
  await settle();
  // Nor is one that does not read what is written: it does not see the pings.
  stream.writable.write("input");
  for (let count = 0; count < 20; count++) wait(10);
  assert.equal(stream.readable.destroyed, false);
  far.write(encodeSpdyFrame({ kind: "PING", id: 1 }));
  await settle();
  for (let count = 0; count < 3; count++) wait(10);
  assert.equal(stream.readable.destroyed, false);
  for (let count = 0; count < 2; count++) wait(10);
  assert.equal((await connection.closed)?.code, "ERR_CRI_CONNECTION_LOST");
  assert.equal(stream.readable.destroyed, true);
});

test("what breaks the rules breaks the connection off, and says so", async () => {
  const headerBlock = new Uint8Array();
  for (const [why, role, make] of [
    [
      "data for a stream that was never opened",
      "client",
      () => ({ kind: "DATA", streamId: 1, fin: false, payload: headerBlock }),
    ],
    [
      "a reply to a stream that was never opened",
      "client",
      (block) => ({ kind: "SYN_REPLY", streamId: 9, fin: false, headerBlock: block }),
    ],
    [
      "a stream with a number of this side",
      "server",
      (block) => ({ kind: "SYN_STREAM", streamId: 2, priority: 0, fin: false, headerBlock: block }),
    ],
    [
      "headers that are none",
      "server",
      () => ({ kind: "SYN_STREAM", streamId: 1, priority: 0, fin: false, headerBlock }),
    ],
  ] as const satisfies [string, "client" | "server", (block: Uint8Array) => SpdyFrame][]) {
    const { connection, far, frames, encode } = byHand(role, () => {});
    far.write(encodeSpdyFrame(make(encode(new Map()))));
    const error = await connection.closed;
    assert.equal(error?.code, "ERR_CRI_STREAM_PROTOCOL", why);
    await settle();
    assert.deepEqual(
      frames.map(({ kind }) => kind),
      ["GOAWAY"],
      why,
    );
    const late = connection.open({});
    await assert.rejects(late.replied, { code: "ERR_CRI_STREAM_PROTOCOL" });
  }
});

test("a number twice, and one that goes back, break the connection off", async () => {
  for (const second of [5, 3]) {
    const { connection, far, encode } = byHand("server", () => {});
    const open = (streamId: number) =>
      far.write(
        encodeSpdyFrame({
          kind: "SYN_STREAM",
          streamId,
          priority: 0,
          fin: false,
          headerBlock: encode(new Map()),
        }),
      );
    open(5);
    open(second);
    assert.equal((await connection.closed)?.code, "ERR_CRI_STREAM_PROTOCOL");
  }
});

test("more streams than may be open are refused, until others are over", async () => {
  const { client, next } = pair({ maxStreams: 2 });
  const [first, second, third] = [client.open({}), client.open({}), client.open({})];
  await Promise.all([first.replied, second.replied]);
  await assert.rejects(third.replied, { code: "ERR_CRI_CONNECTION_LOST" });
  (await next()).reset(SPDY_RESET.CANCEL);
  await first.gone;
  await client.open({}).replied;
  client.close();
});

test("the end, the loss and the closing of a connection break its streams off", async () => {
  for (const [end, code] of [
    [({ far }: { far: Duplex }) => far.end(), "ERR_CRI_CONNECTION_LOST"],
    [({ near }: { near: Duplex }) => near.destroy(new Error("cable")), "ERR_CRI_CONNECTION_LOST"],
    [({ connection }: { connection: { close(): void } }) => connection.close(), "ERR_CRI_CLOSED"],
  ] as const) {
    const [near, far] = duplexPair();
    far.resume();
    const connection = spdyConnection(near, { role: "client" });
    const stream = connection.open({});
    end({ near, far, connection });
    await assert.rejects(buffer(stream.readable), { code });
    await assert.rejects(stream.replied, { code });
    await assert.rejects(stream.remoteEnded, { code });
    await stream.gone;
    assert.ok(stream.writable.destroyed);
  }
  const reason = new Error("enough");
  const connection = spdyConnection(duplexPair()[0], { role: "client" });
  const stream = connection.open({});
  connection.destroy(reason);
  await assert.rejects(buffer(stream.readable), (error) => error === reason);
  assert.equal(await connection.closed, undefined);
});

test("a peer that reads nothing does not hold the closing up", async () => {
  const socket = new Duplex({ read: () => {}, write: () => {} });
  const connection = spdyConnection(socket, { role: "client" });
  connection.open({});
  connection.close();
  // What ends the wait keeps no process alive, and nothing else is under way here.
  const alive = setInterval(() => {}, 1000);
  await once(socket, "close");
  clearInterval(alive);
});

test("what came with the upgrade is read first", async () => {
  const [near, far] = duplexPair();
  const seen: number[] = [];
  const head = encodeSpdyFrame({
    kind: "SYN_STREAM",
    streamId: 1,
    priority: 0,
    fin: true,
    headerBlock: createSpdyHeaderEncoder()(new Map()),
  });
  far.write(encodeSpdyFrame({ kind: "PING", id: 1 }));
  const connection = spdyConnection(near, { role: "server", head, onStream: ({ id }) => void seen.push(id) });
  await settle();
  assert.deepEqual(seen, [1]);
  connection.destroy(new Error("done"));
});

/** The ways in which a streaming server can be told to fail its client. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type StreamingFaults,
  type StreamingUpgrade,
  startStreamingServer,
} from "../../src/testing/streaming/index.ts";
import { execUrl, portForwardUrl, programs } from "./cri-streaming-programs.ts";
import { binary, talk, talkSpdy } from "./cri-streaming-raw.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const V4 = "v4.channel.k8s.io";
const STREAMS = ["error", "stdout", "stderr"].map((streamtype) => ({ headers: { streamtype } }));

/** What clients of both transports hear of `echo hello`, the header fields left out. */
async function heard(
  faults: StreamingFaults,
  limitMs = 1000,
): Promise<{ websocket: string[]; spdy: string[] }> {
  const before = countResources();
  const server = await startStreamingServer({ ...programs, faults: () => faults });
  try {
    const spoken = (lines: string[]) => lines.filter((line) => !/^(?:Sec-|X-|reply)/.test(line));
    const [websocket, spdy] = await Promise.all([
      talk(execUrl(server, "echo hello"), { offer: V4, limitMs }),
      talkSpdy(execUrl(server, "echo hello"), [V4], STREAMS, { limitMs }),
    ]);
    return { websocket: spoken(websocket), spdy: spoken(spdy) };
  } finally {
    await server.close();
    await assertNothingLeft(before);
  }
}

/** How a conversation ended: a break is seen as an end or as a reset. */
const broken = (lines: readonly string[]) => assert.match(lines.at(-1) ?? "", /^(?:end|reset)$/);

test("no answer", async () => {
  assert.deepEqual(await heard({ noAnswer: true }, 200), { websocket: ["silence"], spdy: ["silence"] });
});

test("another status than an upgrade", async () => {
  const answer = ["500", "out of order", "end"];
  const refuse = { status: 500, body: "out of order" };
  assert.deepEqual(await heard({ refuse }), { websocket: answer, spdy: answer });
});

test("a redirect", async () => {
  const server = await startStreamingServer({
    ...programs,
    faults: () => ({ refuse: { status: 307, location: "http://192.0.2.1/" } }),
  });
  try {
    const response = await fetch(execUrl(server, "true"), { redirect: "manual" });
    assert.equal(response.status, 307);
    assert.equal(response.headers.get("location"), "http://192.0.2.1/");
  } finally {
    await server.close();
  }
});

test("garbage after the upgrade, and then silence", async () => {
  const { websocket, spdy } = await heard({ garbage: Buffer.of(0x83, 2, 104, 105) }, 200);
  assert.deepEqual(websocket, ["101", '3 "hi"', "silence"]);
  assert.deepEqual(spdy, ["101", "silence"]);
});

test("a break right after the upgrade", async () => {
  const { websocket, spdy } = await heard({ cut: "open" });
  for (const lines of [websocket, spdy]) {
    assert.equal(lines[0], "101");
    assert.equal(lines.length, 2);
    broken(lines);
  }
});

test("a break before the status: all output is there", async () => {
  const { websocket, spdy } = await heard({ cut: "status" });
  assert.deepEqual(websocket.slice(0, -1), ["101", '2 "\\u0001"', '2 "\\u0001hello\\n"']);
  assert.deepEqual(spdy.slice(0, -1), ["101", '3 "hello\\n"']);
  broken(websocket);
  broken(spdy);
});

test("a break instead of the close: the status is there", async () => {
  const { websocket, spdy } = await heard({ cut: "close" });
  assert.match(websocket.at(-2) ?? "", /Success/);
  assert.match(spdy.at(-2) ?? "", /^1 .*Success/);
  broken(websocket);
  broken(spdy);
});

test("a break after so many bytes", async () => {
  // The empty message has three bytes, the output has a head of three before it.
  const { websocket, spdy } = await heard({ cutAfterBytes: 6 });
  assert.deepEqual(websocket.slice(0, -1), ["101", '2 "\\u0001"']);
  assert.deepEqual(spdy.slice(0, -1), ["101"]);
  broken(websocket);
  broken(spdy);
});

test("no status", async () => {
  const { websocket, spdy } = await heard({ omitStatus: true });
  assert.deepEqual(websocket, ["101", '2 "\\u0001"', '2 "\\u0001hello\\n"', "close 1000", "end"]);
  assert.deepEqual(spdy, ["101", '3 "hello\\n"', "3 fin", "5 fin", "reset 1 5", "goaway", "end"]);
});

test("messages in fragments", async () => {
  const { websocket, spdy } = await heard({ fragmentBytes: 3 });
  assert.deepEqual(websocket.slice(0, 5), ["101", '2 "\\u0001"', '+2 "\\u0001he"', '+0 "llo"', '0 "\\n"']);
  assert.deepEqual(spdy.slice(0, 3), ["101", '3 "hel"', '3 "lo\\n"']);
});

test("a delay before each message", async () => {
  const start = performance.now();
  await heard({ delayMs: 100 });
  // WebSocket: the empty message, the output, the status.
  assert.ok(performance.now() - start >= 295);
});

test("faults are chosen by the upgrade", async () => {
  const upgrades: StreamingUpgrade[] = [];
  const server = await startStreamingServer({
    ...programs,
    faults: (upgrade) => {
      upgrades.push(upgrade);
      return upgrade.transport === "spdy" ? { refuse: { status: 503 } } : undefined;
    },
  });
  try {
    assert.equal((await talk(execUrl(server, "true"), { offer: V4 }))[0], "101");
    assert.equal((await talkSpdy(portForwardUrl(server, 80), ["portforward.k8s.io"], []))[0], "503");
    assert.equal((await talk(`${server.baseUrl}/exec/AAAAAAAA`, { offer: V4 }))[0], "404");
  } finally {
    await server.close();
  }
  assert.deepEqual(
    upgrades.map(({ kind, transport }) => `${kind} ${transport}`),
    ["exec websocket", "portforward spdy"],
  );
});

test("port-forward that breaks, over both transports", async () => {
  const server = await startStreamingServer({ ...programs, faults: () => ({ cutAfterBytes: 12 }) });
  try {
    const steps = [20, binary("\0hello")];
    broken(await talk(portForwardUrl(server, 7001), { offer: V4, steps }));
    const pair = ["error", "data"].map((streamtype) => ({
      headers: { port: "7001", requestid: "0", streamtype },
    }));
    broken(await talkSpdy(portForwardUrl(server), ["portforward.k8s.io"], pair));
  } finally {
    await server.close();
  }
});

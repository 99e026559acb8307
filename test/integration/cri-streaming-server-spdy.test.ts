/** The streaming server over SPDY/3.1; what it must say was heard from containerd 1.6. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type StreamingServer, startStreamingServer } from "../../src/testing/streaming/index.ts";
import { attachUrl, execUrl, portForwardUrl, programs } from "./cri-streaming-programs.ts";
import { type RawStream, type Step, spdyControl, spdyData, talk, talkSpdy } from "./cri-streaming-raw.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const V4 = "v4.channel.k8s.io";
const VERSIONS = [V4, "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"];
const SUCCESS = JSON.stringify('{"metadata":{},"status":"Success"}');
const FAILURE =
  "command terminated with non-zero exit code: error executing command [complain err 7], exit code 7";

let server: StreamingServer;
before(async () => {
  server = await startStreamingServer(programs);
});
after(() => server.close());

const streams = (...types: string[]): RawStream[] => types.map((streamtype) => ({ headers: { streamtype } }));

/** What follows the upgrade and the replies. */
async function frames(
  url: string,
  version: string,
  opened: readonly RawStream[],
  steps: readonly Step[] = [],
  limitMs = 5000,
): Promise<string[]> {
  const lines = await talkSpdy(url, [version], opened, { steps, limitMs });
  assert.deepEqual(lines.slice(0, 2), ["101", `X-Stream-Protocol-Version: ${version}`]);
  return lines.slice(2).filter((line) => !line.startsWith("reply "));
}

test("each stream is replied to, the status is data, its stream is reset, then the connection goes", async () => {
  const lines = await talkSpdy(execUrl(server, "echo out"), [V4], streams("error", "stdout", "stderr"));
  assert.deepEqual(lines, [
    "101",
    `X-Stream-Protocol-Version: ${V4}`,
    "reply 1",
    "reply 3",
    "reply 5",
    '3 "out\\n"',
    "3 fin",
    "5 fin",
    `1 ${SUCCESS}`,
    "reset 1 5",
    "goaway",
    "end",
  ]);
});

for (const version of VERSIONS) {
  test(`${version}: exit code 7`, async () => {
    const url = execUrl(server, "complain err 7");
    const lines = await frames(url, version, streams("error", "stdout", "stderr"));
    const status = lines.find((line) => line.startsWith("1 "));
    if (version === V4) {
      assert.deepEqual(JSON.parse(JSON.parse(status?.slice(2) ?? "")), {
        metadata: {},
        status: "Failure",
        message: FAILURE,
        reason: "NonZeroExitCode",
        details: { causes: [{ reason: "ExitCode", message: "7" }] },
      });
    } else if (version === "channel.k8s.io") {
      assert.equal(lines[0], "reset 1 5", "version 1 resets the stream of the status at once");
    } else {
      assert.equal(status, `1 ${JSON.stringify(FAILURE)}`);
    }
    assert.deepEqual(lines.slice(-2), ["goaway", "end"]);
  });

  test(`${version}: success`, async () => {
    const lines = await frames(execUrl(server, "echo out"), version, streams("error", "stdout", "stderr"));
    const said = lines.filter((line) => line.startsWith("1 "));
    assert.deepEqual(said, version === V4 ? [`1 ${SUCCESS}`] : []);
    assert.ok(lines.includes('3 "out\\n"'));
  });

  test(`${version}: the half close of stdin is its end`, async () => {
    const url = execUrl(server, "cat", { stdin: true });
    const steps = [spdyData(3, "hello"), 20, spdyData(3, "", true)];
    const lines = await frames(url, version, streams("error", "stdin", "stdout", "stderr"), steps);
    assert.ok(lines.includes('5 "hello"'));
    assert.deepEqual(lines.slice(-2), ["goaway", "end"]);
  });

  const resizes = /^v[34]/.test(version);
  test(`${version}: a stream of sizes is ${resizes ? "waited for" : "not known"}`, async () => {
    const url = execUrl(server, resizes ? "size" : "echo out", { stdin: true, stderr: false, tty: true });
    const size = spdyData(7, '{"Width":133,"Height":44}');
    const opened = streams("error", "stdin", "stdout", "resize");
    const lines = await frames(url, version, opened, resizes ? [size, spdyData(3, ".")] : []);
    assert.ok(lines.includes(resizes ? '5 "44 133"' : '5 "out\\n"'), lines.join());
  });
}

test("the first offered protocol that is known, in one field or several", async () => {
  const chosen = async (...offers: string[]) =>
    (await talkSpdy(execUrl(server, "true"), offers, [], { limitMs: 100 })).slice(0, 2);
  const answer = (name: string) => ["101", `X-Stream-Protocol-Version: ${name}`];
  assert.deepEqual(await chosen(`v5.channel.k8s.io, v3.channel.k8s.io,${V4}`), answer("v3.channel.k8s.io"));
  assert.deepEqual(await chosen("v5.channel.k8s.io", "channel.k8s.io"), answer("channel.k8s.io"));
});

test("no protocol that fits: 403, what would, and the token is used up", async () => {
  const url = execUrl(server, "true");
  const text = `unable to upgrade: unable to negotiate protocol: client supports [v5.channel.k8s.io], server accepts [${VERSIONS.join(" ")}]\n`;
  assert.deepEqual(await talkSpdy(url, ["v5.channel.k8s.io"], []), [
    "403",
    text,
    ...VERSIONS.map((name) => `X-Accepted-Stream-Protocol-Versions: ${name}`),
    "end",
  ]);
  assert.equal((await talkSpdy(url, [V4], []))[0], "404");
});

test("no protocol, and no upgrade", async () => {
  const required = "unable to upgrade: X-Stream-Protocol-Version is required\n";
  assert.deepEqual(await talkSpdy(execUrl(server, "true"), [], []), ["400", required, "end"]);
  const fields = ["Connection: close", `X-Stream-Protocol-Version: ${V4}`];
  const [status, text] = await talk(execUrl(server, "true"), { method: "POST", fields });
  assert.equal(status, "400");
  assert.match(text ?? "", /^unable to upgrade: missing upgrade headers in request/);
});

test("a command that cannot be started leaves its output open", async () => {
  const lines = await frames(execUrl(server, "missing"), V4, streams("error", "stdout", "stderr"));
  assert.match(lines[0] ?? "", /^1 .*error executing command in container: no such file/);
  assert.deepEqual(lines.slice(1), ["reset 1 5", "reset 3 5", "reset 5 5", "goaway", "end"]);
});

test("attach", async () => {
  const lines = await frames(attachUrl(server), V4, streams("error", "stdout"));
  assert.equal(lines[0], '3 "attached\\n"');
});

test("a stream of an unknown type does not count", async () => {
  const opened = streams("error", "bogus", "stdout", "stderr");
  const lines = await frames(execUrl(server, "echo out"), V4, opened);
  assert.deepEqual(lines.slice(0, 4), ['5 "out\\n"', "5 fin", "7 fin", `1 ${SUCCESS}`]);
});

test("too few streams: the connection is dropped without a word, and nothing is left", async () => {
  const before = countResources();
  const own = await startStreamingServer({ ...programs, streamCreationTimeoutMs: 100 });
  try {
    const lines = await frames(execUrl(own, "echo out"), V4, streams("error", "stdout"));
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /^(?:end|reset)$/);
  } finally {
    await own.close();
  }
  await assertNothingLeft(before);
});

test("a client that goes while it opens its streams leaves nothing", async () => {
  const before = countResources();
  const own = await startStreamingServer(programs);
  try {
    await frames(execUrl(own, "echo out"), V4, streams("error"), [], 50);
    for (let turn = 0; own.sessions > 0 && turn < 100; turn++) await sleep(10);
    assert.equal(own.sessions, 0);
  } finally {
    await own.close();
  }
  await assertNothingLeft(before);
});

test("an error stream that is half closed at once still carries the status", async () => {
  const opened = [{ headers: { streamtype: "error" }, fin: true }, ...streams("stdout", "stderr")];
  assert.ok((await frames(execUrl(server, "true"), V4, opened)).includes(`1 ${SUCCESS}`));
});

test("a reset of stdin is its end", async () => {
  const steps = [spdyData(3, "hello"), 20, spdyControl(3, 3, 5)];
  const url = execUrl(server, "cat", { stdin: true });
  const lines = await frames(url, V4, streams("error", "stdin", "stdout", "stderr"), steps);
  assert.deepEqual(lines.slice(0, 4), ['5 "hello"', "5 fin", "7 fin", `1 ${SUCCESS}`]);
});

test("pings of the client are answered, answers are not", async () => {
  const url = execUrl(server, "cat", { stdin: true });
  const steps = [spdyControl(6, 1), spdyControl(6, 2), spdyData(3, "", true)];
  const lines = await frames(url, V4, streams("error", "stdin", "stdout", "stderr"), steps);
  assert.deepEqual(
    lines.filter((line) => line.startsWith("ping")),
    ["ping 1"],
  );
});

test("a server that leaves the end to the client drops input and ends what the client reads", async () => {
  const own = await startStreamingServer({ ...programs, lingers: true });
  try {
    const url = execUrl(own, "echo out", { stdin: true });
    const lines = await frames(url, V4, streams("error", "stdin", "stdout", "stderr"), [], 300);
    assert.deepEqual(lines.sort(), [
      `1 ${SUCCESS}`,
      "1 fin",
      '5 "out\\n"',
      "5 fin",
      "7 fin",
      "reset 3 5",
      "silence",
    ]);
  } finally {
    await own.close();
  }
});

test("frames that are none end the session, and nothing is left", async () => {
  const before = countResources();
  const own = await startStreamingServer(programs);
  try {
    const url = execUrl(own, "cat", { stdin: true });
    const opened = streams("error", "stdin", "stdout", "stderr");
    const lines = await frames(url, V4, opened, [Buffer.from("ffffffffffffffff", "hex")]);
    assert.match(lines.at(-1) ?? "", /^(?:end|reset)$/);
    for (let turn = 0; own.sessions > 0 && turn < 100; turn++) await sleep(10);
    assert.equal(own.sessions, 0);
  } finally {
    await own.close();
  }
  await assertNothingLeft(before);
});

const PORT_FORWARD = "portforward.k8s.io";
const pair = (port: string, requestid = "0"): RawStream[] => [
  { headers: { port, requestid, streamtype: "error" }, fin: true },
  { headers: { port, requestid, streamtype: "data" } },
];

test("port-forward: pairs of streams on one connection, each to its own end", async () => {
  const opened = [...pair("7001", "0"), ...pair("7001", "1")];
  const steps = [
    spdyData(3, "first"),
    spdyData(7, "second"),
    50,
    spdyData(3, "", true),
    50,
    spdyData(7, "", true),
  ];
  const lines = await frames(portForwardUrl(server), PORT_FORWARD, opened, steps, 400);
  assert.deepEqual(lines, ['3 "first"', '7 "second"', "3 fin", "1 fin", "7 fin", "5 fin", "silence"]);
});

test("port-forward: the data stream may come first", async () => {
  const opened = pair("7001").reverse();
  const lines = await frames(portForwardUrl(server), PORT_FORWARD, opened, [spdyData(1, "x")], 200);
  assert.deepEqual(lines, ['1 "x"', "silence"]);
});

test("port-forward: a port that is closed is told on the error stream, and both are reset", async () => {
  const lines = await frames(portForwardUrl(server), PORT_FORWARD, pair("80"), [], 200);
  const text = "error forwarding port 80 to pod pod, uid : connection refused";
  assert.deepEqual(lines, [`1 ${JSON.stringify(text)}`, "reset 3 5", "reset 1 5", "silence"]);
});

for (const [name, headers] of [
  ["no port", { streamtype: "data" }],
  ["an empty port", { port: "", streamtype: "data" }],
  ["port 0", { port: "0", streamtype: "data" }],
  ["port 65536", { port: "65536", streamtype: "data" }],
  ["a port that is no number", { port: "+80", streamtype: "data" }],
  ["no type", { port: "80" }],
  ["a type of exec", { port: "80", streamtype: "stdin" }],
] as const) {
  test(`port-forward: a stream with ${name} is reset without a reply`, async () => {
    const options = { limitMs: 100 };
    const lines = await talkSpdy(portForwardUrl(server), [PORT_FORWARD], [{ headers }], options);
    assert.deepEqual(lines.slice(2), ["reset 1 5", "silence"]);
  });
}

test("port-forward: a client that names no request is paired by the numbers of its streams", async () => {
  const opened = pair("7001").map(({ headers: { requestid, ...headers }, ...rest }) => ({
    headers,
    ...rest,
  }));
  const lines = await frames(
    portForwardUrl(server),
    PORT_FORWARD,
    opened as RawStream[],
    [spdyData(3, "x")],
    200,
  );
  assert.deepEqual(lines, ['3 "x"', "silence"]);
});

test("port-forward: a second stream of a kind for one request", async () => {
  const [error] = pair("7001");
  assert.ok(error);
  const lines = await frames(portForwardUrl(server), PORT_FORWARD, [error, error], [], 100);
  const text = "error processing stream for request 0: error stream already assigned";
  assert.deepEqual(lines, [`1 ${JSON.stringify(text)}`, "silence"]);
});

test("port-forward: half of a pair is told when its time is over, and nothing is left", async () => {
  const before = countResources();
  const own = await startStreamingServer({ ...programs, streamCreationTimeoutMs: 50 });
  try {
    const lines = await frames(portForwardUrl(own), PORT_FORWARD, pair("7001").slice(0, 1), [], 200);
    assert.match(lines[0] ?? "", /request=0\) timed out waiting for streams"$/);
  } finally {
    await own.close();
  }
  await assertNothingLeft(before);
});

test("port-forward: half of a pair that never gets its other half leaves nothing when the client goes", async () => {
  const before = countResources();
  await frames(portForwardUrl(server), PORT_FORWARD, pair("7001").slice(0, 1), [], 50);
  await assertNothingLeft(before);
});

test("port-forward takes no other protocol", async () => {
  assert.deepEqual((await talkSpdy(portForwardUrl(server), [V4], [])).slice(0, 3), [
    "403",
    "unable to upgrade: unable to negotiate protocol: client supports [v4.channel.k8s.io], server accepts [portforward.k8s.io]\n",
    "X-Accepted-Stream-Protocol-Versions: portforward.k8s.io",
  ]);
});

test("a server without SPDY, and one without WebSocket", async () => {
  const noSpdy = await startStreamingServer({ ...programs, spdy: false });
  const noWebSocket = await startStreamingServer({ ...programs, websocket: "none" });
  try {
    assert.equal((await talkSpdy(execUrl(noSpdy, "true"), [V4], []))[0], "400");
    assert.equal((await talk(execUrl(noSpdy, "true"), { offer: V4 }))[0], "101");
    assert.equal((await talk(execUrl(noWebSocket, "true"), { offer: V4 }))[0], "400");
    const opened = streams("error", "stdout", "stderr");
    assert.ok((await frames(execUrl(noWebSocket, "true"), V4, opened)).includes(`1 ${SUCCESS}`));
  } finally {
    await noSpdy.close();
    await noWebSocket.close();
  }
});

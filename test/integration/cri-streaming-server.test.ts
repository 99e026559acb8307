/** The streaming server over WebSocket; what it must say was heard from containerd 1.6. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { AttachRequestSchema, ExecRequestSchema, PortForwardRequestSchema } from "../../src/cri/index.ts";
import { type StreamingServer, startStreamingServer } from "../../src/testing/streaming/index.ts";
import { attachUrl, execUrl, portForwardUrl, programs, runCommand } from "./cri-streaming-programs.ts";
import { binary, close, frame, handshake, talk, text } from "./cri-streaming-raw.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const V4 = "v4.channel.k8s.io";
const ACCEPT = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const SUCCESS = JSON.stringify('\x03{"metadata":{},"status":"Success"}');

let server: StreamingServer;
before(async () => {
  server = await startStreamingServer({ websocket: "v4", ...programs });
});
after(() => server.close());

/** What follows the upgrade. */
async function frames(...given: Parameters<typeof talk>): Promise<string[]> {
  const [status, ...lines] = await talk(...given);
  assert.equal(status, "101");
  return lines.filter((line) => !line.startsWith("Sec-"));
}

/** The JSON that a status frame carries. */
function statusOf(lines: readonly string[]): unknown {
  const line = lines.find((each) => each.startsWith('2 "\\u0003'));
  return JSON.parse(JSON.parse(line?.slice(2) ?? '""').slice(1));
}

for (const [offer, chosen, opcode, opened, out, status] of [
  [undefined, "", 2, "\x01", "\x01out\n", ""],
  ["channel.k8s.io", "channel.k8s.io", 2, "\x01", "\x01out\n", ""],
  ["base64.channel.k8s.io", "base64.channel.k8s.io", 1, "1", "1b3V0Cg==", ""],
  [V4, V4, 2, "\x01", "\x01out\n", '\x03{"metadata":{},"status":"Success"}'],
  [
    "v4.base64.channel.k8s.io",
    "v4.base64.channel.k8s.io",
    1,
    "1",
    "1b3V0Cg==",
    "3eyJtZXRhZGF0YSI6e30sInN0YXR1cyI6IlN1Y2Nlc3MifQ==",
  ],
  [`v5.channel.k8s.io, ${V4}`, V4, 2, "\x01", "\x01out\n", '\x03{"metadata":{},"status":"Success"}'],
  ["nonsense,base64.channel.k8s.io,v4.channel.k8s.io", "base64.channel.k8s.io", 1, "1", "1b3V0Cg==", ""],
] as const) {
  test(`offered ${offer ?? "nothing"}: speaks ${chosen || "version 1 with an empty protocol"}`, async () => {
    assert.deepEqual(await talk(execUrl(server, "echo out"), { offer }), [
      "101",
      ACCEPT,
      `Sec-WebSocket-Protocol: ${chosen}`.trim(),
      `${opcode} ${JSON.stringify(opened)}`,
      `${opcode} ${JSON.stringify(out)}`,
      ...(status === "" ? [] : [`${opcode} ${JSON.stringify(status)}`]),
      "close 1000",
      "end",
    ]);
    const entry = server.log.at(-1);
    assert.equal(entry?.status, 101);
    assert.equal(entry?.protocol, chosen);
  });
}

for (const offer of ["v5.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "V4.channel.k8s.io"]) {
  test(`offered ${offer}: 403, and the token is used up`, async () => {
    const url = execUrl(server, "echo out");
    assert.deepEqual(await talk(url, { offer }), ["403", "end"]);
    assert.deepEqual((await talk(url, { offer: V4 })).slice(0, 2), ["404", "404 page not found\n"]);
  });
}

test("an exit code in the text of version 1", async () => {
  const lines = await frames(execUrl(server, "complain err 7"), { offer: "channel.k8s.io" });
  const failure = "error executing command [complain err 7], exit code 7";
  assert.deepEqual(lines, [
    '2 "\\u0001"',
    '2 "\\u0002err\\n"',
    `2 ${JSON.stringify(`\x03command terminated with non-zero exit code: ${failure}`)}`,
    "close 1000",
    "end",
  ]);
});

test("an exit code in the JSON of version 4", async () => {
  const lines = await frames(execUrl(server, "complain <err> 7"), { offer: V4 });
  assert.deepEqual(statusOf(lines), {
    metadata: {},
    status: "Failure",
    message:
      "command terminated with non-zero exit code: error executing command [complain <err> 7], exit code 7",
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: "7" }] },
  });
  assert.match(lines[2] ?? "", /\\\\u003cerr\\\\u003e/, "as Go escapes it");
});

for (const [name, cmd, error] of [
  ["that cannot be started", "missing", "no such file"],
  ["whose handler rejects", "crash", "the runtime fell over"],
] as const) {
  test(`a command ${name}`, async () => {
    const cause = `error executing command in container: ${error}`;
    assert.deepEqual(statusOf(await frames(execUrl(server, cmd), { offer: V4 })), {
      metadata: {},
      status: "Failure",
      message: `Internal error occurred: ${cause}`,
      reason: "InternalError",
      details: { causes: [{ message: cause }] },
      code: 500,
    });
    const lines = await frames(execUrl(server, cmd), { offer: "channel.k8s.io" });
    assert.equal(lines[1], `2 ${JSON.stringify(`\x03Internal error occurred: ${cause}`)}`);
  });
}

test("the first message is on the lowest channel that is written to", async () => {
  const first = async (fields: object) => (await frames(execUrl(server, "true", fields), { offer: V4 }))[0];
  assert.equal(await first({}), '2 "\\u0001"');
  assert.equal(await first({ stdout: false }), '2 "\\u0002"');
  assert.equal(await first({ stdout: false, stderr: false, stdin: true }), '2 "\\u0003"');
});

test("output that was not asked for is dropped", async () => {
  const lines = await frames(execUrl(server, "complain err 0", { stderr: false }), { offer: V4 });
  assert.deepEqual(lines, ['2 "\\u0001"', `2 ${SUCCESS}`, "close 1000", "end"]);
});

test("output comes in messages of at most 32 KiB", async () => {
  const lines = await frames(execUrl(server, "flood 70000"), { offer: V4 });
  const lengths = lines.slice(1, 4).map((line) => JSON.parse(line.slice(2)).length - 1);
  assert.deepEqual(lengths, [32768, 32768, 4464]);
});

for (const [name, steps, expected, offer = V4] of [
  ["in two messages", [binary("\0hel"), 20, binary("\0lo")], "hello"],
  ["as text, which makes no difference", [text("\0hello")], "hello"],
  ["under a reserved opcode, which makes no difference", [frame(3, "\0hello")], "hello"],
  [
    "after an empty message and one for an unknown channel",
    [frame(2, ""), binary("\x09zz"), binary("\0hello")],
    "hello",
  ],
  [
    "after the close message of version 5, an unknown channel here",
    [binary("\xff\0"), binary("\0hello")],
    "hello",
  ],
  [
    "in a fragmented message: each fragment has a channel of its own",
    [frame(2, "\0he", { fin: false }), frame(0, "\0llo")],
    "hello",
  ],
  [
    "in a fragmented message: what has none is lost",
    [frame(2, "\0he", { fin: false }), frame(0, "ll"), binary("\0yyy")],
    "heyyy",
  ],
  ["byte by byte", [...binary("\0hello")].map((byte) => Buffer.of(byte)), "hello"],
  ["in a message of 70000 bytes", [binary(`\0hello${"x".repeat(70_000)}`)], "hello"],
] as const) {
  test(`stdin ${name}`, async () => {
    const url = execUrl(server, "head 5", { stdin: true });
    const lines = await frames(url, { offer, steps });
    assert.deepEqual(lines.slice(1), [
      `2 ${JSON.stringify(`\x01${expected}`)}`,
      `2 ${SUCCESS}`,
      "close 1000",
      "end",
    ]);
  });
}

test("stdin in base64; what is not base64 is dropped", async () => {
  const steps = [text("0aGVs"), text("0!!!!"), text("0bG8"), text("/AAA="), text("0bG8=")];
  const url = execUrl(server, "head 5", { stdin: true });
  const lines = await frames(url, { offer: "v4.base64.channel.k8s.io", steps });
  assert.equal(lines[1], '1 "1aGVsbG8="');
});

test("fragments are counted", async () => {
  const steps = [frame(2, "\0he", { fin: false }), frame(0, "\0llo")];
  await talk(execUrl(server, "head 5", { stdin: true }), { offer: V4, steps });
  assert.equal(server.log.at(-1)?.fragments, 2);
  await talk(execUrl(server, "head 1", { stdin: true }), { offer: V4, steps: [binary("\0he")] });
  assert.equal(server.log.at(-1)?.fragments, 0);
});

test("stdin that the request does not have is ignored", async () => {
  const lines = await frames(execUrl(server, "count"), { offer: V4, steps: [binary("\0hello")] });
  assert.equal(lines[1], '2 "\\u00010"');
});

test("the client's close is the end of stdin, and output after it is lost", async () => {
  let counted = 0;
  const own = await startStreamingServer({
    ...programs,
    exec: async (request, process) => {
      for await (const bytes of process.stdin) counted += bytes.byteLength;
      return runCommand({ ...request, cmd: ["echo", "late"] }, process);
    },
  });
  try {
    const steps = [binary("\0ab"), 20, close];
    const lines = await frames(execUrl(own, "any", { stdin: true }), { offer: V4, steps });
    assert.deepEqual(lines, ['2 "\\u0001"', "close 1000", "end"]);
    for (let turn = 0; own.sessions > 0 && turn < 100; turn++) await sleep(10);
    assert.equal(counted, 2);
    assert.equal(own.sessions, 0);
  } finally {
    await own.close();
  }
});

test("nothing ends stdin but the close: not an empty message", async () => {
  const steps = [binary("\0ab"), binary("\0")];
  const lines = await frames(execUrl(server, "cat", { stdin: true }), { offer: V4, steps, limitMs: 300 });
  assert.deepEqual(lines, ['2 "\\u0001"', '2 "\\u0001ab"', "silence"]);
});

test("pings are answered with their payload", async () => {
  const steps = [frame(9, "hi"), 20, binary("\0ok")];
  const lines = await frames(execUrl(server, "head 2", { stdin: true }), { offer: V4, steps });
  assert.deepEqual(lines.slice(0, 3), ['2 "\\u0001"', '10 "hi"', '2 "\\u0001ok"']);
});

for (const [name, bytes, code] of [
  ["a frame without mask", frame(2, "\0x", { masked: false }), 1002],
  ["garbage", Buffer.from("nonsense nonsense nonsense"), 1002],
  ["a frame over 32 MiB", Buffer.from("82ff000000000200000100000000", "hex"), 1000],
  ["a frame of nearly 2^63 bytes", Buffer.from("82ffffffffffffffffff00000000", "hex"), 1000],
] as const) {
  test(`${name} ends the connection with ${code}, and nothing is left`, async () => {
    const before = countResources();
    const steps = [10, bytes];
    const lines = await frames(execUrl(server, "cat", { stdin: true }), { offer: V4, steps });
    assert.deepEqual(lines, ['2 "\\u0001"', `close ${code}`, "end"]);
    await assertNothingLeft(before);
  });
}

for (const [name, steps, expected] of [
  ["one", ['\x04{"Width":133,"Height":44}'], "44 133"],
  [
    "two in one message, the last one cut",
    ['\x04{"Width":1,"Height":2}{"Width":1', '\x0434,"Height":45}'],
    "45 134",
  ],
  ["a 0 is ignored", ['\x04{"Width":133,"Height":44}', '\x04{"Width":0,"Height":9}'], "44 133"],
  [
    "nothing after what is no size",
    ['\x04{"Width":133,"Height":44}', "\x04x", '\x04{"Width":9,"Height":9}'],
    "44 133",
  ],
  [
    "nothing after a size over 65535",
    ['\x04{"Width":133,"Height":44}', '\x04{"Width":65536,"Height":9}', '\x04{"Width":9,"Height":9}'],
    "44 133",
  ],
] as const) {
  test(`sizes of the terminal: ${name}`, async () => {
    const url = execUrl(server, "size", { stdin: true, stderr: false, tty: true });
    const lines = await frames(url, { offer: V4, steps: [...steps.map(binary), binary("\0.")] });
    assert.equal(lines[1], `2 ${JSON.stringify(`\x01${expected}`)}`);
  });
}

test("attach ends as exec does", async () => {
  const lines = await frames(attachUrl(server), { offer: V4 });
  assert.deepEqual(lines.slice(0, 2), ['2 "\\u0001"', '2 "\\u0001attached\\n"']);
  assert.equal((statusOf(lines) as { reason: string }).reason, "NonZeroExitCode");
});

test("a server with version 5: the end of stdin, and only of stdin", async () => {
  const own = await startStreamingServer({ ...programs, websocket: "v5" });
  try {
    const offer = `v5.channel.k8s.io,${V4}`;
    const url = () => execUrl(own, "cat", { stdin: true });
    const lines = await frames(url(), { offer, steps: [binary("\0ab"), binary("\xff\0")] });
    assert.deepEqual(lines, ['2 "\\u0001"', '2 "\\u0001ab"', `2 ${SUCCESS}`, "close 1000", "end"]);
    const other = [binary("\xff\x04"), binary("\0cd"), binary("\xff\0")];
    assert.equal((await frames(url(), { offer, steps: other }))[1], '2 "\\u0001cd"');
    for (const wrong of ["\xff", "\xff\x05", "\xff\0\0"]) {
      const ended = await frames(url(), { offer, steps: [binary(wrong)] });
      assert.deepEqual(ended, ['2 "\\u0001"', "close 1000", "end"], JSON.stringify(wrong));
    }
  } finally {
    await own.close();
  }
});

test("a server that leaves the end to the client closes after the client's close frame", async () => {
  const own = await startStreamingServer({ ...programs, lingers: true });
  try {
    const silent = await frames(execUrl(own, "echo out"), { offer: V4, limitMs: 1500 });
    assert.deepEqual(silent.slice(-2), ["close 1000", "silence"]);
    const answered = await frames(execUrl(own, "echo out"), { offer: V4, steps: [50, close] });
    assert.deepEqual(answered.slice(-2), ["close 1000", "end"]);
  } finally {
    await own.close();
  }
});

for (const [name, options, answer] of [
  ["POST", { method: "POST" }, ["405", "bad method", "end"]],
  [
    "version 8",
    { fields: handshake(V4).with(2, "Sec-WebSocket-Version: 8") },
    ["400", "missing or bad WebSocket Version", "end"],
  ],
  ["no key", { fields: handshake(V4).toSpliced(3, 1) }, ["400", "mismatch challenge/response", "end"]],
] as const) {
  test(`a handshake with ${name} is refused`, async () => {
    assert.deepEqual(await talk(execUrl(server, "true"), { offer: V4, ...options }), answer);
  });
}

test("port-forward: the port on both channels of each pair, data, errors, close", async () => {
  const steps = [20, binary("\0hi\n"), binary("\x01to the error channel"), 50, close];
  assert.deepEqual(await frames(portForwardUrl(server, 7001, 80), { offer: V4, steps }), [
    '2 "\\u0000Y\\u001b"',
    '2 "\\u0001Y\\u001b"',
    '2 "\\u0002P\\u0000"',
    '2 "\\u0003P\\u0000"',
    '2 "\\u0003error forwarding port 80 to pod pod, uid : connection refused"',
    '2 "\\u0000hi\\n"',
    "close 1000",
    "end",
  ]);
});

test("port-forward: the session ends when all pairs have", async () => {
  const lines = await frames(portForwardUrl(server, 80), { offer: V4 });
  assert.deepEqual(lines.slice(-2), ["close 1000", "end"]);
  assert.deepEqual(await frames(portForwardUrl(server), { offer: V4 }), ["close 1000", "end"]);
});

for (const [offer, first] of [
  [V4, '2 "\\u0000Y\\u001b"'],
  ["v4.base64.channel.k8s.io", '1 "0WRs="'],
  [undefined, '2 "\\u0000Y\\u001b"'],
] as const) {
  test(`port-forward takes ${offer ?? "no subprotocol"}`, async () => {
    assert.equal((await frames(portForwardUrl(server, 7001), { offer, steps: [20, close] }))[0], first);
  });
}

for (const offer of [
  "channel.k8s.io",
  "portforward.k8s.io",
  "SPDY/3.1+portforward.k8s.io",
  "v5.channel.k8s.io",
]) {
  test(`port-forward does not take ${offer}`, async () => {
    assert.deepEqual(await talk(portForwardUrl(server, 7001), { offer }), ["403", "end"]);
  });
}

test("tokens: eight characters, once, for a minute, at most so many, each for its kind", async () => {
  let time = 1_000_000;
  const own = await startStreamingServer({ ...programs, maxTokens: 2, now: () => time });
  try {
    const url = execUrl(own, "echo out");
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/exec\/[A-Za-z0-9_-]{8}$/);
    execUrl(own, "echo out");
    assert.throws(() => execUrl(own, "echo out"), {
      code: "ERR_CRI_RESOURCE_EXHAUSTED",
      message: "maximum number of in-flight requests exceeded",
    });
    assert.equal((await talk(url, { offer: V4 }))[0], "101");
    assert.equal((await talk(url, { offer: V4 }))[0], "404");
    const other = execUrl(own, "echo out");
    assert.equal((await talk(other.replace("/exec/", "/attach/"), { offer: V4 }))[0], "404");
    assert.equal((await talk(other, { offer: V4 }))[0], "404");
    const late = execUrl(own, "echo out");
    time += 60_000;
    assert.equal((await talk(late, { offer: V4 }))[0], "404");
    const inTime = execUrl(own, "echo out");
    time += 59_999;
    assert.equal((await talk(inTime, { offer: V4 }))[0], "101");
  } finally {
    await own.close();
  }
});

test("a thousand unused URLs, and no more", async () => {
  const own = await startStreamingServer(programs);
  try {
    for (let count = 0; count < 1000; count++) execUrl(own, "true");
    assert.throws(() => execUrl(own, "true"), { code: "ERR_CRI_RESOURCE_EXHAUSTED" });
  } finally {
    await own.close();
  }
});

test("requests that no runtime takes, in its words", () => {
  const refused = (make: () => unknown, message: string) =>
    assert.throws(make, { code: "ERR_CRI_INVALID_ARGUMENT", message });
  const exec = (fields: object) => () => server.url("exec", create(ExecRequestSchema, fields));
  const attach = (fields: object) => () => server.url("attach", create(AttachRequestSchema, fields));
  refused(exec({ stdout: true }), "missing required container_id");
  refused(attach({ stdout: true }), "missing required container_id");
  refused(exec({ containerId: "c", tty: true, stderr: true }), "tty and stderr cannot both be true");
  refused(attach({ containerId: "c", tty: true, stderr: true }), "tty and stderr cannot both be true");
  refused(exec({ containerId: "c" }), "one of stdin, stdout, or stderr must be set");
  refused(attach({ containerId: "c" }), "one of stdin, stdout, and stderr must be set");
  refused(
    () => server.url("portforward", create(PortForwardRequestSchema)),
    "missing required pod_sandbox_id",
  );
});

test("paths and methods that there are not", async () => {
  const url = execUrl(server, "true");
  assert.deepEqual((await talk(url.replace("/exec/", "/nope/"), { offer: V4 })).slice(0, 2), [
    "404",
    "404: Page Not Found",
  ]);
  assert.deepEqual((await talk(url, { method: "PUT", offer: V4 })).slice(0, 2), [
    "405",
    "405: Method Not Allowed",
  ]);
  const plain = await talk(url, { fields: ["Connection: close"] });
  assert.deepEqual(plain, ["400", "unable to upgrade: X-Stream-Protocol-Version is required\n", "end"]);
});

test("on ::1, with its address in the URL", async () => {
  const own = await startStreamingServer({ ...programs, host: "::1" });
  try {
    assert.match(own.baseUrl, /^http:\/\/\[::1\]:\d+$/);
    assert.equal((await talk(execUrl(own, "true"), { offer: V4 }))[0], "101");
  } finally {
    await own.close();
  }
});

test("close breaks sessions and tells their processes", async () => {
  const before = countResources();
  const own = await startStreamingServer(programs);
  const talking = talk(execUrl(own, "wait", { stdin: true }), { offer: V4 });
  while (own.sessions === 0) await sleep(5);
  await own.close();
  await own.close();
  assert.match((await talking).at(-1) ?? "", /^(?:end|reset)$/);
  for (let turn = 0; own.sessions > 0 && turn < 100; turn++) await sleep(10);
  assert.equal(own.sessions, 0);
  await assertNothingLeft(before);
});

test("a connection on which nothing happens is closed after the idle time", async () => {
  const own = await startStreamingServer({ ...programs, idleTimeoutMs: 100 });
  try {
    const lines = await frames(execUrl(own, "wait", { stdin: true }), { offer: V4 });
    assert.match(lines.at(-1) ?? "", /^(?:end|reset)$/);
  } finally {
    await own.close();
  }
});

test("input is not read ahead of the process", async () => {
  let go: () => void = () => {};
  const may = new Promise<void>((resolve) => {
    go = resolve;
  });
  let seen = 0;
  const own = await startStreamingServer({
    ...programs,
    exec: async (_request, { stdin }) => {
      await may;
      for await (const bytes of stdin) {
        seen += bytes.byteLength;
        if (seen >= 64 * 60_000) break;
      }
      return { exitCode: 0 };
    },
  });
  try {
    const message = binary(`\0${"x".repeat(60_000)}`);
    // A ping behind input that is not read is not answered: the server waits, as the runtimes' does.
    const steps = [...Array.from({ length: 64 }, () => message), frame(9, "late"), 200];
    const talking = frames(execUrl(own, "any", { stdin: true }), { offer: V4, steps });
    await sleep(150);
    assert.equal(seen, 0);
    go();
    const lines = await talking;
    assert.equal(seen, 64 * 60_000);
    assert.equal(lines.at(-2), "close 1000");
  } finally {
    await own.close();
  }
});

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import {
  type CriDiagnosis,
  CriError,
  type CriErrorCode,
  type DiagnoseCriOptions,
  diagnoseCri,
} from "../../src/cri/index.ts";
import { mintCertificate } from "../../src/testing/certificates.ts";
import { type FakeRuntimeOptions, startFakeRuntime } from "../../src/testing/cri-runtime.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const folder = mkdtempSync(join(tmpdir(), "lading-diagnose-"));
after(() => rmSync(folder, { recursive: true, force: true }));
chmodSync(folder, 0o755);
let paths = 0;
const freePath = () => join(folder, `${++paths}.sock`);

/** A diagnosis of this kind, with words, of which nothing is left. */
async function diagnosed<K extends CriDiagnosis["kind"]>(
  endpoint: string,
  kind: K,
  options: DiagnoseCriOptions = {},
): Promise<Extract<CriDiagnosis, { kind: K }>> {
  const before = countResources();
  const diagnosis = await diagnoseCri(endpoint, options);
  assert.equal(diagnosis.kind, kind, diagnosis.message);
  assert.ok(diagnosis.message.length > 10);
  assert.equal(diagnosis.hint === "", kind === "ready");
  await assertNothingLeft(before);
  return diagnosis as Extract<CriDiagnosis, { kind: K }>;
}

async function runtimeOf(t: TestContext, options: FakeRuntimeOptions): Promise<string> {
  const runtime = await startFakeRuntime(options);
  t.after(() => runtime.close());
  return runtime.endpoint;
}

async function rawServer(t: TestContext, onConnection: (socket: Socket) => void): Promise<string> {
  const path = freePath();
  const server = createServer((socket) => {
    socket.on("error", () => {});
    t.after(() => socket.destroy());
    socket.resume();
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  return path;
}

async function http2Server(t: TestContext, onStream: (stream: ServerHttp2Stream) => void): Promise<string> {
  const path = freePath();
  const server = createHttp2();
  server.on("session", (session) => {
    session.on("error", () => {});
    t.after(() => session.destroy());
  });
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    onStream(stream);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  return path;
}

const condition = (type: string, status: boolean, reason = "", message = "") => ({
  type,
  status,
  reason,
  message,
});

const withConditions = (...conditions: ReturnType<typeof condition>[]): FakeRuntimeOptions => ({
  runtime: { status: () => ({ status: { conditions }, runtimeHandlers: [{ name: "runc" }] }) },
});

test("a runtime that is ready, with what it says of itself", async (t) => {
  const endpoint = await runtimeOf(
    t,
    withConditions(condition("RuntimeReady", true), condition("NetworkReady", true)),
  );
  const { facts, message } = await diagnosed(endpoint, "ready");
  assert.equal(facts.version.runtimeName, "fake");
  assert.equal(facts.apiVersion, "v1");
  assert.deepEqual(
    facts.conditions.map(({ type }) => type),
    ["RuntimeReady", "NetworkReady"],
  );
  assert.equal(facts.runtimeHandlers[0]?.name, "runc");
  assert.ok(message.includes("fake 1.0.0"));
});

test("no socket: the highest path that is not there is named", async () => {
  mkdirSync(join(folder, "there"));
  const cases: [path: string, missing: string][] = [
    [join(folder, "absent.sock"), join(folder, "absent.sock")],
    [join(folder, "there", "x.sock"), join(folder, "there", "x.sock")],
    [join(folder, "a", "b", "c.sock"), join(folder, "a")],
  ];
  for (const [path, missing] of cases) {
    for (const endpoint of [path, `unix://${path}`]) {
      const diagnosis = await diagnosed(endpoint, "socket-absent");
      assert.equal(diagnosis.missing, missing);
      assert.ok(diagnosis.message.includes(missing));
    }
  }
  const file = freePath();
  writeFileSync(file, "");
  assert.equal((await diagnosed(join(file, "x.sock"), "socket-absent")).missing, join(file, "x.sock"));
  const dangling = freePath();
  symlinkSync(join(folder, "nowhere"), dangling);
  await diagnosed(dangling, "socket-absent");
});

test("something else at the path", async () => {
  const file = freePath();
  writeFileSync(file, "", { mode: 0o640 });
  const diagnosis = await diagnosed(file, "not-a-socket");
  assert.equal(diagnosis.type, "regular file");
  assert.equal(diagnosis.file.mode, "0640");
  const directory = freePath();
  mkdirSync(directory);
  assert.equal((await diagnosed(directory, "not-a-socket")).type, "directory");
});

test("a socket, or a folder above it, that does not let this process in", {
  skip: process.platform === "win32",
}, async (t) => {
  const inner = join(folder, "inner");
  mkdirSync(inner);
  const open = join(inner, "x.sock");
  const closed = freePath();
  for (const socketPath of [open, closed]) await runtimeOf(t, { socketPath });
  chmodSync(closed, 0o600);
  chmodSync(inner, 0o700);
  // Permissions do not bind root, so that root becomes somebody else for a moment.
  const isRoot = process.getuid?.() === 0;
  if (!isRoot) {
    chmodSync(closed, 0o000);
    chmodSync(inner, 0o000);
  }
  if (isRoot) process.seteuid?.(65534);
  try {
    const bySocket = await diagnosed(closed, "permission-denied");
    assert.equal(bySocket.file?.path, closed);
    assert.equal(bySocket.file?.mode, isRoot ? "0600" : "0000");
    assert.equal(bySocket.file?.uid, process.getuid?.());
    assert.equal(bySocket.error.systemCode, "EACCES");
    assert.ok(bySocket.message.includes(`user ${bySocket.file?.uid}`));
    const byFolder = await diagnosed(open, "permission-denied");
    assert.equal(byFolder.file?.path, inner);
    assert.equal(byFolder.file?.mode, isRoot ? "0700" : "0000");
  } finally {
    if (isRoot) process.seteuid?.(0);
    chmodSync(inner, 0o700);
  }
});

test("a socket without a listener", async () => {
  const path = freePath();
  // A process that is killed leaves its socket behind.
  const program = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 9))`;
  spawnSync(process.execPath, ["-e", program]);
  const { error } = await diagnosed(path, "no-listener");
  assert.equal(error.systemCode, "ECONNREFUSED");
  await diagnosed("tcp://127.0.0.1:1", "no-listener", { allowTcp: true });
});

test("no answer in time, at each stage", async (t) => {
  const silent = await rawServer(t, (socket) => socket.resume());
  const options = { timeoutMs: 150 };
  assert.equal((await diagnosed(silent, "no-answer", options)).stage, "connection");
  const hanging = await http2Server(t, () => {});
  assert.equal((await diagnosed(hanging, "no-answer", options)).stage, "version");
  const slow = await runtimeOf(t, { runtime: { status: () => new Promise(() => {}) } });
  const diagnosis = await diagnosed(slow, "no-answer", options);
  assert.equal(diagnosis.stage, "status");
  assert.equal(diagnosis.facts?.version.runtimeName, "fake");
  assert.equal(diagnosis.timeoutMs, 150);
});

test("what does not speak gRPC is shown by what it says", async (t) => {
  const strangers: [onConnection: (socket: Socket) => void, seen: RegExp][] = [
    [(socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n"), /^SSH-2\.0-OpenSSH_9\.2$/],
    [
      (socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
      /^HTTP\/1\.1 400 Bad Request$/,
    ],
    [(socket) => socket.destroy(), /^$/],
    [(socket) => socket.once("data", () => socket.end()), /^$/],
    [(socket) => socket.write(Buffer.alloc(100_000, 0xa5)), /^(?:\\xa5){120}$/],
    [(socket) => socket.write(Buffer.from("ffffff0400000000ff", "hex")), /^\\xff\\xff\\xff\\x04/],
    [(socket) => socket.write("\x1b[2J"), /^\\x1b\[2J$/],
  ];
  for (const [onConnection, seen] of strangers) {
    const path = await rawServer(t, onConnection);
    const diagnosis = await diagnosed(path, "not-grpc", { timeoutMs: 1000 });
    assert.match(diagnosis.seen, seen);
    assert.match(diagnosis.message, /^[\x20-\x7e]*$/);
  }
  const web = await http2Server(t, (stream) => stream.respond({ ":status": 404 }, { endStream: true }));
  assert.match((await diagnosed(web, "not-grpc")).seen, /404/);
});

test("gRPC without CRI, and CRI of an old version alone", async (t) => {
  const none = await runtimeOf(t, { apiVersions: [] });
  const { error, hint } = await diagnosed(none, "no-cri-service");
  assert.equal(error.details, "unknown service runtime.v1.RuntimeService");
  assert.ok(hint.includes("disabled_plugins"));
  const old = await runtimeOf(t, { apiVersions: ["v1alpha2"] });
  const { facts } = await diagnosed(old, "v1alpha2-only");
  assert.equal(facts.apiVersion, "v1alpha2");
  assert.equal(facts.conditions.length, 2);
});

test("a server that is still starting, in Version or in Status", async (t) => {
  const fail = (): never => {
    throw new CriError("ERR_CRI_UNAVAILABLE", "server is not initialized yet");
  };
  const atVersion = await diagnosed(await runtimeOf(t, { runtime: { version: fail } }), "initializing");
  assert.equal(atVersion.facts, undefined);
  const atStatus = await diagnosed(await runtimeOf(t, { runtime: { status: fail } }), "initializing");
  assert.equal(atStatus.facts?.version.runtimeName, "fake");
});

const NOT_READY: [kind: "runtime-not-ready" | "network-not-ready", FakeRuntimeOptions, reason: string][] = [
  [
    "runtime-not-ready",
    withConditions(
      condition("RuntimeReady", false, "Broken", "no shim"),
      condition("NetworkReady", false, "NetworkPluginNotReady", "cni plugin not initialized"),
    ),
    "Broken",
  ],
  [
    "network-not-ready",
    withConditions(
      condition("ContainerdHasNoDeprecationWarnings", false, "ContainerdHasDeprecationWarnings", "{}"),
      condition("NetworkReady", false, "NetworkPluginNotReady", "cni plugin not initialized"),
      condition("RuntimeReady", true),
    ),
    "NetworkPluginNotReady",
  ],
  ["network-not-ready", withConditions(condition("RuntimeReady", true), condition("Other", true)), ""],
  ["runtime-not-ready", withConditions(condition("NetworkReady", true), condition("Other", true)), ""],
];

for (const [kind, options, reason] of NOT_READY) {
  test(`${kind}${reason && `: ${reason}`}`, async (t) => {
    const diagnosis = await diagnosed(await runtimeOf(t, options), kind);
    assert.equal(diagnosis.reason, reason);
    assert.ok(diagnosis.detail.length > 0);
    assert.ok(diagnosis.message.includes(diagnosis.detail));
    assert.equal(diagnosis.facts.conditions.length >= 2, true);
  });
}

test("any other failure is told with its error", async (t) => {
  for (const code of ["ERR_CRI_UNKNOWN", "ERR_CRI_UNAVAILABLE", "ERR_CRI_PERMISSION_DENIED"] as const) {
    const fail = (): never => {
      throw new CriError(code, "broken");
    };
    const atVersion = await diagnosed(await runtimeOf(t, { runtime: { version: fail } }), "failed");
    assert.equal(atVersion.error.code, code);
    const atStatus = await diagnosed(await runtimeOf(t, { runtime: { status: fail } }), "failed");
    assert.equal(atStatus.error.code, code);
    assert.equal(atStatus.facts?.apiVersion, "v1");
  }
  const incomplete = await runtimeOf(t, { runtime: { status: () => ({}) } });
  const expected: CriErrorCode = "ERR_CRI_INVALID_RESPONSE";
  assert.equal((await diagnosed(incomplete, "failed")).error.code, expected);
  const huge = await runtimeOf(t, {
    maxMessageBytes: 64 * 1024 * 1024,
    runtime: {
      status: () => ({
        status: { conditions: [] },
        info: { x: "x".repeat(20 * 1024 * 1024) },
      }),
    },
  });
  assert.equal(
    (await diagnosed(huge, "failed", { timeoutMs: 20_000 })).error.code,
    "ERR_CRI_RESOURCE_EXHAUSTED",
  );
});

test("a server in the middle of an answer that closes", async (t) => {
  const path = await http2Server(t, (stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" });
    stream.write(Buffer.of(0, 0, 0, 1, 0, 8));
    setTimeout(() => stream.session?.destroy(), 20);
  });
  await diagnosed(path, "failed");
});

test("texts that are no endpoints, which may hold secrets", async () => {
  for (const endpoint of ["", "x.sock", "http://a:b@c", "npipe:////./pipe/x", "tcp://127.0.0.1:1"]) {
    const diagnosis = await diagnosed(endpoint, "endpoint-refused");
    assert.match(diagnosis.error.code, /^ERR_CRI_ENDPOINT_/);
  }
  const { message } = await diagnosed("tcp://user:secret@127.0.0.1:1", "endpoint-refused", {
    allowTcp: true,
  });
  assert.ok(!message.includes("secret"));
});

test("a handshake that fails", async (t) => {
  const runtime = await startFakeRuntime({ tcpHost: "127.0.0.1" });
  t.after(() => runtime.close());
  const now = Date.now();
  const { pem } = mintCertificate({
    subject: "ca",
    notBefore: now - 1000,
    notAfter: now + 60_000,
    isCa: true,
  });
  const diagnosis = await diagnosed(runtime.endpoint, "tls-refused", { tls: { ca: pem } });
  assert.ok(diagnosis.error.systemCode);
});

test("an abort rejects with its reason, before, and at each look", async (t) => {
  const reason = new Error("mine");
  const silent = await rawServer(t, (socket) => socket.resume());
  const before = countResources();
  for (const endpoint of [silent, "/absent.sock", "no endpoint"]) {
    await assert.rejects(
      diagnoseCri(endpoint, { signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
  }
  // During the call, and during the look after it.
  for (const [timeoutMs, abortMs] of [
    [2000, 50],
    [300, 400],
  ] as const) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), abortMs);
    await assert.rejects(
      diagnoseCri(silent, { signal: controller.signal, timeoutMs }),
      (error) => error === reason,
    );
  }
  await assertNothingLeft(before);
});

test("options that no call has are the caller's mistake", async () => {
  await assert.rejects(diagnoseCri("/x.sock", { timeoutMs: 0 }), RangeError);
  await assert.rejects(diagnoseCri("/x.sock", { maxReceiveBytes: -1 }), RangeError);
  await assert.rejects(diagnoseCri("tcp://127.0.0.1:1", { tls: { ca: "" } }), TypeError);
});

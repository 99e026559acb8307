import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp2 } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { inspect } from "node:util";
import { CriError, connectCri } from "../../src/cri/index.ts";
import { type FakeRuntimeOptions, startFakeRuntime } from "../../src/testing/cri-runtime.ts";

const folder = mkdtempSync(join(tmpdir(), "lading-connect-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let sockets = 0;
const freePath = () => join(folder, `${++sockets}.sock`);

/** A fake runtime that ends with the test. */
async function runtimeOf(t: TestContext, options: FakeRuntimeOptions) {
  const runtime = await startFakeRuntime(options);
  t.after(() => runtime.close());
  return runtime;
}

/** A server that does with each connection what it is told, and ends with the test. */
async function rawServer(t: TestContext, onConnection: (socket: Socket) => void): Promise<string> {
  const path = freePath();
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return `unix://${path}`;
}

test("a connection tells what it found", async (t) => {
  const runtime = await runtimeOf(t, {});
  const cri = await connectCri({ endpoint: runtime.endpoint });
  t.after(() => cri.close());
  assert.equal(cri.apiVersion, "v1");
  assert.equal(cri.version.runtimeName, "fake");
  assert.equal(cri.endpoint, runtime.endpoint);
  assert.equal(cri.imageEndpoint, runtime.endpoint);
  assert.equal(runtime.calls.length, 1);
});

test("the authority is localhost, and a connection that fails is not left open", async (t) => {
  // HTTP/2 servers in Rust reset a stream whose authority is a socket path.
  const path = freePath();
  let authority: unknown;
  const server = createHttp2();
  server.on("stream", (stream, headers) => {
    authority = headers[":authority"];
    stream.respond(
      { ":status": 200, "content-type": "application/grpc", "grpc-status": "5" },
      { endStream: true },
    );
  });
  const closed = new Promise<void>((resolve) =>
    server.on("session", (session) => session.on("close", resolve)),
  );
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  await assert.rejects(connectCri({ endpoint: `unix://${path}` }), { code: "ERR_CRI_NOT_FOUND" });
  assert.equal(authority, "localhost");
  await closed;
});

test("a path in bare and in URL form, with characters that a URL encodes", async (t) => {
  const socketPath = join(folder, "größe %41 日本.sock");
  const runtime = await runtimeOf(t, { socketPath });
  for (const endpoint of [socketPath, runtime.endpoint]) {
    const cri = await connectCri({ endpoint });
    assert.equal(cri.endpoint, runtime.endpoint);
    assert.ok(!cri.endpoint.includes(" "));
    await cri.close();
  }
});

test("TCP goes to loopback, IPv6 too, and only where it is asked for", async (t) => {
  for (const tcpHost of ["127.0.0.1", "[::1]"]) {
    const { endpoint } = await runtimeOf(t, { tcpHost });
    const cri = await connectCri({ endpoint, allowTcp: true });
    assert.equal(cri.endpoint, endpoint);
    await cri.close();
    if (process.platform !== "win32") {
      await assert.rejects(connectCri({ endpoint }), { code: "ERR_CRI_ENDPOINT_UNSUPPORTED" });
    }
  }
});

test("a proxy of the environment is not used", async (t) => {
  const { endpoint } = await runtimeOf(t, { tcpHost: "127.0.0.1" });
  const names = ["http_proxy", "grpc_proxy", "https_proxy"];
  const saved = names.map((name) => process.env[name]);
  t.after(() => {
    for (const [at, name] of names.entries()) {
      const value = saved[at];
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  for (const name of names) process.env[name] = "http://127.0.0.1:1";
  const cri = await connectCri({ endpoint, allowTcp: true });
  await cri.close();
});

test("a runtime with v1alpha2 only is called under that name", async (t) => {
  const runtime = await runtimeOf(t, {
    apiVersions: ["v1alpha2"],
    runtime: { listContainers: () => ({ containers: [{ id: "c", createdAt: 2n ** 60n }] }) },
    image: { listImages: () => ({ images: [{ id: "i", size: 5n }] }) },
  });
  const cri = await connectCri({ endpoint: runtime.endpoint });
  t.after(() => cri.close());
  assert.equal(cri.apiVersion, "v1alpha2");
  assert.equal((await cri.runtime.listContainers({})).containers[0]?.createdAt, 2n ** 60n);
  assert.equal((await cri.image.listImages({})).images[0]?.size, 5n);
  assert.deepEqual(new Set(runtime.calls.map(({ apiVersion }) => apiVersion)), new Set(["v1alpha2"]));
});

test("v1 goes first where both are there", async (t) => {
  const runtime = await runtimeOf(t, { apiVersions: ["v1alpha2", "v1"] });
  const cri = await connectCri({ endpoint: runtime.endpoint });
  assert.equal(cri.apiVersion, "v1");
  await cri.close();
});

test("a server without CRI is told from one that fails", async (t) => {
  const none = await runtimeOf(t, { apiVersions: [] });
  await assert.rejects(connectCri({ endpoint: none.endpoint }), {
    name: "CriError",
    code: "ERR_CRI_NO_SERVICE",
    details: "unknown service runtime.v1.RuntimeService",
  });
  // A failure of v1 is not a reason to try the other package.
  for (const code of ["ERR_CRI_UNAVAILABLE", "ERR_CRI_UNKNOWN", "ERR_CRI_PERMISSION_DENIED"] as const) {
    const failing = await runtimeOf(t, {
      apiVersions: ["v1", "v1alpha2"],
      runtime: {
        version: (_, { apiVersion }) => {
          if (apiVersion === "v1") throw new CriError(code, "server is not initialized yet");
          return {};
        },
      },
    });
    await assert.rejects(connectCri({ endpoint: failing.endpoint }), { code });
    assert.equal(failing.calls.length, 1);
  }
  // "not implemented" as the text of an unknown failure is no reason either.
  const odd = await runtimeOf(t, {
    apiVersions: ["v1", "v1alpha2"],
    runtime: {
      version: () => {
        throw new CriError("ERR_CRI_UNKNOWN", "not implemented yet");
      },
    },
  });
  await assert.rejects(connectCri({ endpoint: odd.endpoint }), { code: "ERR_CRI_UNIMPLEMENTED" });
  assert.equal(odd.calls.length, 1);
});

for (const field of ["version", "runtimeName", "runtimeVersion", "runtimeApiVersion"]) {
  test(`a Version answer without ${field} is no connection`, async (t) => {
    const full = { version: "0.1.0", runtimeName: "r", runtimeVersion: "1", runtimeApiVersion: "v1" };
    const { endpoint } = await runtimeOf(t, { runtime: { version: () => ({ ...full, [field]: "" }) } });
    await assert.rejects(connectCri({ endpoint }), { code: "ERR_CRI_INVALID_RESPONSE" });
  });
}

test("an image endpoint of its own is checked and used for images", async (t) => {
  const runtime = await runtimeOf(t, {});
  const images = await runtimeOf(t, {
    apiVersions: ["v1alpha2"],
    image: { listImages: () => ({ images: [{ id: "there" }] }) },
  });
  const cri = await connectCri({ endpoint: runtime.endpoint, imageEndpoint: images.endpoint });
  t.after(() => cri.close());
  assert.equal(cri.imageEndpoint, images.endpoint);
  assert.equal((await cri.image.listImages({})).images[0]?.id, "there");
  assert.deepEqual(
    images.calls.map(({ method }) => method),
    ["ImageService/ImageFsInfo", "ImageService/ListImages"],
  );
  const none = await runtimeOf(t, { apiVersions: [] });
  await assert.rejects(connectCri({ endpoint: runtime.endpoint, imageEndpoint: none.endpoint }), {
    code: "ERR_CRI_NO_SERVICE",
  });
});

test("a socket that is absent, or has no listener, is named in the error", async () => {
  const absent = join(folder, "absent.sock");
  await assert.rejects(connectCri({ endpoint: absent }), {
    code: "ERR_CRI_UNAVAILABLE",
    systemCode: "ENOENT",
    status: { number: 14, name: "UNAVAILABLE" },
  });
  const file = join(folder, "file.sock");
  writeFileSync(file, "");
  await assert.rejects(connectCri({ endpoint: file }), {
    code: "ERR_CRI_UNAVAILABLE",
    systemCode: "ECONNREFUSED",
  });
  await assert.rejects(connectCri({ endpoint: join(file, "below.sock") }), { systemCode: "ENOTDIR" });
  await assert.rejects(connectCri({ endpoint: folder }), { code: "ERR_CRI_UNAVAILABLE" });
  await assert.rejects(connectCri({ endpoint: "tcp://127.0.0.1:1", allowTcp: true }), {
    code: "ERR_CRI_UNAVAILABLE",
    systemCode: "ECONNREFUSED",
  });
});

test("a socket that may not be opened is named in the error", {
  skip: process.platform === "win32",
}, async (t) => {
  const { endpoint } = await runtimeOf(t, { socketPath: join(folder, "closed.sock") });
  chmodSync(join(folder, "closed.sock"), 0o000);
  chmodSync(folder, 0o755);
  // Permissions do not bind root, so that root becomes somebody else for a moment.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid?.(65534);
  try {
    await assert.rejects(connectCri({ endpoint }), { code: "ERR_CRI_UNAVAILABLE", systemCode: "EACCES" });
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});

const STRANGERS: [name: string, onConnection: (socket: Socket) => void][] = [
  ["closes at once", (socket) => socket.destroy()],
  ["closes after the preface", (socket) => socket.once("data", () => socket.end())],
  ["greets as SSH does", (socket) => socket.write("SSH-2.0-OpenSSH_9.2\r\n")],
  [
    "answers in HTTP/1.1",
    (socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
  ],
  ["sends random bytes", (socket) => socket.write(Buffer.alloc(100_000, 0xa5))],
  ["sends a frame that is too large", (socket) => socket.write(Buffer.from("ffffff0000000000ff", "hex"))],
];

for (const [name, onConnection] of STRANGERS) {
  test(`a server that ${name} is unavailable`, async (t) => {
    const endpoint = await rawServer(t, onConnection);
    await assert.rejects(connectCri({ endpoint, connectTimeoutMs: 2000 }), { code: "ERR_CRI_UNAVAILABLE" });
  });
}

test("a server that accepts and says nothing runs into the connect time-out", async (t) => {
  const endpoint = await rawServer(t, () => {});
  const started = Date.now();
  await assert.rejects(connectCri({ endpoint, connectTimeoutMs: 100 }), {
    code: "ERR_CRI_DEADLINE_EXCEEDED",
  });
  assert.ok(Date.now() - started < 3000);
});

test("connecting can be aborted", async (t) => {
  const endpoint = await rawServer(t, () => {});
  const reason = new Error("mine");
  await assert.rejects(
    connectCri({ endpoint, signal: AbortSignal.abort(reason) }),
    (error) => error === reason,
  );
  const controller = new AbortController();
  const connecting = connectCri({ endpoint, signal: controller.signal });
  setTimeout(() => controller.abort(reason), 20);
  await assert.rejects(connecting, (error) => error === reason);
});

test("wrong options are the caller's mistake", async () => {
  for (const options of [{ maxReceiveBytes: -1 }, { maxReceiveBytes: 1.5 }, { connectTimeoutMs: 0 }]) {
    await assert.rejects(connectCri({ endpoint: "/x.sock", ...options }), RangeError);
  }
  await assert.rejects(connectCri({ endpoint: "x.sock" }), { code: "ERR_CRI_ENDPOINT_INVALID" });
  await assert.rejects(connectCri({ endpoint: "/x.sock", imageEndpoint: "y" }), {
    code: "ERR_CRI_ENDPOINT_INVALID",
  });
});

test("a restart of the runtime needs no new connection", async (t) => {
  const socketPath = freePath();
  const first = await startFakeRuntime({ socketPath });
  const cri = await connectCri({ endpoint: socketPath });
  t.after(() => cri.close());
  await cri.runtime.version({});
  await first.close();
  await assert.rejects(cri.runtime.version({}), { code: "ERR_CRI_UNAVAILABLE" });
  await runtimeOf(t, {
    socketPath,
    runtime: {
      version: () => ({
        version: "0.1.0",
        runtimeName: "second",
        runtimeVersion: "2",
        runtimeApiVersion: "v1",
      }),
    },
  });
  const end = Date.now() + 10_000;
  for (;;) {
    try {
      assert.equal((await cri.runtime.version({})).runtimeName, "second");
      break;
    } catch (error) {
      assert.ok(error instanceof CriError && error.code === "ERR_CRI_UNAVAILABLE", String(error));
      assert.ok(Date.now() < end, "no connection ten seconds after the restart");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
});

test("a stream that is open when the runtime dies fails", async () => {
  const runtime = await startFakeRuntime({
    runtime: {
      async *getContainerEvents(_, { signal }) {
        yield { containerId: "c" };
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    },
  });
  const cri = await connectCri({ endpoint: runtime.endpoint });
  const events = cri.runtime.getContainerEvents({});
  await events.next();
  const failing = assert.rejects(events.next(), (error) => {
    assert.ok(error instanceof CriError);
    return ["ERR_CRI_UNAVAILABLE", "ERR_CRI_CANCELLED"].includes(error.code);
  });
  await runtime.close();
  await failing;
  await cri.close();
});

test("the policy's refusal of an image reaches the caller with its reason and text", async (t) => {
  const text =
    "SignatureValidationFailed: Source image rejected: A signature was required, but no signature exists";
  const { endpoint } = await runtimeOf(t, {
    image: {
      pullImage: () => {
        throw new CriError("ERR_CRI_UNKNOWN", text);
      },
    },
  });
  const cri = await connectCri({ endpoint });
  t.after(() => cri.close());
  await assert.rejects(cri.image.pullImage({ image: { image: "quay.io/crio/signed:latest" } }), {
    code: "ERR_CRI_UNKNOWN",
    reason: "SignatureValidationFailed",
    details: text,
  });
});

test("credentials that a runtime repeats are in no part of the error", async (t) => {
  const { endpoint } = await runtimeOf(t, {
    image: {
      pullImage: ({ auth }) => {
        const basic = Buffer.from(`${auth?.username}:${auth?.password}`).toString("base64");
        throw new CriError(
          "ERR_CRI_UNKNOWN",
          `401 for ${auth?.password}, Basic ${basic}, ${auth?.identityToken}`,
        );
      },
    },
  });
  const cri = await connectCri({ endpoint });
  t.after(() => cri.close());
  const auth = { username: "bob", password: "hunter2", identityToken: "eyJhbGciOi" };
  const pull = cri.image.pullImage({ image: { image: "x" }, auth });
  const error = await pull.then(
    () => assert.fail("no error"),
    (reason: unknown) => reason,
  );
  const shown = inspect(error, { depth: 10, showHidden: true });
  assert.match(shown, /401 for \[redacted\], Basic \[redacted\], \[redacted\]/);
  for (const secret of ["hunter2", "eyJhbGciOi", Buffer.from("bob:hunter2").toString("base64")]) {
    assert.ok(!shown.includes(secret), secret);
  }
});

test("an idle connection, and a failed one, do not keep the process", async (t) => {
  const { endpoint } = await runtimeOf(t, {});
  const silent = await rawServer(t, () => {});
  const program = `
    import { connectCri } from ${JSON.stringify(new URL("../../src/cri/index.ts", import.meta.url).href)};
    const cri = await connectCri({ endpoint: ${JSON.stringify(endpoint)} });
    await cri.runtime.version({});
    await connectCri({ endpoint: ${JSON.stringify(silent)}, connectTimeoutMs: 200 }).catch((error) => console.log(error.code));
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 10_000,
  });
  let out = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on("close", (status, killed) => resolve([status, killed]));
  });
  assert.deepEqual(
    { code, signal, out: out.trim() },
    { code: 0, signal: null, out: "ERR_CRI_DEADLINE_EXCEEDED" },
  );
});

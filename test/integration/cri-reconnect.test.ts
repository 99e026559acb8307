import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttp2 } from "node:http2";
import { connect as connectSocket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { connectCri, VersionResponseSchema } from "../../src/cri/index.ts";
import { startFakeRuntime } from "../../src/testing/cri-runtime.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const folder = mkdtempSync(join(tmpdir(), "lading-reconnect-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let sockets = 0;
const freePath = () => join(folder, `${++sockets}.sock`);

const called = (runtimeName: string) => () => ({
  version: "0.1.0",
  runtimeName,
  runtimeVersion: "1",
  runtimeApiVersion: "v1",
});

test("the first call after the runtime is back succeeds, however long it was away", async (t) => {
  const before = countResources();
  const socketPath = freePath();
  const first = await startFakeRuntime({ socketPath });
  const cri = await connectCri({ endpoint: socketPath });
  await first.close();
  // Each failure makes a client wait longer before it looks again, unless it is made to look.
  for (let turn = 0; turn < 20; turn++) {
    await assert.rejects(cri.runtime.version({}), { code: "ERR_CRI_UNAVAILABLE" });
    await assert.rejects(cri.image.imageFsInfo({}), { code: "ERR_CRI_UNAVAILABLE" });
  }
  const second = await startFakeRuntime({ socketPath, runtime: { version: called("second") } });
  assert.equal((await cri.runtime.version({})).runtimeName, "second");
  await cri.image.imageFsInfo({});
  await second.close();
  await Promise.all(
    Array.from({ length: 50 }, () =>
      assert.rejects(cri.runtime.version({}), { code: "ERR_CRI_UNAVAILABLE" }),
    ),
  );
  const third = await startFakeRuntime({ socketPath, runtime: { version: called("third") } });
  const answers = await Promise.all(Array.from({ length: 50 }, () => cri.runtime.version({})));
  assert.deepEqual(new Set(answers.map(({ runtimeName }) => runtimeName)), new Set(["third"]));
  t.after(() => third.close());
  await cri.close();
  await assert.rejects(cri.runtime.version({}), { code: "ERR_CRI_CLOSED" });
  await third.close();
  await assertNothingLeft(before);
});

test("a stream begins anew after a restart as well", async (t) => {
  const socketPath = freePath();
  const first = await startFakeRuntime({ socketPath });
  const cri = await connectCri({ endpoint: socketPath });
  t.after(() => cri.close());
  await first.close();
  await assert.rejects(cri.runtime.getContainerEvents({}).next(), { code: "ERR_CRI_UNAVAILABLE" });
  const second = await startFakeRuntime({
    socketPath,
    runtime: { getContainerEvents: () => [{ containerId: "c" }] },
  });
  t.after(() => second.close());
  const { value } = await cri.runtime.getContainerEvents({}).next();
  assert.equal(value?.containerId, "c");
});

test("a runtime that comes back with another package needs a new connection", async (t) => {
  const socketPath = freePath();
  const first = await startFakeRuntime({ socketPath, apiVersions: ["v1alpha2"] });
  const cri = await connectCri({ endpoint: socketPath });
  t.after(() => cri.close());
  await first.close();
  const second = await startFakeRuntime({ socketPath, apiVersions: ["v1"] });
  t.after(() => second.close());
  await assert.rejects(cri.runtime.version({}), { code: "ERR_CRI_UNIMPLEMENTED" });
  assert.equal(cri.apiVersion, "v1alpha2");
});

test("connecting waits for a runtime that is still to come", async (t) => {
  const before = countResources();
  const socketPath = freePath();
  const started = Date.now();
  const connecting = connectCri({ endpoint: socketPath, connectRetries: 3 });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const runtime = await startFakeRuntime({ socketPath });
  const cri = await connecting;
  assert.ok(Date.now() - started >= 450, "it did not wait half a second");
  assert.ok(Date.now() - started < 1400, "it waited longer than half a second");
  await cri.close();
  await runtime.close();
  await assertNothingLeft(before);
  t.diagnostic(`connected after ${Date.now() - started} ms`);
});

test("connecting again ends when the tries are used up, or at an abort", async () => {
  const before = countResources();
  const absent = freePath();
  const started = Date.now();
  await assert.rejects(connectCri({ endpoint: absent, connectRetries: 1 }), { systemCode: "ENOENT" });
  assert.ok(Date.now() - started >= 450 && Date.now() - started < 1400);
  const reason = new Error("mine");
  const controller = new AbortController();
  const connecting = connectCri({ endpoint: absent, connectRetries: Infinity, signal: controller.signal });
  setTimeout(() => controller.abort(reason), 100);
  await assert.rejects(connecting, (error) => error === reason);
  await assertNothingLeft(before);
});

test("what has answered is not tried again", async (t) => {
  const none = await startFakeRuntime({ apiVersions: [] });
  t.after(() => none.close());
  const started = Date.now();
  await assert.rejects(connectCri({ endpoint: none.endpoint, connectRetries: Infinity }), {
    code: "ERR_CRI_NO_SERVICE",
  });
  assert.ok(Date.now() - started < 450);
});

test("pings find a server that has gone silent, and none are sent unless asked for", async (t) => {
  const path = freePath();
  const version = toBinary(VersionResponseSchema, create(VersionResponseSchema, called("silent")()));
  const server = createHttp2();
  let pings = 0;
  server.on("session", (session) => {
    session.on("error", () => {});
    session.on("ping", () => pings++);
    t.after(() => session.destroy());
  });
  let calls = 0;
  server.on("stream", (stream) => {
    stream.on("error", () => {});
    if (++calls % 2 === 0) return;
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.concat([Buffer.of(0, 0, 0, 0, version.length), version]));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  // A machine that is gone reads nothing any more.
  const front = freePath();
  let silence: () => void = () => {};
  const relay = createServer((socket) => {
    const behind = connectSocket(path);
    for (const each of [socket, behind]) {
      each.on("error", () => {});
      t.after(() => each.destroy());
    }
    socket.pipe(behind).pipe(socket);
    silence = () => socket.unpipe().pause();
  });
  await new Promise<void>((resolve) => relay.listen(front, resolve));
  t.after(() => relay.close());

  const quiet = await connectCri({ endpoint: path });
  await assert.rejects(quiet.runtime.version({}, { timeoutMs: 400 }), { code: "ERR_CRI_DEADLINE_EXCEEDED" });
  await quiet.close();
  assert.equal(pings, 0);

  const cri = await connectCri({ endpoint: front, keepalive: { intervalMs: 100, timeoutMs: 100 } });
  t.after(() => cri.close());
  const pending = assert.rejects(cri.runtime.version({}, { timeoutMs: 5000 }), {
    code: "ERR_CRI_UNAVAILABLE",
  });
  while (pings === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  silence();
  await pending;
});

test("a server that says nothing at all is let go of", async (t) => {
  const before = countResources();
  const path = freePath();
  let sockets = 0;
  const server = createServer((socket) => {
    sockets++;
    socket.on("error", () => {});
    socket.on("close", () => sockets--);
    t.after(() => socket.destroy());
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  await assert.rejects(connectCri({ endpoint: path, connectTimeoutMs: 100 }), {
    code: "ERR_CRI_DEADLINE_EXCEEDED",
  });
  const controller = new AbortController();
  const connecting = connectCri({ endpoint: path, signal: controller.signal });
  while (sockets === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  controller.abort(new Error("mine"));
  await assert.rejects(connecting, { message: "mine" });
  while (sockets > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await new Promise((resolve) => server.close(resolve));
  await assertNothingLeft(before);
});

test("numbers that no option takes are the caller's mistake", async () => {
  const endpoint = "/x.sock";
  for (const options of [
    { connectRetries: -1 },
    { connectRetries: 0.5 },
    { connectRetries: Number.NaN },
    { keepalive: { intervalMs: 0 } },
    { keepalive: { intervalMs: 2 ** 31 } },
    { keepalive: { intervalMs: 1000, timeoutMs: 0 } },
    { connectTimeoutMs: 0 },
  ]) {
    await assert.rejects(connectCri({ endpoint, ...options }), RangeError, JSON.stringify(options));
  }
});

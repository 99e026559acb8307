import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { streamOf } from "../../src/core/bytes.ts";
import { describeContent, fetchBlob, fetchManifest } from "../../src/oci/index.ts";
import { clientFor, eventually, pairFor, pushSample, serverFor } from "./registry-setup.ts";

const reason = { any: "value, not only an error" };
const isReason = (error: unknown): boolean => error === reason;

/** A registry whose blobs never end coming. */
async function slowBlobs(t: Parameters<typeof pairFor>[0]) {
  let slow = false;
  const pair = await pairFor(t, {
    alter: ({ method, path }, reply) =>
      slow && method === "GET" && path.includes("/blobs/")
        ? { ...reply, body: drip(reply.body as Uint8Array) }
        : reply,
  });
  const sample = await pushSample(pair.repository);
  slow = true;
  return { ...pair, ...sample };
}

async function* drip(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body.subarray(0, 10);
  await new Promise(() => {});
}

test("an abort before anything is sent sends nothing", async (t) => {
  const { server, registry, repository } = await pairFor(t);
  const signal = AbortSignal.abort(reason);
  const descriptor = describeContent(Buffer.from("x"), "a/b");
  await assert.rejects(registry.resolve(`${server.host}/a/b`, { signal }), isReason);
  await assert.rejects(repository.resolve("v1", { signal }), isReason);
  await assert.rejects(repository.exists(descriptor, { signal }), isReason);
  await assert.rejects(repository.push(descriptor, Buffer.from("x"), { signal }), isReason);
  await assert.rejects(repository.tag(descriptor, "v1", { signal }), isReason);
  await assert.rejects(fetchBlob(repository, descriptor, { maxBytes: 1, signal }), isReason);
  await assert.rejects(fetchManifest(repository, "v1", { signal }), isReason);
  assert.equal(server.connections.made, 0);
});

test("an abort while waiting for an answer ends the request and its connection", async (t) => {
  const server = await serverFor(t, { intercept: () => new Promise(() => {}) });
  const repository = clientFor(t).repository(`${server.host}/a/b`);
  const controller = new AbortController();
  const pending = repository.resolve("v1", { signal: controller.signal });
  await eventually(() => server.requests.length === 1, "the request is there");
  controller.abort(reason);
  await assert.rejects(pending, isReason);
  await eventually(() => server.connections.open === 0, "the connection is closed");
});

test("an abort within a body ends the stream and its connection", async (t) => {
  const { server, repository, blob } = await slowBlobs(t);
  const controller = new AbortController();
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const chunk of repository.fetch(blob, { signal: controller.signal })) {
      seen.push(chunk.byteLength);
      controller.abort(reason);
    }
  }, isReason);
  assert.deepEqual(seen, [10]);
  await eventually(() => server.connections.open <= 1, "the connection of the body is closed");
});

test("an abort after the end changes nothing", async (t) => {
  const { repository } = await pairFor(t);
  const { blob } = await pushSample(repository);
  const controller = new AbortController();
  const bytes = await fetchBlob(repository, blob, { maxBytes: 1000, signal: controller.signal });
  controller.abort(reason);
  assert.equal(bytes.byteLength, 1000);
  await repository.exists(blob);
});

test("an abort ends the wait before the next try", async (t) => {
  const server = await serverFor(t, { intercept: () => ({ status: 429, headers: { "Retry-After": "50" } }) });
  const repository = clientFor(t).repository(`${server.host}/a/b`);
  const controller = new AbortController();
  const started = Date.now();
  const pending = repository.resolve("v1", { signal: controller.signal });
  await eventually(() => server.requests.length === 1, "the first try was answered");
  setTimeout(() => controller.abort(reason), 30);
  await assert.rejects(pending, isReason);
  assert.ok(Date.now() - started < 5000);
  assert.equal(server.requests.length, 1);
});

test("an abort while content is pushed ends the push and its connection", async (t) => {
  const { server, repository } = await pairFor(t, {
    intercept: ({ method }) => (method === "PUT" ? new Promise(() => {}) : undefined),
  });
  const controller = new AbortController();
  const content = Buffer.from("x");
  const pending = repository.push(describeContent(content, "a/b"), content, { signal: controller.signal });
  await eventually(() => server.requests.at(-1)?.method === "PUT", "the content is being sent");
  controller.abort(reason);
  await assert.rejects(pending, isReason);
});

test("a stream that is left early lets go of its connection, and of the source", async (t) => {
  const { server, repository, blob } = await slowBlobs(t);
  for await (const chunk of repository.fetch(blob)) {
    assert.equal(chunk.byteLength, 10);
    break;
  }
  await eventually(() => server.connections.open <= 1, "the connection of the body is closed");
  assert.equal(await repository.exists(blob), true);
});

test("a stream that is never read asks for nothing", async (t) => {
  const { server, repository, blob } = await slowBlobs(t);
  const before = server.requests.length;
  repository.fetch(blob);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(server.requests.length, before);
});

test("the caller's stream is released when it is not needed, and when a push fails", async (t) => {
  const { repository } = await pairFor(t, {
    intercept: ({ method }) => (method === "POST" ? { status: 403 } : undefined),
  });
  const content = Buffer.from("x");
  const denied = { code: "ERR_OCI_DENIED" };
  const generated = streamOf(content);
  await assert.rejects(repository.push(describeContent(content, "a/b"), generated), denied);
  assert.equal((await generated.next()).done, true);
  const stream = Readable.from([content]);
  await assert.rejects(repository.push(describeContent(content, "a/b"), stream), denied);
  assert.ok(stream.destroyed);
  const other = await pairFor(t);
  await other.repository.push(describeContent(content, "a/b"), content);
  const again = Readable.from([content]);
  await other.repository.push(describeContent(content, "a/b"), again);
  assert.ok(again.destroyed);
});

test("closing breaks what is under way, and leaves no connection", async (t) => {
  const { server, registry, repository, blob } = await slowBlobs(t);
  const reading = fetchBlob(repository, blob, { maxBytes: 1000 });
  const failed = assert.rejects(reading, (error: { code?: string }) =>
    /^ERR_OCI_(CLOSED|NETWORK)$/.test(error.code ?? ""),
  );
  await eventually(() => server.requests.at(-1)?.method === "GET", "the blob is being read");
  await registry.close();
  await failed;
  await assert.rejects(repository.resolve("v1"), { code: "ERR_OCI_CLOSED" });
  await eventually(() => server.connections.open === 0, "every connection is closed");
  await registry.close();
  await registry[Symbol.asyncDispose]();
});

test("a silent registry is given up after the time that was set", async (t) => {
  const server = await serverFor(t, { intercept: () => new Promise(() => {}) });
  const repository = clientFor(t, { headersTimeoutMs: 100, retry: { attempts: 1 } }).repository(
    `${server.host}/a/b`,
  );
  await assert.rejects(repository.resolve("v1"), { code: "ERR_OCI_NETWORK" });
});

test("a body that falls silent is given up after the time that was set", async (t) => {
  const { server, repository, blob } = await slowBlobs(t);
  const impatient = clientFor(t, { bodyTimeoutMs: 100, retry: { attempts: 1 } }).repository(repository.name);
  await assert.rejects(fetchBlob(impatient, blob, { maxBytes: 1000 }), { code: "ERR_OCI_NETWORK" });
  assert.ok(server.requests.length > 0);
});

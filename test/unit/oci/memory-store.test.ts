import assert from "node:assert/strict";
import { test } from "node:test";
import { streamOf } from "../../../src/core/bytes.ts";
import { OCI_MANIFEST } from "../../../src/core/media-types.ts";
import type { Fetcher } from "../../../src/oci/index.ts";
import {
  describeContent,
  fetchBlob,
  fetchManifest,
  memoryStore,
  packManifest,
} from "../../../src/oci/index.ts";

const content = Buffer.from("content");
const descriptor = describeContent(content, "text/plain");

test("content is found by digest, from bytes and from a stream", async () => {
  for (const given of [content, streamOf(content.subarray(0, 3), content.subarray(3))]) {
    const store = memoryStore();
    assert.equal(store.exists(descriptor), false);
    await store.push(descriptor, given);
    assert.equal(store.exists(descriptor), true);
    assert.equal(Buffer.from(await fetchBlob(store, descriptor, { maxBytes: 7 })).toString(), "content");
    assert.deepEqual(await store.resolve(descriptor.digest), descriptor);
  }
});

test("what is kept does not change with the caller's array", async () => {
  const store = memoryStore();
  const bytes = Buffer.from(content);
  await store.push(descriptor, bytes);
  bytes.fill(0);
  for await (const chunk of store.fetch(descriptor)) chunk.fill(0);
  assert.equal(Buffer.from(await fetchBlob(store, descriptor, { maxBytes: 7 })).toString(), "content");
});

test("content that differs is not kept", async () => {
  const store = memoryStore();
  await assert.rejects(store.push(descriptor, Buffer.from("Content")), { code: "ERR_DIGEST_MISMATCH" });
  await assert.rejects(store.push(descriptor, streamOf(content, content)), { code: "ERR_SIZE_MISMATCH" });
  await assert.rejects(store.push({ ...descriptor, size: 8 }, content), { code: "ERR_SIZE_MISMATCH" });
  assert.equal(store.exists(descriptor), false);
});

test("tags need content, and a tag's grammar", async () => {
  const store = memoryStore();
  const { descriptor: manifest, bytes } = packManifest({ artifactType: "a/b" });
  await assert.rejects(store.tag(manifest, "v1"), { code: "ERR_OCI_NOT_FOUND" });
  await store.push(manifest, bytes);
  await assert.rejects(store.tag(manifest, "a/b"), { code: "ERR_REFERENCE_INVALID" });
  await assert.rejects(store.tag({ ...manifest, size: 1 }, "v1"), { code: "ERR_SIZE_MISMATCH" });
  await store.tag(manifest, "v1");
  await store.tag(manifest, "latest");
  assert.deepEqual(
    store.tags().map(([tag]) => tag),
    ["latest", "v1"],
  );
  assert.equal((await fetchManifest(store, "v1")).descriptor.digest, manifest.digest);
  await assert.rejects(store.resolve("v2"), { code: "ERR_OCI_NOT_FOUND" });
});

test("an aborted signal ends every call with its reason", async () => {
  const store = memoryStore();
  await store.push(descriptor, content);
  const signal = AbortSignal.abort("stop");
  const isStop = (reason: unknown) => reason === "stop";
  await assert.rejects(store.push(descriptor, content, { signal }), isStop);
  await assert.rejects(store.resolve("v1", { signal }), isStop);
  await assert.rejects(store.tag(descriptor, "v1", { signal }), isStop);
  await assert.rejects(fetchBlob(store, descriptor, { maxBytes: 7, signal }), isStop);
});

test("a store that does not verify is verified by the reader", async () => {
  const lying: Fetcher = { fetch: () => streamOf(Buffer.from("Content")) };
  await assert.rejects(fetchBlob(lying, descriptor, { maxBytes: 7 }), { code: "ERR_DIGEST_MISMATCH" });
  const endless: Fetcher = {
    async *fetch() {
      for (;;) yield content;
    },
  };
  await assert.rejects(fetchBlob(endless, descriptor, { maxBytes: 100 }), { code: "ERR_TOO_LARGE" });
  const manifest = describeContent(content, OCI_MANIFEST);
  const reading = { ...lying, resolve: async () => manifest };
  await assert.rejects(fetchManifest(reading, "v1"), { code: "ERR_DIGEST_MISMATCH" });
});

test("embedded content is taken instead of fetching, if it is right", async () => {
  const never: Fetcher = {
    fetch: () => {
      throw new Error("fetched");
    },
  };
  const data = content.toString("base64");
  assert.equal(
    Buffer.from(await fetchBlob(never, { ...descriptor, data }, { maxBytes: 7 })).toString(),
    "content",
  );
  const wrong = Buffer.from("Content").toString("base64");
  await assert.rejects(fetchBlob(never, { ...descriptor, data: wrong }, { maxBytes: 7 }), {
    code: "ERR_DIGEST_MISMATCH",
  });
});

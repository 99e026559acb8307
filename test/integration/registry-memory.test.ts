import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Agent, type Dispatcher } from "undici";
import { type Descriptor, describeContent } from "../../src/oci/index.ts";
import { allocateOwned } from "../../src/oci/owned-memory.ts";
import { provenStream } from "../../src/oci/proven-stream.ts";
import { writeVerified } from "../../src/oci/stores/verified-file.ts";
import { pairFor } from "./registry-setup.ts";

const CONTENT = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => (at * 31) % 253));
const BLOB: Descriptor = describeContent(CONTENT, "application/octet-stream");

async function readAll(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test("chunks that a reader keeps stay what they were", async (t) => {
  const { repository } = await pairFor(t);
  await repository.push(BLOB, CONTENT);
  assert.ok(CONTENT.equals(await readAll(repository.fetch(BLOB))));
  assert.ok(CONTENT.equals(await readAll(repository.fetch(BLOB, { ranges: { chunkBytes: 1_000_000 } }))));
});

test("the memory of a caller's dispatcher is left alone", async (t) => {
  const agent = new Agent();
  t.after(() => agent.close());
  const kept: Buffer[] = [];
  const composed = agent.compose((dispatch) => (options, handler) => {
    const keeping: Dispatcher.DispatchHandler = {
      onRequestStart: (controller, context) => handler.onRequestStart?.(controller, context),
      onResponseStart: (controller, status, headers, message) =>
        handler.onResponseStart?.(controller, status, headers, message),
      onResponseData: (controller, chunk) => {
        kept.push(chunk);
        handler.onResponseData?.(controller, chunk);
      },
      onResponseEnd: (controller, trailers) => handler.onResponseEnd?.(controller, trailers),
      onResponseError: (controller, error) => handler.onResponseError?.(controller, error),
    };
    return dispatch(options, keeping);
  });
  const { repository } = await pairFor(t, {}, { dispatcher: composed });
  await repository.push(BLOB, CONTENT);
  kept.length = 0;
  assert.ok(CONTENT.equals(await readAll(repository.fetch(BLOB))));
  assert.ok(CONTENT.equals(Buffer.concat(kept)));
});

test("who listens to undici's chunks can keep them", async (t) => {
  const { repository } = await pairFor(t);
  await repository.push(BLOB, CONTENT);
  const kept: Uint8Array[] = [];
  const listen = (message: unknown): void => {
    kept.push((message as { chunk: Uint8Array }).chunk);
  };
  subscribe("undici:request:bodyChunkReceived", listen);
  t.after(() => unsubscribe("undici:request:bodyChunkReceived", listen));
  assert.ok(CONTENT.equals(await readAll(repository.fetch(BLOB))));
  assert.ok(CONTENT.equals(Buffer.concat(kept)));
});

/** A new file to write to. */
async function fileFor(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "lading-test-"));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, "file");
  const handle = await open(path, "wx");
  t.after(() => handle.close());
  return { path, handle };
}

/** The content in chunks that lie in memory of lading's own. */
function ownedChunks(): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  // Short ones between long ones: both are to keep their order.
  for (let at = 0, turn = 0; at < CONTENT.length; turn++) {
    const part = CONTENT.subarray(at, at + (turn % 2 === 0 ? 400_000 : 1000));
    const chunk = allocateOwned(part.length);
    chunk.set(part);
    chunks.push(chunk);
    at += part.length;
  }
  return chunks;
}

test("chunks that prove what they are are written from where they are, in order, and given back", async (t) => {
  const { path, handle } = await fileFor(t);
  const chunks = ownedChunks();
  const lengths = chunks.map(({ byteLength }) => byteLength);
  const stream = provenStream({ digest: BLOB.digest, size: BLOB.size }, async function* (_, passed) {
    yield* chunks;
    passed();
  });
  await writeVerified(handle, stream, { digest: BLOB.digest, size: BLOB.size }, {});
  assert.ok(CONTENT.equals(await readFile(path)));
  assert.deepEqual(
    chunks.map(({ byteLength }) => byteLength),
    lengths.map((length) => (length === 400_000 ? 0 : length)),
  );
});

test("chunks of a stream that proves nothing, or something else, stay what they were", async (t) => {
  const expected = { digest: BLOB.digest, size: BLOB.size };
  const plain = ownedChunks();
  const first = await fileFor(t);
  const unproven = async function* () {
    yield* plain;
  };
  await writeVerified(first.handle, unproven(), expected, {});
  assert.ok(CONTENT.equals(await readFile(first.path)));
  assert.ok(CONTENT.equals(Buffer.concat(plain)));

  const other = describeContent(Buffer.from("other"), "a/b");
  const chunks = ownedChunks();
  const second = await fileFor(t);
  const stream = provenStream({ digest: other.digest, size: BLOB.size }, async function* (_, passed) {
    yield* chunks;
    passed();
  });
  await writeVerified(second.handle, stream, expected, {});
  assert.ok(CONTENT.equals(Buffer.concat(chunks)));
});

test("a write that fails fails the whole, also of chunks that are not copied", async (t) => {
  const { path } = await fileFor(t);
  const readOnly = await open(path, "r");
  t.after(() => readOnly.close());
  const chunks = ownedChunks();
  const stream = provenStream({ digest: BLOB.digest, size: BLOB.size }, async function* (_, passed) {
    yield* chunks;
    passed();
  });
  await assert.rejects(writeVerified(readOnly, stream, { digest: BLOB.digest, size: BLOB.size }, {}), {
    code: "ERR_OCI_FILE",
  });
});

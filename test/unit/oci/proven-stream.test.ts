import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { ByteStream } from "../../../src/core/bytes.ts";
import { digestOf } from "../../../src/core/digest.ts";
import { copyImage, createLayout, type Descriptor, type Layout } from "../../../src/oci/index.ts";
import { passProof, proofOf, provenStream, unchanged, verifyOnce } from "../../../src/oci/proven-stream.ts";

const CONTENT = Buffer.from("some bytes");
const EVIL = Buffer.from("evil bytes");
const BLOB: Descriptor = { mediaType: "text/plain", digest: digestOf(CONTENT), size: CONTENT.length };

async function layout(t: TestContext): Promise<Layout> {
  const path = mkdtempSync(join(tmpdir(), "lading-proven-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return createLayout(path, { sync: false });
}

/** A layout that has the blob, and the proven stream of it. */
async function source(t: TestContext): Promise<{ from: Layout; stream: AsyncGenerator<Uint8Array, void> }> {
  const from = await layout(t);
  await from.push(BLOB, CONTENT);
  return { from, stream: from.fetch(BLOB) as AsyncGenerator<Uint8Array, void> };
}

async function assertNotStored(to: Layout, stream: ByteStream, code: RegExp, blob = BLOB): Promise<void> {
  await assert.rejects(to.push(blob, stream), (error: { code?: string }) => code.test(error.code ?? ""));
  assert.equal(await to.exists(blob), false);
  const left = readdirSync(to.path).filter((name) => name.endsWith(".tmp"));
  assert.deepEqual(left, []);
}

async function drain(stream: ByteStream): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += Buffer.from(chunk).toString();
  return text;
}

const once = (stream: ByteStream) => drain(verifyOnce(stream, BLOB, {}));

test("what a layout reads proves itself once it was read to its end", async (t) => {
  const { stream } = await source(t);
  assert.equal(proofOf(stream, BLOB)?.passed, false);
  assert.equal(await drain(unchanged(stream)), "some bytes");
  assert.equal(proofOf(stream, BLOB)?.passed, true);
  assert.equal(proofOf(stream, { ...BLOB, size: 9 }), undefined);
  assert.equal(proofOf(stream, { ...BLOB, digest: digestOf("other") }), undefined);
  assert.equal(await once((await source(t)).stream), "some bytes");
  const to = await layout(t);
  await to.push(BLOB, (await source(t)).stream);
  assert.equal(await drain(to.fetch(BLOB)), "some bytes");
});

test("methods of a caller on a proven stream are not called", async (t) => {
  for (const name of ["next", Symbol.asyncIterator] as const) {
    const { stream } = await source(t);
    const evil = (async function* () {
      yield EVIL;
    })();
    Object.assign(stream, { [name]: name === "next" ? () => evil.next() : () => evil });
    const to = await layout(t);
    await to.push(BLOB, stream);
    assert.equal(await drain(to.fetch(BLOB)), "some bytes");
  }
});

test("a proven stream that somebody has read from is short", async (t) => {
  const { stream } = await source(t);
  await stream.next();
  await assertNotStored(await layout(t), stream, /SIZE_MISMATCH/);
  const again = await source(t);
  await again.stream.next();
  await assert.rejects(once(again.stream), { code: "ERR_SIZE_MISMATCH" });
});

test("a proven stream that somebody ended before its check proves nothing", async (t) => {
  for (const take of [
    async (stream: ByteStream) => assertNotStored(await layout(t), stream, /DIGEST_MISMATCH/),
    (stream: ByteStream) => assert.rejects(once(stream), { code: "ERR_DIGEST_MISMATCH" }),
  ]) {
    const { from } = await source(t);
    const inner = from.fetch(BLOB) as AsyncGenerator<Uint8Array, void>;
    // All bytes pass through, and the stream is ended in place of its last step, which would check them.
    const outer = passProof(
      (async function* () {
        for await (const chunk of unchanged(inner)) {
          yield chunk;
          await inner.return();
          return;
        }
      })(),
      () => inner,
    );
    await take(outer);
  }
});

test("a stream of lading's whose check fails is not stored", async (t) => {
  const evil = provenStream(BLOB, async function* () {
    yield EVIL;
  });
  await assertNotStored(await layout(t), evil, /DIGEST_MISMATCH/);
});

test("a proof is of one content only", async (t) => {
  const { from } = await source(t);
  const other: Descriptor = { ...BLOB, digest: digestOf("SOME bytes") };
  await assertNotStored(await layout(t), from.fetch(BLOB), /DIGEST_MISMATCH/, other);
  await assert.rejects(drain(verifyOnce(from.fetch(BLOB), other, {})), { code: "ERR_DIGEST_MISMATCH" });
});

test("a descriptor that is changed while its content is read changes nothing", async (t) => {
  const { from } = await source(t);
  const evil: Descriptor = { ...BLOB, digest: digestOf(EVIL) };
  await from.push(evil, EVIL);
  const given = { ...BLOB };
  const stream = from.fetch(given);
  given.digest = evil.digest;
  const to = await layout(t);
  await to.push(BLOB, stream);
  assert.equal(await drain(to.fetch(BLOB)), "some bytes");
});

test("content that is carried by its descriptor is stored from a layout that does not have it", async (t) => {
  const from = await layout(t);
  const embedded = { ...BLOB, data: CONTENT.toString("base64") };
  const to = await layout(t);
  await to.push(BLOB, from.fetch(embedded));
  assert.equal(await drain(to.fetch(BLOB)), "some bytes");
});

test("empty content is stored by its proof and without one", async (t) => {
  const empty: Descriptor = { mediaType: "text/plain", digest: digestOf(""), size: 0 };
  const from = await layout(t);
  await from.push(empty, (async function* () {})());
  const to = await layout(t);
  await to.push(empty, from.fetch(empty));
  assert.equal(await to.exists(empty), true);
  const none: Descriptor = { ...empty, digest: digestOf("x") };
  await assertNotStored(await layout(t), (async function* () {})(), /DIGEST_MISMATCH/, none);
});

test("a store that a caller wrote is hashed, whatever it gives out", async (t) => {
  const config = Buffer.from(
    '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}',
  );
  const configuration = {
    mediaType: "application/vnd.oci.image.config.v1+json",
    digest: digestOf(config),
    size: config.length,
  };
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType, config: configuration, layers: [BLOB] }),
  );
  const root = { mediaType, digest: digestOf(manifest), size: manifest.length };
  const from = await layout(t);
  await from.push(BLOB, CONTENT);
  await from.push(configuration, config);
  await from.push(root, manifest);
  await from.tag(root, "image");
  for (const evil of [
    // Other bytes, and those of another blob with its proof.
    async function* () {
      yield EVIL;
    },
    () => from.fetch(configuration),
  ]) {
    const wrapped = {
      resolve: from.resolve,
      fetch: (descriptor: Descriptor) =>
        descriptor.digest === BLOB.digest ? evil() : from.fetch(descriptor),
    };
    const to = await layout(t);
    await assert.rejects(copyImage(wrapped, "image", to, "image"), { code: "ERR_OCI_COPY_FAILED" });
    assert.equal(await to.exists(BLOB), false);
  }
  const to = await layout(t);
  await copyImage(from, "image", to, "image");
  assert.equal(await drain(to.fetch(BLOB)), "some bytes");
});

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { collectBytes, streamOf } from "../../src/core/bytes.ts";
import { digestOf } from "../../src/core/digest.ts";
import { isLadingError } from "../../src/core/errors.ts";
import {
  decryptLayer,
  entryNameBytes,
  openStargz,
  readLayer,
  whiteoutOf,
} from "../../src/oci/layers/index.ts";
import { archive } from "../unit/oci/layers/archive.ts";
import { property } from "./runs.ts";

/** One of the values, or the value itself. */
const sometimes = (value: unknown) =>
  fc.oneof(
    { weight: 9, arbitrary: fc.constant(value) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 1 }) },
  );

const first = gzipSync("first");
const tocEntry = fc.record({
  name: sometimes("a/b"),
  type: fc.constantFrom("reg", "chunk", "dir", "hardlink", "odd"),
  size: sometimes(5),
  offset: sometimes(0),
  innerOffset: sometimes(0),
  chunkOffset: fc.constantFrom(0, 5, -1, 2 ** 60),
  chunkSize: fc.constantFrom(0, 5, 6),
  digest: sometimes(digestOf("first")),
  chunkDigest: sometimes(digestOf("first")),
  modtime: sometimes("2020-01-01T00:00:00Z"),
  linkName: sometimes("a/b"),
  xattrs: sometimes({ a: "AA==" }),
});

function blobWith(toc: string): Buffer {
  const mark = `${first.length.toString(16).padStart(16, "0")}STARGZ`;
  const head = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 26, 0]);
  const end = Buffer.from([1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
  const table = gzipSync(archive({ name: "stargz.index.json", content: toc }));
  return Buffer.concat([first, table, head, Buffer.from(`SG\x16\0${mark}`, "latin1"), end]);
}

test("any table of contents fails with an error of lading, or gives content that has its digest", async () => {
  const toc = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ version: sometimes(1), entries: fc.array(tocEntry, { maxLength: 3 }) }),
    },
    { weight: 1, arbitrary: fc.jsonValue() },
  );
  await fc.assert(
    fc.asyncProperty(toc, fc.integer({ min: 0, max: 60 }), async (value, cut) => {
      const json = JSON.stringify(value);
      const whole = blobWith(json);
      const blob = cut < 50 ? whole : whole.subarray(0, -cut + 49);
      const descriptor = { mediaType: "x/y", digest: digestOf(blob), size: blob.length };
      const source = {
        async *fetchRange(_: unknown, start: number, end: number) {
          yield blob.subarray(start, end);
        },
      };
      try {
        const layer = await openStargz(source, descriptor, { tocDigest: digestOf(json) });
        for (const [path, { kind, size }] of layer.entries) {
          if (kind !== "file") continue;
          const content = await collectBytes(layer.readFile(path), { maxBytes: 100 });
          assert.equal(content.length, size);
          assert.ok(size === 0 || Buffer.from(content).equals(Buffer.from("first")));
        }
      } catch (error) {
        if (!isLadingError(error)) throw error;
      }
    }),
    property,
  );
});

test("any annotations of an encrypted layer fail with an error of lading", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const base64 = (value: unknown) => Buffer.from(JSON.stringify(value) ?? "").toString("base64");
  const jwe = fc.record(
    {
      protected: sometimes(Buffer.from('{"alg":"ECDH-ES+A256KW","enc":"A256GCM"}').toString("base64url")),
      recipients: sometimes([{ header: { alg: "ECDH-ES+A256KW" }, encrypted_key: "AA" }]),
      header: sometimes({ alg: "RSA-OAEP" }),
      encrypted_key: sometimes("AA"),
      iv: sometimes("AAAAAAAAAAAAAAAA"),
      ciphertext: sometimes("AA"),
      tag: sometimes("AAAAAAAAAAAAAAAAAAAAAA"),
    },
    { requiredKeys: [] },
  );
  const open = fc.record({
    cipher: sometimes("AES_256_CTR_HMAC_SHA256"),
    hmac: sometimes(Buffer.alloc(32).toString("base64")),
    cipheroptions: sometimes({}),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(jwe.map(base64), fc.string()),
      fc.oneof(open.map(base64), fc.string()),
      async (keys, options) => {
        const annotations = {
          "org.opencontainers.image.enc.keys.jwe": keys,
          "org.opencontainers.image.enc.pubopts": options,
        };
        const descriptor = { mediaType: "x/y+encrypted", digest: digestOf(""), size: 0, annotations };
        await assert.rejects(
          decryptLayer(descriptor, streamOf(), { keys: [privateKey] }),
          (error) => isLadingError(error) && error.code === "ERR_OCI_LAYER_ENCRYPTED",
        );
      },
    ),
    { ...property, numRuns: Math.min(property.numRuns, 5000) },
  );
});

test("a name of any bytes comes back as the same bytes, unless it is cleaned", async () => {
  const part = fc
    .uint8Array({ minLength: 1, maxLength: 30 })
    .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x78 : byte))))
    .filter((bytes) => !/^\.{1,2}$/.test(bytes.toString("latin1")));
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 3 }), async (parts) => {
      const name = Buffer.concat(parts.flatMap((one, i) => (i === 0 ? [one] : [Buffer.from("/"), one])));
      for await (const { path } of readLayer(streamOf(archive({ name })))) {
        assert.deepEqual(Buffer.from(entryNameBytes(path)), name);
      }
    }),
    property,
  );
});

test("a marker hides a name that is one component, and no other", () => {
  fc.assert(
    fc.property(fc.string(), (path) => {
      let found: ReturnType<typeof whiteoutOf>;
      try {
        found = whiteoutOf(path);
      } catch (error) {
        if (!isLadingError(error)) throw error;
        return;
      }
      assert.equal(found !== undefined, /(?:^|\/)\.wh\.[^/]*$/u.test(path));
      if (found?.kind === "plain") assert.doesNotMatch(found.name, /^\.{0,2}$|\//);
    }),
    property,
  );
});

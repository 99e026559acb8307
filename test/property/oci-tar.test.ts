/** Headers of tar archives: any bytes are read, or refused by an error with a code; what is written is read again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { OciError } from "../../src/oci/errors.ts";
import { formatTarHeader } from "../../src/oci/stores/tar-header.ts";
import { extendEntry, extendedEntry, isPending, type TarExtension } from "../../src/oci/tar/extension.ts";
import { parseTarHeader } from "../../src/oci/tar/header.ts";
import { parsePax } from "../../src/oci/tar/pax.ts";
import { entryBytes, paxRecord } from "../unit/oci/layers/archive.ts";
import { property } from "./runs.ts";

const damaged = (what: string) => new OciError("ERR_OCI_LAYER_INVALID", what);

/** What a parser gives, or nothing where it refused; any other failure is one. */
function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    assert.ok(isLadingError(error) && error.code === "ERR_OCI_LAYER_INVALID", String(error));
    return undefined;
  }
}

const edits = fc.array(fc.record({ at: fc.nat(), byte: fc.nat(255) }), { maxLength: 4 });
/** Valid bytes with a few changed. */
const mutated = (valid: fc.Arbitrary<Buffer>) =>
  fc.tuple(valid, edits).map(([bytes, changes]) => {
    const changed = Buffer.from(bytes);
    for (const { at, byte } of changes) if (changed.length > 0) changed[at % changed.length] = byte;
    return changed;
  });

const block = fc.record({
  name: fc.string({ maxLength: 90 }).map((text) => Buffer.from(text.replaceAll("\0", "")).subarray(0, 100)),
  size: fc.integer({ min: 0, max: 2 ** 40 }),
  type: fc.constantFrom("0", "1", "2", "5", "x", "g", "L", "K", "S", "7"),
  link: fc.stringMatching(/^[a-z/.]{0,99}$/),
  format: fc.constantFrom("ustar" as const, "gnu" as const, "v7" as const),
});
const blockOf = (each: Parameters<typeof entryBytes>[0]) =>
  entryBytes({ ...each, content: "" }).subarray(0, 512);

test("any block is a header with a sane size, no header, or refused", () => {
  const blocks = fc.oneof(
    mutated(block.map(blockOf)),
    fc.uint8Array({ minLength: 512, maxLength: 512 }).map((bytes) => Buffer.from(bytes)),
    fc.constant(Buffer.alloc(512)),
  );
  fc.assert(
    fc.property(blocks, (bytes) => {
      const read = attempt(() => ({ header: parseTarHeader(bytes, damaged) }));
      if (read && !read.header) assert.ok(bytes.every((byte) => byte === 0));
      if (read?.header) assert.ok(Number.isSafeInteger(read.header.size) && read.header.size >= 0);
    }),
    property,
  );
});

test("a header is read as it was written by another program", () => {
  fc.assert(
    fc.property(block, (each) => {
      const header = parseTarHeader(blockOf(each), damaged);
      assert.ok(header);
      assert.deepEqual(header.name, Buffer.from(each.name));
      assert.equal(header.linkName.toString(), each.link);
      assert.deepEqual([header.size, header.type], [each.size, each.type]);
      assert.deepEqual([header.gnu, header.signedSum], [each.format === "gnu", false]);
    }),
    property,
  );
});

test("headers that are written are read as they were meant, whatever length name and size have", () => {
  const path = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 300 })
    .filter((text) => !text.includes("\0"));
  fc.assert(
    fc.property(path, fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (name, length) => {
      const size = name.endsWith("/") ? 0 : length;
      const bytes = Buffer.from(formatTarHeader(name, size));
      assert.equal(bytes.byteLength % 512, 0);
      const extension: TarExtension = { bytes: 0 };
      const first = parseTarHeader(bytes.subarray(0, 512), damaged);
      assert.ok(first);
      if (first.type === "x") {
        extendEntry(extension, { type: "x", body: bytes.subarray(512, 512 + first.size) }, damaged);
      }
      const header = parseTarHeader(bytes.subarray(-512), damaged);
      assert.ok(header);
      const entry = extendedEntry(header, extension, damaged);
      assert.equal(entry.name.toString(), name);
      assert.equal(entry.contentBytes, size);
      assert.equal(entry.type, name.endsWith("/") ? "5" : "0");
    }),
    property,
  );
});

const records = fc.dictionary(fc.stringMatching(/^[A-Za-z.]{1,20}$/), fc.string({ unit: "grapheme" }));
const written = (each: Record<string, string>) =>
  Buffer.concat(Object.entries(each).map(([name, value]) => paxRecord(name, value)));

test("pax records are read as they were written", () => {
  fc.assert(
    fc.property(records, (each) => {
      const read = [...parsePax(written(each), damaged).records].map(([key, value]) => [
        key,
        value.toString(),
      ]);
      assert.deepEqual(Object.fromEntries(read), { ...each });
    }),
    property,
  );
});

test("any headers before an entry are taken together with it, or refused", () => {
  const body = fc.oneof(
    { weight: 3, arbitrary: mutated(records.map(written)) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)) },
    {
      weight: 3,
      arbitrary: fc
        .record({ path: fc.string(), linkpath: fc.string(), size: fc.string() }, { requiredKeys: [] })
        .map((each) => written(each as Record<string, string>)),
    },
  );
  const headers = fc.array(fc.record({ type: fc.constantFrom("x", "g", "L", "K"), body }), { maxLength: 3 });
  let taken = 0;
  fc.assert(
    fc.property(headers, block.map(blockOf), (each, bytes) => {
      const extension: TarExtension = { bytes: 0 };
      const header = parseTarHeader(bytes, damaged);
      assert.ok(header);
      const entry = attempt(() => {
        for (const one of each) extendEntry(extension, one, damaged);
        return extendedEntry(header, extension, damaged);
      });
      if (!entry) return;
      if (each.length > 0) taken++;
      assert.equal(
        isPending(extension),
        each.some(({ type }) => type !== "g"),
      );
      assert.ok(Number.isSafeInteger(entry.contentBytes) && entry.contentBytes >= 0);
      assert.ok(!entry.name.includes(0) && !entry.link.includes(0));
    }),
    property,
  );
  assert.ok(taken > 0);
});

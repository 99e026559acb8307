/** Headers of tar archives: any bytes are read, or refused by an error with a code; what is written is read again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { OciError } from "../../src/oci/errors.ts";
import { extendEntry, extendedEntry, isPending, type TarExtension } from "../../src/oci/tar/extension.ts";
import { parseTarHeader } from "../../src/oci/tar/header.ts";
import { parsePax, paxInteger, paxTime } from "../../src/oci/tar/pax.ts";
import { tarHeader } from "../../src/oci/tar/write.ts";
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

test("headers that are written are read as they were meant, whatever length names and numbers have", () => {
  const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 });
  const name = text.filter((each) => !each.includes("\0") && !each.endsWith("/"));
  const number = fc.oneof(fc.nat(), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
  const entry = fc.record({
    path: name,
    kind: fc.constantFrom("file", "directory", "symlink", "link"),
    mode: fc.nat(0o7777),
    uid: number,
    gid: number,
    size: number,
    mtimeSeconds: fc.integer({ min: 0, max: 10 ** 15 - 1 }),
    target: name,
    deviceMajor: fc.nat(0o777),
    deviceMinor: fc.nat(0o777),
    xattrs: fc.constant(new Map<string, Uint8Array>()),
  } as const);
  fc.assert(
    fc.property(entry, (given) => {
      const file = given.kind === "file";
      const bytes = tarHeader({ ...given, size: file ? given.size : 0 });
      assert.equal(bytes.byteLength % 512, 0);
      const extension: TarExtension = { bytes: 0 };
      const first = parseTarHeader(bytes.subarray(0, 512), damaged);
      assert.ok(first);
      if (first.type === "x") {
        extendEntry(extension, { type: "x", body: bytes.subarray(512, 512 + first.size) }, damaged);
      } else assert.equal(bytes.byteLength, 512);
      const header = parseTarHeader(bytes.subarray(-512), damaged);
      assert.ok(header);
      const read = extendedEntry(header, extension, damaged);
      assert.equal(read.name.toString(), given.kind === "directory" ? `${given.path}/` : given.path);
      assert.equal(read.link.toString(), given.target);
      assert.equal(read.contentBytes, file ? given.size : 0);
      assert.equal(read.type, { file: "0", directory: "5", symlink: "2", link: "1" }[given.kind]);
      const records = extension.pax?.records ?? new Map<string, Buffer>();
      const numbers = [
        paxInteger(records, "uid", damaged) ?? header.uid,
        paxInteger(records, "gid", damaged) ?? header.gid,
        paxTime(records, "mtime", damaged) ?? header.mtimeSeconds,
      ];
      assert.deepEqual(numbers, [given.uid, given.gid, given.mtimeSeconds]);
      const { mode, deviceMajor, deviceMinor } = header;
      assert.deepEqual([mode, deviceMajor, deviceMinor], [given.mode, given.deviceMajor, given.deviceMinor]);
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

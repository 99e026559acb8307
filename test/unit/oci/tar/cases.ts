/** Archives that programs have read in different ways, with what both readers make of them. */
import { archive, entryBytes, paxRecord, type RawEntry } from "../layers/archive.ts";

/** What a reader makes of an archive: names of files with their content, or that it refuses it. */
export type Reading = Readonly<Record<string, string>> | "refused";

/** One archive. */
export interface TarCase {
  name: string;
  bytes: Buffer;
  /** As the entries of a layer. */
  layer: Reading;
  /** As an archive that holds images. Default: the same. */
  images?: Reading;
}

/** As long as star lets a prefix be. */
const FULL_PREFIX = "p".repeat(131);
const AFTER: RawEntry = { name: "after", content: "next" };
const long = (type: string, content: string): RawEntry => ({
  name: "././@LongLink",
  type,
  content,
  format: "gnu",
});
const pax = (type: string, key: string, value: string): RawEntry => ({
  name: "pax",
  type,
  content: paxRecord(key, value),
});
/** An entry whose field holds these bytes. */
const field = (at: number, bytes: string, entry: RawEntry = { name: "a", content: "abc" }): Buffer =>
  archive({ ...entry, edit: (block) => block.write(bytes, at, "latin1") }, AFTER);
/** An entry of whose bytes those over 127 were summed as negative ones. */
const signedSum = (): Buffer => {
  const bytes = archive({ name: "é", content: "abc" }, AFTER);
  const unsigned = Number.parseInt(bytes.toString("latin1", 148, 154), 8);
  bytes.write(`${(unsigned - 2 * 256).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return bytes;
};

const READ: readonly TarCase[] = [
  {
    name: "a size behind NULs and blanks",
    bytes: field(124, "\0 \0 000003\0 "),
    layer: { a: "abc", after: "next" },
  },
  {
    name: "a size that a NUL ends",
    bytes: field(124, "0000003\x0077 \0"),
    layer: { a: "abc", after: "next" },
  },
  {
    name: "a size in base 256",
    bytes: field(124, "\x80\0\0\0\0\0\0\0\0\0\0\x03"),
    layer: { a: "abc", after: "next" },
  },
  {
    name: "a size by the extended header",
    bytes: archive({ name: "a", size: 0, content: "abc", pax: { size: "3" } }, AFTER),
    layer: { a: "abc", after: "next" },
  },
  {
    name: "a contiguous file",
    bytes: archive({ name: "a", type: "7", content: "abc" }, AFTER),
    layer: { a: "abc", after: "next" },
  },
  {
    name: "a contiguous file with a size by the extended header",
    bytes: archive({ name: "a", type: "7", size: 0, content: "abc", pax: { size: "3" } }, AFTER),
    layer: { a: "abc", after: "next" },
  },
  {
    name: "an old directory with a size",
    bytes: archive({ name: "d/", type: "\0", size: 512, format: "v7" }, AFTER),
    layer: { after: "next" },
  },
  {
    name: "an old directory named by an extended header",
    bytes: archive({ name: "d", type: "\0", size: 512, pax: { path: "d/" } }, AFTER),
    layer: { after: "next" },
  },
  ...["1", "2", "3", "4", "5", "6"].map((type) => ({
    name: `a size of type ${type}`,
    bytes: archive({ name: "l", type, link: "after", size: 512 }, AFTER),
    layer: { after: "next" },
    // Links within an archive of images are followed.
    images: type < "3" ? { after: "next", l: "next" } : { after: "next" },
  })),
  {
    name: "a size of a directory by the extended header",
    bytes: archive({ name: "d/", pax: { size: "512" } }, AFTER),
    layer: { after: "next" },
  },
  {
    name: "a prefix",
    bytes: archive({ name: "a", content: "abc", prefix: "p/q" }),
    layer: { "p/q/a": "abc" },
  },
  {
    name: "the times of star behind the prefix",
    bytes: archive({
      name: "a",
      content: "abc",
      prefix: FULL_PREFIX,
      edit: (block) => {
        block.write("00000000001\x0000000000001\0", 476, "latin1");
        block.write("tar\0", 508, "latin1");
      },
    }),
    layer: { [`${FULL_PREFIX}/a`]: "abc" },
  },
  {
    name: "the times of GNU tar in the place of the prefix",
    bytes: field(345, "00000000001\x0000000000001\0", { name: "a", content: "abc", format: "gnu" }),
    layer: { a: "abc", after: "next" },
  },
  {
    name: "a prefix that an old Go wrote in the place of the times of GNU tar",
    bytes: field(345, "p/q", { name: "a", content: "abc", format: "gnu" }),
    layer: { "p/q/a": "abc", after: "next" },
  },
  {
    name: "a prefix that begins like a time",
    bytes: field(345, "17/q", { name: "a", content: "abc", format: "gnu" }),
    layer: { "17/q/a": "abc", after: "next" },
  },
  {
    name: "no ASCII in the place of the times of GNU tar",
    bytes: field(345, "p\xe9", { name: "a", content: "abc", format: "gnu" }),
    layer: { a: "abc", after: "next" },
  },
  {
    name: "an empty path",
    bytes: archive({ name: "a", content: "abc", pax: { path: "" } }),
    layer: { a: "abc" },
  },
  {
    name: "two long names that agree",
    bytes: archive(long("L", "b\0"), { name: "a", content: "abc", pax: { path: "b" } }),
    layer: { b: "abc" },
  },
  {
    name: "a global comment",
    bytes: archive(pax("g", "comment", "x"), { name: "a", content: "abc" }),
    layer: { a: "abc" },
  },
  {
    name: "global comments before an extended header",
    bytes: archive(pax("g", "comment", "x"), pax("g", "comment", "y"), { name: "a", pax: { path: "b" } }),
    layer: { b: "" },
  },
  {
    name: "one block of zeros at the end",
    bytes: Buffer.concat([entryBytes(AFTER), Buffer.alloc(512)]),
    layer: { after: "next" },
  },
  { name: "no end", bytes: entryBytes(AFTER), layer: { after: "next" } },
  {
    name: "bytes behind the end",
    bytes: Buffer.concat([archive(AFTER), entryBytes({ name: "a" })]),
    layer: { after: "next" },
  },
];

const ONE_READS: readonly TarCase[] = [
  {
    name: "a checksum of signed bytes",
    bytes: signedSum(),
    layer: { é: "abc", after: "next" },
    images: "refused",
  },
  {
    name: "an unknown type, whose content is what the extended header says",
    bytes: archive({ name: "z", type: "Z", size: 0, content: "abc", pax: { size: "3" } }, AFTER),
    layer: "refused",
    images: { after: "next" },
  },
  {
    name: "a sparse file",
    bytes: archive({
      name: "a",
      content: "abc",
      pax: { "GNU.sparse.size": "4", "GNU.sparse.numblocks": "1", "GNU.sparse.map": "0,3" },
    }),
    layer: { a: "abc\0" },
    images: "refused",
  },
];

const REFUSED: Readonly<Record<string, Buffer>> = {
  "a wrong checksum": archive({ name: "a", checksum: "0000000\0" }),
  "a checksum in base 256": archive({ name: "a", checksum: "\x80\0\0\0\0\0\x10\0" }),
  "a tab before a number": field(124, "\t0000000003\0"),
  "a blank within a number": field(124, "000000 0003\0"),
  "an 8 in a number": field(124, "00000000008\0"),
  "a mode that is no number": field(100, "rw-r--r-"),
  "a negative size": field(124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
  "a size over 2^53": field(124, "\x80\0\0\0\0\x20\0\0\0\0\0\0"),
  "a size over 2^88": field(124, "\x81\0\0\0\0\0\0\0\0\0\0\x03"),
  "a signed size": archive({ name: "a", content: "abc", pax: { size: "+3" } }),
  "a size of 17 digits": archive({ name: "a", content: "abc", pax: { size: "00000000000000003" } }),
  "a NUL in a path": archive({ name: "a", pax: { path: "a\0b" } }),
  "a NUL in a link": archive({ name: "a", type: "2", pax: { linkpath: "a\0b" } }),
  "a record without key": archive({ name: "p", type: "x", content: "5 =a\n" }, AFTER),
  "a record without length": archive({ name: "p", type: "x", content: "path=a\n" }, AFTER),
  "a record of a wrong length": archive({ name: "p", type: "x", content: "8 path=a\n" }, AFTER),
  "two extended headers": archive(pax("x", "path", "a"), pax("x", "path", "a"), AFTER),
  "two long names": archive(long("L", "a\0"), long("L", "a\0"), AFTER),
  "two long links": archive(long("K", "a\0"), long("K", "a\0"), AFTER),
  "two long names that differ": archive(long("L", "b\0"), { name: "a", pax: { path: "c" } }),
  "two long links that differ": archive(long("K", "b\0"), { name: "a", type: "2", pax: { linkpath: "c" } }),
  "a global path": archive(pax("g", "path", "a"), AFTER),
  "a global link": archive(pax("g", "linkpath", "a"), AFTER),
  "a global size": archive(pax("g", "size", "3"), AFTER),
  "a global sparse name": archive(pax("g", "GNU.sparse.name", "a"), AFTER),
  "a global sparse size": archive(pax("g", "GNU.sparse.realsize", "3"), AFTER),
  "a global header behind an extended one": archive(pax("x", "path", "a"), pax("g", "comment", "x"), AFTER),
  "a global header behind a long name": archive(long("L", "a\0"), pax("g", "comment", "x"), AFTER),
  "an empty long name": archive(long("L", "\0"), AFTER),
  "a long name without content": archive(long("L", ""), AFTER),
  "an empty long link": archive(long("K", "\0"), AFTER),
  "an empty size": archive({ name: "a", content: "abc", pax: { size: "" } }, AFTER),
  "an extended header at the end": archive(AFTER, pax("x", "path", "a")),
  "an extended header at the end, without blocks of zeros": entryBytes(pax("x", "path", "a")),
  "a long name at the end": archive(AFTER, long("L", "a\0")),
  "an entry behind a block of zeros": Buffer.concat([
    entryBytes({ name: "a" }),
    Buffer.alloc(512),
    archive(AFTER),
  ]),
  "half a header": Buffer.concat([entryBytes(AFTER), Buffer.alloc(100)]),
  "half a header behind a block of zeros": Buffer.concat([entryBytes(AFTER), Buffer.alloc(700)]),
  "content that is cut off": entryBytes(AFTER).subarray(0, 514),
  "padding that is cut off": entryBytes(AFTER).subarray(0, 600),
  "extended headers over 1 MiB": archive(long("L", "a".repeat(2 ** 20 + 1)), AFTER),
  "extended headers over 1 MiB together": archive(
    long("L", "a".repeat(2 ** 19)),
    long("K", "a".repeat(2 ** 19 + 1)),
    AFTER,
  ),
};

/** All of them. */
export const TAR_CASES: readonly TarCase[] = [
  ...READ,
  ...ONE_READS,
  ...Object.entries(REFUSED).map(([name, bytes]): TarCase => ({ name, bytes, layer: "refused" })),
];

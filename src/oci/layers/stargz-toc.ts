/**
 * Table of contents of an eStargz layer: which bytes of the blob hold which file.
 *
 * ```text
 * blob   = *member toc footer                       ; gzip members
 * footer = gzip header with an extra field, empty content: 51 bytes, of the older format 47
 * extra  = "SG" length 16HEXDIG "STARGZ"            ; where the TOC begins; the older format has no "SG" length
 * toc    = tar with the one file "stargz.index.json"
 * ```
 *
 * @see {@link https://github.com/containerd/stargz-snapshotter/blob/v0.16.3/docs/estargz.md}
 * @module
 */
import { type Digest, parseDigest } from "../../core/digest.ts";
import {
  integerOf,
  items,
  type JsonNode,
  members,
  parseJson,
  readObject,
  stringOf,
} from "../../core/strict-json.ts";
import { cleanEntryPath, type LayerEntry, type LayerEntryKind } from "./entry.ts";
import { invalidLayer } from "./limits.ts";

/** Annotation with the digest of the TOC's JSON text. */
export const STARGZ_TOC_DIGEST = "containerd.io/snapshot/stargz/toc.digest";

/** Length in bytes of the end of a blob that holds either footer. */
export const FOOTER_BYTES = 51;

const LEGACY_FOOTER_BYTES = 47;
const HEADER = Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0]);
const EMPTY = Buffer.from([1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);

/** Where the TOC of a blob begins, and where it ends, from the blob's last bytes; nothing for another gzip. */
export function parseStargzFooter(
  end: Uint8Array,
  blobBytes: number,
): { start: number; end: number } | undefined {
  for (const [length, mark] of [
    [FOOTER_BYTES, "SG\x16\x00"],
    [LEGACY_FOOTER_BYTES, ""],
  ] as const) {
    const footer = Buffer.from(end.subarray(Math.max(end.byteLength - length, 0)));
    const extra = Buffer.from(`${mark}0000000000000000STARGZ`, "latin1");
    const extraLength = footer.length === length ? footer.readUInt16LE(10) : -1;
    if (extraLength !== extra.length || !footer.subarray(0, 9).equals(HEADER)) continue;
    if (!footer.subarray(length - EMPTY.length).equals(EMPTY)) continue;
    const text = footer.toString("latin1", 12 + mark.length, 12 + extra.length);
    if (footer.toString("latin1", 12, 12 + mark.length) !== mark || !/^[0-9a-f]{16}STARGZ$/.test(text))
      continue;
    const start = Number.parseInt(text.slice(0, 16), 16);
    if (start >= blobBytes - length) throw invalidLayer("a stargz footer that leads behind its own place");
    return { start, end: blobBytes - length };
  }
  return undefined;
}

/** A run of a file's content, and where the blob holds it. */
export interface StargzChunk {
  /** Where in the file it begins. */
  offset: number;
  length: number;
  digest: Digest;
  /** Where in the blob the gzip member begins that holds it. */
  memberStart: number;
  /** Where in the blob it has certainly ended. */
  memberEnd: number;
  /** Bytes of the member before it. */
  skip: number;
}

/** An entry of a TOC. */
export interface StargzEntry extends LayerEntry {
  /** Of a file: its content, in order and without gaps. */
  chunks: StargzChunk[];
}

const KINDS: Readonly<Record<string, LayerEntryKind>> = {
  dir: "directory",
  reg: "file",
  symlink: "symlink",
  hardlink: "link",
  char: "character-device",
  block: "block-device",
  fifo: "fifo",
};

/** Fields of one JSON object of a TOC. */
interface RawEntry {
  text: Record<string, string>;
  number: Record<string, number>;
  xattrs: Map<string, Uint8Array>;
}

const TEXTS = ["name", "type", "modtime", "linkName", "userName", "groupName", "digest", "chunkDigest"];
const NUMBERS = [
  "version",
  "size",
  "mode",
  "uid",
  "gid",
  "offset",
  "innerOffset",
  "chunkOffset",
  "chunkSize",
  "devMajor",
  "devMinor",
];

/**
 * The entries of a TOC, by their cleaned paths; of several with one path the last one.
 *
 * @param tocStart Where in the blob the TOC begins: no content lies behind it.
 * @throws {CoreError} `ERR_JSON_…` with the position.
 * @throws {OciError} `ERR_OCI_LAYER_INVALID` for content that has gaps, no digest, or lies behind the TOC.
 */
export function parseStargzToc(
  json: Uint8Array,
  tocStart: number,
  maxBytes: number,
): ReadonlyMap<string, StargzEntry> {
  const raw: RawEntry[] = [];
  readObject(
    parseJson(json, { maxBytes }),
    {
      version: (node) => {
        integerOf(node, 1n, 1n);
      },
      entries: (node) => {
        for (const entry of items(node)) raw.push(readRaw(entry));
      },
    },
    { required: ["version", "entries"], unknownKeys: "ignore" },
  );
  // A chunk ends where in the blob the next member begins, at the latest.
  const starts = [...new Set([...raw.map(({ number }) => number["offset"] ?? 0), tocStart])].sort(
    (a, b) => a - b,
  );
  const ends = new Map(starts.map((start, i) => [start, starts[i + 1] ?? tocStart]));
  const entries = new Map<string, StargzEntry>();
  let file: StargzEntry | undefined;
  for (const one of raw) {
    if (one.text["type"] !== "chunk") {
      if (file) checkWhole(file);
      file = toEntry(one);
      entries.set(file.path, file);
    }
    if (!file) throw invalidLayer("a stargz TOC that begins with a chunk");
    if (file.kind === "file" && file.size > 0) file.chunks.push(toChunk(one, file, ends, tocStart));
  }
  if (file) checkWhole(file);
  return entries;
}

function readRaw(node: JsonNode): RawEntry {
  const raw: RawEntry = { text: {}, number: {}, xattrs: new Map() };
  const readers: Record<string, (value: JsonNode) => void> = {
    xattrs: (value) => {
      if (value.kind === "null") return;
      for (const { key, value: base64 } of members(value)) {
        raw.xattrs.set(key, Buffer.from(stringOf(base64), "base64"));
      }
    },
  };
  for (const key of TEXTS) {
    readers[key] = (value) => {
      raw.text[key] = stringOf(value);
    };
  }
  for (const key of NUMBERS) {
    readers[key] = (value) => {
      raw.number[key] = Number(integerOf(value, 0n, BigInt(Number.MAX_SAFE_INTEGER)));
    };
  }
  readObject(node, readers, { required: ["name", "type"], unknownKeys: "ignore" });
  return raw;
}

function toEntry({ text, number, xattrs }: RawEntry): StargzEntry {
  const kind = KINDS[text["type"] ?? ""];
  if (!kind) throw invalidLayer(`a stargz TOC with an entry of type ${JSON.stringify(text["type"])}`);
  const link = text["linkName"] ?? "";
  const mtime = Date.parse(text["modtime"] ?? "");
  return {
    path: cleanEntryPath(text["name"] ?? ""),
    kind,
    mode: (number["mode"] ?? 0) & 0o7777,
    uid: number["uid"] ?? 0,
    gid: number["gid"] ?? 0,
    userName: text["userName"] ?? "",
    groupName: text["groupName"] ?? "",
    mtimeSeconds: Number.isNaN(mtime) ? 0 : mtime / 1000,
    size: kind === "file" ? (number["size"] ?? 0) : 0,
    target: kind === "link" ? cleanEntryPath(link) : kind === "symlink" ? link : "",
    deviceMajor: number["devMajor"] ?? 0,
    deviceMinor: number["devMinor"] ?? 0,
    xattrs,
    chunks: [],
  };
}

function toChunk(
  { text, number }: RawEntry,
  file: StargzEntry,
  ends: ReadonlyMap<number, number>,
  tocStart: number,
): StargzChunk {
  const offset = number["chunkOffset"] ?? 0;
  const memberStart = number["offset"] ?? 0;
  const before = file.chunks.at(-1);
  if (offset !== (before ? before.offset + before.length : 0) || memberStart >= tocStart) {
    throw invalidLayer(`a stargz TOC with gaps in ${JSON.stringify(file.path)}`);
  }
  // Without a chunk digest, the digest of a file that is one chunk says the same.
  const digest = text["chunkDigest"] ?? (text["type"] === "reg" ? text["digest"] : undefined);
  if (!digest) throw invalidLayer(`a stargz TOC without digest of ${JSON.stringify(file.path)}`);
  const length = number["chunkSize"] || file.size - offset;
  if (length <= 0 || offset + length > file.size)
    throw invalidLayer("a stargz TOC with a chunk outside its file");
  const memberEnd = ends.get(memberStart) ?? tocStart;
  return {
    offset,
    length,
    digest: parseDigest(digest),
    memberStart,
    memberEnd,
    skip: number["innerOffset"] ?? 0,
  };
}

function checkWhole({ path, size, chunks }: StargzEntry): void {
  const last = chunks.at(-1);
  if (size > 0 && (!last || last.offset + last.length !== size)) {
    throw invalidLayer(`a stargz TOC that lacks content of ${JSON.stringify(path)}`);
  }
}

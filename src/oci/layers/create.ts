/**
 * Layers made from a directory: equal trees give equal bytes, without holding them in memory.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#creating}
 * @module
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
} from "node:fs";
import { resolve } from "node:path";
import type { Transform } from "node:stream";
import { createGzip, createZstdCompress, constants as zlib } from "node:zlib";
import type { ByteStream } from "../../core/bytes.ts";
import { createDigester, type Digest } from "../../core/digest.ts";
import { OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD } from "../../core/media-types.ts";
import { abortableStream, type SignalOptions } from "../../core/signal.ts";
import type { Descriptor } from "../descriptor.ts";
import { OciError } from "../errors.ts";
import { ARCHIVE_END, tarHeader, tarPadding } from "../tar/write.ts";
import type { LayerCompression } from "./decompress.ts";
import { joinPath } from "./directory-node.ts";
import { entryNameBytes, entryNameText, type LayerEntry, type LayerEntryKind, shownPath } from "./entry.ts";
import { throughTransform } from "./through-transform.ts";

/** Options of {@link createLayerFromDirectory}. */
export interface CreateLayerFromDirectoryOptions extends SignalOptions {
  /** Default `"gzip"`. */
  compression?: LayerCompression | undefined;
  /**
   * Latest time that an entry may have, in seconds since 1970: earlier ones are kept, later ones become this one, as
   * for `SOURCE_DATE_EPOCH`. Absent: every entry has the time 0.
   */
  sourceDateEpoch?: number | undefined;
  /** Whether owners are kept. Default: every owner and group is 0. */
  owners?: "root" | "keep" | undefined;
}

/** A layer that is read from its directory each time. */
export interface DirectoryLayer {
  descriptor: Descriptor;
  /** Digest of the uncompressed archive. */
  diffId: Digest;
  /**
   * The bytes of the layer, lazy and single-use. Files that have changed since give other bytes than the descriptor
   * says: a store refuses them.
   */
  open(options?: SignalOptions): ByteStream;
}

const MEDIA_TYPES: Readonly<Record<LayerCompression, string>> = {
  none: OCI_LAYER,
  gzip: OCI_LAYER_GZIP,
  zstd: OCI_LAYER_ZSTD,
};

/** Entries are gathered to chunks of this length: small ones cost a call of hash and compression each. */
const CHUNK_BYTES = 2 ** 20;

/**
 * A layer of everything below a directory.
 *
 * Entries are sorted by name, whiteouts before what is beside them; names of owners and extended attributes are left
 * out, and sockets. Files with several names become hard links. Symbolic links are kept as they are, and none is
 * followed. The directory is read here for the digests, and once more for each {@link DirectoryLayer.open}. Equal
 * bytes for equal trees hold for one version of Node, whose zlib compresses.
 *
 * @throws {OciError} `ERR_OCI_LAYER_INVALID` for a file that changes while it is read. Errors of the disk come out
 * unchanged.
 * @throws {RangeError} for a `sourceDateEpoch` that is no whole number from 0 on.
 */
export async function createLayerFromDirectory(
  directory: string,
  options: CreateLayerFromDirectoryOptions = {},
): Promise<DirectoryLayer> {
  const { compression = "gzip", sourceDateEpoch, owners = "root", signal } = options;
  if (sourceDateEpoch !== undefined && !(Number.isSafeInteger(sourceDateEpoch) && sourceDateEpoch >= 0)) {
    throw new RangeError(`sourceDateEpoch must be a whole number from 0 on, got ${sourceDateEpoch}`);
  }
  const root = resolve(directory);
  const fix = (entry: LayerEntry): LayerEntry => ({
    ...entry,
    ...(owners === "root" ? { uid: 0, gid: 0 } : {}),
    mtimeSeconds: sourceDateEpoch === undefined ? 0 : Math.min(entry.mtimeSeconds, sourceDateEpoch),
  });
  const plain = createDigester();
  const compressed = createDigester();
  const archive = watch(gather(archiveOf(root, fix)), (chunk) => plain.update(chunk));
  for await (const chunk of compress(archive, compression, signal)) compressed.update(chunk);
  return {
    descriptor: { mediaType: MEDIA_TYPES[compression], digest: compressed.digest(), size: compressed.size },
    diffId: plain.digest(),
    open: (given = {}) => compress(gather(archiveOf(root, fix)), compression, given.signal),
  };
}

async function* watch(
  source: ByteStream,
  see: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of source) {
    see(chunk);
    yield chunk;
  }
}

async function* compress(
  source: AsyncGenerator<Uint8Array, void>,
  compression: LayerCompression,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  if (compression === "none") {
    yield* abortableStream(source, signal);
    return;
  }
  const left = new AbortController();
  const given = abortableStream(source, signal ? AbortSignal.any([signal, left.signal]) : left.signal);
  let first = compression === "gzip";
  for await (const chunk of throughTransform(given, compressor(compression), { signal, left })) {
    // The header names the operating system that compressed: always "unknown", so that bytes are the same.
    if (first) chunk[9] = 255;
    first = false;
    yield chunk;
  }
}

function compressor(compression: "gzip" | "zstd"): Transform {
  if (compression === "gzip") return createGzip({ chunkSize: CHUNK_BYTES });
  return createZstdCompress({ chunkSize: CHUNK_BYTES, params: { [zlib.ZSTD_c_checksumFlag]: 1 } });
}

/** Joins small pieces to chunks. */
async function* gather(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let held: Uint8Array[] = [];
  let length = 0;
  for (const piece of pieces) {
    held.push(piece);
    length += piece.byteLength;
    if (length < CHUNK_BYTES) continue;
    yield Buffer.concat(held, length);
    held = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(held, length);
}

/** The archive of a directory, piece by piece. */
function* archiveOf(root: string, fix: (entry: LayerEntry) => LayerEntry): Generator<Uint8Array, void> {
  const seen = new Map<string, string>();
  for (const [path, stats] of walk(root, "")) {
    const kind = kindOf(stats);
    if (!kind) continue;
    const key = `${stats.dev}:${stats.ino}`;
    const first = kind !== "directory" && stats.nlink > 1 ? seen.get(key) : undefined;
    const target = first ?? (kind === "symlink" ? linkText(root, path) : "");
    const entry = fix(entryOf(path, first === undefined ? kind : "link", stats, target));
    seen.set(key, path);
    yield tarHeader(entry);
    if (entry.kind === "file") {
      yield* contentOf(root, path, stats);
      yield tarPadding(stats.size);
    }
  }
  yield ARCHIVE_END;
}

/** Everything below a directory, each directory right before what is in it. */
function* walk(root: string, path: string): Generator<[path: string, stats: Stats], void> {
  const names = readdirSync(place(root, path), { encoding: "buffer" }).map(entryNameText);
  for (const name of names.sort(whiteoutsFirst)) {
    const at = joinPath(path, name);
    const stats = lstatSync(place(root, at));
    yield [at, stats];
    if (stats.isDirectory()) yield* walk(root, at);
  }
}

function whiteoutsFirst(a: string, b: string): number {
  return Number(b.startsWith(".wh.")) - Number(a.startsWith(".wh.")) || (a < b ? -1 : 1);
}

function place(root: string, path: string): string | Buffer {
  return path === "" ? root : entryNameBytes(`${root}/${path}`);
}

function linkText(root: string, path: string): string {
  return entryNameText(readlinkSync(place(root, path), { encoding: "buffer" }));
}

function kindOf(stats: Stats): LayerEntryKind | undefined {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isCharacterDevice()) return "character-device";
  if (stats.isBlockDevice()) return "block-device";
  return stats.isFIFO() ? "fifo" : undefined;
}

function entryOf(path: string, kind: LayerEntryKind, stats: Stats, target: string): LayerEntry {
  const isDevice = kind === "character-device" || kind === "block-device";
  return {
    path,
    kind,
    mode: kind === "symlink" ? 0o777 : stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    userName: "",
    groupName: "",
    mtimeSeconds: Math.floor(stats.mtimeMs / 1000),
    size: kind === "file" ? stats.size : 0,
    target,
    // As Linux packs them: eight bits of the minor number, twelve of the major, the rest of both above.
    deviceMajor: isDevice ? Math.floor(stats.rdev / 256) & 0xfff : 0,
    deviceMinor: isDevice ? (stats.rdev & 0xff) | (Math.floor(stats.rdev / 2 ** 12) & 0xfffff00) : 0,
    xattrs: new Map(),
  };
}

/** The content of a file, if it is still the one that was looked at, and as long. */
function* contentOf(root: string, path: string, expected: Stats): Generator<Uint8Array, void> {
  const fd = openSync(place(root, path), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
  try {
    const { ino, dev } = fstatSync(fd);
    let left = expected.size;
    while (left > 0 && ino === expected.ino && dev === expected.dev) {
      const piece = Buffer.allocUnsafeSlow(Math.min(left, CHUNK_BYTES));
      const length = readSync(fd, piece);
      if (length === 0) break;
      left -= length;
      yield piece.subarray(0, length);
    }
    if (left > 0 || ino !== expected.ino || fstatSync(fd).size !== expected.size) {
      throw new OciError("ERR_OCI_LAYER_INVALID", `a file that changes while it is read: ${shownPath(path)}`);
    }
  } finally {
    closeSync(fd);
  }
}

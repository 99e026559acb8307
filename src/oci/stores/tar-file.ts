/**
 * A tar archive as a file of which any entry can be read at any time.
 *
 * @module
 */
import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { assertLimit } from "../../core/bytes.ts";
import { CoreError } from "../../core/errors.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { OciError, type OciErrorCode } from "../errors.ts";
import { compressionOf, inflate } from "../layers/decompress.ts";
import { entryNameText, shownPath } from "../layers/entry.ts";
import {
  extendEntry,
  extendedEntry,
  isPending,
  isTarExtension,
  type TarExtension,
} from "../tar/extension.ts";
import { BLOCK_BYTES, paddingOf, parseTarHeader } from "../tar/header.ts";
import { fileError, temporaryPath, withFileErrors } from "./files.ts";
import { readRange, writeAll } from "./verified-file.ts";

/** Options of archives that are read. */
export interface ArchiveOptions extends SignalOptions {
  /**
   * Directory in which an archive that is compressed as a whole is unpacked, into a file without a name. Default: the
   * directory of the archive.
   */
  temporaryFolder?: string | undefined;
  /** Most bytes that an archive compressed as a whole, or one compressed layer, may unpack to. Default 64 GiB. */
  maxUnpackedBytes?: number | undefined;
  /** Most entries. Default 100000. */
  maxEntries?: number | undefined;
  /** Largest manifest, config or list accepted, in bytes. Default 4 MiB (4194304). */
  maxManifestBytes?: number | undefined;
}

/** A regular file in the archive. */
export interface TarEntry {
  offset: number;
  size: number;
}

/** What {@link openTarFile} gives. */
export interface TarFile {
  /** The entry of a path, links within the archive followed; nothing where there is none. */
  find(path: string): TarEntry | undefined;
  /** The only entry of a path; fails where there is none, or more than one. */
  findOnly(path: string): TarEntry;
  /** The content of an entry, not verified. */
  read(entry: TarEntry): AsyncGenerator<Uint8Array, void>;
  /** The content of an entry that must fit into `maxBytes`. */
  readWhole(entry: TarEntry, maxBytes: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

const MAX_HOPS = 16;
const MAX_EXTENSION_BYTES = 1024 * 1024;

/**
 * Opens an archive and finds its entries; contents are not read. One that is compressed as a whole by gzip or zstd is
 * unpacked first.
 *
 * @param code For what is no such archive, or is damaged.
 */
export async function openTarFile(
  path: string,
  code: OciErrorCode,
  { temporaryFolder, maxUnpackedBytes = 64 * 1024 ** 3, maxEntries = 100_000, signal }: ArchiveOptions,
): Promise<TarFile> {
  assertLimit(maxUnpackedBytes, "maxUnpackedBytes");
  assertLimit(maxEntries, "maxEntries");
  signal?.throwIfAborted();
  const given = await withFileErrors(() => open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)));
  let handle = given;
  try {
    const found = await given.stat();
    if (!found.isFile()) throw new OciError("ERR_OCI_FILE", `${path} is no regular file`);
    const start = await withFileErrors(() => given.read(Buffer.alloc(6), 0, 6, 0));
    const compression = compressionOf(start.buffer.subarray(0, start.bytesRead));
    if (compression !== "none") {
      const folder = temporaryFolder ?? dirname(path);
      handle = await unpack(given, found.size, compression, { folder, maxUnpackedBytes, code, signal });
      await given.close();
    }
    const entries = await scan(handle, { path, code, maxEntries, signal });
    return tarFile(handle, entries, path, code);
  } catch (error) {
    await handle.close();
    if (handle !== given) await given.close();
    throw fileError(error);
  }
}

/**
 * Unpacks content piece by piece.
 *
 * @throws {CoreError} `ERR_TOO_LARGE` over the limit.
 */
export async function decompress(
  source: AsyncIterable<Uint8Array>,
  compression: "gzip" | "zstd",
  { maxBytes, code, signal }: { maxBytes: number; code: OciErrorCode } & SignalOptions,
  take: (piece: Uint8Array) => Promise<void> | void,
): Promise<void> {
  const toError = (what: string, cause?: unknown): OciError => new OciError(code, what, { cause });
  let total = 0;
  for await (const piece of inflate(source, compression, { signal, left: new AbortController(), toError })) {
    total += piece.byteLength;
    if (total > maxBytes) throw new CoreError("ERR_TOO_LARGE", `unpacks to more than ${maxBytes} bytes`);
    await take(piece);
  }
}

async function unpack(
  given: FileHandle,
  size: number,
  compression: "gzip" | "zstd",
  {
    folder,
    maxUnpackedBytes,
    code,
    signal,
  }: { folder: string; maxUnpackedBytes: number; code: OciErrorCode } & SignalOptions,
): Promise<FileHandle> {
  const path = temporaryPath(folder);
  const handle = await withFileErrors(() => open(path, "wx+", 0o600));
  try {
    // Without a name it goes when it is closed, also when the process ends before.
    await withFileErrors(() => unlink(path));
    let position = 0;
    const options = { maxBytes: maxUnpackedBytes, code, signal };
    await decompress(readRange(given, { offset: 0, size }), compression, options, async (piece) => {
      await writeAll(handle, piece, position);
      position += piece.byteLength;
    });
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

type Found = { kind: "file"; entry: TarEntry } | { kind: "link"; target: string } | { kind: "other" };

interface ScanContext extends SignalOptions {
  path: string;
  code: OciErrorCode;
  maxEntries: number;
}

async function scan(
  handle: FileHandle,
  { path, code, maxEntries, signal }: ScanContext,
): Promise<Map<string, Found[]>> {
  const { size: end } = await handle.stat();
  const damaged = (what: string): OciError => new OciError(code, `${path}: ${what}`);
  const entries = new Map<string, Found[]>();
  let extension: TarExtension = { bytes: 0 };
  let afterZeros = false;
  let count = 0;
  for (let at = 0; at === 0 || at < end; ) {
    signal?.throwIfAborted();
    if (at + BLOCK_BYTES > end) throw damaged(at === 0 ? "no tar archive" : "cut off within a header");
    const header = parseTarHeader(await readExactly(handle, at, BLOCK_BYTES, damaged), damaged);
    const offset = at + BLOCK_BYTES;
    if (!header) {
      if (afterZeros) break;
      afterZeros = true;
      at = offset;
      continue;
    }
    // Programs differ in whether an archive goes on behind one block of zeros.
    if (afterZeros) throw damaged("an archive goes on behind a block of zeros");
    // Programs that summed so are older than archives of images.
    if (header.signedSum) throw damaged("a header with a wrong checksum");
    if (++count > maxEntries) {
      throw new CoreError("ERR_TOO_LARGE", `${path}: more than ${maxEntries} entries`);
    }
    const entry = isTarExtension(header) ? undefined : extendedEntry(header, extension, damaged);
    const size = entry?.contentBytes ?? header.size;
    at = offset + size + paddingOf(size);
    if (at > end) throw damaged(`cut off within ${shownPath(entryNameText(header.name))}`);
    if (!entry) {
      extension.bytes += size;
      if (extension.bytes > MAX_EXTENSION_BYTES) throw damaged("an extended header that is too large");
      const body = await readExactly(handle, offset, size, damaged);
      extendEntry(extension, { type: header.type, body }, damaged);
      continue;
    }
    if (entry.type === "S" || isSparse(extension)) throw damaged("a sparse file");
    extension = { bytes: 0 };
    const name = cleanName(entryNameText(entry.name));
    if (name === undefined) continue;
    const found = toFound(entry.type, name, entryNameText(entry.link), { offset, size });
    const same = entries.get(name);
    if (same) same.push(found);
    else entries.set(name, [found]);
  }
  if (isPending(extension)) throw damaged("an archive ends behind an extended header");
  return entries;
}

/** Whether an entry is a file that the archive does not hold in one piece. */
function isSparse({ pax }: TarExtension): boolean {
  return pax !== undefined && [...pax.records.keys()].some((key) => key.startsWith("GNU.sparse."));
}

function toFound(type: string, name: string, link: string, entry: TarEntry): Found {
  if (type === "0") return { kind: "file", entry };
  if (type === "1") return linkTo(link);
  // The target of a symbolic link is seen from its directory.
  if (type === "2")
    return linkTo(link.startsWith("/") ? link : `${name.slice(0, name.lastIndexOf("/") + 1)}${link}`);
  return { kind: "other" };
}

function linkTo(target: string): Found {
  const parts: string[] = [];
  for (const part of target.split("/")) {
    if (part === "..") {
      if (parts.pop() === undefined) return { kind: "other" };
    } else if (part !== "" && part !== ".") parts.push(part);
  }
  return { kind: "link", target: parts.join("/") };
}

/** A name without `./` and doubled slashes; nothing for one that leads upwards, which no document names. */
function cleanName(name: string): string | undefined {
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  return parts.length === 0 || parts.includes("..") ? undefined : parts.join("/");
}

async function readExactly(
  handle: FileHandle,
  offset: number,
  size: number,
  damaged: (what: string) => OciError,
): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readRange(handle, { offset, size })) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  if (bytes.byteLength !== size) throw damaged("the file became shorter");
  return bytes;
}

function tarFile(
  handle: FileHandle,
  entries: ReadonlyMap<string, Found[]>,
  path: string,
  code: OciErrorCode,
): TarFile {
  let closed: Promise<void> | undefined;
  const assertOpen = (): void => {
    if (closed !== undefined) throw new OciError("ERR_OCI_CLOSED", `${path} was closed`);
  };
  const shown = (name: string): string => JSON.stringify(name.slice(0, 256));
  const file: TarFile = {
    find(name) {
      assertOpen();
      let at = cleanName(name);
      for (let hops = 0; at !== undefined && hops <= MAX_HOPS; hops++) {
        const found: Found | undefined = entries.get(at)?.at(-1);
        if (found?.kind === "file") return found.entry;
        if (found?.kind !== "link") return undefined;
        at = found.target;
      }
      if (at === undefined) return undefined;
      throw new OciError(code, `${path}: a link without end at ${shown(name)}`);
    },
    findOnly(name) {
      const entry = file.find(name);
      if (!entry) throw new OciError(code, `${path} has no ${shown(name)}`);
      // One program would read the first, another one the last.
      const { length } = entries.get(cleanName(name) ?? "") ?? [];
      if (length > 1) throw new OciError(code, `${path} has several ${shown(name)}`);
      return entry;
    },
    async *read(entry) {
      assertOpen();
      for await (const piece of readRange(handle, entry)) {
        yield piece;
        assertOpen();
      }
    },
    async readWhole(entry, maxBytes) {
      assertOpen();
      if (entry.size > maxBytes) {
        throw new CoreError("ERR_TOO_LARGE", `${path}: a document of ${entry.size} bytes, over ${maxBytes}`);
      }
      return readExactly(handle, entry.offset, entry.size, (what) => new OciError(code, `${path}: ${what}`));
    },
    close: () => {
      closed ??= handle.close();
      return closed;
    },
  };
  return file;
}

/**
 * Credential files from disk, read again only when they have changed.
 *
 * @module
 */
import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { SignalOptions } from "../../core/signal.ts";
import { OciError } from "../errors.ts";
import { type AuthFile, parseAuthFile } from "./auth-file.ts";
import type { ReadAuthFile } from "./lookup.ts";

/** Options of {@link authFileReader}. */
export interface AuthFileReaderOptions {
  /**
   * Whether a file that others than its owner may read, or that belongs to neither this user nor root, is an error.
   * Default false, as with Docker and Podman. Without effect on Windows.
   */
  requirePrivate?: boolean | undefined;
}

/** Longest file read, in bytes. */
const MAX_AUTH_FILE_BYTES = 4 * 1024 * 1024;

/** Files that do not exist, or lie below what is no folder. */
const MISSING: readonly unknown[] = ["ENOENT", "ENOTDIR"];

/** A pipe at the place of a file must not be waited for. */
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

interface KnownFile {
  version: string;
  file: AuthFile;
}

/**
 * Reads credential files of at most 4 MiB (4194304 bytes); each is parsed once for as long as it stays the same.
 *
 * Whether it has changed is told by inode, size and times. Reading rejects with an `OciError`
 * `ERR_OCI_AUTH_FILE_INVALID` for a file that cannot be read or parsed; a file that does not exist gives undefined.
 */
export function authFileReader({ requirePrivate = false }: AuthFileReaderOptions = {}): ReadAuthFile {
  const known = new Map<string, KnownFile>();
  return async ({ path, legacy }, { signal }) => {
    const handle = await openIfExists(path, signal);
    if (!handle) {
      known.delete(path);
      return undefined;
    }
    try {
      const stats = await handle.stat({ bigint: true });
      if (!stats.isFile()) throw unreadable("it is no file");
      if (requirePrivate) assertPrivate(stats);
      const version = versionOf(stats, legacy);
      const before = known.get(path);
      if (before?.version === version) return before.file;
      const file = parseAuthFile(await readAll(handle, { signal }), { legacy });
      known.set(path, { version, file });
      return file;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof Error && "syscall" in error) throw systemError(error);
      throw error;
    } finally {
      await handle.close();
    }
  };
}

/** The whole text of a file; undefined if there is none. */
export async function readTextIfExists(
  path: string,
  { signal }: SignalOptions,
): Promise<{ bytes: Uint8Array; version: string } | undefined> {
  const handle = await openIfExists(path, signal);
  if (!handle) return undefined;
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) throw unreadable("it is no file");
    return { bytes: await readAll(handle, { signal }), version: versionOf(stats, false) };
  } finally {
    await handle.close();
  }
}

/** What changes when a file is written or replaced. */
export function versionOf(stats: BigIntStats, legacy: boolean): string {
  return [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs, legacy].join();
}

async function openIfExists(path: string, signal: AbortSignal | undefined): Promise<FileHandle | undefined> {
  signal?.throwIfAborted();
  try {
    return await open(path, READ);
  } catch (error) {
    if (error instanceof Error && "code" in error && MISSING.includes(error.code)) return undefined;
    throw systemError(error);
  }
}

async function readAll(handle: FileHandle, { signal }: SignalOptions): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let total = 0;
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(65_536));
    if (bytesRead === 0) return Buffer.concat(chunks, total);
    chunks.push(buffer.subarray(0, bytesRead));
    total += bytesRead;
    if (total > MAX_AUTH_FILE_BYTES) throw unreadable(`more than ${MAX_AUTH_FILE_BYTES} bytes`);
  }
}

function assertPrivate(stats: BigIntStats): void {
  const uid = process.getuid?.();
  if (uid === undefined) return;
  if ((stats.mode & 0o077n) !== 0n) throw unreadable("others than its owner may use it");
  if (stats.uid !== 0n && stats.uid !== BigInt(uid)) throw unreadable("it belongs to somebody else");
}

function systemError(cause: unknown): OciError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown reason";
  return unreadable(code, cause);
}

function unreadable(why: string, cause?: unknown): OciError {
  const options = cause === undefined ? {} : { cause };
  return new OciError("ERR_OCI_AUTH_FILE_INVALID", `cannot be read: ${why}`, options);
}

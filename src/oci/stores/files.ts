/**
 * Files of a layout or archive: opened without leaving its directory, written whole, replaced at once.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { closeSync, constants, fsync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { type FileHandle, link, open, realpath, rename, statfs, unlink } from "node:fs/promises";
import { join, sep } from "node:path";
import { promisify } from "node:util";
import { isLadingError } from "../../core/errors.ts";
import type { DiskPace } from "../disk-pace.ts";
import { OciError } from "../errors.ts";

/** How names of temporary files begin; they lie in the directory of the layout itself. */
export const TEMPORARY_PREFIX = ".lading-";
const TEMPORARY_SUFFIX = ".tmp";

/** Windows knows neither of them. */
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;
const NON_BLOCKING = constants.O_NONBLOCK ?? 0;

/** The system's code of an error, such as `ENOENT`; nothing for any other error. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** An error of the file system as `ERR_OCI_FILE`; any other error as it is. */
export function fileError(error: unknown): unknown {
  if (isLadingError(error) || systemCode(error) === undefined) return error;
  return new OciError("ERR_OCI_FILE", (error as Error).message, { cause: error });
}

/** Settles as the work does; what the file system refused is `ERR_OCI_FILE`. */
export async function withFileErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error);
  }
}

/**
 * A regular file below a directory, for reading; nothing where there is none.
 *
 * Symbolic links are followed as long as they end inside the directory. Whoever can change the directory while it is
 * read can still lead elsewhere: what is read counts only after its digest was checked.
 *
 * @param root Real path of the directory.
 * @throws {OciError} `ERR_OCI_LAYOUT_INVALID` for what is no regular file, or lies outside; `ERR_OCI_FILE`.
 */
export async function openInside(root: string, relative: string): Promise<FileHandle | undefined> {
  try {
    const path = await realpath(join(root, relative));
    if (!isInside(root, path)) {
      throw new OciError("ERR_OCI_LAYOUT_INVALID", `${relative} is a link that leads out of ${root}`);
    }
    // A pipe in place of a file would wait for a writer.
    const handle = await open(path, constants.O_RDONLY | NO_FOLLOW | NON_BLOCKING);
    try {
      if ((await handle.stat()).isFile()) return handle;
    } catch (error) {
      await handle.close();
      throw error;
    }
    await handle.close();
    throw new OciError("ERR_OCI_LAYOUT_INVALID", `${relative} in ${root} is no regular file`);
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (code === "ELOOP") {
      throw new OciError("ERR_OCI_LAYOUT_INVALID", `${relative} in ${root} is a link without end`, {
        cause: error,
      });
    }
    throw fileError(error);
  }
}

/** Whether a real path lies below a directory, which is a real path too. */
export function isInside(root: string, path: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep);
}

/** Reads a file of which the handle was opened, up to a limit counted on what is read; closes it. */
export async function readAll(handle: FileHandle, maxBytes: number): Promise<Uint8Array | "too large"> {
  try {
    const { size } = await handle.stat();
    if (size > maxBytes) return "too large";
    // One byte more than there should be: a file that grows is noticed.
    let buffer = Buffer.allocUnsafeSlow(size + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await handle.read(buffer, length, buffer.byteLength - length, length);
      if (bytesRead === 0) return buffer.subarray(0, length);
      length += bytesRead;
      if (length > maxBytes) return "too large";
      if (length === buffer.byteLength) buffer = Buffer.concat([buffer, Buffer.allocUnsafeSlow(length)]);
    }
  } finally {
    await handle.close();
  }
}

/** A name for a new temporary file in a directory. */
export function temporaryPath(directory: string): string {
  return join(directory, TEMPORARY_PREFIX + randomUUID() + TEMPORARY_SUFFIX);
}

/** Whether a name is one of {@link temporaryPath}. */
export function isTemporaryName(name: string): boolean {
  return name.startsWith(TEMPORARY_PREFIX) && name.endsWith(TEMPORARY_SUFFIX);
}

/**
 * Writes a file under a temporary name and then gives it its own, so that at no time there is a part of it.
 *
 * @param write Fills the new file. What it throws comes out unchanged, and nothing is left.
 */
export async function writeThenRename(
  directory: string,
  path: string,
  write: (handle: FileHandle) => Promise<void>,
  { sync, replace = true }: { sync: boolean; replace?: boolean },
): Promise<void> {
  const temporary = temporaryPath(directory);
  const handle = await open(temporary, "wx", 0o666);
  try {
    try {
      await write(handle);
      if (sync) await handle.sync();
    } finally {
      await handle.close();
    }
    if (replace) await rename(temporary, path);
    else await link(temporary, path).finally(() => unlink(temporary));
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
}

/**
 * As {@link writeThenRename}, for a few bytes: by calls that block as long as the disk is fast. Only the wait for the
 * disk itself, with `sync`, is always left to a thread.
 */
export async function writeBytesThenRename(
  directory: string,
  path: string,
  bytes: Uint8Array,
  { sync, pace }: { sync: boolean; pace: DiskPace },
): Promise<void> {
  if (pace.isSlow) {
    return writeThenRename(directory, path, (handle) => handle.writeFile(bytes), { sync });
  }
  const temporary = temporaryPath(directory);
  const fd = pace.measure(() => openSync(temporary, "wx", 0o666));
  try {
    try {
      for (let done = 0; done < bytes.byteLength; ) done += writeSync(fd, bytes, done);
      if (sync) await synced(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

const synced: (fd: number) => Promise<void> = promisify(fsync);

const MEMORY_FILE_SYSTEMS: ReadonlySet<number> = new Set([
  0x0102_1994, // tmpfs
  0x8584_58f6, // ramfs
]);

/** Whether a directory lies in memory, so that nothing in it survives a loss of power anyway. Known on Linux only. */
export async function isInMemory(directory: string): Promise<boolean> {
  return process.platform === "linux" && MEMORY_FILE_SYSTEMS.has((await statfs(directory)).type);
}

/** Makes sure that names in a directory survive a loss of power. Does nothing where the system cannot. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY).catch((error) => {
    if (systemCode(error) === "EISDIR" || systemCode(error) === "EPERM") return undefined;
    throw error;
  });
  try {
    await handle?.sync();
  } catch (error) {
    const code = systemCode(error);
    if (code !== "EINVAL" && code !== "EPERM" && code !== "ENOTSUP") throw error;
  } finally {
    await handle?.close();
  }
}

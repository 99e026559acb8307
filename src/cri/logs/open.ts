/**
 * Opening a log file, whose path comes from a runtime and whose folder others may write to.
 *
 * @module
 */
import { constants } from "node:fs";
import { type FileHandle, open, readlink, realpath, stat } from "node:fs/promises";
import { sep } from "node:path";
import { CriError } from "../errors.ts";

/** Where a log file may lie. */
export interface LogPlace {
  /**
   * The folder that the file must lie in once links are resolved; links above it, and the folder itself being one,
   * do not matter. Default: anywhere, for paths that the caller vouches for.
   */
  logDirectory?: string | undefined;
  /**
   * Further folders that a link in `logDirectory` may lead to, such as `/var/lib/docker/containers` for
   * cri-dockerd, whose log files are links. Default none.
   */
  linkTargets?: readonly string[] | undefined;
}

/** An open file. */
export interface LogFile {
  readonly handle: FileHandle;
  /** Its path without links at the time of opening. */
  readonly path: string;
  /** Tells it from any other file that exists at the same time. */
  readonly identity: string;
  /** Its size in bytes when it was opened. */
  readonly size: number;
}

// Without O_NONBLOCK the opening of a pipe that took the file's place would wait for its other end.
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);

/**
 * Opens a regular file for reading. Nothing else is ever opened: looking at a device or pipe can have effects.
 *
 * The place is checked before and again on the open file, so that a link put there in between leads nowhere.
 *
 * @throws {CriError} `ERR_CRI_LOG_NOT_FOUND`, `ERR_CRI_LOG_PATH_REFUSED`, `ERR_CRI_LOG_UNREADABLE`.
 */
export async function openLogFile(path: string, place: LogPlace = {}): Promise<LogFile> {
  let handle: FileHandle | undefined;
  try {
    assertPath(path);
    const real = await realpath(path);
    const allowed = await allowedFolders(place);
    assertInside(path, real, allowed);
    assertRegular(path, await stat(real));
    handle = await open(real, FLAGS);
    const stats = await handle.stat({ bigint: true });
    assertRegular(path, stats);
    if (allowed) assertInside(path, await pathOfOpen(handle, real), allowed);
    return { handle, path: real, identity: identityOf(stats), size: Number(stats.size) };
  } catch (error) {
    await handle?.close();
    throw logFileError(error, path);
  }
}

/** Which file a path leads to now; undefined if there is none. */
export async function identityAt(path: string): Promise<string | undefined> {
  try {
    return identityOf(await stat(path, { bigint: true }));
  } catch (error) {
    const failed = logFileError(error, path);
    if (failed instanceof CriError && failed.code === "ERR_CRI_LOG_NOT_FOUND") return undefined;
    throw failed;
  }
}

/** The error of a system call on a log file as one of ours; any other as it is. */
export function logFileError(error: unknown, path: string): unknown {
  if (error instanceof CriError || !(error instanceof Error)) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return error;
  const missing = code === "ENOENT" || code === "ENOTDIR";
  const text = missing ? `there is no log file ${shown(path)}` : `log file ${shown(path)}: ${error.message}`;
  return new CriError(missing ? "ERR_CRI_LOG_NOT_FOUND" : "ERR_CRI_LOG_UNREADABLE", text, {
    systemCode: code,
    cause: error,
  });
}

/** The error for a path that leads where it may not. */
export function refusedPath(path: string, why: string): CriError {
  return new CriError("ERR_CRI_LOG_PATH_REFUSED", `log path ${shown(path)} ${why}`);
}

/** Fails for what no system takes as a path. */
export function assertPath(path: string): void {
  if (path === "") throw new CriError("ERR_CRI_LOG_NOT_FOUND", "the container has no log file");
  if (path.includes("\0")) throw refusedPath(path, "has a NUL");
}

/** Whether a path without links is a folder, or below it. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** The folders that a file may lie in, without links; undefined for anywhere. Those that are not there are left out. */
async function allowedFolders({ logDirectory, linkTargets = [] }: LogPlace): Promise<string[] | undefined> {
  if (logDirectory === undefined) return undefined;
  const folders: string[] = [];
  for (const folder of [logDirectory, ...linkTargets]) {
    try {
      folders.push(await realpath(folder));
    } catch {
      // Nothing can lie in it.
    }
  }
  return folders;
}

function assertInside(path: string, real: string, allowed: readonly string[] | undefined): void {
  if (allowed && !allowed.some((folder) => isInside(real, folder))) {
    throw refusedPath(path, "leads out of the log directory of its pod");
  }
}

function assertRegular(path: string, stats: { isFile(): boolean }): void {
  if (!stats.isFile()) throw refusedPath(path, "is not a regular file");
}

function identityOf({ dev, ino }: { dev: bigint; ino: bigint }): string {
  return `${dev}:${ino}`;
}

/** Where an open file lies now, by what the kernel says; without that, where its path leads now. */
async function pathOfOpen(handle: FileHandle, real: string): Promise<string> {
  try {
    return await readlink(`/proc/self/fd/${handle.fd}`);
  } catch {
    const now = await realpath(real);
    const [opened, there] = [await handle.stat({ bigint: true }), await stat(now, { bigint: true })];
    if (identityOf(opened) !== identityOf(there)) throw refusedPath(real, "changed while it was opened");
    return now;
  }
}

function shown(path: string): string {
  return JSON.stringify(path.length > 512 ? `${path.slice(0, 512)}…` : path);
}

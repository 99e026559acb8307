/**
 * Removing the log files of a container that is gone.
 *
 * @module
 */
import { constants } from "node:fs";
import { type FileHandle, open, readdir, readlink, realpath, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { assertPath, isInside, logFileError, refusedPath } from "./open.ts";

/** Options of {@link removeLogFiles}. */
export interface RemoveLogFilesOptions {
  /** The log directory of the pod. Nothing outside of it is removed. */
  logDirectory: string;
}

/**
 * Removes a log file and those that were rotated away from it, `X.log` and `X.log.*`, and gives their paths.
 *
 * Nothing to remove is no error. Links are removed and never followed; folders are left. The folder of the file must
 * lie in `logDirectory` once links are resolved. All are tried before the first failure is thrown.
 *
 * @throws {CriError} `ERR_CRI_LOG_PATH_REFUSED` if the folder of the file lies elsewhere.
 * @throws {CriError} `ERR_CRI_LOG_UNREADABLE` if a file cannot be removed.
 */
export async function removeLogFiles(
  logPath: string,
  { logDirectory }: RemoveLogFilesOptions,
): Promise<string[]> {
  // An empty path would be the working directory.
  if (logDirectory === "") throw new TypeError("logDirectory is empty");
  const base = basename(logPath);
  if (base === "." || base === ".." || (base === "" && logPath !== "")) {
    throw refusedPath(logPath, "names no file");
  }
  let folder: FileHandle | undefined;
  try {
    assertPath(logPath);
    assertPath(logDirectory);
    const real = await realpath(dirname(logPath));
    const allowed = await realpath(logDirectory);
    assertInside(logPath, real, allowed);
    // On Linux names are resolved in the open folder, which nobody can exchange for a link.
    let place = real;
    if (process.platform === "linux") {
      folder = await open(real, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
      place = `/proc/self/fd/${folder.fd}`;
      assertInside(logPath, await readlink(place), allowed);
    }
    const names = await removableNames(place, base);
    return await unlinkAll(names, place, real);
  } catch (error) {
    const failure = logFileError(error, logPath);
    if (isMissing(failure)) return [];
    throw failure;
  } finally {
    await folder?.close();
  }
}

async function removableNames(folder: string, base: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory() && (entry.name === base || entry.name.startsWith(`${base}.`)))
    .map(({ name }) => name)
    .sort();
}

async function unlinkAll(names: readonly string[], place: string, real: string): Promise<string[]> {
  const removed: string[] = [];
  const failures: unknown[] = [];
  for (const name of names) {
    try {
      await unlink(join(place, name));
      removed.push(join(real, name));
    } catch (error) {
      const failure = logFileError(error, join(real, name));
      if (!isMissing(failure)) failures.push(failure);
    }
  }
  if (failures.length > 0) throw failures[0];
  return removed;
}

function assertInside(logPath: string, folder: string, allowed: string): void {
  if (!isInside(folder, allowed)) throw refusedPath(logPath, "lies outside of the log directory of its pod");
}

function isMissing(error: unknown): boolean {
  return (error as { code?: unknown }).code === "ERR_CRI_LOG_NOT_FOUND";
}

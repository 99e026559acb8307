/**
 * A lock file: one process at a time changes the index of a layout.
 *
 * The format knows no lock, so other programs do not heed this one; between programs that use lading it holds. The file
 * names its holder. It is taken over when the holder's process has ended on this machine, or when nobody has
 * touched the file for a minute: a holder touches it every ten seconds.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { link, readFile, readlink, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { delay, type SignalOptions } from "../../core/signal.ts";
import { OciError } from "../errors.ts";
import { systemCode, temporaryPath, withFileErrors } from "./files.ts";

/** Name of the lock file within a layout. */
export const LOCK_NAME = ".lading-lock";

const STALE_MS = 60_000;
const TOUCH_MS = 10_000;
const MAX_WAIT_MS = 25;

/** Options of {@link withLock}. */
export interface LockOptions extends SignalOptions {
  /** Longest wait for the lock, in milliseconds. */
  timeoutMs: number;
}

/**
 * Does work while holding the lock of a directory.
 *
 * @throws {OciError} `ERR_OCI_CONFLICT` when the lock does not become free in time; `ERR_OCI_FILE`.
 */
export async function withLock<T>(
  directory: string,
  { timeoutMs, signal }: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  const path = join(directory, LOCK_NAME);
  const holder = await describeHolder();
  await acquire(path, holder, timeoutMs, signal);
  const timer = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, TOUCH_MS);
  timer.unref();
  try {
    return await work();
  } finally {
    clearInterval(timer);
    // A lock that was taken over belongs to somebody else.
    if ((await readHolder(path)) === holder) await rm(path, { force: true }).catch(() => {});
  }
}

async function acquire(
  path: string,
  holder: string,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    if (await create(path, holder)) return;
    if (await isStale(path)) {
      await breakLock(path, holder);
      continue;
    }
    if (performance.now() > deadline) {
      throw new OciError(
        "ERR_OCI_CONFLICT",
        `${path}: held by another process for more than ${timeoutMs} ms`,
      );
    }
    await delay(Math.random() * Math.min(MAX_WAIT_MS, 2 + attempt), { signal });
  }
}

/**
 * Makes the lock file, complete from the first moment: a process that ends in between leaves no lock without a holder.
 */
function create(path: string, holder: string): Promise<boolean> {
  return withFileErrors(async () => {
    const candidate = temporaryPath(dirname(path));
    await writeFile(candidate, holder, { flag: "wx", mode: 0o644 });
    try {
      await link(candidate, path);
      return true;
    } catch (error) {
      const code = systemCode(error);
      if (code === "EEXIST") return false;
      // Some file systems have no links.
      if (code !== undefined && NO_LINKS.includes(code)) return await createInPlace(path, holder);
      throw error;
    } finally {
      await rm(candidate, { force: true });
    }
  });
}

const NO_LINKS: readonly string[] = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"];

async function createInPlace(path: string, holder: string): Promise<boolean> {
  try {
    await writeFile(path, holder, { flag: "wx", mode: 0o644 });
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

/**
 * Removes a lock that nobody holds. A second lock lets only one process do so, which looks again first: otherwise
 * the new lock of a process that was faster could be removed.
 */
async function breakLock(path: string, holder: string): Promise<void> {
  const breaker = `${path}-break`;
  if (!(await create(breaker, holder))) {
    if (await isStale(breaker)) await rm(breaker, { force: true });
    await delay(Math.random() * MAX_WAIT_MS);
    return;
  }
  try {
    if (await isStale(path)) await rm(path, { force: true });
  } finally {
    await rm(breaker, { force: true });
  }
}

async function isStale(path: string): Promise<boolean> {
  const text = await readHolder(path);
  if (text === undefined) return false;
  const [where, pid, id] = text.endsWith("\n") ? text.split("\n") : [];
  // Where a file names nobody only its age counts.
  if (id && where === (await thisPlace()) && !isAlive(Number(pid))) return true;
  const age = await ageOf(path);
  return age !== undefined && age > STALE_MS;
}

async function readHolder(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return undefined;
  }
}

async function ageOf(path: string): Promise<number | undefined> {
  try {
    return Date.now() - (await stat(path)).mtimeMs;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== "ESRCH";
  }
}

async function describeHolder(): Promise<string> {
  return `${await thisPlace()}\n${process.pid}\n${randomUUID()}\n`;
}

let place: string | undefined;

/** Where process ids mean what they mean here: the machine, and on Linux the namespace. */
async function thisPlace(): Promise<string> {
  place ??= `${hostname()} ${await readlink("/proc/self/ns/pid").catch(() => process.platform)}`;
  return place;
}

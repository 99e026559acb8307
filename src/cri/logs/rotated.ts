/**
 * The files that rotation leaves: `0.log.20240131-120000.gz`, `0.log.20240131-130000`, `0.log`, the oldest first.
 *
 * The kubelet renames the file to its name and the time, compresses it at the next rotation, and removes the oldest.
 * All this may happen while the files are being opened: {@link openLogFiles} gives files that were the log at one
 * moment, held open so that what happens later does not matter.
 *
 * @module
 */
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import { CriError } from "../errors.ts";
import { inflateFile, readBlock } from "./blocks.ts";
import { identityAt, type LogFile, type LogPlace, logFileError, openLogFile } from "./open.ts";

/** One file of a log. */
export interface LogSegment {
  readonly file: LogFile;
  /** It is gzip data. */
  readonly compressed: boolean;
  /** It is the file that the runtime writes to, not one that was rotated away. */
  readonly current: boolean;
}

/** The files of a log at one moment. */
export interface LogFiles {
  /** The oldest first; the last one is the current one, unless a rotation was going on. */
  readonly segments: readonly LogSegment[];
  /** Times in the names of all rotated files, also of those that were not opened. */
  readonly rotations: ReadonlySet<string>;
}

/** What to open. */
export interface OpenLogFilesOptions extends LogPlace, SignalOptions {
  /** Which rotated files: all, none, or those that are younger than a file that was the current one before. */
  rotated: "all" | "none" | { after: LogFile; rotations: ReadonlySet<string> };
  /** Largest size of a rotated file once it is inflated. */
  maxInflatedBytes: number;
}

/** A rotated file in a folder. */
export interface RotatedName {
  name: string;
  /** When it was rotated, such as `20240131-120000`, in the local time of the node. */
  rotation: string;
  compressed: boolean;
}

/** More rotated files than anybody keeps. */
const MAX_ROTATED = 1000;

/** Tries to see one moment, and milliseconds between them. */
const MAX_TRIES = 20;
const BETWEEN_TRIES_MS = 50;

/**
 * The rotated files among names, the oldest first.
 *
 * Names that the kubelet does not give, such as those of unfinished compressions, are left out, and so is a plain
 * file whose compressed form is there.
 */
export function rotatedNames(names: readonly string[], base: string): RotatedName[] {
  const rotated = new Map<string, RotatedName>();
  for (const name of names) {
    if (!name.startsWith(`${base}.`)) continue;
    const [, rotation, gz] = /^([0-9]{8}-[0-9]{6})(\.gz)?$/.exec(name.slice(base.length + 1)) ?? [];
    if (rotation === undefined || (gz === undefined && rotated.has(rotation))) continue;
    rotated.set(rotation, { name, rotation, compressed: gz !== undefined });
  }
  return [...rotated.values()].sort((a, b) => (a.rotation < b.rotation ? -1 : 1));
}

/**
 * Opens the files of a log as they were at one moment. The caller closes them.
 *
 * @throws {CriError} `ERR_CRI_LOG_NOT_FOUND` if there is neither the file nor one that was rotated away from it.
 * @throws {CriError} what `openLogFile` throws.
 */
export async function openLogFiles(path: string, options: OpenLogFilesOptions): Promise<LogFiles> {
  for (let tries = 1; ; tries++) {
    options.signal?.throwIfAborted();
    const files = await openOnce(path, options, tries === MAX_TRIES);
    if (files) return files;
    await raceSignal(sleep(BETWEEN_TRIES_MS), options.signal);
  }
}

/** Closes files. */
export async function closeSegments(segments: readonly LogSegment[]): Promise<void> {
  for (const { file } of segments) await file.handle.close();
}

/** The files; undefined if they changed meanwhile. The last try takes what it can get. */
async function openOnce(
  path: string,
  options: OpenLogFilesOptions,
  last: boolean,
): Promise<LogFiles | undefined> {
  const opened: LogSegment[] = [];
  let keep = false;
  try {
    const file = await openUnlessMissing(path, options);
    const names = await listRotated(path);
    // Without the file a rotation is going on, or there is no log.
    if (!file && names.length === 0) {
      const text = `there is no log file ${JSON.stringify(path)}`;
      throw new CriError("ERR_CRI_LOG_NOT_FOUND", text, { systemCode: "ENOENT" });
    }
    if (!file && !last) return undefined;
    if (file) opened.push({ file, compressed: false, current: true });
    for (const { name, compressed } of await wantedOf(path, names, options, opened)) {
      const rotated = await openUnlessMissing(join(dirname(path), name), options);
      if (!rotated) return undefined;
      opened.push({ file: rotated, compressed, current: false });
      // It was rotated away after it had been opened as the current one.
      if (rotated.identity === file?.identity) return undefined;
    }
    if (file && (await identityAt(path)) !== file.identity && !last) return undefined;
    keep = true;
    return {
      segments: [...opened.slice(file ? 1 : 0), ...(file ? opened.slice(0, 1) : [])],
      rotations: new Set(names.map(({ rotation }) => rotation)),
    };
  } finally {
    if (!keep) await closeSegments(opened);
  }
}

/** The names to open. */
async function wantedOf(
  path: string,
  names: readonly RotatedName[],
  { rotated, ...options }: OpenLogFilesOptions,
  opened: readonly LogSegment[],
): Promise<readonly RotatedName[]> {
  if (rotated === "none") return [];
  if (rotated === "all") return names;
  if (opened[0]?.file.identity === rotated.after.identity) return [];
  for (let at = names.length - 1; at >= 0; at--) {
    const candidate = names[at];
    if (candidate && (await isSame(path, candidate, rotated.after, options))) return names.slice(at + 1);
  }
  // It was removed: what was not there before is younger.
  return names.filter(({ rotation }) => !rotated.rotations.has(rotation));
}

/** Whether a rotated file is the one that is open, perhaps compressed meanwhile: then it begins with the same bytes. */
async function isSame(
  path: string,
  { name, compressed }: RotatedName,
  file: LogFile,
  options: Omit<OpenLogFilesOptions, "rotated">,
): Promise<boolean> {
  const rotated = await openUnlessMissing(join(dirname(path), name), options);
  if (!rotated) return false;
  try {
    if (!compressed) return rotated.identity === file.identity;
    const beginning = await readBlock(file, 0, 4096);
    if (beginning.byteLength === 0) return false;
    let at = 0;
    for await (const chunk of inflateFile(rotated, options.maxInflatedBytes)) {
      const length = Math.min(chunk.byteLength, beginning.byteLength - at);
      if (Buffer.compare(chunk.subarray(0, length), beginning.subarray(at, at + length)) !== 0) return false;
      at += length;
      if (at === beginning.byteLength) return true;
    }
    return false;
  } finally {
    await rotated.handle.close();
  }
}

async function listRotated(path: string): Promise<RotatedName[]> {
  let names: string[];
  try {
    names = await readdir(dirname(path));
  } catch (error) {
    throw logFileError(error, path);
  }
  const rotated = rotatedNames(names, basename(path));
  if (rotated.length <= MAX_ROTATED) return rotated;
  throw new CriError("ERR_CRI_LOG_UNREADABLE", `log file ${path} has more than ${MAX_ROTATED} rotated files`);
}

async function openUnlessMissing(path: string, place: LogPlace): Promise<LogFile | undefined> {
  try {
    return await openLogFile(path, place);
  } catch (error) {
    if (error instanceof CriError && error.code === "ERR_CRI_LOG_NOT_FOUND") return undefined;
    throw error;
  }
}

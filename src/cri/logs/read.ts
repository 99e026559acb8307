/**
 * Reading a log file.
 *
 * @module
 */
import { realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { assertLimit } from "../../core/bytes.ts";
import { joinSignals, type SignalOptions } from "../../core/signal.ts";
import { CriError } from "../errors.ts";
import { type Batches, flatten, leavable } from "./batches.ts";
import { createEntryDecoder } from "./decode.ts";
import type { LogEntry, LogStream } from "./entry.ts";
import { followLog } from "./follow.ts";
import { type JoinLogLinesOptions, joinLogLines, type LogLine } from "./lines.ts";
import { assertPath, type LogPlace } from "./open.ts";
import type { IsRunning } from "./probe.ts";
import { closeSegments, type LogSegment, openLogFiles } from "./rotated.ts";
import { endOfEntries, type LogPart, readSegment, type SegmentRange, tailOf, wholeOf } from "./segments.ts";

/** Options of {@link readLogEntries}. */
export interface ReadLogEntriesOptions extends LogPlace, SignalOptions {
  /**
   * Only the last so many entries: entries, as `crictl logs --tail` counts, not lines, which may have several. With
   * `streams` only those of the wanted streams count. Default: all.
   */
  tailLines?: number | undefined;
  /** Only entries written at this time or later, in nanoseconds since 1970; see `parseSince`. Default: all. */
  sinceNs?: bigint | undefined;
  /** Only entries of these streams. Default: both. */
  streams?: readonly LogStream[] | undefined;
  /**
   * Goes on with what is appended, over rotations, until `isRunning` answers false. Default false: what the file
   * has when it is opened.
   */
  follow?: boolean | undefined;
  /**
   * Begins with the files that were rotated away, the oldest first by the times in their names, which the kubelet
   * writes in the local time of the node. Default false: only the present file.
   */
  includeRotated?: boolean | undefined;
  /**
   * Whether the container still runs; asked while nothing is appended, at most twice in `pollIntervalMs`. An error
   * ends the reading. Default: it runs for ever.
   */
  isRunning?: IsRunning | undefined;
  /** Longest time until a change is seen on a file system without notifications, in milliseconds. Default 1000. */
  pollIntervalMs?: number | undefined;
  /**
   * Longest entry that is kept whole, in bytes of the file; at least 256. A longer one comes in several, all but the
   * last partial. Default 1 MiB (1048576); runtimes write at most 16 KiB of content to one.
   */
  maxEntryBytes?: number | undefined;
  /** Largest rotated file once it is inflated, in bytes. Default 1 GiB (1073741824). */
  maxInflatedBytes?: number | undefined;
  /** Gets each line that is skipped since it is no entry; at most its first `maxEntryBytes` bytes. */
  onSkippedLine?: ((line: Uint8Array) => void) | undefined;
}

/** Options of {@link readLogFile}. */
export interface ReadLogFileOptions extends ReadLogEntriesOptions, JoinLogLinesOptions {}

const DEFAULT_POLL_INTERVAL_MS = 1000;
const MIN_ENTRY_BYTES = 256;
const DEFAULT_MAX_ENTRY_BYTES = 1024 * 1024;
const DEFAULT_MAX_INFLATED_BYTES = 1024 * 1024 * 1024;

/**
 * The entries of a log file in batches, as they are read: lazy, single-use, in memory that does not grow with the
 * file. Leaving early closes the files, also while it waits for more.
 *
 * The form is decided by the first line that is read; later lines that are not in it are skipped. A last line
 * without LF is given out as it is, but with `follow` only once its file has ended, and not with `tailLines` alone.
 * A file that is emptied is read from its beginning; one that is emptied and has grown beyond where it was read is
 * not told from one that has only grown.
 *
 * @throws {CriError} `ERR_CRI_LOG_NOT_FOUND`, `ERR_CRI_LOG_UNREADABLE` if the file is missing or cannot be read.
 * @throws {CriError} `ERR_CRI_LOG_PATH_REFUSED` if it is no regular file, or lies outside of `logDirectory`.
 * @throws {CriError} `ERR_CRI_LOG_INVALID` for a first line in neither form, and a damaged rotated file.
 */
export function readLogEntries(path: string, options: ReadLogEntriesOptions = {}): Batches<LogEntry> {
  const resolved = resolveOptions(options);
  return leavable((left) => decode(path, resolved, left));
}

/**
 * The lines of a log file, one at a time; see {@link readLogEntries}, whose batches are faster where lines are short
 * and many.
 */
export function readLogFile(
  path: string,
  options: ReadLogFileOptions = {},
): AsyncIterableIterator<LogLine, void> {
  return flatten(joinLogLines(readLogEntries(path, options), options));
}

type ResolvedOptions = ReadLogEntriesOptions &
  Required<Pick<FilledOptions, "pollIntervalMs" | "maxEntryBytes" | "maxInflatedBytes">>;

interface FilledOptions {
  pollIntervalMs: number;
  maxEntryBytes: number;
  maxInflatedBytes: number;
}

function resolveOptions(options: ReadLogEntriesOptions): ResolvedOptions {
  const {
    pollIntervalMs = DEFAULT_POLL_INTERVAL_MS,
    maxEntryBytes = DEFAULT_MAX_ENTRY_BYTES,
    maxInflatedBytes = DEFAULT_MAX_INFLATED_BYTES,
  } = options;
  if (options.tailLines !== undefined) assertLimit(options.tailLines, "tailLines");
  assertLimit(maxEntryBytes, "maxEntryBytes");
  assertLimit(maxInflatedBytes, "maxInflatedBytes");
  if (maxEntryBytes < MIN_ENTRY_BYTES)
    throw new RangeError(`maxEntryBytes must be at least ${MIN_ENTRY_BYTES}`);
  if (!(pollIntervalMs >= 1 && pollIntervalMs < 2 ** 31)) {
    throw new RangeError(`pollIntervalMs must be from 1 to 2147483647, got ${pollIntervalMs}`);
  }
  return { ...options, pollIntervalMs, maxEntryBytes, maxInflatedBytes };
}

async function* decode(
  path: string,
  options: ResolvedOptions,
  left: AbortSignal,
): AsyncGenerator<readonly LogEntry[], void> {
  const { signal } = options;
  const decoder = createEntryDecoder(options);
  try {
    signal?.throwIfAborted();
    const { parts, skip } = await open(path, { ...options, signal: joinSignals(signal, left) });
    const wanted = selection(options, skip);
    for await (const part of parts) {
      if (part.kind === "restart") decoder.reset();
      let entries =
        part.kind === "bytes" ? decoder.push(part.bytes) : part.kind === "end" ? decoder.end() : [];
      // An error of the decoder waits until the entries before it are out.
      entries = wanted ? entries.filter(wanted) : entries;
      if (entries.length > 0) yield entries;
      signal?.throwIfAborted();
    }
  } catch (error) {
    if (!left.aborted) throw error;
  }
}

/** Which entries are wanted; undefined for all. The first `skip` that are of a wanted stream are not. */
function selection(
  { sinceNs, streams }: ReadLogEntriesOptions,
  skip: number,
): ((entry: LogEntry) => boolean) | undefined {
  if (sinceNs === undefined && streams === undefined && skip === 0) return undefined;
  let left = skip;
  return ({ stream, unixNs }) => {
    if (streams !== undefined && !streams.includes(stream)) return false;
    if (left > 0) {
      left--;
      return false;
    }
    return sinceNs === undefined || unixNs >= sinceNs;
  };
}

/** What is to be read, and how many entries of the wanted streams to leave out of it. */
interface Opened {
  parts: AsyncIterable<LogPart>;
  skip: number;
}

async function open(path: string, options: ResolvedOptions): Promise<Opened> {
  const { follow = false, includeRotated = false, maxInflatedBytes } = options;
  const real = await resolvePath(path);
  const { segments, rotations } = await openLogFiles(real, {
    ...options,
    rotated: includeRotated ? "all" : "none",
  });
  try {
    if (segments.length === 0 && !follow) {
      throw new CriError("ERR_CRI_LOG_NOT_FOUND", `there is no log file ${JSON.stringify(path)}`);
    }
    const { ranges, skip } = await rangesOf(segments, options);
    const read = new Set(ranges.map(({ segment }) => segment));
    await closeSegments(segments.filter((segment) => !read.has(segment)));
    const parts = follow
      ? followLog(real, ranges, { ...options, isRunning: options.isRunning, rotations })
      : readRanges(ranges, maxInflatedBytes);
    return { parts, skip };
  } catch (error) {
    await closeSegments(segments);
    throw error;
  }
}

async function* readRanges(
  ranges: readonly SegmentRange[],
  maxInflatedBytes: number,
): AsyncGenerator<LogPart, void> {
  try {
    for (const range of ranges) {
      yield* readSegment(range, maxInflatedBytes);
      yield { kind: "end" };
    }
  } finally {
    await closeSegments(ranges.map(({ segment }) => segment));
  }
}

/** Where to begin in each file. */
async function rangesOf(
  segments: readonly LogSegment[],
  options: ResolvedOptions,
): Promise<{ ranges: SegmentRange[]; skip: number }> {
  const { tailLines, follow = false, streams, maxInflatedBytes } = options;
  if (tailLines === undefined) return { ranges: segments.map(wholeOf), skip: 0 };
  for (let count = tailLines; ; count = Math.max(count * 2, 64)) {
    const ranges = await tailOf(segments, count, maxInflatedBytes);
    const last = ranges.at(-1);
    if (last?.segment.current && !follow) last.end = await endOfEntries(last.segment);
    if (tailLines === 0 || streams === undefined) return { ranges, skip: 0 };
    // Entries of other streams do not count: go back until there are enough, or no more.
    const found = await countEntries(ranges, options);
    const all = ranges.length === segments.length && ranges[0]?.offset === 0 && ranges[0].skipLines === 0;
    if (found >= tailLines || all) return { ranges, skip: Math.max(0, found - tailLines) };
  }
}

async function countEntries(ranges: readonly SegmentRange[], options: ResolvedOptions): Promise<number> {
  const { maxEntryBytes, maxInflatedBytes, streams } = options;
  const decoder = createEntryDecoder({ maxEntryBytes });
  const wanted = selection({ streams }, 0) ?? (() => true);
  let count = 0;
  for (const range of ranges) {
    for await (const part of readSegment(range, maxInflatedBytes)) {
      if (part.kind !== "bytes") continue;
      for (const entry of decoder.push(part.bytes)) if (wanted(entry)) count++;
      options.signal?.throwIfAborted();
    }
    decoder.reset();
  }
  return count;
}

/** The path without links; while the file is missing that of its folder. */
async function resolvePath(path: string): Promise<string> {
  assertPath(path);
  try {
    return await realpath(path);
  } catch {
    return realpath(dirname(path)).then(
      (folder) => join(folder, basename(path)),
      () => path,
    );
  }
}

/**
 * Following a log: what is appended to it, over rotation and truncation, until the container has ended.
 *
 * @module
 */
import { basename, dirname } from "node:path";
import { delay, type SignalOptions } from "../../core/signal.ts";
import { BLOCK_BYTES, readBlock } from "./blocks.ts";
import { identityAt, type LogFile, type LogPlace, logFileError } from "./open.ts";
import { createRunProbe, type IsRunning } from "./probe.ts";
import { closeSegments, type LogSegment, openLogFiles } from "./rotated.ts";
import { type LogPart, readSegment, type SegmentRange, wholeOf } from "./segments.ts";
import { watchLog } from "./watch.ts";

/** Options of {@link followLog}. */
export interface FollowLogOptions extends LogPlace, SignalOptions {
  isRunning: IsRunning | undefined;
  /** Longest time between two looks at the file. */
  pollIntervalMs: number;
  maxInflatedBytes: number;
  /** Times in the names of the files that were rotated away before the first of the ranges was opened. */
  rotations: ReadonlySet<string>;
}

/** How long a file that was replaced is still written to: a runtime opens the new one before it leaves the old. */
const SETTLE_MS = 100;

/** Least time between two looks at a file: one that grows all the time is read in larger pieces. */
const PAUSE_MS = 5;

/** The file that is being read. */
interface Place {
  readonly segment: LogSegment;
  position: number;
}

/**
 * What the ranges hold, and what is appended to the last one, until the container has ended.
 *
 * A file that was replaced is read to its end before the next one. Files that came and were rotated away between
 * two looks are read in between, as long as they exist: a reader that is slow, or stopped, misses nothing else.
 * The files of the ranges are closed as they are left.
 */
export async function* followLog(
  path: string,
  ranges: readonly SegmentRange[],
  options: FollowLogOptions,
): AsyncGenerator<LogPart, void> {
  const { pollIntervalMs, maxInflatedBytes, signal, isRunning } = options;
  const watch = watchLog(dirname(path), basename(path));
  const probe = createRunProbe({ isRunning, intervalMs: pollIntervalMs / 2, onEnd: watch.wake, signal });
  let { rotations } = options;
  let queue = [...ranges];
  let place: Place | undefined;
  let settled: string | undefined;
  try {
    for (;;) {
      for (let range = queue.shift(); range; range = queue.shift()) {
        const left = place;
        place = { segment: range.segment, position: range.offset };
        if (left) await closeSegments([left.segment]);
        if (range.segment.current) break;
        yield* readSegment(range, maxInflatedBytes);
        yield { kind: "end" };
      }
      // Known before the file is read: then all is read that the container wrote before it ended.
      const ended = probe.ended();
      if (place?.segment.current) yield* readOn(place, signal);
      const there = await identityAt(path);
      if (there !== undefined && there !== place?.segment.file.identity) {
        if (settled !== there) {
          settled = there;
          await delay(SETTLE_MS, { signal });
          continue;
        }
        const files = await openNext(path, place?.segment.file, { ...options, rotations });
        if (place?.segment.current && files.segments.length > 0) yield { kind: "end" };
        rotations = files.rotations;
        queue = files.segments.map(wholeOf);
        continue;
      }
      if (ended) {
        if (place?.segment.current) yield { kind: "end" };
        return;
      }
      probe.ask();
      await watch.wait(pollIntervalMs, signal);
      await delay(PAUSE_MS, { signal });
    }
  } finally {
    probe.close();
    watch.close();
    await closeSegments([...(place ? [place.segment] : []), ...queue.map(({ segment }) => segment)]);
  }
}

/** What was appended since the last look. */
async function* readOn(place: Place, signal: AbortSignal | undefined): AsyncGenerator<LogPart, void> {
  const { file } = place.segment;
  const size = await sizeOf(file);
  if (size < place.position) {
    place.position = 0;
    yield { kind: "restart" };
  }
  while (place.position < size) {
    const bytes = await readBlock(file, place.position, Math.min(BLOCK_BYTES, size - place.position));
    if (bytes.byteLength === 0) return;
    place.position += bytes.byteLength;
    yield { kind: "bytes", bytes };
    signal?.throwIfAborted();
  }
}

/** The files after one that was replaced; none if it is back in its place. */
async function openNext(path: string, file: LogFile | undefined, options: FollowLogOptions) {
  const rotated = file ? { after: file, rotations: options.rotations } : "none";
  const files = await openLogFiles(path, { ...options, rotated });
  if (file === undefined || files.segments.at(-1)?.file.identity !== file.identity) return files;
  await closeSegments(files.segments);
  return { segments: [], rotations: files.rotations };
}

async function sizeOf({ handle, path }: LogFile): Promise<number> {
  try {
    return (await handle.stat()).size;
  } catch (error) {
    throw logFileError(error, path);
  }
}

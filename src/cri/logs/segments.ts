/**
 * What is read of each file of a log, and from where.
 *
 * @module
 */
import { inflateFile, readBlock, readRange } from "./blocks.ts";
import type { LogSegment } from "./rotated.ts";
import { findTail } from "./tail.ts";

/** A piece of what is read. */
export type LogPart =
  /** Bytes that follow those before. */
  | { kind: "bytes"; bytes: Uint8Array }
  /** A file ends here: what comes next is from another one. */
  | { kind: "end" }
  /** The file was emptied and is read from its beginning: what is held of it will not go on. */
  | { kind: "restart" };

/** The part of a file that is read. */
export interface SegmentRange {
  segment: LogSegment;
  /** First byte; 0 for a compressed file. */
  offset: number;
  /** Lines to leave out at the beginning; 0 for a plain file. */
  skipLines: number;
  /** Where to end at the latest. */
  end: number;
}

const LF = 0x0a;

/** All of a file: of the current one what it has now, of a rotated one what it has in the end. */
export function wholeOf(segment: LogSegment): SegmentRange {
  const end = segment.current ? segment.file.size : Number.POSITIVE_INFINITY;
  return { segment, offset: 0, skipLines: 0, end };
}

/** The last `count` entries of all files together, with what follows the last of them. */
export async function tailOf(
  segments: readonly LogSegment[],
  count: number,
  maxInflatedBytes: number,
): Promise<SegmentRange[]> {
  const ranges: SegmentRange[] = [];
  let wanted = count;
  for (const segment of segments.toReversed()) {
    const range = wholeOf(segment);
    ranges.unshift(range);
    if (segment.compressed) {
      const lines = await countLines(inflateFile(segment.file, maxInflatedBytes));
      range.skipLines = Math.max(0, lines - wanted);
      wanted -= Math.min(lines, wanted);
    } else {
      const readAt = (position: number, length: number) => readBlock(segment.file, position, length);
      const { offset, entries } = await findTail(readAt, segment.file.size, wanted);
      range.offset = offset;
      wanted -= entries;
    }
    if (wanted === 0) break;
  }
  return ranges;
}

/** Where the last complete entry of a plain file ends. */
export async function endOfEntries({ file }: LogSegment): Promise<number> {
  return (await findTail((position, length) => readBlock(file, position, length), file.size, 0)).offset;
}

/** The bytes of a range. */
export async function* readSegment(
  { segment, offset, skipLines, end }: SegmentRange,
  maxInflatedBytes: number,
): AsyncGenerator<LogPart, void> {
  const blocks = segment.compressed
    ? withoutLines(inflateFile(segment.file, maxInflatedBytes), skipLines)
    : readRange(segment.file, offset, end);
  for await (const bytes of blocks) yield { kind: "bytes", bytes };
}

async function countLines(blocks: AsyncIterable<Uint8Array>): Promise<number> {
  let lines = 0;
  for await (const block of blocks) {
    for (let at = block.indexOf(LF); at >= 0; at = block.indexOf(LF, at + 1)) lines++;
  }
  return lines;
}

async function* withoutLines(
  blocks: AsyncIterable<Uint8Array>,
  lines: number,
): AsyncGenerator<Uint8Array, void> {
  let left = lines;
  for await (const block of blocks) {
    let at = 0;
    while (left > 0) {
      const end = block.indexOf(LF, at) + 1;
      if (end === 0) break;
      at = end;
      left--;
    }
    if (left === 0 && at < block.byteLength) yield block.subarray(at);
  }
}

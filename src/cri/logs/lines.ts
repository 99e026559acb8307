/**
 * Entries to lines: the parts of each line of each stream, joined.
 *
 * @module
 */
import { assertLimit } from "../../core/bytes.ts";
import { type Batches, mapBatches } from "./batches.ts";
import type { LogEntry, LogStream } from "./entry.ts";

/** A line that a container wrote. */
export interface LogLine {
  readonly stream: LogStream;
  /** The time of its first entry, as it stands in the file. */
  readonly timestamp: string;
  /** The same in nanoseconds since 1970. */
  readonly unixNs: bigint;
  /** The line without its LF. It may be a view of a larger block: copy what you keep for long. */
  readonly content: Uint8Array;
  /**
   * `line`: it is complete. `open`: the log ended without the end of the line. `cut`: it was longer than
   * `maxLineBytes`, and the next one of the same stream goes on with it.
   */
  readonly ending: "line" | "open" | "cut";
}

/** Options of {@link joinLogLines}. */
export interface JoinLogLinesOptions {
  /** Longest line that is kept whole, in bytes; a longer one comes in several. Default 1 MiB (1048576). */
  maxLineBytes?: number | undefined;
}

/** Bytes of a line that are kept whole by default. */
export const DEFAULT_MAX_LINE_BYTES: number = 1024 * 1024;

const LF = 0x0a;

/** The beginning of a line whose end has not come. */
interface OpenLine {
  readonly first: LogEntry;
  bytes: Uint8Array;
  length: number;
}

/**
 * The lines in batches of entries, in the order in which they end.
 *
 * Parts are joined for each stream on its own, so that what another stream writes in between does not matter. A
 * line without an end comes when the entries end. No more than `maxLineBytes` bytes of a stream are held.
 */
export function joinLogLines(
  entries: AsyncIterable<readonly LogEntry[]>,
  { maxLineBytes = DEFAULT_MAX_LINE_BYTES }: JoinLogLinesOptions = {},
): Batches<LogLine> {
  assertLimit(maxLineBytes, "maxLineBytes");
  if (maxLineBytes < 1) throw new RangeError("maxLineBytes must be at least 1");
  const open = new Map<LogStream, OpenLine>();
  return mapBatches(entries, {
    push: (batch) => {
      const lines: LogLine[] = [];
      for (const entry of batch) joinEntry(open, entry, maxLineBytes, lines);
      return lines;
    },
    end: () => [...open.values()].map((line) => lineOf(line.first, takeOpen(line), "open")),
  });
}

/** The text of a line or entry; bytes that are not UTF-8 become U+FFFD. The LF of an entry is left out. */
export function logText({ content }: Pick<LogLine | LogEntry, "content">): string {
  const end = content.at(-1) === LF ? content.byteLength - 1 : content.byteLength;
  return Buffer.from(content.buffer, content.byteOffset, end).toString("utf8");
}

function joinEntry(
  open: Map<LogStream, OpenLine>,
  entry: LogEntry,
  maxLineBytes: number,
  lines: LogLine[],
): void {
  const { stream, content } = entry;
  const ends = content.at(-1) === LF;
  const length = ends ? content.byteLength - 1 : content.byteLength;
  let line = open.get(stream);
  if (!line && ends && length <= maxLineBytes) {
    lines.push(lineOf(entry, content.subarray(0, length), "line"));
    return;
  }
  line ??= { first: entry, bytes: new Uint8Array(0), length: 0 };
  for (let at = 0; at < length; ) {
    if (line.length === maxLineBytes) {
      lines.push(lineOf(line.first, takeOpen(line), "cut"));
      line = { first: entry, bytes: line.bytes, length: 0 };
    }
    const part = content.subarray(at, Math.min(length, at + maxLineBytes - line.length));
    append(line, part, maxLineBytes);
    at += part.byteLength;
  }
  if (ends) {
    open.delete(stream);
    lines.push(lineOf(line.first, takeOpen(line), "line"));
  } else {
    open.set(stream, line);
  }
}

/** Copies, since a part is a view of a block that is much larger than it may be. */
function append(line: OpenLine, part: Uint8Array, maxLineBytes: number): void {
  const length = line.length + part.byteLength;
  if (length > line.bytes.byteLength) {
    const larger = new Uint8Array(Math.min(maxLineBytes, Math.max(length, line.bytes.byteLength * 2)));
    larger.set(line.bytes.subarray(0, line.length));
    line.bytes = larger;
  }
  line.bytes.set(part, line.length);
  line.length = length;
}

function takeOpen({ bytes, length }: OpenLine): Uint8Array {
  return bytes.slice(0, length);
}

function lineOf(first: LogEntry, content: Uint8Array, ending: LogLine["ending"]): LogLine {
  const { stream, timestamp, unixNs } = first;
  return { stream, timestamp, unixNs, content, ending };
}

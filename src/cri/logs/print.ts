/**
 * Entries to the bytes that `crictl logs` and `kubectl logs` print for them.
 *
 * @module
 */
import { assertLimit } from "../../core/bytes.ts";
import { type Batches, mapBatches } from "./batches.ts";
import type { LogEntry, LogStream } from "./entry.ts";
import { padTimestamp } from "./timestamp.ts";

/** Bytes to print. */
export interface LogOutput {
  /** Where to print them. */
  readonly stream: LogStream;
  /** It may be a view of a larger block: copy what you keep for long. */
  readonly bytes: Uint8Array;
}

/** Options of {@link printLog}. */
export interface PrintLogOptions {
  /** Puts the time of the entry, with nine digits of a fraction, and a space before each line. Default false. */
  timestamps?: boolean | undefined;
  /** Most bytes to print, those of times included; the entry that crosses it is cut. Default: no limit. */
  limitBytes?: number | undefined;
  /**
   * After what a line begins: a line end of the same stream, or one of any stream, as in crictl, where a line that
   * another stream interrupts gets a time in its middle and the other's line gets none. Default `"stream"`.
   */
  lineStart?: "stream" | "any" | undefined;
}

const LF = 0x0a;

/** The output in batches of entries, in the order of the file. The entries are released when the limit is reached. */
export function printLog(
  entries: AsyncIterable<readonly LogEntry[]>,
  { timestamps = false, limitBytes, lineStart = "stream" }: PrintLogOptions = {},
): Batches<LogOutput> {
  if (limitBytes !== undefined) assertLimit(limitBytes, "limitBytes");
  let remaining = limitBytes ?? Number.POSITIVE_INFINITY;
  // Streams whose last entry did not end its line.
  const inLine = new Set<LogStream>();
  return mapBatches(entries, {
    push: (batch) => {
      const output: LogOutput[] = [];
      for (const entry of batch) {
        if (remaining === 0) break;
        const { stream, content } = entry;
        const starts = lineStart === "any" ? inLine.size === 0 : !inLine.has(stream);
        const whole = timestamps && starts ? withTime(entry) : content;
        const bytes = whole.byteLength > remaining ? whole.subarray(0, remaining) : whole;
        remaining -= bytes.byteLength;
        output.push({ stream, bytes });
        if (lineStart === "any") inLine.clear();
        else if (content.byteLength === 0) continue;
        else inLine.delete(stream);
        if (content.byteLength > 0 && content.at(-1) !== LF) inLine.add(stream);
      }
      return output;
    },
    end: () => [],
    done: () => remaining === 0,
  });
}

function withTime({ timestamp, content }: LogEntry): Uint8Array {
  const prefix = `${padTimestamp(timestamp)} `;
  const bytes = new Uint8Array(prefix.length + content.byteLength);
  for (let at = 0; at < prefix.length; at++) bytes[at] = prefix.charCodeAt(at);
  bytes.set(content, prefix.length);
  return bytes;
}

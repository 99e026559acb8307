/**
 * Writing a log as containerd does: the output of a container, cut into entries.
 *
 * @module
 */
import { assertLimit } from "../../core/bytes.ts";
import type { LogStream } from "./entry.ts";
import { formatTimestamp } from "./timestamp.ts";

/** An entry to be written: its tag and its content, without LF. */
export interface SplitEntry {
  /** `P`: the line goes on, or the output ended without a line end. `F`: the line ends here. */
  tag: "P" | "F";
  content: Uint8Array;
}

/** Takes the output of one stream of a container in any pieces. */
export interface LogSplitter {
  /** The entries that are complete now. */
  push(chunk: Uint8Array): SplitEntry[];
  /** The rest, at the end of the output: nothing, or one `P`. */
  end(): SplitEntry[];
}

/** Options of {@link createLogSplitter}. */
export interface LogSplitterOptions {
  /** Most bytes of content in an entry; 0 for no limit. Default 16384, as in containerd. */
  maxLineBytes?: number | undefined;
}

const LF = 0x0a;
const CR = 0x0d;
const DEFAULT_MAX_LINE_BYTES = 16_384;

/**
 * Cuts the output of one stream into entries.
 *
 * A line over the limit becomes `P` entries of exactly the limit and an `F` with the rest. A CR before the LF is
 * dropped with it.
 */
export function createLogSplitter({
  maxLineBytes = DEFAULT_MAX_LINE_BYTES,
}: LogSplitterOptions = {}): LogSplitter {
  assertLimit(maxLineBytes, "maxLineBytes");
  const limit = maxLineBytes === 0 ? Number.POSITIVE_INFINITY : maxLineBytes;
  let parts: Uint8Array[] = [];
  let length = 0;
  let heldCr = false;

  const take = (tag: SplitEntry["tag"]): SplitEntry => {
    const content = joined(parts, length);
    parts = [];
    length = 0;
    return { tag, content };
  };

  /** Adds content that is no line end, and gives out what is over the limit. */
  const add = (bytes: Uint8Array, entries: SplitEntry[]) => {
    for (let at = 0; at < bytes.byteLength; ) {
      if (length >= limit) entries.push(take("P"));
      const part = bytes.slice(at, at + Math.min(bytes.byteLength - at, limit - length));
      parts.push(part);
      length += part.byteLength;
      at += part.byteLength;
    }
  };

  const addCr = (entries: SplitEntry[]) => {
    if (heldCr) add(Uint8Array.of(CR), entries);
    heldCr = false;
  };

  return {
    push(chunk) {
      const entries: SplitEntry[] = [];
      for (let start = 0; start < chunk.byteLength; ) {
        const lf = chunk.indexOf(LF, start);
        const lineEnd = lf < 0 ? chunk.byteLength : lf;
        const cr = lineEnd > start && chunk[lineEnd - 1] === CR;
        const contentEnd = cr ? lineEnd - 1 : lineEnd;
        // The CR of the chunk before belongs to the line end only if the LF comes right after it.
        if (lineEnd > start) addCr(entries);
        add(chunk.subarray(start, contentEnd), entries);
        heldCr = cr || (heldCr && lineEnd === start);
        if (lf < 0) break;
        heldCr = false;
        entries.push(take("F"));
        start = lf + 1;
      }
      return entries;
    },
    end() {
      const entries: SplitEntry[] = [];
      addCr(entries);
      if (length > 0) entries.push(take("P"));
      return entries;
    },
  };
}

/** An entry as it stands in a log file in CRI's form, with its LF. The time is written in UTC. */
export function formatLogEntry(entry: SplitEntry & { unixNs: bigint; stream: LogStream }): Uint8Array {
  const { tag, content, unixNs, stream } = entry;
  if (content.includes(LF)) throw new TypeError("the content of an entry has no line end");
  const head = Buffer.from(`${formatTimestamp(unixNs)} ${stream} ${tag} `, "latin1");
  return joined([head, content, Uint8Array.of(LF)], head.byteLength + content.byteLength + 1);
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}

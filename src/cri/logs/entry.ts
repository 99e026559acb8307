/**
 * One entry of a log file in CRI's form:
 *
 *     <RFC 3339 time> SP <"stdout" | "stderr"> SP <tag> *( ":" <tag> ) SP <content> LF
 *
 * Only the first tag means something: `P` is a part of a line, whose end the entry does not have; anything else,
 * normally `F`, ends a line with its content. The content is any bytes but LF.
 *
 * @module
 */
import { CriError } from "../errors.ts";
import { readDockerEntry } from "./docker-entry.ts";
import { readTimestamp, unixNsOf } from "./timestamp.ts";

/** What a container writes to. */
export type LogStream = "stdout" | "stderr";

/** One entry of a log file. */
export interface LogEntry {
  /** Form of the file: CRI's own, or that of Docker's `json-file`, which cri-dockerd leaves in place. */
  readonly format: "cri" | "docker-json";
  /** The time at which it was written, as it stands in the file. */
  readonly timestamp: string;
  /** The same in nanoseconds since 1970. */
  readonly unixNs: bigint;
  readonly stream: LogStream;
  /** The tags as they stand in the file; empty for Docker's form. Shared between entries: do not change them. */
  readonly tags: readonly string[];
  /** True if the line goes on in the next entry of the same stream. */
  readonly partial: boolean;
  /**
   * What the container wrote, with the LF if the entry ends a line; need not be UTF-8, and a character may be
   * split between two entries. It is a view of a larger block: copy what you keep for long.
   */
  readonly content: Uint8Array;
}

/** Where the parts of an entry in CRI's form stand. */
export interface CriEntryHead {
  readonly timestamp: string;
  readonly unixNs: bigint;
  readonly stream: LogStream;
  readonly tags: readonly string[];
  /** First byte of the content. */
  readonly contentStart: number;
}

const SPACE = 0x20;
const LF = 0x0a;
const FULL: readonly string[] = Object.freeze(["F"]);
const PARTIAL: readonly string[] = Object.freeze(["P"]);

/**
 * The entry in one line of a log file, with or without its LF.
 *
 * CRI's form is tried first, then Docker's.
 *
 * @throws {CriError} `ERR_CRI_LOG_INVALID` if it is neither, or names no stream.
 */
export function parseLogEntry(line: Uint8Array): LogEntry {
  const cri = parseCriEntry(line, 0, line.byteLength);
  if (cri) return cri;
  const docker = readDockerEntry(line);
  if (!docker) throw new CriError("ERR_CRI_LOG_INVALID", `unsupported log format: ${excerptOf(line)}`);
  const { stream } = docker;
  if (!isLogStream(stream)) throw unknownStream(stream);
  return { ...docker, stream };
}

/** Whether a text names one of the two streams. */
export function isLogStream(text: string): text is LogStream {
  return text === "stdout" || text === "stderr";
}

/** The error for an entry of another stream. */
export function unknownStream(stream: string): CriError {
  const text = `unexpected stream ${JSON.stringify(stream.slice(0, 64))} in a log`;
  return new CriError("ERR_CRI_LOG_INVALID", text);
}

/** The entry in CRI's form between two positions, the LF included where there is one; undefined if it is none. */
export function parseCriEntry(block: Uint8Array, start: number, end: number): LogEntry | undefined {
  const head = readCriHead(block, start, end);
  if (!head) return undefined;
  const { timestamp, unixNs, stream, tags, contentStart } = head;
  const partial = tags[0] === "P";
  const contentEnd = partial && block[end - 1] === LF ? end - 1 : end;
  const content = block.subarray(contentStart, contentEnd);
  return { format: "cri", timestamp, unixNs, stream, tags, partial, content };
}

/** What stands before the content, which may end anywhere; undefined if it is not in CRI's form. */
export function readCriHead(block: Uint8Array, start: number, end: number): CriEntryHead | undefined {
  // A time is never longer: nothing is gained by looking on in a line of megabytes.
  let space = start;
  const latest = Math.min(end, start + 64);
  while (space < latest && block[space] !== SPACE) space++;
  if (space === latest) return undefined;
  const time = readTimestamp(block, start, space);
  if (!time) return undefined;
  const stream = streamAt(block, space + 1);
  const tagStart = space + 8;
  if (stream === undefined || block[tagStart - 1] !== SPACE) return undefined;
  let tagEnd = tagStart;
  while (tagEnd < end && block[tagEnd] !== SPACE) tagEnd++;
  if (tagEnd >= end) return undefined;
  return {
    timestamp: latin1(block, start, space),
    unixNs: unixNsOf(time),
    stream,
    tags: tagsOf(block, tagStart, tagEnd),
    contentStart: tagEnd + 1,
  };
}

/** The beginning of a line that was refused, for a message. */
export function excerptOf(line: Uint8Array): string {
  const text = new TextDecoder().decode(line.subarray(0, 64));
  return JSON.stringify(line.byteLength > 64 ? `${text}…` : text);
}

/** `stdout` and `stderr` have the same length. */
function streamAt(block: Uint8Array, at: number): LogStream | undefined {
  if (block[at] !== 0x73 || block[at + 1] !== 0x74 || block[at + 2] !== 0x64) return undefined;
  if (block[at + 3] === 0x6f && block[at + 4] === 0x75 && block[at + 5] === 0x74) return "stdout";
  if (block[at + 3] === 0x65 && block[at + 4] === 0x72 && block[at + 5] === 0x72) return "stderr";
  return undefined;
}

function tagsOf(block: Uint8Array, start: number, end: number): readonly string[] {
  if (end === start + 1 && block[start] === 0x46) return FULL;
  if (end === start + 1 && block[start] === 0x50) return PARTIAL;
  return new TextDecoder().decode(block.subarray(start, end)).split(":");
}

function latin1(block: Uint8Array, start: number, end: number): string {
  return Buffer.from(block.buffer, block.byteOffset + start, end - start).toString("latin1");
}

/**
 * One entry of a log file in the form of Docker's `json-file`:
 *
 *     {"log":"<content>","stream":"stdout","time":"<RFC 3339 time>"} LF
 *
 * `log` has the LF of its line, unless the line goes on in the next entry. Read as the reference reader does, with
 * Go's JSON decoder: names in any case, the last of two members wins, what is absent or null is empty.
 *
 * @module
 */
import { parseNativeJson } from "../../core/native-json.ts";
import { readTimestamp, unixNsOf } from "./timestamp.ts";

/** An entry whose stream has not been checked. */
export interface DockerEntry {
  readonly format: "docker-json";
  readonly timestamp: string;
  readonly unixNs: bigint;
  readonly stream: string;
  readonly tags: readonly string[];
  readonly partial: boolean;
  readonly content: Uint8Array;
}

const NO_TAGS: readonly string[] = Object.freeze([]);

/** The time of an entry that has none: the beginning of year 1. */
const NO_TIME = "0001-01-01T00:00:00Z";

/** The entry in a line; undefined if it is none. */
export function readDockerEntry(line: Uint8Array): DockerEntry | undefined {
  const fields = fieldsOf(line);
  if (!fields) return undefined;
  const { LOG: log = "", STREAM: stream = "", TIME: timestamp = NO_TIME } = fields;
  const bytes = Buffer.from(timestamp, "utf8");
  const time = readTimestamp(bytes, 0, bytes.byteLength, true);
  if (!time) return undefined;
  const text = Buffer.from(log, "utf8");
  return {
    format: "docker-json",
    timestamp,
    unixNs: unixNsOf(time),
    stream,
    tags: NO_TAGS,
    partial: !log.endsWith("\n"),
    content: new Uint8Array(text.buffer, text.byteOffset, text.byteLength),
  };
}

type Fields = { LOG?: string; STREAM?: string; TIME?: string };

function fieldsOf(line: Uint8Array): Fields | undefined {
  let value: unknown;
  try {
    value = parseNativeJson(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const fields: Fields = {};
  for (const [name, member] of Object.entries(value)) {
    const known = name.toUpperCase();
    if (known !== "LOG" && known !== "STREAM" && known !== "TIME") continue;
    if (member === null) continue;
    if (typeof member !== "string") return undefined;
    fields[known] = member;
  }
  return fields;
}

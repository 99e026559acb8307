/**
 * Values of the JSON form of protobuf messages, read strictly: bundles and trusted roots.
 *
 * Stricter than a protobuf reader: member names only in their own spelling, no member twice, no unknown member,
 * base64 only in its one canonical form. A member that is `null` is an absent one.
 *
 * @see {@link https://protobuf.dev/programming-guides/json/}
 * @module
 */
import { CoreError } from "../../core/errors.ts";
import {
  integerOf,
  items,
  type JsonNode,
  jsonError,
  parseJson,
  readObject,
  stringOf,
} from "../../core/strict-json.ts";
import { PolicyError, type PolicyErrorCode } from "../errors.ts";

/** What a document is, for messages and limits. */
export interface DocumentKind {
  /** Such as `sigstore bundle`. */
  what: string;
  code: PolicyErrorCode;
  maxBytes: number;
}

/** Deeper than any of these messages nests. */
const MAX_DEPTH = 32;
const INT64_MAX = 2n ** 63n - 1n;

/**
 * Reads a document, and turns what its readers find wrong into a {@link PolicyError} with the document's code and
 * the position.
 */
export function readDocument<T>(
  input: Uint8Array | string,
  { what, code, maxBytes }: DocumentKind,
  read: (root: JsonNode) => T,
): T {
  try {
    return read(parseJson(input, { maxBytes, maxDepth: MAX_DEPTH }));
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    const { position } = cause;
    const at = position && position.path !== "$" ? ` at ${position.path}` : "";
    throw new PolicyError(code, `invalid ${what}${at}: ${cause.message}`, {
      cause,
      ...(position ? { position } : {}),
    });
  }
}

type Readers = Readonly<Record<string, (value: JsonNode) => unknown>>;

/** What {@link messageOf} gives. */
export type Message<T extends Readers, R extends keyof T> = { [K in R]: ReturnType<T[K]> } & {
  [K in Exclude<keyof T, R>]?: ReturnType<T[K]>;
};

/** The members of a message: each is there at most once and has a reader, and the required ones are there. */
export function messageOf<T extends Readers, R extends keyof T & string = never>(
  node: JsonNode,
  readers: T,
  required: readonly R[] = [],
): Message<T, R> {
  const message: Record<string, unknown> = {};
  const setters: Record<string, (value: JsonNode) => void> = {};
  for (const [key, read] of Object.entries(readers)) {
    setters[key] = (value) => {
      if (value.kind !== "null") message[key] = read(value);
    };
  }
  readObject(node, setters, { required });
  const missing = required.find((key) => message[key] === undefined);
  if (missing !== undefined) throw jsonError(node, "ERR_JSON_MISSING_KEY", `Key "${missing}" is null`);
  // Each member came from the reader of its name, and the required ones are there.
  return message as Message<T, R>;
}

/** A reader of a list of at most `max` items. */
export function listOf<T>(max: number, item: (node: JsonNode) => T): (node: JsonNode) => T[] {
  return (node) => {
    const found = items(node);
    if (found.length > max) throw unfit(node, `a list of ${found.length} items, more than ${max}`);
    return found.map(item);
  };
}

/** Bytes: standard base64 with padding, with no bit to spare and nothing between the digits. */
export function bytesOf(node: JsonNode): Buffer {
  const text = stringOf(node);
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) throw unfit(node, "not base64");
  return bytes;
}

/** Bytes of at least one. */
export function someBytesOf(node: JsonNode): Buffer {
  const bytes = bytesOf(node);
  if (bytes.length === 0) throw unfit(node, "no bytes");
  return bytes;
}

/** A whole number from 0 to 2^63-1 as decimal text; protobuf writes it as text, and reads a number too. */
export function int64Of(node: JsonNode): string {
  if (node.kind !== "string") return integerOf(node, 0n, INT64_MAX).toString();
  const { value } = node;
  if (!/^(?:0|[1-9][0-9]{0,18})$/.test(value) || BigInt(value) > INT64_MAX) {
    throw unfit(node, "not a whole number from 0 to 2^63-1");
  }
  return value;
}

/** A reader of an enumeration: one of the names, or the number of one. */
export function enumOf<T extends number>(names: Readonly<Record<string, T>>): (node: JsonNode) => T {
  const numbers = new Set<number>(Object.values(names));
  return (node) => {
    const value =
      node.kind === "string"
        ? Object.hasOwn(names, node.value)
          ? names[node.value]
          : undefined
        : Number(integerOf(node, 0n, 0x7fffffffn));
    if (value === undefined || !numbers.has(value)) throw unfit(node, "a value that is not known");
    return value as T;
  };
}

const TIMESTAMP =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})$/;

/** An RFC 3339 time, as a date; fractions below a millisecond are cut. */
export function timeOf(node: JsonNode): Date {
  const text = stringOf(node);
  const match = TIMESTAMP.exec(text);
  const time = match ? Date.parse(text.replace(/(\.[0-9]{3})[0-9]+/, "$1")) : Number.NaN;
  // Date.parse takes the thirtieth of February for the second of March.
  if (!match || Number.isNaN(time) || !isDay(match)) throw unfit(node, "not an RFC 3339 time");
  return new Date(time);
}

function isDay([, year = "", month = "", day = ""]: RegExpExecArray): boolean {
  const date = new Date(`${year}-${month}-01T00:00:00Z`);
  date.setUTCDate(Number(day));
  return date.getUTCMonth() + 1 === Number(month) && Number(day) > 0;
}

/** An error about a value that is of the right type and still does not fit. */
export function unfit(node: JsonNode, message: string): CoreError {
  return jsonError(node, "ERR_JSON_TYPE", message);
}

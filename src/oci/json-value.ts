/**
 * JSON documents as plain data, read strictly and fast.
 *
 * `JSON.parse` is several times quicker than any reader in JavaScript, but drops repeated members, rounds numbers and
 * does not tell where a value stood. So a text that shows at a glance that nothing of this happened is read by it;
 * every other text, and every document that is refused, goes through the strict reader, which knows the place.
 *
 * @module
 */
import { isAscii, isUtf8 } from "node:buffer";
import { assertLimit } from "../core/bytes.ts";
import type { CoreErrorCode, LadingError } from "../core/errors.ts";
import { mayBeMisread } from "../core/native-json.ts";
import {
  type JsonNode,
  type JsonValue,
  jsonError,
  type ParseJsonOptions,
  parseJson,
  toPlain,
} from "../core/strict-json.ts";

/** A JSON object as plain data. */
export type JsonMembers = { readonly [key: string]: unknown };

/** Where a value stands: the place of what contains it, and its name or index there. */
export interface JsonAt {
  /** Absent for the outermost value. */
  readonly parent: JsonAt | undefined;
  readonly key: string | number;
}

/** The place of the outermost value. */
export const ROOT: JsonAt = { parent: undefined, key: "" };

/** What a reader throws: the error is made once the place of the value in the text is known. */
export class UnfitValue extends Error {
  readonly at: JsonAt;
  readonly toError: (node: JsonNode) => LadingError;

  constructor(at: JsonAt, toError: (node: JsonNode) => LadingError) {
    super("a value that does not fit");
    this.at = at;
    this.toError = toError;
  }
}

/** The place of a member or item. */
export function below(parent: JsonAt, key: string | number): JsonAt {
  return { parent, key };
}

/** The error of a reader for a value of a wrong type or outside its rules. */
export function unfit(at: JsonAt, code: CoreErrorCode, message: string): UnfitValue {
  return new UnfitValue(at, (node) => jsonError(node, code, message));
}

/** What {@link readJson} gives. */
export interface JsonReading<T> {
  value: T;
  /** The whole document: whole numbers that a double cannot hold are bigint. */
  plain: JsonValue;
}

/**
 * What a reader makes of a JSON text.
 *
 * The reader gets plain data in which a member is a whole number only if it was written in digits: `1.0` and `1e3` are
 * NaN there, and a number that a double cannot hold is a bigint.
 *
 * @throws {CoreError} `ERR_JSON_…` with the position, `ERR_TOO_LARGE`; and what the reader refuses.
 */
export function readJson<T>(
  input: Uint8Array | string,
  read: (value: unknown) => T,
  options: Pick<ParseJsonOptions, "maxBytes"> = {},
): JsonReading<T> {
  if (options.maxBytes !== undefined) assertLimit(options.maxBytes);
  const quick = typeof input === "string" ? undefined : parseQuick(input, options.maxBytes);
  if (quick !== undefined) {
    try {
      return { value: read(quick), plain: quick };
    } catch (error) {
      // Whatever the reason is: the strict reading below says it with its place.
      if (!(error instanceof UnfitValue)) throw error;
    }
  }
  const node = parseJson(input, options);
  return { value: readNode(node, read), plain: toPlain(node) };
}

/** What a reader makes of a tree; fails as {@link readJson} does. */
export function readNode<T>(node: JsonNode, read: (value: unknown) => T): T {
  try {
    return read(toReading(node));
  } catch (error) {
    if (!(error instanceof UnfitValue)) throw error;
    throw error.toError(nodeAt(node, error.at));
  }
}

/** Deeper documents, and larger ones, are left to the strict reader. */
const QUICK_DEPTH = 64;
const QUICK_BYTES = 4 * 1024 * 1024;

/** The value of a text of which `JSON.parse` loses nothing; nothing for any other, correct or not. */
function parseQuick(bytes: Uint8Array, maxBytes = QUICK_BYTES): JsonValue | undefined {
  if (bytes.byteLength > Math.min(maxBytes, QUICK_BYTES)) return undefined;
  const ascii = isAscii(bytes);
  if (!ascii && !isUtf8(bytes)) return undefined;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString(ascii ? "latin1" : "utf8");
  // An escaped backslash before a quote hides where a string ends, and escaped surrogates may be lone ones.
  const escaped = text.includes("\\");
  if (escaped && (text.includes('\\\\"') || /\\u[dD]/.test(text))) return undefined;
  let value: JsonValue;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (escaped && mayBeMisread(text, value)) return undefined;
  const extent = { members: 0, length: 0 };
  if (!measure(value, 0, extent)) return undefined;
  // Without escapes no text of a value is shorter than the one that was measured, so a text of that very length has no
  // member more than the value, no space, and digits only. Nearly all manifests of machines are such texts.
  if (extent.length === text.length && !escaped) return value;
  // A repeated member makes fewer members than names, and a string that looks like a name more names.
  return countNames(text) === extent.members ? value : undefined;
}

/**
 * At least as many as the text has members, and that many only if no string looks like a name; -1 for a text with a
 * number in another form than digits, or with space before a colon.
 */
function countNames(text: string): number {
  let names = 0;
  // A single character is looked for far quicker than two of which the first is frequent.
  for (let at = text.indexOf(":"); at >= 0; at = text.indexOf(":", at + 1)) {
    const before = text.charCodeAt(at - 1);
    if (before !== 0x22) {
      if (before <= 0x20) return -1;
      continue;
    }
    if (text.charCodeAt(at - 2) === 0x5c) continue;
    names++;
    let next = at + 1;
    let code = text.charCodeAt(next);
    // JSON has no other characters as low as a space but those that are space.
    while (code <= 0x20) code = text.charCodeAt(++next);
    if (code === 0x22) continue;
    if (code === 0x2d) code = text.charCodeAt(++next);
    if (code < 0x30 || code > 0x39) continue;
    while (code >= 0x30 && code <= 0x39) code = text.charCodeAt(++next);
    if (code === 0x2e || code === 0x65 || code === 0x45) return -1;
  }
  return names;
}

/** How large a value is, beside what it holds. */
interface Extent {
  /** Members of all objects in it. */
  members: number;
  /** Length of its shortest text without escapes; NaN where a number has two texts of which neither is longer. */
  length: number;
}

/** Adds a value to an extent; false if it is nested deep, or has a number that is not exact. */
function measure(value: JsonValue, depth: number, extent: Extent): boolean {
  if (typeof value !== "object" || value === null) {
    if (typeof value === "string") extent.length += value.length + 2;
    else if (typeof value === "number") {
      extent.length += digitsOf(value);
      return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
    } else extent.length += value === false ? 5 : 4;
    return true;
  }
  if (depth >= QUICK_DEPTH) return false;
  let commas = -1;
  let length = 2;
  if (Array.isArray(value)) {
    for (const item of value) {
      commas++;
      if (!measure(item, depth + 1, extent)) return false;
    }
  } else {
    for (const key in value) {
      commas++;
      length += key.length + 3;
      const member = value[key];
      // Most members are texts and short numbers, which need no call.
      if (typeof member === "string") length += member.length + 2;
      else if (typeof member === "number" && member >= 0 && member < 1e9) length += digitsOf(member);
      else if (member === undefined || !measure(member, depth + 1, extent)) return false;
    }
    extent.members += commas + 1;
  }
  extent.length += length + Math.max(commas, 0);
  return true;
}

/** Length of a whole number in decimal; NaN for others, and where a form with an exponent is no longer than that. */
function digitsOf(value: number): number {
  const size = Math.abs(value);
  if (!Number.isInteger(size) || (size % 100 === 0 && size > 0)) return Number.NaN;
  if (value >= 0 && value < 1e9) {
    // Without a loop: a manifest has as many sizes as it has digests.
    if (value < 1e4) return value < 1e2 ? (value < 1e1 ? 1 : 2) : value < 1e3 ? 3 : 4;
    if (value < 1e6) return value < 1e5 ? 5 : 6;
    return value < 1e8 ? (value < 1e7 ? 7 : 8) : 9;
  }
  let digits = value < 0 ? 2 : 1;
  for (let power = 10; power <= size; power *= 10) digits++;
  return digits;
}

/** The tree as plain data for readers: members whose number is in another form than digits are NaN. */
export function toReading(node: JsonNode): unknown {
  // Every level of a tree costs a call; its depth is limited by the parser.
  switch (node.kind) {
    case "array":
      return node.items.map(toReading);
    case "object": {
      const entries = node.members.map(({ key, value }): [string, unknown] => [key, toReading(value)]);
      return Object.fromEntries(entries);
    }
    case "number":
      return node.parent.kind !== "object" || /^-?[0-9]+$/.test(node.text) ? toPlain(node) : Number.NaN;
    case "null":
      return null;
    default:
      return node.value;
  }
}

/** The node of a place; the outermost one that is there for a member that is not. */
export function nodeAt(root: JsonNode, at: JsonAt): JsonNode {
  if (!at.parent) return root;
  const parent = nodeAt(root, at.parent);
  if (parent.kind === "array") return parent.items[Number(at.key)] ?? parent;
  if (parent.kind !== "object") return parent;
  return parent.members.findLast(({ key }) => key === at.key)?.value ?? parent;
}

/** An object. Throws `ERR_JSON_TYPE` for anything else. */
export function membersOf(value: unknown, at: JsonAt): JsonMembers {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonMembers;
  throw unfitType(value, at, "object");
}

/** An array. Throws `ERR_JSON_TYPE` for anything else. */
export function itemsOf(value: unknown, at: JsonAt): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw unfitType(value, at, "array");
}

/** A text. Throws `ERR_JSON_TYPE` for anything else. */
export function textOf(value: unknown, parent: JsonAt, key: string | number): string {
  if (typeof value === "string") return value;
  throw unfitType(value, below(parent, key), "string");
}

/** A whole number from `min` to `max`, which are exact. Throws `ERR_JSON_TYPE` for anything else. */
export function numberOf(value: unknown, parent: JsonAt, key: string, min: number, max: number): number {
  // Adding 0 takes the sign off a zero.
  if (typeof value === "number" && value >= min && value <= max && Number.isInteger(value)) return value + 0;
  if (typeof value !== "number" && typeof value !== "bigint")
    throw unfitType(value, below(parent, key), "whole number");
  throw unfit(below(parent, key), "ERR_JSON_TYPE", `not a whole number between ${min} and ${max}`);
}

/** A member that must be there. Throws `ERR_JSON_MISSING_KEY`. */
export function required(members: JsonMembers, key: string, at: JsonAt): unknown {
  const value = members[key];
  if (value !== undefined && Object.hasOwn(members, key)) return value;
  throw unfit(at, "ERR_JSON_MISSING_KEY", `Key ${JSON.stringify(key)} missing in a JSON object`);
}

/** A member that may be absent: nothing for null too, as encoders of other languages write an absent value. */
export function optional(members: JsonMembers, key: string): unknown {
  return Object.hasOwn(members, key) ? (members[key] ?? undefined) : undefined;
}

/** A text that may be absent. Throws `ERR_JSON_TYPE` for anything else. */
export function optionalText(members: JsonMembers, key: string, at: JsonAt): string | undefined {
  const value = optional(members, key);
  return value === undefined ? undefined : textOf(value, at, key);
}

/** A list of texts. Throws `ERR_JSON_TYPE` for anything else. */
export function textsOf(value: unknown, at: JsonAt): string[] {
  return itemsOf(value, at).map((item, index) => textOf(item, at, index));
}

/** An object of texts. Throws `ERR_JSON_TYPE` for anything else. */
export function textMapOf(value: unknown, at: JsonAt): Record<string, string> {
  const members = membersOf(value, at);
  for (const key in members) textOf(members[key], at, key);
  // A copy, in which a member called `__proto__` is a member.
  return { ...(members as Record<string, string>) };
}

function unfitType(value: unknown, at: JsonAt, wanted: string): UnfitValue {
  return unfit(at, "ERR_JSON_TYPE", `JSON ${wanted} expected, got ${describe(value)}`);
}

function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value);
  if (value === null) return "null";
  if (typeof value === "object") return Array.isArray(value) ? "array" : "object";
  return String(value).slice(0, 64);
}

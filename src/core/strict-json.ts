/**
 * A JSON reader that loses nothing: duplicate members, the order of members, exact integers and the place of
 * every value in the text stay visible, so that each document can be read exactly as strictly as the program
 * that decides on it reads it.
 *
 * {@link parseJson} checks the whole text against RFC 8259 and gives a tree of {@link JsonNode}. The readers
 * below take a node and give a typed value or fail with the path, offset, line and column of that node.
 *
 * Text is UTF-8. As Go's decoder does, each byte that is not part of a valid sequence, and each lone surrogate
 * of a `\u` escape, becomes one U+FFFD; a byte order mark is a syntax error.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8259}
 * @module
 */
import { assertLimit } from "./bytes.ts";
import { CoreError, type CoreErrorCode, type JsonPosition } from "./errors.ts";

interface NodeBase {
  /** Bytes before the first byte of this value. */
  readonly offset: number;
  /** Where it stands: the containing array or object, or the text itself for the outermost value. */
  readonly parent: JsonArray | JsonObject | JsonText;
  /** Member name or index in the parent; empty for the outermost value. */
  readonly key: string | number;
}

/** The text that a tree was read from. */
export interface JsonText {
  readonly kind: "text";
  readonly bytes: Uint8Array;
}

/** A JSON object: its members in text order, duplicates included. */
export interface JsonObject extends NodeBase {
  readonly kind: "object";
  readonly members: { readonly key: string; readonly value: JsonNode }[];
}

/** A JSON array. */
export interface JsonArray extends NodeBase {
  readonly kind: "array";
  readonly items: JsonNode[];
}

/** A JSON string, unescaped. */
export interface JsonString extends NodeBase {
  readonly kind: "string";
  readonly value: string;
}

/** A JSON number, as its text. */
export interface JsonNumber extends NodeBase {
  readonly kind: "number";
  readonly text: string;
}

/** `true` or `false`. */
export interface JsonBoolean extends NodeBase {
  readonly kind: "boolean";
  readonly value: boolean;
}

/** `null`. */
export interface JsonNull extends NodeBase {
  readonly kind: "null";
}

/** Any JSON value with its place in the text. */
export type JsonNode = JsonObject | JsonArray | JsonString | JsonNumber | JsonBoolean | JsonNull;

/** A JSON value as plain JavaScript data; see {@link toPlain}. */
export type JsonValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | JsonValue[]
  | { [key: string]: JsonValue };

/** Options of {@link parseJson}. */
export interface ParseJsonOptions {
  /** Longest text accepted, in bytes. Default 4 MiB (4194304). */
  maxBytes?: number | undefined;
  /** Deepest nesting of arrays and objects accepted. Default 1000. */
  maxDepth?: number | undefined;
  /**
   * `"refuse"` (the default) fails for an object, at any depth, that names a member twice; `"keep"` leaves
   * that to the reader of the tree.
   */
  duplicateKeys?: "refuse" | "keep" | undefined;
}

const DEFAULT_MAX_BYTES = 4 * 1024 * 1024;
const DEFAULT_MAX_DEPTH = 1000;

/**
 * The tree of a JSON text.
 *
 * @throws {CoreError} `ERR_JSON_SYNTAX` for anything but one complete value with white space around it.
 * @throws {CoreError} `ERR_JSON_DUPLICATE_KEY` unless duplicates are kept.
 * @throws {CoreError} `ERR_JSON_TOO_DEEP`, `ERR_TOO_LARGE` over the limits.
 * @see {@link https://www.rfc-editor.org/rfc/rfc8259}
 */
export function parseJson(input: Uint8Array | string, options: ParseJsonOptions = {}): JsonNode {
  const { maxBytes = DEFAULT_MAX_BYTES, maxDepth = DEFAULT_MAX_DEPTH, duplicateKeys = "refuse" } = options;
  assertLimit(maxBytes);
  assertLimit(maxDepth, "maxDepth");
  // A string of n UTF-16 units has at least n bytes, so a huge one is refused before it is copied.
  const tooLarge = typeof input === "string" ? input.length > maxBytes : input.byteLength > maxBytes;
  const bytes = tooLarge ? undefined : toBuffer(input);
  if (!bytes || bytes.byteLength > maxBytes) {
    throw new CoreError("ERR_TOO_LARGE", `JSON text of more than ${maxBytes} bytes`);
  }
  return parseText({ kind: "text", bytes }, bytes, maxDepth, duplicateKeys === "refuse");
}

function toBuffer(input: Uint8Array | string): Buffer {
  if (typeof input === "string") return Buffer.from(input, "utf8");
  return Buffer.from(input.buffer, input.byteOffset, input.byteLength);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const LITERALS: readonly [text: string, value: boolean | null][] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

/** Iterative, so that no text can exhaust the stack. */
function parseText(text: JsonText, bytes: Buffer, maxDepth: number, refuseDuplicates: boolean): JsonNode {
  const open: { node: JsonArray | JsonObject; names: Set<string> }[] = [];
  let at = skipSpace(bytes, 0);
  // Set by readName and used when the member's value is attached, before anything inside it is read.
  let pendingName = "";

  for (;;) {
    // A value begins at `at`; the name of an object member was read below.
    const place = valuePlace();
    const first = bytes[at];
    let node: JsonNode;
    if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      if (open.length >= maxDepth) throw syntaxError(text, at, "nested too deep", "ERR_JSON_TOO_DEEP");
      const container: JsonArray | JsonObject =
        first === OPEN_OBJECT
          ? { kind: "object", members: [], ...place }
          : { kind: "array", items: [], ...place };
      attach(container);
      open.push({ node: container, names: new Set() });
      at = skipSpace(bytes, at + 1);
      if (bytes[at] !== (first === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY)) {
        if (first === OPEN_OBJECT) readName();
        continue;
      }
      node = container;
    } else {
      node = readScalar(place);
      attach(node);
      at = skipSpace(bytes, at);
    }
    // A value has ended: close what closes here, then expect a comma or the end of the text.
    for (;;) {
      const top = open.at(-1);
      if (!top) {
        if (at !== bytes.length) throw syntaxError(text, at, "text after the JSON value");
        return node;
      }
      const closing = top.node.kind === "object" ? CLOSE_OBJECT : CLOSE_ARRAY;
      if (bytes[at] === closing) {
        open.pop();
        node = top.node;
        at = skipSpace(bytes, at + 1);
        continue;
      }
      if (bytes[at] !== COMMA)
        throw syntaxError(text, at, `expected "," or "${String.fromCharCode(closing)}"`);
      at = skipSpace(bytes, at + 1);
      if (top.node.kind === "object") readName();
      break;
    }
  }

  function valuePlace(): NodeBase {
    const top = open.at(-1)?.node;
    if (!top) return { offset: at, parent: text, key: "" };
    return { offset: at, parent: top, key: top.kind === "array" ? top.items.length : pendingName };
  }

  function attach(node: JsonNode): void {
    const top = open.at(-1)?.node;
    if (top?.kind === "array") top.items.push(node);
    else if (top) top.members.push({ key: pendingName, value: node });
  }

  function readName(): void {
    const top = open.at(-1);
    const start = at;
    if (bytes[at] !== QUOTE) throw syntaxError(text, at, "expected a member name");
    pendingName = readString();
    if (top && refuseDuplicates) {
      if (top.names.has(pendingName)) {
        const position = { path: pathOf(top.node) + segment(pendingName), ...locate(bytes, start) };
        throw new CoreError("ERR_JSON_DUPLICATE_KEY", `Duplicate key ${JSON.stringify(pendingName)}`, {
          position,
        });
      }
      top.names.add(pendingName);
    }
    at = skipSpace(bytes, at);
    if (bytes[at] !== COLON) throw syntaxError(text, at, 'expected ":"');
    at = skipSpace(bytes, at + 1);
  }

  function readScalar(place: NodeBase): JsonNode {
    const first = bytes[at];
    if (first === QUOTE) return { kind: "string", value: readString(), ...place };
    if (first === 0x2d || (first !== undefined && first >= 0x30 && first <= 0x39)) {
      const end = numberEnd(bytes, at);
      const candidate = bytes.toString("latin1", at, end);
      NUMBER.lastIndex = 0;
      if (NUMBER.exec(candidate)?.[0] !== candidate) throw syntaxError(text, at, "invalid number");
      at = end;
      return { kind: "number", text: candidate, ...place };
    }
    for (const [word, value] of LITERALS) {
      if (bytes.toString("latin1", at, at + word.length) !== word) continue;
      at += word.length;
      return value === null ? { kind: "null", ...place } : { kind: "boolean", value, ...place };
    }
    throw syntaxError(text, at, at >= bytes.length ? "unexpected end of the text" : "expected a value");
  }

  /** Reads the string whose opening quote is at `at`, and moves behind its closing quote. */
  function readString(): string {
    let value = "";
    let run = at + 1;
    for (let i = run; ; ) {
      const byte = bytes[i];
      if (byte === undefined) throw syntaxError(text, i, "unterminated string");
      if (byte < 0x20) throw syntaxError(text, i, "control character in a string");
      if (byte === QUOTE) {
        at = i + 1;
        return value + decodeUtf8(bytes.subarray(run, i));
      }
      if (byte !== BACKSLASH) {
        i++;
        continue;
      }
      const [unescaped, length] = readEscape(text, bytes, i);
      value += decodeUtf8(bytes.subarray(run, i)) + unescaped;
      i += length;
      run = i;
    }
  }
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  for (
    let byte = bytes[at];
    byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
    byte = bytes[at]
  )
    at++;
  return at;
}

function numberEnd(bytes: Buffer, from: number): number {
  let at = from;
  for (let byte = bytes[at]; byte !== undefined && isNumberByte(byte); byte = bytes[at]) at++;
  return at;
}

function isNumberByte(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2d ||
    byte === 0x2b ||
    byte === 0x2e ||
    (byte | 0x20) === 0x65
  );
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/** What the escape at `at` (its backslash) stands for, and how many bytes of the text it takes. */
function readEscape(text: JsonText, bytes: Buffer, at: number): [unescaped: string, length: number] {
  const letter = bytes.toString("latin1", at + 1, at + 2);
  if (letter !== "u") {
    const plain = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (plain === undefined) throw syntaxError(text, at, "invalid escape in a string");
    return [plain, 2];
  }
  const first = hexUnit(bytes, at);
  if (first === undefined) throw syntaxError(text, at, "invalid \\u escape in a string");
  if (first < 0xd800 || first > 0xdfff) return [String.fromCharCode(first), 6];
  const second = first < 0xdc00 ? hexUnit(bytes, at + 6) : undefined;
  if (second !== undefined && second >= 0xdc00 && second <= 0xdfff)
    return [String.fromCharCode(first, second), 12];
  return ["\ufffd", 6];
}

/** The code unit of the `\uXXXX` at `at`, or nothing if there is none. */
function hexUnit(bytes: Buffer, at: number): number | undefined {
  const unit = bytes.toString("latin1", at, at + 6);
  return /^\\u[0-9a-fA-F]{4}$/.test(unit) ? Number.parseInt(unit.slice(2), 16) : undefined;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 to text; each byte outside a valid sequence becomes one U+FFFD (not one per maximal subpart). */
function decodeUtf8(bytes: Buffer): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      const length = sequenceLength(bytes, at);
      text += length === 0 ? "\ufffd" : bytes.toString("utf8", at, at + length);
      at += length || 1;
    }
    return text;
  }
}

/** Length of the valid UTF-8 sequence at `at` (RFC 3629 section 4), or 0 if there is none. */
function sequenceLength(bytes: Buffer, at: number): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(at, at + 4);
  if (a < 0x80) return 1;
  if (a >= 0xc2 && a <= 0xdf) return isContinuation(b) ? 2 : 0;
  if (a >= 0xe0 && a <= 0xef) {
    const low = a === 0xe0 ? 0xa0 : 0x80;
    const high = a === 0xed ? 0x9f : 0xbf;
    return b >= low && b <= high && isContinuation(c) ? 3 : 0;
  }
  if (a >= 0xf0 && a <= 0xf4) {
    const low = a === 0xf0 ? 0x90 : 0x80;
    const high = a === 0xf4 ? 0x8f : 0xbf;
    return b >= low && b <= high && isContinuation(c) && isContinuation(d) ? 4 : 0;
  }
  return 0;
}

function isContinuation(byte: number): boolean {
  return byte >= 0x80 && byte <= 0xbf;
}

function syntaxError(
  text: JsonText,
  offset: number,
  message: string,
  code: CoreErrorCode = "ERR_JSON_SYNTAX",
): CoreError {
  const position = { path: "$", ...locate(text.bytes, offset) };
  return new CoreError(code, `${message} at line ${position.line}, column ${position.column}`, { position });
}

function locate(bytes: Uint8Array, offset: number): Omit<JsonPosition, "path"> {
  let line = 1;
  let start = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0 && at < offset; at = bytes.indexOf(0x0a, at + 1)) {
    line++;
    start = at + 1;
  }
  return { offset, line, column: offset - start + 1 };
}

function segment(key: string | number): string {
  if (typeof key === "number") return `[${key}]`;
  const escaped = JSON.stringify(key).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `['${escaped}']`;
}

/** JSONPath of a node, as a normalized path (RFC 9535 section 2.7): `$['default'][0]['type']`. */
export function pathOf(node: JsonNode): string {
  const segments: string[] = [];
  let current: JsonNode | JsonText = node;
  while (current.kind !== "text") {
    if (current.parent.kind !== "text") segments.push(segment(current.key));
    current = current.parent;
  }
  return `$${segments.reverse().join("")}`;
}

/** Where a node stands in its text. */
export function positionOf(node: JsonNode): JsonPosition {
  let root: JsonNode | JsonText = node;
  while (root.kind !== "text") root = root.parent;
  return { path: pathOf(node), ...locate(root.bytes, node.offset) };
}

/** An error about a node, with its position. */
export function jsonError(node: JsonNode, code: CoreErrorCode, message: string): CoreError {
  return new CoreError(code, message, { position: positionOf(node) });
}

/** Options of {@link readObject}. */
export interface ReadObjectOptions {
  /** Members that must be there. Default none. */
  required?: readonly string[] | undefined;
  /** What happens with a member that no reader is given for. Default `"refuse"`. */
  unknownKeys?: "refuse" | "ignore" | undefined;
}

/**
 * Reads an object strictly: hands each member to the reader of its name, in text order.
 *
 * The first problem ends the reading: for each member first a repeated name, then an unknown one, then what its
 * reader throws; a missing required member last. Names are compared exactly. This is the order in which the
 * reference implementation of containers-policy.json reports.
 *
 * @throws {CoreError} `ERR_JSON_TYPE` for anything but an object.
 * @throws {CoreError} `ERR_JSON_DUPLICATE_KEY`, `ERR_JSON_UNKNOWN_KEY`, `ERR_JSON_MISSING_KEY`.
 */
export function readObject(
  node: JsonNode,
  readers: Readonly<Record<string, (value: JsonNode) => void>>,
  { required = [], unknownKeys = "refuse" }: ReadObjectOptions = {},
): void {
  const seen = new Set<string>();
  for (const { key, value } of members(node)) {
    if (seen.has(key))
      throw jsonError(value, "ERR_JSON_DUPLICATE_KEY", `Duplicate key ${JSON.stringify(key)}`);
    seen.add(key);
    const reader = Object.hasOwn(readers, key) ? readers[key] : undefined;
    if (reader) reader(value);
    else if (unknownKeys === "refuse") {
      throw jsonError(value, "ERR_JSON_UNKNOWN_KEY", `Unknown key ${JSON.stringify(key)}`);
    }
  }
  for (const key of required) {
    if (seen.has(key)) continue;
    throw jsonError(node, "ERR_JSON_MISSING_KEY", `Key ${JSON.stringify(key)} missing in a JSON object`);
  }
}

/** The members of an object in text order. Throws `ERR_JSON_TYPE` for anything else. */
export function members(node: JsonNode): JsonObject["members"] {
  if (node.kind !== "object") throw typeError(node, "object");
  return node.members;
}

/** The items of an array. Throws `ERR_JSON_TYPE` for anything else. */
export function items(node: JsonNode): JsonNode[] {
  if (node.kind !== "array") throw typeError(node, "array");
  return node.items;
}

/** The text of a string. Throws `ERR_JSON_TYPE` for anything else. */
export function stringOf(node: JsonNode): string {
  if (node.kind !== "string") throw typeError(node, "string");
  return node.value;
}

/** A boolean. Throws `ERR_JSON_TYPE` for anything else. */
export function booleanOf(node: JsonNode): boolean {
  if (node.kind !== "boolean") throw typeError(node, "boolean");
  return node.value;
}

/**
 * A whole number, exact.
 *
 * Only digits with an optional minus sign count: `1.0` and `1e3` are refused, as typed decoders do.
 * Throws `ERR_JSON_TYPE` for anything else and for a number outside the range, bounds included.
 */
export function integerOf(node: JsonNode, min: bigint, max: bigint): bigint {
  // The length bound comes first: converting a million digits takes quadratic time.
  if (node.kind !== "number" || node.text.length > 40 || !/^-?[0-9]+$/.test(node.text)) {
    throw typeError(node, "whole number");
  }
  const value = BigInt(node.text);
  if (value < min || value > max) {
    throw jsonError(node, "ERR_JSON_TYPE", `number ${node.text} is not between ${min} and ${max}`);
  }
  return value;
}

function typeError(node: JsonNode, wanted: string): CoreError {
  return jsonError(node, "ERR_JSON_TYPE", `JSON ${wanted} expected, got ${describe(node)}`);
}

function describe(node: JsonNode): string {
  if (node.kind === "string")
    return JSON.stringify(node.value.length > 64 ? `${node.value.slice(0, 64)}…` : node.value);
  if (node.kind === "number") return node.text.slice(0, 64);
  if (node.kind === "boolean") return String(node.value);
  return node.kind;
}

const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

/**
 * The node as plain data.
 *
 * A whole number is a `number` when that is exact, else a `bigint` as far as 64 bits hold it, signed or
 * unsigned; every other number is the nearest double. Of members with one name the last one counts. A member
 * called `__proto__` is an ordinary own property.
 */
export function toPlain(node: JsonNode): JsonValue {
  if (node.kind === "object") {
    const object: { [key: string]: JsonValue } = {};
    for (const { key, value } of node.members) {
      const plain = toPlain(value);
      if (key !== "__proto__") object[key] = plain;
      else
        Object.defineProperty(object, key, {
          value: plain,
          enumerable: true,
          configurable: true,
          writable: true,
        });
    }
    return object;
  }
  if (node.kind === "array") return node.items.map(toPlain);
  if (node.kind === "number") return plainNumber(node.text);
  return node.kind === "null" ? null : node.value;
}

function plainNumber(text: string): number | bigint {
  const double = Number(text);
  if (Number.isSafeInteger(double) || text.length > 20 || !/^-?[0-9]+$/.test(text)) return double;
  const exact = BigInt(text);
  return exact >= INT64_MIN && exact <= UINT64_MAX ? exact : double;
}

/**
 * JSON text to a tree.
 *
 * @module
 */
import { assertLimit } from "./bytes.ts";
import { CoreError, type CoreErrorCode } from "./errors.ts";
import {
  type JsonArray,
  type JsonNode,
  type JsonObject,
  type JsonPlace,
  type JsonText,
  locate,
  pathOf,
  segment,
} from "./json-tree.ts";

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

/** An array or object whose end is not yet reached, with the names it has so far once there are many. */
interface OpenContainer {
  readonly node: JsonArray | JsonObject;
  names: Set<string> | undefined;
}

/** Up to this many members, looking through them is quicker than keeping a set of names. */
const FEW_MEMBERS = 8;

/** Iterative, so that no text can exhaust the stack. */
function parseText(text: JsonText, bytes: Buffer, maxDepth: number, refuseDuplicates: boolean): JsonNode {
  const open: OpenContainer[] = [];
  let at = skipSpace(bytes, 0);
  // Set by readName and used when the member's value is attached, before anything inside it is read.
  let pendingName = "";

  for (;;) {
    // A value begins at `at`; the name of an object member was read below.
    const top = open.at(-1)?.node;
    const parent = top ?? text;
    const key = top === undefined ? "" : top.kind === "array" ? top.items.length : pendingName;
    const first = bytes[at];
    let node: JsonNode;
    if (first === OPEN_OBJECT || first === OPEN_ARRAY) {
      if (open.length >= maxDepth) throw syntaxError(text, at, "nested too deep", "ERR_JSON_TOO_DEEP");
      const container: JsonArray | JsonObject =
        first === OPEN_OBJECT
          ? { kind: "object", members: [], offset: at, parent, key }
          : { kind: "array", items: [], offset: at, parent, key };
      attach(top, container);
      open.push({ node: container, names: undefined });
      at = skipSpace(bytes, at + 1);
      if (bytes[at] !== (first === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY)) {
        if (first === OPEN_OBJECT) readName();
        continue;
      }
      node = container;
    } else {
      node = readScalar(parent, key);
      attach(top, node);
      at = skipSpace(bytes, at);
    }
    // A value has ended: close what closes here, then expect a comma or the end of the text.
    for (;;) {
      const container = open.at(-1)?.node;
      if (!container) {
        if (at !== bytes.length) throw syntaxError(text, at, "text after the JSON value");
        return node;
      }
      const closing = container.kind === "object" ? CLOSE_OBJECT : CLOSE_ARRAY;
      if (bytes[at] === closing) {
        open.pop();
        node = container;
        at = skipSpace(bytes, at + 1);
        continue;
      }
      if (bytes[at] !== COMMA)
        throw syntaxError(text, at, `expected "," or "${String.fromCharCode(closing)}"`);
      at = skipSpace(bytes, at + 1);
      if (container.kind === "object") readName();
      break;
    }
  }

  function attach(parent: JsonArray | JsonObject | undefined, node: JsonNode): void {
    if (parent?.kind === "array") parent.items.push(node);
    else if (parent) parent.members.push({ key: pendingName, value: node });
  }

  function readName(): void {
    const start = at;
    if (bytes[at] !== QUOTE) throw syntaxError(text, at, "expected a member name");
    pendingName = readString();
    const top = open.at(-1);
    if (refuseDuplicates && top && isRepeated(top, pendingName)) {
      const position = { path: pathOf(top.node) + segment(pendingName), ...locate(bytes, start) };
      const message = `Duplicate key ${JSON.stringify(pendingName)}`;
      throw new CoreError("ERR_JSON_DUPLICATE_KEY", message, { position });
    }
    at = skipSpace(bytes, at);
    if (bytes[at] !== COLON) throw syntaxError(text, at, 'expected ":"');
    at = skipSpace(bytes, at + 1);
  }

  function readScalar(parent: JsonPlace["parent"], key: string | number): JsonNode {
    const offset = at;
    const first = bytes[at];
    if (first === QUOTE) return { kind: "string", value: readString(), offset, parent, key };
    if (first === 0x2d || (first !== undefined && first >= 0x30 && first <= 0x39)) {
      const end = numberEnd(bytes, at);
      const candidate = bytes.toString("latin1", at, end);
      NUMBER.lastIndex = 0;
      if (NUMBER.exec(candidate)?.[0] !== candidate) throw syntaxError(text, at, "invalid number");
      at = end;
      return { kind: "number", text: candidate, offset, parent, key };
    }
    for (const [word, value] of LITERALS) {
      if (word.charCodeAt(0) !== first || bytes.toString("latin1", at, at + word.length) !== word) continue;
      at += word.length;
      if (value === null) return { kind: "null", offset, parent, key };
      return { kind: "boolean", value, offset, parent, key };
    }
    throw syntaxError(text, at, at >= bytes.length ? "unexpected end of the text" : "expected a value");
  }

  /** Reads the string whose opening quote is at `at`, and moves behind its closing quote. */
  function readString(): string {
    let value = "";
    let run = at + 1;
    // All bits that occur in the run: a run of plain ASCII needs no decoder.
    let bits = 0;
    for (let i = run; ; ) {
      const byte = bytes[i];
      if (byte === undefined) throw syntaxError(text, i, "unterminated string");
      if (byte < 0x20) throw syntaxError(text, i, "control character in a string");
      if (byte === QUOTE) {
        at = i + 1;
        const last = decodeRun(bytes, run, i, bits);
        return value === "" ? last : value + last;
      }
      if (byte !== BACKSLASH) {
        bits |= byte;
        i++;
        continue;
      }
      const [unescaped, length] = readEscape(text, bytes, i);
      value += decodeRun(bytes, run, i, bits) + unescaped;
      i += length;
      run = i;
      bits = 0;
    }
  }
}

/** Whether a name occurs among the members so far; it counts as one of them from now on. */
function isRepeated(container: OpenContainer, name: string): boolean {
  if (container.node.kind !== "object") return false;
  const { members } = container.node;
  if (members.length < FEW_MEMBERS) return members.some((member) => member.key === name);
  container.names ??= new Set(members.map((member) => member.key));
  if (container.names.has(name)) return true;
  container.names.add(name);
  return false;
}

function decodeRun(bytes: Buffer, from: number, to: number, bits: number): string {
  return bits < 0x80 ? bytes.toString("latin1", from, to) : decodeUtf8(bytes.subarray(from, to));
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

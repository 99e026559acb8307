/**
 * TOML documents, read strictly: typed members, unknown keys told, tables in the order of the text.
 *
 * @see {@link https://toml.io/en/v1.0.0}
 * @module
 */
import { parse } from "smol-toml";
import { OciError } from "../errors.ts";
import { findWrongDate } from "./toml-dates.ts";

/** A table of a document; without prototype. */
export type TomlTable = Readonly<Record<string, unknown>>;

/** Longest document, in UTF-16 code units: far more than any file of mirrors. */
const MAX_TEXT_LENGTH = 1024 * 1024;
const MAX_DEPTH = 64;

/** An error in a document; `where` is the dotted key, or empty for the whole. */
export function configError(where: string, why: string, cause?: unknown): OciError {
  const message = where === "" ? why : `${where}: ${why}`;
  return new OciError("ERR_OCI_CONFIG_INVALID", message, cause === undefined ? {} : { cause });
}

/**
 * The root table of a document. Integers are bigints.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID`.
 */
export function parseToml(text: string): TomlTable {
  if (text.length > MAX_TEXT_LENGTH) throw configError("", `more than ${MAX_TEXT_LENGTH} characters`);
  try {
    const root = parse(text, { integersAsBigInt: true, maxDepth: MAX_DEPTH });
    if (hasDate(root)) assertDates(text);
    return root;
  } catch (cause) {
    const first = cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : "";
    const line = cause instanceof Error && "line" in cause ? ` in line ${String(cause.line)}` : "";
    throw configError("", `toml syntax${line}: ${first}`, cause);
  }
}

/** Keys with dots go deeper than any stack. */
function hasDate(root: TomlTable): boolean {
  const waiting: unknown[] = [root];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (value instanceof Date) return true;
    if (typeof value !== "object" || value === null) continue;
    for (const each of Object.values(value)) waiting.push(each);
  }
  return false;
}

/** Throws as the parser does. */
function assertDates(text: string): void {
  const wrong = findWrongDate(text);
  if (wrong === undefined) return;
  const before = text.slice(0, wrong).split("\n");
  const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
  throw Object.assign(new Error("invalid date"), place);
}

/** A member that is a table. */
export function tomlTable(value: unknown, where: string): TomlTable {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Date) {
    throw configError(where, "must be a table");
  }
  return value as TomlTable;
}

/** A text, or nothing for an absent member. */
export function tomlText(value: unknown, where: string): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  throw configError(where, "must be a text");
}

/** A boolean, or nothing for an absent member. */
export function tomlFlag(value: unknown, where: string): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  throw configError(where, "must be true or false");
}

/** A list of texts, or nothing for an absent member. */
export function tomlTexts(value: unknown, where: string): string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw configError(where, "must be a list of texts");
  return value.map((each, index) => {
    if (typeof each !== "string") throw configError(`${where}[${index}]`, "must be a text");
    return each;
  });
}

/** Tables of an array of tables; none for an absent member. */
export function tomlTables(value: unknown, where: string): TomlTable[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw configError(where, "must be an array of tables");
  return value.map((each, index) => tomlTable(each, `${where}[${index}]`));
}

/** Keys of a table that are not among the known ones, each with where it stands. */
export function unknownKeys(table: TomlTable, known: readonly string[], where: string): string[] {
  return Object.keys(table)
    .filter((key) => !known.includes(key))
    .map((key) => (where === "" ? key : `${where}.${key}`));
}

/**
 * The key paths of the `[table]` headers of a valid document, in the order of the text.
 *
 * An object of JavaScript does not keep that order for keys of digits, nor tell a header from an inline table.
 */
export function tomlHeaders(text: string): string[][] {
  const headers: string[][] = [];
  let depth = 0;
  let fresh = true;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? "";
    if (char === "#") {
      at = endOfLine(text, at) - 1;
    } else if (char === "\n") {
      fresh = depth === 0;
    } else if (char === '"' || char === "'") {
      fresh = false;
      at = endOfText(text, at, char) - 1;
    } else if (char === "[" && fresh && depth === 0) {
      const many = text[at + 1] === "[";
      const end = many ? endOfHeader(text, at + 1) + 1 : endOfHeader(text, at);
      if (!many) headers.push(keyPath(text.slice(at, end)));
      at = end - 1;
      fresh = false;
    } else if (char === "[" || char === "{") {
      depth++;
    } else if (char === "]" || char === "}") {
      depth--;
    } else if (char !== " " && char !== "\t" && char !== "\r") {
      fresh = false;
    }
  }
  return headers;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

/** Where a quoted text ends: behind its closing quotes. */
function endOfText(text: string, from: number, quote: string): number {
  const many = text.startsWith(quote.repeat(3), from);
  const close = many ? quote.repeat(3) : quote;
  let at = from + close.length;
  while (at < text.length && !text.startsWith(close, at)) at += quote === '"' && text[at] === "\\" ? 2 : 1;
  at += close.length;
  // A multi-line text may end in one or two quotes of its own.
  while (many && text[at] === quote) at++;
  return at;
}

function endOfHeader(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== "]") {
    const char = text[at] ?? "";
    at = char === '"' || char === "'" ? endOfText(text, at, char) : at + 1;
  }
  return at + 1;
}

function keyPath(header: string): string[] {
  const path: string[] = [];
  let table: TomlTable = parseToml(header);
  for (;;) {
    const [key] = Object.keys(table);
    if (key === undefined) return path;
    path.push(key);
    table = table[key] as TomlTable;
  }
}

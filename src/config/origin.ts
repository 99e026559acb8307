/**
 * TOML documents with the place of every key and value.
 *
 * The values come from the TOML parser, which tells no places. A second walk over the text, which the parser
 * has found valid by then, notes where keys and values begin.
 *
 * @see {@link https://toml.io/en/v1.0.0}
 * @module
 */
import { isLadingError } from "../core/errors.ts";
import { parseToml, type TomlTable } from "../oci/mirrors/toml.ts";
import { ConfigError } from "./errors.ts";

/** Where in a file something stands. */
export interface Origin {
  /** Path of the file, as it was handed in. */
  readonly file: string;
  /** Line, counted from 1. */
  readonly line: number;
  /** Column in UTF-16 code units, counted from 1. */
  readonly column: number;
}

/** The keys and indexes that lead to a value. */
export type TomlPath = readonly (string | number)[];

/** A document, and where its parts stand. */
export interface TomlDocument {
  /** Path of the file, as it was handed in. */
  readonly file: string;
  /** Tables have no prototype, integers are bigints. */
  readonly root: TomlTable;
  /**
   * Where the key of a path stands: in its own header if it has one, else where the text first names it. An
   * element of a list stands where its value does. Undefined for what the document does not have.
   */
  keyOrigin(path: TomlPath): Origin | undefined;
  /** Where the value of a path begins; of a table with a header, the key in it. Undefined as for keys. */
  valueOrigin(path: TomlPath): Origin | undefined;
}

/** Longest document, in UTF-16 code units. */
export const MAX_TOML_LENGTH: number = 1024 * 1024;

/**
 * Reads a document of at most 1 MiB (1048576 UTF-16 code units), nested at most 64 levels deep.
 *
 * @param file What the origins name as the file; it is not read.
 * @throws {ConfigError} `ERR_CONFIG_TOO_LARGE`, or `ERR_CONFIG_SYNTAX` with the place where the text breaks off.
 */
export function parseTomlDocument(file: string, text: string): TomlDocument {
  if (text.length > MAX_TOML_LENGTH) {
    throw new ConfigError("ERR_CONFIG_TOO_LARGE", `${file}: more than ${MAX_TOML_LENGTH} characters`, {
      origin: { file, line: 1, column: 1 },
    });
  }
  const root = parseRoot(file, text);
  const { top, lineStarts } = indexDocument(text);
  const originAt = (offset: number | undefined): Origin | undefined =>
    offset === undefined ? undefined : { file, ...placeOf(offset, lineStarts) };
  return {
    file,
    root,
    keyOrigin(path) {
      const place = find(top, path);
      return originAt(place?.key ?? place?.value);
    },
    valueOrigin(path) {
      const place = find(top, path);
      return originAt(place?.value ?? place?.key);
    },
  };
}

function parseRoot(file: string, text: string): TomlTable {
  try {
    return parseToml(text);
  } catch (error) {
    if (!isLadingError(error)) throw error;
    const { cause } = error;
    const where = cause instanceof Error && "line" in cause && "column" in cause ? cause : undefined;
    throw new ConfigError("ERR_CONFIG_SYNTAX", `${file}: ${error.message}`, {
      cause: error,
      origin: { file, line: Number(where?.line ?? 1), column: Number(where?.column ?? 1) },
    });
  }
}

/** A key or an element, with what is below it. Offsets count UTF-16 code units. */
interface Place {
  key?: number;
  value?: number;
  members?: Map<string, Place>;
  elements?: Place[];
  /** Whether the elements are tables with headers: a header's path goes through the last of them. */
  isTableArray?: boolean;
}

interface Index {
  top: Place;
  /** Offsets at which lines begin. */
  lineStarts: number[];
}

interface KeyPart {
  name: string;
  at: number;
}

/** Notes the places of a valid document. */
function indexDocument(text: string): Index {
  const top: Place = {};
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  let table = top;

  const isBlank = (): boolean => text[at] === " " || text[at] === "\t";
  const skipBlanks = (): void => {
    while (isBlank()) at++;
  };
  /** Passes blanks, ends of lines and comments. */
  const skipVoid = (): void => {
    for (;;) {
      if (text[at] === "#") {
        const end = text.indexOf("\n", at);
        at = end < 0 ? text.length : end;
      } else if (isBlank() || text[at] === "\r" || text[at] === "\n") at++;
      else return;
    }
  };
  const readKey = (): KeyPart[] => {
    const parts: KeyPart[] = [];
    for (;;) {
      skipBlanks();
      const start = at;
      const quote = text[at];
      if (quote === '"' || quote === "'") at = endOfString(text, at);
      else while (/[^\s.=\]]/.test(text[at] ?? " ")) at++;
      parts.push({ name: nameOf(text.slice(start, at)), at: start });
      skipBlanks();
      if (text[at] !== ".") return parts;
      at++;
    }
  };
  const readPair = (below: Place): void => {
    const place = descend(below, readKey());
    // Behind the equals sign.
    at++;
    skipBlanks();
    readValue(place);
  };
  const readValue = (place: Place): void => {
    place.value = at;
    const first = text[at];
    if (first === '"' || first === "'") {
      at = endOfString(text, at);
    } else if (first === "[") {
      place.elements = [];
      readSequence("]", () => {
        const element: Place = {};
        place.elements?.push(element);
        readValue(element);
      });
    } else if (first === "{") {
      readSequence("}", () => readPair(place));
    } else {
      while (at < text.length && !",]}#\n\r".includes(text[at] ?? "")) at++;
    }
  };
  const readSequence = (close: string, readOne: () => void): void => {
    at++;
    for (;;) {
      skipVoid();
      if (text[at] === close || at >= text.length) break;
      if (text[at] === ",") at++;
      else readOne();
    }
    at++;
  };

  for (skipVoid(); at < text.length; skipVoid()) {
    if (text[at] !== "[") {
      readPair(table);
      continue;
    }
    const isElement = text[at + 1] === "[";
    at += isElement ? 2 : 1;
    const parts = readKey();
    at += isElement ? 2 : 1;
    const named = descend(top, parts);
    const start = parts.at(-1)?.at;
    table = isElement ? addTable(named) : named;
    if (start === undefined) continue;
    table.key = start;
    if (isElement) named.key ??= start;
  }
  return { top, lineStarts };
}

function addTable(place: Place): Place {
  const table: Place = {};
  place.isTableArray = true;
  place.elements ??= [];
  place.elements.push(table);
  return table;
}

/** The place that a key leads to; all on the way are made, and the last is not entered. */
function descend(from: Place, parts: readonly KeyPart[]): Place {
  let place = from;
  for (const { name, at } of parts) {
    const below = place.isTableArray ? (place.elements?.at(-1) ?? place) : place;
    below.members ??= new Map();
    let next = below.members.get(name);
    if (!next) {
      next = { key: at };
      below.members.set(name, next);
    }
    place = next;
  }
  return place;
}

function find(top: Place, path: TomlPath): Place | undefined {
  let place: Place | undefined = top;
  for (const part of path) {
    place = typeof part === "number" ? place?.elements?.[part] : place?.members?.get(part);
  }
  return place;
}

/** A key as it is meant: without quotes, escapes resolved. */
function nameOf(written: string): string {
  if (written.startsWith("'")) return written.slice(1, -1);
  if (!written.startsWith('"')) return written;
  if (!written.includes("\\")) return written.slice(1, -1);
  return String(parseToml(`k = ${written}`)["k"]);
}

/** Where a quoted text ends: behind its closing quotes. */
function endOfString(text: string, from: number): number {
  const quote = text[from] ?? "";
  const isLong = text.startsWith(quote.repeat(3), from);
  const close = isLong ? quote.repeat(3) : quote;
  let at = from + close.length;
  while (at < text.length && !text.startsWith(close, at)) at += quote === '"' && text[at] === "\\" ? 2 : 1;
  at += close.length;
  // A text of many lines may end in one or two quotes of its own.
  while (isLong && text[at] === quote) at++;
  return at;
}

function placeOf(offset: number, lineStarts: readonly number[]): { line: number; column: number } {
  let low = 0;
  let high = lineStarts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((lineStarts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return { line: low + 1, column: offset - (lineStarts[low] ?? 0) + 1 };
}

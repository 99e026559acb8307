/**
 * PEM blocks, found and delimited as Go's decoder does it.
 *
 * Which bytes belong to a block and which are left over decides about acceptance in several places ("exactly
 * one block, nothing after it"), so the details count: text before a block is skipped, one line break after the
 * END line belongs to it, and a block that is malformed is skipped for the next one.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7468}
 * @module
 */
import { decodeBase64 } from "./base64.ts";

/** One PEM block. */
export interface PemBlock {
  /** Such as `CERTIFICATE`. */
  readonly type: string;
  /** Whether header lines stand before the content. */
  readonly hasHeaders: boolean;
  readonly bytes: Uint8Array;
  /** What follows the block. */
  readonly rest: string;
}

const BEGIN = "-----BEGIN ";
const END = "-----END ";
const DASHES = "-----";

/** The text of bytes, one character a byte, as the functions here take it. */
export function pemText(input: Uint8Array | string): string {
  const bytes = typeof input === "string" ? Buffer.from(input, "utf8") : input;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** The first well-formed block of a text from {@link pemText}, or nothing if there is none. */
export function nextPemBlock(text: string): PemBlock | undefined {
  // Each round looks for the next END line, so that the whole is read once.
  for (let from = 0; ; ) {
    const end = text.indexOf(`\n${END}`, from);
    if (end < 0) return undefined;
    // Only what was not searched before: looking further back would take quadratic time.
    const before = text.slice(from, end);
    const begin = before.lastIndexOf(BEGIN);
    if (begin === 0 || (begin > 0 && before[begin - 1] === "\n")) {
      const block = readBlock(text, from + begin + BEGIN.length, end + 1);
      if (block) return block;
    }
    from = end + 1 + END.length;
  }
}

/** Every block of a text in which nothing but white space follows the last one, or nothing otherwise. */
export function pemBlocks(input: Uint8Array | string): PemBlock[] | undefined {
  const blocks: PemBlock[] = [];
  let rest = trimAscii(pemText(input));
  while (rest !== "") {
    const block = nextPemBlock(rest);
    if (!block) return undefined;
    blocks.push(block);
    rest = block.rest;
  }
  return blocks;
}

/** Reads the block whose BEGIN line goes on at `start` and whose END line is at `end`. */
function readBlock(text: string, start: number, end: number): PemBlock | undefined {
  const [typeLine, afterType] = lineAt(text, start);
  if (!typeLine.endsWith(DASHES) || afterType > end) return undefined;
  const type = typeLine.slice(0, -DASHES.length);
  let content = afterType;
  while (content < end) {
    const [line, next] = lineAt(text, content);
    if (!line.includes(":")) break;
    content = next;
  }
  // Headers end with a line of their own, so the END line cannot follow them directly.
  const hasHeaders = content > afterType;
  if (content > end || (hasHeaders && content === end)) return undefined;
  const closing = END + type + DASHES;
  if (!text.startsWith(closing, end)) return undefined;
  const [remainder, after] = lineAt(text, end + closing.length);
  if (remainder !== "") return undefined;
  const bytes = decodeBase64(text.slice(content, end).replaceAll(/[ \t]/g, ""));
  return bytes && { type, hasHeaders, bytes, rest: text.slice(after) };
}

/** The line at a place without its break and trailing blanks, and where the next one begins. */
function lineAt(text: string, from: number): [line: string, next: number] {
  const newline = text.indexOf("\n", from);
  const end = newline < 0 ? text.length : newline;
  const stop = end > from && newline >= 0 && text[end - 1] === "\r" ? end - 1 : end;
  return [trimBlanks(text.slice(from, stop)), newline < 0 ? end : end + 1];
}

function trimBlanks(line: string): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] === " " || line[end - 1] === "\t")) end--;
  return line.slice(0, end);
}

function trimAscii(text: string): string {
  const isSpace = (at: number) => " \t\n\v\f\r".includes(text[at] ?? "x");
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(start)) start++;
  while (end > start && isSpace(end - 1)) end--;
  return text.slice(start, end);
}

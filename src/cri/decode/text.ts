/**
 * Reads the strings of a message, each only once: lists repeat the names of labels and annotations, images and
 * namespaces in each of their items.
 *
 * @module
 */
import { type Reader, readUint32, take } from "./reader.ts";

/** Strings that were met in a message, by where they stand in it. A slot has the last one whose hash leads there. */
export interface Texts {
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  readonly values: string[];
}

const SLOTS = 4096;
/** Longer strings do not repeat enough to be compared. */
const LONGEST = 256;

/** A place for the strings of a message. */
export function createTexts(): Texts {
  return {
    starts: new Int32Array(SLOTS),
    lengths: new Int32Array(SLOTS),
    values: new Array<string>(SLOTS).fill(""),
  };
}

/**
 * The string behind a length.
 *
 * @throws {TypeError} if it is not UTF-8.
 */
export function readText(reader: Reader, texts: Texts | undefined): string {
  const length = readUint32(reader);
  const start = take(reader, length);
  if (length < 4) return readShort(reader, start, length);
  if (texts === undefined || length > LONGEST) return decode(reader, start, length);
  const slot = slotOf(reader.view, start, length);
  const known = texts.values[slot];
  if (
    known !== undefined &&
    texts.lengths[slot] === length &&
    same(reader.view, texts.starts[slot] ?? 0, start, length)
  ) {
    return known;
  }
  const value = decode(reader, start, length);
  texts.starts[slot] = start;
  texts.lengths[slot] = length;
  texts.values[slot] = value;
  return value;
}

/** From a few of the bytes; strings of at least four. */
function slotOf(view: DataView, start: number, length: number): number {
  const first = view.getUint32(start, true);
  const middle = view.getUint32(start + ((length - 4) >> 1), true);
  const last = view.getUint32(start + length - 4, true);
  let hash = Math.imul(first ^ length, 0x9e3779b1);
  hash = Math.imul((hash ^ (hash >>> 15)) + middle, 0x85ebca6b);
  hash = Math.imul((hash ^ (hash >>> 13)) + last, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) & (SLOTS - 1);
}

/** Whether two ranges of at least four bytes are equal. The last four may be compared twice. */
function same(view: DataView, a: number, b: number, length: number): boolean {
  const last = length - 4;
  for (let at = 0; at < last; at += 4) {
    if (view.getUint32(a + at, true) !== view.getUint32(b + at, true)) return false;
  }
  return view.getUint32(a + last, true) === view.getUint32(b + last, true);
}

/** Up to three bytes; asking the buffer for a string takes longer than making one of these. */
function readShort(reader: Reader, start: number, length: number): string {
  const [a = 0, b = 0, c = 0] = [reader.bytes[start], reader.bytes[start + 1], reader.bytes[start + 2]];
  if (length === 0) return "";
  if (length === 1 && a < 0x80) return String.fromCharCode(a);
  if (length === 2 && (a | b) < 0x80) return String.fromCharCode(a, b);
  if (length === 3 && (a | b | c) < 0x80) return String.fromCharCode(a, b, c);
  return decode(reader, start, length);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode({ bytes, buffer, view }: Reader, start: number, length: number): string {
  const end = start + length;
  let at = start;
  for (; at + 4 <= end; at += 4) if ((view.getUint32(at, true) & 0x80808080) !== 0) break;
  while (at < end && (bytes[at] ?? 0) < 0x80) at++;
  return at < end ? utf8.decode(bytes.subarray(start, end)) : buffer.toString("latin1", start, end);
}

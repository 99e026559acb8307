/**
 * The 512 bytes of a tar header, in the formats ustar, GNU and the one before both.
 *
 * @see {@link https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06}
 * @module
 */
import { invalidLayer } from "./limits.ts";

/** Length in bytes of a header, and what content is filled up to. */
export const BLOCK_BYTES = 512;

/** Fields of a header, before extended headers are applied. */
export interface TarHeader {
  /** With the prefix, if there is one. */
  name: Buffer;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtimeSeconds: number;
  /** Type flag as a character, `"\0"` for an old file. */
  type: string;
  linkName: Buffer;
  userName: Buffer;
  groupName: Buffer;
  deviceMajor: number;
  deviceMinor: number;
  gnu: boolean;
  /** The block itself. */
  block: Buffer;
}

/**
 * The fields of a header block; nothing for a block of zeros, which ends an archive.
 *
 * @throws {OciError} `ERR_OCI_LAYER_INVALID` for a wrong checksum or a field that is no number.
 */
export function parseTarHeader(block: Buffer): TarHeader | undefined {
  const sum = sumOf(block);
  if (sum === 0) return undefined;
  const stated = octal(block, 148, 8, "checksum");
  // The field itself counts as blanks. Some old programs summed the bytes as signed ones.
  const counted = sum - sumOf(block.subarray(148, 156)) + 8 * 0x20;
  if (stated !== counted && stated !== counted - 256 * highBytes(block)) {
    throw invalidLayer("no tar archive: a header has a wrong checksum");
  }
  const magic = block.toString("latin1", 257, 265);
  const ustar = magic.startsWith("ustar\0");
  const gnu = magic === "ustar  \0";
  const known = ustar || gnu;
  // The format "star" has times where the end of the prefix would be.
  const prefixBytes = block.toString("latin1", 508, 512) === "tar\0" ? 131 : 155;
  const prefix = ustar ? text(block, 345, prefixBytes) : EMPTY;
  const name = text(block, 0, 100);
  return {
    name: prefix.length > 0 ? Buffer.concat([prefix, SLASH, name]) : name,
    mode: number(block, 100, 8, "mode"),
    uid: number(block, 108, 8, "uid"),
    gid: number(block, 116, 8, "gid"),
    size: number(block, 124, 12, "size"),
    mtimeSeconds: number(block, 136, 12, "mtime"),
    type: String.fromCharCode(block[156] ?? 0),
    linkName: text(block, 157, 100),
    userName: known ? text(block, 265, 32) : EMPTY,
    groupName: known ? text(block, 297, 32) : EMPTY,
    deviceMajor: known ? number(block, 329, 8, "device") : 0,
    deviceMinor: known ? number(block, 337, 8, "device") : 0,
    gnu,
    block,
  };
}

const EMPTY = Buffer.alloc(0);
const SLASH = Buffer.from("/");

function sumOf(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at++) sum += bytes[at] ?? 0;
  return sum;
}

/** How many bytes outside the checksum are over 127. */
function highBytes(block: Buffer): number {
  let count = 0;
  for (const [at, byte] of block.entries()) if (byte > 127 && (at < 148 || at > 155)) count++;
  return count;
}

/** Bytes up to the first NUL. */
function text(block: Buffer, at: number, length: number): Buffer {
  if (block[at] === 0) return EMPTY;
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

/** A number in octal, or in base 256 where the first bit is set. */
export function number(block: Buffer, at: number, length: number, what: string): number {
  return ((block[at] ?? 0) & 0x80) === 0 ? octal(block, at, length, what) : base256(block, at, length, what);
}

function octal(block: Buffer, at: number, length: number, what: string): number {
  let from = at;
  let to = at + length;
  // Blanks and NULs stand before and behind the digits, by program.
  while (from < to && isBlank(block[from])) from++;
  while (to > from && isBlank(block[to - 1])) to--;
  let value = 0;
  for (; from < to; from++) {
    const digit = (block[from] ?? 0) - 0x30;
    if (digit >= 0 && digit < 8) value = value * 8 + digit;
    else if (block[from] === 0) return value;
    else throw invalidLayer(`no tar archive: a header has no number as ${what}`);
  }
  return value;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0 || byte === 0x20;
}

function base256(block: Buffer, at: number, length: number, what: string): number {
  const negative = ((block[at] ?? 0) & 0x40) !== 0;
  let value = BigInt((block[at] ?? 0) & 0x7f);
  for (let i = at + 1; i < at + length; i++) value = (value << 8n) | BigInt(block[i] ?? 0);
  if (negative) value -= 1n << BigInt(8 * length - 1);
  const result = Number(value);
  if (!Number.isSafeInteger(result)) throw invalidLayer(`a header has a number out of range as ${what}`);
  return result;
}

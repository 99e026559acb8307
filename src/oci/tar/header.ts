/**
 * The 512 bytes of a tar header, in the formats ustar, GNU and the one before both.
 *
 * @see {@link https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06}
 * @module
 */
import type { OciError } from "../errors.ts";

/** Length in bytes of a header, and what content is filled up to. */
export const BLOCK_BYTES = 512;

/** How many bytes fill up content of this length to whole blocks. */
export function paddingOf(length: number): number {
  return (BLOCK_BYTES - (length % BLOCK_BYTES)) % BLOCK_BYTES;
}

/** Makes the error of a damaged archive: layers and archives of images have codes of their own. */
export type TarFailure = (what: string) => OciError;

/** Fields of a header, before extended headers are applied. */
export interface TarHeader {
  /** With the prefix, if there is one. */
  name: Buffer;
  mode: number;
  uid: number;
  gid: number;
  /** Not below 0. */
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
  /** Whether the checksum is right only as a sum of signed bytes. */
  signedSum: boolean;
  /** The block itself. */
  block: Buffer;
}

/** Where a number stands in a block, and what it is called in an error. */
export interface TarField {
  at: number;
  length: number;
  name: string;
}

const MODE: TarField = { at: 100, length: 8, name: "mode" };
const UID: TarField = { at: 108, length: 8, name: "uid" };
const GID: TarField = { at: 116, length: 8, name: "gid" };
const SIZE: TarField = { at: 124, length: 12, name: "size" };
const MTIME: TarField = { at: 136, length: 12, name: "mtime" };
const CHECKSUM: TarField = { at: 148, length: 8, name: "checksum" };
const DEVICE_MAJOR: TarField = { at: 329, length: 8, name: "device" };
const DEVICE_MINOR: TarField = { at: 337, length: 8, name: "device" };
/** Of GNU tar only. */
const ACCESS_TIME: TarField = { at: 345, length: 12, name: "atime" };
/** Of GNU tar only. */
const CHANGE_TIME: TarField = { at: 357, length: 12, name: "ctime" };

/**
 * The fields of a header block; nothing for a block of zeros, which ends an archive.
 *
 * Fails for a wrong checksum, a field that is no number and a negative size.
 */
export function parseTarHeader(block: Buffer, damaged: TarFailure): TarHeader | undefined {
  const sum = sumOf(block);
  if (sum === 0) return undefined;
  const stated = readOctal(block, CHECKSUM);
  // The field itself counts as blanks. Some old programs summed the bytes as signed ones.
  const counted = sum - sumOf(block.subarray(148, 156)) + 8 * 0x20;
  if (stated !== counted && stated !== counted - 256 * highBytes(block)) {
    throw damaged("no tar archive: a header has a wrong checksum");
  }
  const magic = block.toString("latin1", 257, 265);
  const ustar = magic.startsWith("ustar\0");
  const gnu = magic === "ustar  \0";
  const known = ustar || gnu;
  const prefix = ustar ? ustarPrefix(block) : gnu ? prefixOfOldGo(block) : EMPTY;
  const name = text(block, 0, 100);
  const size = tarNumber(block, SIZE, damaged);
  if (size < 0) throw damaged("an entry of negative size");
  return {
    name: prefix.length > 0 ? Buffer.concat([prefix, SLASH, name]) : name,
    mode: tarNumber(block, MODE, damaged),
    uid: tarNumber(block, UID, damaged),
    gid: tarNumber(block, GID, damaged),
    size,
    mtimeSeconds: tarNumber(block, MTIME, damaged),
    type: String.fromCharCode(block[156] ?? 0),
    linkName: text(block, 157, 100),
    userName: known ? text(block, 265, 32) : EMPTY,
    groupName: known ? text(block, 297, 32) : EMPTY,
    deviceMajor: known ? tarNumber(block, DEVICE_MAJOR, damaged) : 0,
    deviceMinor: known ? tarNumber(block, DEVICE_MINOR, damaged) : 0,
    gnu,
    signedSum: stated !== counted,
    block,
  };
}

const EMPTY = Buffer.alloc(0);
const SLASH = Buffer.from("/");

function ustarPrefix(block: Buffer): Buffer {
  // The format "star" has times where the end of the prefix would be.
  return text(block, 345, block.toString("latin1", 508, 512) === "tar\0" ? 131 : 155);
}

/**
 * Before 1.8 Go wrote a prefix into headers of GNU tar, where two times belong. As Go reads them since: text that is no
 * time is a prefix.
 */
function prefixOfOldGo(block: Buffer): Buffer {
  const times = [ACCESS_TIME, CHANGE_TIME];
  if (times.every((field) => block[field.at] === 0 || readNumber(block, field) !== undefined)) return EMPTY;
  const prefix = text(block, 345, 155);
  return prefix.every((byte) => byte < 0x80) ? prefix : EMPTY;
}

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
export function tarNumber(block: Buffer, field: TarField, damaged: TarFailure): number {
  const value = readNumber(block, field);
  if (value === undefined) throw damaged(`no tar archive: a header has no number in range as ${field.name}`);
  return value;
}

function readNumber(block: Buffer, field: TarField): number | undefined {
  return ((block[field.at] ?? 0) & 0x80) === 0 ? readOctal(block, field) : readBase256(block, field);
}

function readOctal(block: Buffer, { at, length }: TarField): number | undefined {
  let from = at;
  let to = at + length;
  // Blanks and NULs stand before and behind the digits, by program.
  while (from < to && isBlank(block[from])) from++;
  while (to > from && isBlank(block[to - 1])) to--;
  let value = 0;
  for (; from < to; from++) {
    const digit = (block[from] ?? 0) - 0x30;
    if (digit >= 0 && digit < 8) value = value * 8 + digit;
    else return block[from] === 0 ? value : undefined;
  }
  return value;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0 || byte === 0x20;
}

function readBase256(block: Buffer, { at, length }: TarField): number | undefined {
  const negative = ((block[at] ?? 0) & 0x40) !== 0;
  let value = BigInt((block[at] ?? 0) & 0x7f);
  for (let i = at + 1; i < at + length; i++) value = (value << 8n) | BigInt(block[i] ?? 0);
  if (negative) value -= 1n << BigInt(8 * length - 1);
  const result = Number(value);
  return Number.isSafeInteger(result) ? result : undefined;
}

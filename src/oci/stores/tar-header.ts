/**
 * Headers of tar archives, read and written: as much of them as archives of images need.
 *
 * Read: ustar, pax (`path`, `linkpath`, `size`), GNU long names and links, numbers in base 256. Written: ustar, with a pax
 * header where a name or a size does not fit.
 *
 * @see {@link https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06}
 * @module
 */

/** Bytes of a header, and what contents are padded to. */
export const TAR_BLOCK = 512;

/** One header as it stands in the archive. */
export interface TarHeader {
  name: string;
  /** Bytes of content that follow. */
  size: number;
  /** `0` file, `1` hard link, `2` symbolic link, `5` directory, `x` `g` pax, `L` `K` GNU, and others. */
  type: string;
  /** Target of a link. */
  link: string;
}

/** The header in a block, nothing for a block of zeros, or why it is none. */
export function readTarHeader(block: Uint8Array): TarHeader | undefined | { problem: string } {
  let sum = 0;
  for (let at = 0; at < TAR_BLOCK; at++) sum += at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
  if (sum === 0x20 * 8 && block.every((byte) => byte === 0)) return undefined;
  if (readNumber(block, 148, 8) !== sum) return { problem: "a header with a wrong checksum" };
  const size = readNumber(block, 124, 12);
  if (size === undefined) return { problem: "a header with an impossible size" };
  const type = String.fromCharCode(block[156] ?? 0);
  const ustar = readText(block, 257, 5) === "ustar";
  // The old GNU format has other things in the place of the prefix.
  const prefix = ustar && block[262] === 0 ? readText(block, 345, 155) : "";
  const name = readText(block, 0, 100);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    size,
    type: type === "\0" || type === "7" ? "0" : type,
    link: readText(block, 157, 100),
  };
}

/** The records of a pax header, or nothing for what is none. */
export function readPaxRecords(content: Uint8Array): Map<string, string> | undefined {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.byteLength; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = space < 0 ? "" : bytes.toString("latin1", at, Math.min(space, at + 12));
    const length = /^[1-9][0-9]{0,9}$/.test(digits) && space === at + digits.length ? Number(digits) : 0;
    const end = at + length;
    const equals = bytes.indexOf(0x3d, space);
    if (length === 0 || end > bytes.byteLength || equals < 0 || equals >= end || bytes[end - 1] !== 0x0a) {
      return undefined;
    }
    records.set(bytes.toString("utf8", space + 1, equals), bytes.toString("utf8", equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** A name of a GNU long name entry: the content up to a NUL. */
export function readLongName(content: Uint8Array): string {
  return readText(content, 0, content.byteLength);
}

/**
 * The blocks before the content of a file, or of a directory where the name ends in a slash: owner 0, time 0, the same
 * bytes for the same name and size.
 */
export function formatTarHeader(name: string, size: number): Uint8Array {
  const directory = name.endsWith("/");
  const records: [string, string][] = [];
  if (Buffer.byteLength(name) > 100) records.push(["path", name]);
  if (size >= 8 ** 11) records.push(["size", String(size)]);
  const header = formatBlock(name, size, directory ? "5" : "0");
  if (records.length === 0) return header;
  const content = Buffer.from(records.map(([key, value]) => formatPaxRecord(key, value)).join(""));
  const padded = Buffer.alloc(content.byteLength + paddingOf(content.byteLength));
  content.copy(padded);
  return Buffer.concat([formatBlock("PaxHeaders/header", content.byteLength, "x"), padded, header]);
}

/** Bytes that follow content up to the next block. */
export function paddingOf(size: number): number {
  return (TAR_BLOCK - (size % TAR_BLOCK)) % TAR_BLOCK;
}

function formatBlock(name: string, size: number, type: string): Buffer {
  const block = Buffer.alloc(TAR_BLOCK);
  const octal = (value: number, width: number): string => value.toString(8).padStart(width - 1, "0");
  block.write(Buffer.from(name).subarray(0, 100).toString("latin1"), 0, "latin1");
  block.write(octal(type === "5" ? 0o755 : 0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  // A larger size stands in the pax header.
  block.write(octal(size >= 8 ** 11 ? 0 : size, 12), 124);
  block.write(octal(0, 12), 136);
  block.write("        ", 148);
  block.write(type, 156);
  block.write("ustar\u000000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

function formatPaxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const size = Buffer.byteLength(rest);
  // The length counts its own digits.
  let length = size + String(size).length;
  if (size + String(length).length > length) length++;
  return `${length}${rest}`;
}

function readText(block: Uint8Array, start: number, length: number): string {
  const bytes = Buffer.from(block.buffer, block.byteOffset + start, length);
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? length : end);
}

/** A number in octal or in base 256; nothing for what is none, or is below 0 or over 2^53-1. */
function readNumber(block: Uint8Array, start: number, length: number): number | undefined {
  const first = block[start] ?? 0;
  if (first >= 0x80) {
    if (first !== 0x80) return undefined;
    let value = 0;
    for (let at = start + 1; at < start + length; at++) value = value * 256 + (block[at] ?? 0);
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const text = readText(block, start, length).trim();
  if (text === "") return 0;
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

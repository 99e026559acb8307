/**
 * Headers of archives of images: ustar, with a pax header where a name or a size does not fit.
 *
 * @see {@link https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06}
 * @module
 */
import { BLOCK_BYTES, paddingOf } from "../tar/header.ts";

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

function formatBlock(name: string, size: number, type: string): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
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

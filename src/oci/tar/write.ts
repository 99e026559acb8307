/**
 * Headers of a tar archive: ustar, with extended headers only where a field does not fit.
 *
 * @see {@link https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06}
 * @module
 */
import { entryNameBytes, type LayerEntry, type LayerEntryKind } from "../layers/entry.ts";
import { BLOCK_BYTES, paddingOf } from "./header.ts";

const TYPES: Readonly<Record<LayerEntryKind, string>> = {
  file: "0",
  link: "1",
  symlink: "2",
  "character-device": "3",
  "block-device": "4",
  directory: "5",
  fifo: "6",
};

/** Two blocks of zeros, which end an archive. */
export const ARCHIVE_END: Uint8Array = new Uint8Array(2 * BLOCK_BYTES);

/** Bytes that fill up content of this length to whole blocks. */
export function tarPadding(length: number): Uint8Array {
  return new Uint8Array(paddingOf(length));
}

/**
 * The header of an entry, with an extended one before it where needed. Names of user and group are left out, and
 * times are cut to whole seconds: equal entries give equal bytes.
 */
export function tarHeader(entry: Omit<LayerEntry, "userName" | "groupName">): Buffer {
  const records: [string, string | Uint8Array][] = [];
  const path = bytes(entry.kind === "directory" ? `${entry.path}/` : entry.path);
  const split = splitName(path);
  if (!split) records.push(["path", path]);
  const target = bytes(entry.target);
  if (!isShortAscii(target, 100)) records.push(["linkpath", target]);
  const mtime = Math.floor(entry.mtimeSeconds);
  const numbers = { uid: entry.uid, gid: entry.gid, size: entry.size, mtime };
  for (const [key, value] of Object.entries(numbers)) {
    if (!fits(value, key === "uid" || key === "gid" ? 7 : 11)) records.push([key, String(value)]);
  }
  for (const [name, value] of [...entry.xattrs].sort(([a], [b]) => (a < b ? -1 : 1))) {
    records.push([`SCHILY.xattr.${name}`, value]);
  }
  const [prefix, name] = split ?? [EMPTY, path.subarray(0, 100)];
  const block = header({ ...entry, ...numbers }, TYPES[entry.kind], name, prefix, target.subarray(0, 100));
  if (records.length === 0) return block;
  const body = Buffer.concat(records.map(([key, value]) => record(key, value)));
  const own = { mode: 0o644, uid: 0, gid: 0, size: body.length, mtime: 0, deviceMajor: 0, deviceMinor: 0 };
  return Buffer.concat([
    header(own, "x", Buffer.from("pax"), EMPTY, EMPTY),
    body,
    tarPadding(body.length),
    block,
  ]);
}

const EMPTY = Buffer.alloc(0);

type Numbers = Pick<LayerEntry, "mode" | "uid" | "gid" | "size" | "deviceMajor" | "deviceMinor"> & {
  mtime: number;
};

function header(numbers: Numbers, type: string, name: Buffer, prefix: Buffer, target: Buffer): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  name.copy(block);
  octal(block, numbers.mode, 100, 7);
  octal(block, numbers.uid, 108, 7);
  octal(block, numbers.gid, 116, 7);
  octal(block, numbers.size, 124, 11);
  octal(block, numbers.mtime, 136, 11);
  block.write(type, 156, "latin1");
  target.copy(block, 157);
  block.write("ustar\x0000", 257, "latin1");
  octal(block, numbers.deviceMajor, 329, 7);
  octal(block, numbers.deviceMinor, 337, 7);
  prefix.copy(block, 345);
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** A number that does not fit stands in the extended header, and as 0 here. */
function octal(block: Buffer, value: number, at: number, digits: number): void {
  block.write((fits(value, digits) ? value : 0).toString(8).padStart(digits, "0"), at, "latin1");
}

function fits(value: number, digits: number): boolean {
  return value >= 0 && value < 8 ** digits;
}

function bytes(text: string): Buffer {
  return Buffer.from(entryNameBytes(text));
}

function isShortAscii(text: Buffer, length: number): boolean {
  return text.length <= length && text.every((byte) => byte < 128);
}

/** A name as prefix and rest, or nothing where it needs an extended header. */
function splitName(path: Buffer): [prefix: Buffer, name: Buffer] | undefined {
  if (isShortAscii(path, 100)) return [EMPTY, path];
  if (!isShortAscii(path, 256)) return undefined;
  for (let at = path.indexOf(0x2f); at > 0 && at <= 155; at = path.indexOf(0x2f, at + 1)) {
    const rest = path.length - at - 1;
    if (rest > 0 && rest <= 100) return [path.subarray(0, at), path.subarray(at + 1)];
  }
  return undefined;
}

function record(key: string, value: string | Uint8Array): Buffer {
  const tail = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = tail.length + 1;
  while (String(length).length + tail.length !== length) length = String(length).length + tail.length;
  return Buffer.concat([Buffer.from(String(length)), tail]);
}

/**
 * Entries of a layer: what one file, directory or link of the archive says, with a name that is safe to use.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#file-attributes}
 * @module
 */
import { isUtf8 } from "node:buffer";
import type { ByteStream } from "../../core/bytes.ts";
import { OciError } from "../errors.ts";

/** What an entry makes. `"link"` is a hard link. */
export type LayerEntryKind =
  | "file"
  | "directory"
  | "symlink"
  | "link"
  | "character-device"
  | "block-device"
  | "fifo";

/** One entry of a layer, as its archive gives it. */
export interface LayerEntry {
  /**
   * Path below the root, without `.`, `..`, empty components and a slash at either end; empty for the root itself.
   *
   * Bytes that are no UTF-8 stand as the lone surrogates U+DC80 to U+DCFF: see {@link entryNameBytes}.
   */
  path: string;
  kind: LayerEntryKind;
  /** Permission bits with set-user-id, set-group-id and sticky: 0 to 0o7777. */
  mode: number;
  uid: number;
  gid: number;
  /** Empty where the archive names none. */
  userName: string;
  /** Empty where the archive names none. */
  groupName: string;
  /** Seconds since 1970, with a fraction. */
  mtimeSeconds: number;
  /** Length of the content in bytes; 0 for anything but a file. */
  size: number;
  /** Where a link leads. Of a symbolic link any text, of a hard link a cleaned path; empty for other kinds. */
  target: string;
  /** Of a device; 0 for other kinds. */
  deviceMajor: number;
  /** Of a device; 0 for other kinds. */
  deviceMinor: number;
  /** Extended attributes by their full name, such as `security.capability`. */
  xattrs: ReadonlyMap<string, Uint8Array>;
}

/** An entry with its content. */
export interface LayerEntryContent extends LayerEntry {
  /** Lazy, single-use, and readable only until the next entry is asked for. What is not read is skipped. */
  content: ByteStream;
}

const LONE_SURROGATE = /[\udc80-\udcff]/u;

/**
 * A name of an archive as text from which {@link entryNameBytes} makes the same bytes again.
 *
 * Names on Linux are bytes: those that are no UTF-8 stand as lone surrogates U+DC80 to U+DCFF.
 */
export function entryNameText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString("utf8");
  let text = "";
  for (let at = 0; at < buffer.length; ) {
    const length = characterLength(buffer, at);
    text +=
      length > 0
        ? buffer.toString("utf8", at, at + length)
        : String.fromCharCode(0xdc00 + byteAt(buffer, at));
    at += Math.max(length, 1);
  }
  return text;
}

/** The bytes of a name: the text itself where it is UTF-8, else those that it was read from. */
export function entryNameBytes(text: string): string | Buffer {
  if (!LONE_SURROGATE.test(text)) return text;
  const parts: Buffer[] = [];
  for (const character of text) {
    const unit = character.length === 1 ? character.charCodeAt(0) : 0;
    const escaped = unit >= 0xdc80 && unit <= 0xdcff;
    parts.push(escaped ? Buffer.from([unit - 0xdc00]) : Buffer.from(character));
  }
  return Buffer.concat(parts);
}

/** Length of the UTF-8 character at a place, or 0 where there is none. */
function characterLength(buffer: Buffer, at: number): number {
  const lead = byteAt(buffer, at);
  const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  const end = at + length;
  return end <= buffer.length && isUtf8(buffer.subarray(at, end)) ? length : 0;
}

function byteAt(buffer: Buffer, at: number): number {
  return buffer[at] ?? 0;
}

/**
 * A path of an archive as a path below the root: `..` stops at the root, as it does for a process in the container.
 *
 * A backslash is part of a name, as on Linux; whoever writes to a file system where it is none must refuse it.
 *
 * @throws {OciError} `ERR_OCI_ENTRY_REFUSED` for a NUL.
 */
export function cleanEntryPath(path: string): string {
  if (path.includes("\0")) {
    throw new OciError("ERR_OCI_ENTRY_REFUSED", `a name of a layer holds a NUL: ${shownPath(path)}`);
  }
  if (CLEAN.test(path)) return path;
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** Paths that need no work: no empty component, and none that starts with a dot. */
const CLEAN = /^[^/.][^/]*(?:\/[^/.][^/]*)*$/;

/** A path for a message: quoted, and at most 200 characters of it. */
export function shownPath(path: string): string {
  return JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
}

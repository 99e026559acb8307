/**
 * Header blocks of SPDY/3: names and values, compressed over the whole connection in each direction.
 *
 * ```text
 * block = count, count * (length, name, length, value)      ; 32-bit numbers, big-endian
 * ```
 *
 * Blocks are parts of one zlib stream with a preset dictionary, each flushed to a byte boundary. What one part has
 * in common with those before it is only the last 32 KiB of text, so that each is inflated by itself here, with that
 * text as its dictionary. What is sent is zlib without compression: headers that are next to each other cannot be
 * guessed from the length of a frame then, and no state is needed.
 *
 * @see {@link https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/#2.6.10-Name-Value-Header-Block}
 * @module
 */
import { constants, inflateRawSync } from "node:zlib";
import { CriError } from "../errors.ts";
import { SPDY_DICTIONARY, SPDY_DICTIONARY_ID } from "./spdy-dictionary.ts";

/** Headers by their names in lower case; several values of one name are joined by NUL. */
export type SpdyHeaders = ReadonlyMap<string, string>;

/** Options of {@link createSpdyHeaderDecoder}. */
export interface SpdyHeaderDecoderOptions {
  /** Longest block accepted, in bytes after inflation. Default 16 KiB (16384). */
  maxBytes?: number | undefined;
}

const WINDOW_BYTES = 32 * 1024;
const MAX_STORED_BYTES = 65_535;

/** Turns the headers of each frame of one direction, in the order in which they are sent, into blocks. */
export function createSpdyHeaderEncoder(): (headers: SpdyHeaders) => Uint8Array {
  let begun = false;
  return (headers) => {
    const start = Buffer.alloc(begun ? 0 : 6);
    if (!begun) {
      // Deflate with a 32 KiB window and a preset dictionary, which is named by its checksum.
      start.writeUInt16BE(0x78f9, 0);
      start.writeUInt32BE(SPDY_DICTIONARY_ID, 2);
    }
    begun = true;
    // An empty stored block at the end is what a flush looks like, and what makes a reader hand on what it has.
    return Buffer.concat([
      start,
      ...storedBlocks(encodeSpdyHeaderBlock(headers)),
      storedBlock(Buffer.alloc(0)),
    ]);
  };
}

/**
 * Turns the blocks of one direction, in the order in which they come, into headers.
 *
 * Each block must be given, also one that is of no interest: later ones refer to it.
 *
 * @throws {CriError} `ERR_CRI_STREAM_PROTOCOL` for a block that cannot be inflated, is over the limit, or is not made
 * of names in lower case with one value each. The decoder is of no use after that.
 */
export function createSpdyHeaderDecoder({
  maxBytes = 16 * 1024,
}: SpdyHeaderDecoderOptions = {}): (block: Uint8Array) => SpdyHeaders {
  let window: Buffer = Buffer.from(SPDY_DICTIONARY);
  let begun = false;
  return (block) => {
    const text = inflate(begun ? block : withoutZlibHeader(block), window, maxBytes);
    begun = true;
    window = Buffer.concat([window, text]).subarray(-WINDOW_BYTES);
    return decodeSpdyHeaderBlock(text);
  };
}

/** The text of a block before compression. */
export function encodeSpdyHeaderBlock(headers: SpdyHeaders): Uint8Array {
  const parts = [number(headers.size)];
  for (const [name, value] of headers) {
    if (name === "" || name !== name.toLowerCase()) {
      throw new TypeError(`${JSON.stringify(name)} cannot be the name of a SPDY header`);
    }
    for (const text of [name, value]) {
      const bytes = Buffer.from(text, "latin1");
      parts.push(number(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

/**
 * The headers in a block that is not compressed.
 *
 * @throws {CriError} `ERR_CRI_STREAM_PROTOCOL`.
 */
export function decodeSpdyHeaderBlock(block: Uint8Array): SpdyHeaders {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  const headers = new Map<string, string>();
  let at = 0;
  const next = () => {
    if (bytes.length - at < 4) throw protocolError("it ends early");
    at += 4;
    return bytes.readUInt32BE(at - 4);
  };
  const text = () => {
    const length = next();
    if (bytes.length - at < length) throw protocolError("it ends early");
    at += length;
    return bytes.toString("latin1", at - length, at);
  };
  for (let left = next(); left > 0; left--) {
    const name = text();
    if (name === "" || /[A-Z\0]/.test(name)) throw protocolError("a name that no header has");
    if (headers.has(name)) throw protocolError("a name twice");
    headers.set(name, text());
  }
  if (at !== bytes.length) throw protocolError("more than its headers");
  return headers;
}

function inflate(block: Uint8Array, dictionary: Uint8Array, maxBytes: number): Buffer {
  try {
    return inflateRawSync(block, {
      dictionary,
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: maxBytes,
    });
  } catch (cause) {
    throw protocolError(`it cannot be inflated to at most ${maxBytes} bytes`, cause);
  }
}

function withoutZlibHeader(block: Uint8Array): Uint8Array {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  if (bytes.length < 6) throw protocolError("it ends early");
  const head = bytes.readUInt16BE(0);
  const deflateWithDictionary = (head & 0x0f20) === 0x0820 && head % 31 === 0;
  if (!deflateWithDictionary || bytes.readUInt32BE(2) !== SPDY_DICTIONARY_ID) {
    throw protocolError("it does not begin a zlib stream with the dictionary of SPDY/3");
  }
  return bytes.subarray(6);
}

function storedBlocks(text: Uint8Array): Uint8Array[] {
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < text.length; at += MAX_STORED_BYTES) {
    blocks.push(storedBlock(text.subarray(at, at + MAX_STORED_BYTES)));
  }
  return blocks;
}

function storedBlock(text: Uint8Array): Uint8Array {
  const block = Buffer.alloc(5 + text.length);
  block.writeUInt16LE(text.length, 1);
  block.writeUInt16LE(text.length ^ 0xffff, 3);
  block.set(text, 5);
  return block;
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function protocolError(what: string, cause?: unknown): CriError {
  const text = `a block of SPDY headers is malformed: ${what}`;
  return new CriError("ERR_CRI_STREAM_PROTOCOL", text, cause === undefined ? {} : { cause });
}

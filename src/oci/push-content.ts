/**
 * Content to be pushed: bytes at hand, a stream that can be read once, or something that can be read again.
 *
 * @module
 */
import type { ByteStream } from "../core/bytes.ts";

/** Content that can be read from any place, as often as needed: a file, say. */
export interface SeekableContent {
  /** The bytes from an offset on; each call gives a stream of its own, released when it is left. */
  readFrom(offset: number): ByteStream;
}

/** What can be pushed. */
export type PushContent = Uint8Array | ByteStream | SeekableContent;

/** Whether content can be read from any place. */
export function isSeekable(content: PushContent): content is SeekableContent {
  return !(content instanceof Uint8Array) && "readFrom" in content;
}

/** The content as one that can be read again, or nothing for a stream. */
export function asSeekable(content: PushContent): SeekableContent | undefined {
  if (!(content instanceof Uint8Array)) return isSeekable(content) ? content : undefined;
  return {
    readFrom: async function* (offset) {
      if (offset < content.byteLength) yield content.subarray(offset);
    },
  };
}

/** The content as one stream from its start. */
export function asStream(content: PushContent): ByteStream {
  if (content instanceof Uint8Array || isSeekable(content)) {
    return asSeekable(content)?.readFrom(0) ?? emptyStream();
  }
  return content;
}

async function* emptyStream(): AsyncGenerator<Uint8Array, void> {}

/**
 * Passes a stream on one chunk late, so that its last chunk comes only after the whole was checked by its source.
 */
export async function* holdBack(source: ByteStream): AsyncGenerator<Uint8Array, void> {
  let held: Uint8Array | undefined;
  for await (const chunk of source) {
    if (chunk.byteLength === 0) continue;
    if (held) yield held;
    held = chunk;
  }
  if (held) yield held;
}

/** The same bytes in pieces of one length; the last one may be shorter, and comes after the source has ended. */
export async function* inPieces(source: ByteStream, pieceBytes: number): AsyncGenerator<Uint8Array, void> {
  let piece: Buffer | undefined;
  let length = 0;
  for await (const chunk of source) {
    let rest = chunk;
    while (rest.byteLength > 0) {
      if (piece && length === pieceBytes) {
        yield piece;
        piece = undefined;
        length = 0;
      }
      // Memory that is not written to costs nothing; a piece that was given away is not used again.
      piece ??= Buffer.allocUnsafeSlow(pieceBytes);
      const part = rest.subarray(0, pieceBytes - length);
      piece.set(part, length);
      length += part.byteLength;
      rest = rest.subarray(part.byteLength);
    }
  }
  if (piece && length > 0) yield piece.subarray(0, length);
}

/** The first `length` bytes of a stream. The source is released as soon as they are there. */
export async function* firstBytes(source: ByteStream, length: number): AsyncGenerator<Uint8Array, void> {
  let left = length;
  if (left === 0) return;
  for await (const chunk of source) {
    const part = chunk.subarray(0, left);
    left -= part.byteLength;
    if (part.byteLength > 0) yield part;
    if (left === 0) return;
  }
}

/**
 * The bytes of an open log file, block by block.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import { pipeline, Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { CriError } from "../errors.ts";
import { type LogFile, logFileError } from "./open.ts";

/** Bytes of a block. */
export const BLOCK_BYTES: number = 256 * 1024;

/** Up to `length` bytes at a position, in memory of their own; fewer at the end of the file. */
export async function readBlock(file: LogFile, position: number, length: number): Promise<Uint8Array> {
  const block = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
  let filled = 0;
  try {
    while (filled < length) {
      const bytesRead = await readAt(file.handle, block, filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
  } catch (error) {
    throw logFileError(error, file.path);
  }
  return filled === length ? block : block.subarray(0, filled);
}

async function readAt(handle: FileHandle, block: Uint8Array, at: number, position: number): Promise<number> {
  return (await handle.read(block, at, block.byteLength - at, position)).bytesRead;
}

/** The bytes from `start` to before `end`, or to the end of the file if that comes first. */
export async function* readRange(
  file: LogFile,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array, void> {
  for (let position = start; position < end; ) {
    const block = await readBlock(file, position, Math.min(BLOCK_BYTES, end - position));
    if (block.byteLength === 0) return;
    position += block.byteLength;
    yield block;
  }
}

/**
 * The content of a gzip file, at most `maxBytes` bytes of it, in flat memory.
 *
 * @throws {CriError} `ERR_CRI_LOG_INVALID` if it is damaged or holds more.
 */
export async function* inflateFile(file: LogFile, maxBytes: number): AsyncGenerator<Uint8Array, void> {
  const source = Readable.from(readRange(file, 0, file.size), { objectMode: false, highWaterMark: 1 });
  const gunzip = createGunzip({ chunkSize: 64 * 1024 });
  pipeline(source, gunzip, () => {
    // An error reaches the reader of `gunzip`.
  });
  let total = 0;
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
      total += chunk.byteLength;
      if (total > maxBytes) {
        const text = `log file ${file.path} inflates to more than ${maxBytes} bytes`;
        throw new CriError("ERR_CRI_LOG_INVALID", text);
      }
      yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
  } catch (error) {
    throw inflateError(error, file.path);
  } finally {
    gunzip.destroy();
    source.destroy();
  }
}

function inflateError(error: unknown, path: string): unknown {
  const { code } = error as { code?: unknown };
  if (typeof code !== "string" || !code.startsWith("Z_")) return error;
  return new CriError("ERR_CRI_LOG_INVALID", `log file ${path} is not whole gzip data`, { cause: error });
}

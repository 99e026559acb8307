/**
 * Reading a file from disk whose length is bounded.
 *
 * @module
 */
import { type FileHandle, open } from "node:fs/promises";
import type { SignalOptions } from "../core/signal.ts";

/** The content of a file; see {@link readToEnd}. Rejects with the system's error where it cannot be opened. */
export async function readFileWithin(
  path: string,
  maxBytes: number,
  options: SignalOptions,
): Promise<Uint8Array> {
  const file = await open(path);
  try {
    return await readToEnd(file, maxBytes, options);
  } finally {
    await file.close();
  }
}

/**
 * What is left of an open file.
 *
 * @throws {RangeError} For more than `maxBytes` bytes, counted as they are read.
 */
export async function readToEnd(
  file: FileHandle,
  maxBytes: number,
  { signal }: SignalOptions,
): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let total = 0;
  // In pieces: a size that the file system gives may be wrong, and a device has none.
  for (;;) {
    signal?.throwIfAborted();
    const { bytesRead, buffer } = await file.read(Buffer.alloc(65_536));
    if (bytesRead === 0) return Buffer.concat(chunks, total);
    chunks.push(buffer.subarray(0, bytesRead));
    total += bytesRead;
    if (total > maxBytes) throw new RangeError(`longer than ${maxBytes} bytes`);
  }
}

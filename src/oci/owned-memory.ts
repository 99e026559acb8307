/**
 * Memory of large chunks that is given back as soon as the last reader is done, not when garbage is collected.
 *
 * Chunks that come by the thousand a second otherwise make the collector run all the time, and lie in memory that no
 * cache holds. Only memory that was made here is given back here: a chunk of anybody else stays what it is.
 *
 * @module
 */

const owned = new WeakSet<ArrayBufferLike>();

/** Bytes of any content that {@link giveBack} takes. */
export function allocateOwned(length: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.allocUnsafeSlow(length);
  owned.add(bytes.buffer);
  return bytes;
}

/** Whether the memory of a chunk was made by {@link allocateOwned}. */
export function isOwned(chunk: Uint8Array): boolean {
  return owned.has(chunk.buffer);
}

/** Gives the memory of a chunk back if it was made here: every view of it has length 0 from then on. */
export function giveBack(chunk: Uint8Array): void {
  if (owned.delete(chunk.buffer)) detach(chunk.buffer as ArrayBuffer);
}

/** Gives memory back that the caller knows nobody else has. */
export function detach(buffer: ArrayBuffer): void {
  // All versions of Node that are supported have it; the library of ES2023 does not describe it.
  (buffer as ArrayBuffer & { transfer(byteLength: number): ArrayBuffer }).transfer(0);
}

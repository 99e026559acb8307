/**
 * Where the last entries of a file begin, found from its end.
 *
 * @module
 */

/** Reads up to `length` bytes at a position. */
export type ReadAt = (position: number, length: number) => Promise<Uint8Array>;

/** Where to begin. */
export interface TailStart {
  /** First byte of the first of the entries. */
  offset: number;
  /** How many of the wanted entries there are from there on. */
  entries: number;
}

const LF = 0x0a;
const BLOCK_BYTES = 64 * 1024;

/**
 * The beginning of the last `count` entries within the first `size` bytes of a file; the beginning of the file if
 * it has fewer, and for a negative count, which asks for all.
 *
 * Bytes after the last LF are no entry: they are not counted, and come after the offset. Only the part of the
 * file that holds the entries is read, a block at a time.
 */
export async function findTail(
  readAt: ReadAt,
  size: number,
  count: number,
  blockBytes: number = BLOCK_BYTES,
): Promise<TailStart> {
  if (count < 0) return { offset: 0, entries: 0 };
  let entries = -1;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - blockBytes);
    const block = await readAt(start, end - start);
    for (let at = block.lastIndexOf(LF); at >= 0; at = at === 0 ? -1 : block.lastIndexOf(LF, at - 1)) {
      entries++;
      if (entries === count) return { offset: start + at + 1, entries };
    }
    end = start;
  }
  // The first line of the file has no LF before it.
  return { offset: 0, entries: entries + 1 };
}

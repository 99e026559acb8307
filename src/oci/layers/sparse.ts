/**
 * Sparse files: content that leaves out its runs of zeros, in the four forms that GNU tar has written.
 *
 * @see {@link https://www.gnu.org/software/tar/manual/html_section/Sparse-Formats.html}
 * @module
 */
import { BLOCK_BYTES, type TarHeader, tarNumber } from "../tar/header.ts";
import { type PaxHeader, paxInteger, wholeNumber } from "../tar/pax.ts";
import { invalidLayer } from "./limits.ts";

/** A run of bytes that the archive holds; between the runs are zeros. */
export interface SparseRun {
  offset: number;
  length: number;
}

/** A sparse file: how long it is, and which runs of it the archive holds. */
export interface SparseMap {
  size: number;
  runs: SparseRun[];
}

/** The part of an old GNU map that one block holds, and whether another block follows. */
export interface SparseBlock {
  runs: SparseRun[];
  more: boolean;
}

/** The map in a GNU header of type `S`. */
export function gnuSparseHeader({ block }: TarHeader): SparseBlock & { size: number } {
  const size = tarNumber(block, { at: 483, length: 12, name: "sparse size" }, invalidLayer);
  return { ...runsOf(block, 386, 4), more: block[482] !== 0, size };
}

/** The map in a block that follows a GNU header of type `S`. */
export function gnuSparseBlock(block: Buffer): SparseBlock {
  return { ...runsOf(block, 0, 21), more: block[504] !== 0 };
}

function runsOf(block: Buffer, at: number, count: number): { runs: SparseRun[] } {
  const runs: SparseRun[] = [];
  for (let i = 0; i < count; i++) {
    const from = at + 24 * i;
    if (block[from] === 0) break;
    runs.push({
      offset: tarNumber(block, { at: from, length: 12, name: "sparse offset" }, invalidLayer),
      length: tarNumber(block, { at: from + 12, length: 12, name: "sparse length" }, invalidLayer),
    });
  }
  return { runs };
}

/** What extended headers say about a sparse file. */
export type PaxSparse =
  /** The map is in the extended header. */
  | { kind: "map"; map: SparseMap; name: Buffer | undefined }
  /** The map stands in front of the content. */
  | { kind: "leading"; size: number; name: Buffer | undefined };

/** What extended headers say about a sparse file, or nothing for an ordinary one. */
export function paxSparse({ records, sparsePairs }: PaxHeader): PaxSparse | undefined {
  const name = records.get("GNU.sparse.name");
  const major = records.get("GNU.sparse.major")?.toString("latin1");
  const minor = records.get("GNU.sparse.minor")?.toString("latin1");
  if (major !== undefined && `${major}.${minor}` !== "0.0" && `${major}.${minor}` !== "0.1") {
    if (`${major}.${minor}` !== "1.0") throw invalidLayer("a sparse file of an unknown format");
    const size = paxInteger(records, "GNU.sparse.realsize", invalidLayer);
    if (size === undefined) throw invalidLayer("a sparse file without size");
    return { kind: "leading", size, name };
  }
  const listed = records.get("GNU.sparse.map");
  if (listed === undefined && sparsePairs.length === 0) return undefined;
  const size =
    paxInteger(records, "GNU.sparse.size", invalidLayer) ??
    paxInteger(records, "GNU.sparse.realsize", invalidLayer);
  if (size === undefined) throw invalidLayer("a sparse file without size");
  const numbers =
    listed === undefined
      ? sparsePairs.map((value) => wholeNumber(value, "sparse map", invalidLayer))
      : listed
          .toString("latin1")
          .split(",")
          .map((value) => wholeNumber(Buffer.from(value), "sparse map", invalidLayer));
  return { kind: "map", map: { size, runs: pairs(numbers) }, name };
}

/** Reads the map that stands in front of the content: numbers on lines, filled up to whole blocks. */
export function leadingMap(bytes: Buffer): { runs: SparseRun[]; length: number } | undefined {
  const numbers: number[] = [];
  let at = 0;
  for (let wanted = 1; numbers.length < wanted; ) {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) return undefined;
    numbers.push(wholeNumber(bytes.subarray(at, end), "sparse map", invalidLayer));
    at = end + 1;
    wanted = 1 + 2 * (numbers[0] ?? 0);
  }
  return { runs: pairs(numbers.slice(1)), length: Math.ceil(at / BLOCK_BYTES) * BLOCK_BYTES };
}

function pairs(numbers: readonly number[]): SparseRun[] {
  if (numbers.length % 2 !== 0) throw invalidLayer("a sparse file with half a run");
  const runs: SparseRun[] = [];
  for (let i = 0; i < numbers.length; i += 2) {
    runs.push({ offset: numbers[i] ?? 0, length: numbers[i + 1] ?? 0 });
  }
  return runs;
}

/**
 * The map, if its runs are in order, inside the file, and as long together as the content.
 *
 * @throws {OciError} `ERR_OCI_LAYER_INVALID` otherwise.
 */
export function checkSparse({ size, runs }: SparseMap, contentBytes: number): SparseMap {
  let end = 0;
  let total = 0;
  for (const { offset, length } of runs) {
    if (offset < end || length < 0 || offset + length > size)
      throw invalidLayer("a sparse file with a wrong map");
    end = offset + length;
    total += length;
  }
  if (size < 0 || total !== contentBytes)
    throw invalidLayer("a sparse file with another content than its map");
  return { size, runs: runs.filter(({ length }) => length > 0) };
}

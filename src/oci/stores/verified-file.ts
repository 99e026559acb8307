/**
 * Content into a file and out of it again: hashed on the way, in few large pieces.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import type { ByteStream } from "../../core/bytes.ts";
import {
  type ContentExpectation,
  createDigester,
  type Digester,
  digestAlgorithm,
  verifyBytes,
} from "../../core/digest.ts";
import { CoreError } from "../../core/errors.ts";
import { abortableStream, type SignalOptions } from "../../core/signal.ts";
import { allocateOwned, giveBack, isOwned } from "../owned-memory.ts";
import { assertProven, proofOf, type StreamProof, unchanged } from "../proven-stream.ts";
import { withFileErrors } from "./files.ts";

/** Bytes per call of the system: large enough that calls cost nothing, small enough to stay in the cache. */
const PIECE_BYTES = 1024 * 1024;

/** Pieces of this length are worth a call of the system of their own. */
const MIN_DIRECT_BYTES = 256 * 1024;

/** Content up to this length, in bytes, is verified as a whole before there is a file for it. */
export const MAX_SMALL_BYTES: number = 128 * 1024;

/** Longest write. */
const MAX_WRITE_BYTES = 2 ** 30;

/** What content must be, with its length. */
export type SizedExpectation = ContentExpectation & { size: number };

/**
 * Writes content to a new file, and fails unless size and digest are the expected ones.
 *
 * The bytes are copied before they are hashed, and what was hashed is written: a source may use its buffers again. Only
 * a stream that proves what it is was hashed already; large pieces of it are written from where they are, and given back.
 * One write is under way while the next piece is collected.
 *
 * @throws {CoreError} `ERR_SIZE_MISMATCH`, `ERR_DIGEST_MISMATCH`.
 * @throws {OciError} `ERR_OCI_FILE`. An error of the source comes out unchanged.
 */
export async function writeVerified(
  handle: FileHandle,
  content: Uint8Array | ByteStream,
  expected: SizedExpectation,
  { signal }: SignalOptions,
): Promise<void> {
  const write: WritePiece = (piece, position) => writeAll(handle, piece, position);
  if (content instanceof Uint8Array) await write(verifiedCopy(content, expected), 0);
  else await writeStream(write, content, expected, { signal });
}

/**
 * Content of at most {@link MAX_SMALL_BYTES} as memory of its own, of the expected size and digest.
 *
 * @throws {CoreError} as {@link writeVerified}. An error of the source comes out unchanged.
 */
export async function collectVerified(
  content: Uint8Array | ByteStream,
  expected: SizedExpectation,
  { signal }: SignalOptions,
): Promise<Uint8Array> {
  if (content instanceof Uint8Array) return verifiedCopy(content, expected);
  let whole: Uint8Array = new Uint8Array(0);
  // No longer than a piece, and too short to be given back: it comes at once, and stays.
  const keep: WritePiece = async (piece) => {
    whole = piece;
  };
  await writeStream(keep, content, expected, { signal });
  return whole;
}

/** Writes a piece at a position. */
type WritePiece = (piece: Uint8Array, position: number) => Promise<void>;

function verifiedCopy(content: Uint8Array, expected: SizedExpectation): Uint8Array {
  const bytes = Uint8Array.from(content);
  verifyBytes(bytes, expected);
  return bytes;
}

async function writeStream(
  writePiece: WritePiece,
  content: ByteStream,
  expected: SizedExpectation,
  { signal }: SignalOptions,
): Promise<void> {
  let proof: StreamProof | undefined;
  let digester: Digester | undefined;
  const capacity = Math.max(1, Math.min(PIECE_BYTES, expected.size));
  let collecting: Buffer<ArrayBuffer> | undefined;
  let other: Buffer<ArrayBuffer> | undefined;
  let filled = 0;
  let position = 0;
  let writing: Promise<void> = Promise.resolve();
  /** Begins a write; only one is under way at a time. */
  const write = async (piece: Uint8Array, done: () => void): Promise<void> => {
    await writing;
    writing = writePiece(piece, position).then(done);
    // Its failure is seen at the next wait; until then it must not count as one that nobody handles.
    writing.catch(() => {});
    position += piece.byteLength;
  };
  const flush = async (full: Buffer<ArrayBuffer>): Promise<void> => {
    const piece = full.subarray(0, filled);
    digester?.update(piece);
    collecting = undefined;
    filled = 0;
    await write(piece, () => {
      other = full;
    });
  };
  try {
    for await (const chunk of abortableStream(unchanged(content), signal)) {
      if (!proof && !digester) {
        proof = proofOf(content, expected);
        if (!proof) digester = createDigester(digestAlgorithm(expected.digest));
      }
      if (position + filled + chunk.byteLength > expected.size) {
        throw new CoreError(
          "ERR_SIZE_MISMATCH",
          `${expected.digest}: more than the expected ${expected.size} bytes`,
        );
      }
      if (proof && chunk.byteLength >= MIN_DIRECT_BYTES && isOwned(chunk)) {
        if (collecting && filled > 0) await flush(collecting);
        await write(chunk, () => giveBack(chunk));
        continue;
      }
      for (let at = 0; at < chunk.byteLength; ) {
        collecting ??= other ?? Buffer.allocUnsafeSlow(capacity);
        other = undefined;
        const taken = Math.min(chunk.byteLength - at, capacity - filled);
        collecting.set(taken === chunk.byteLength ? chunk : chunk.subarray(at, at + taken), filled);
        filled += taken;
        at += taken;
        if (filled === capacity) await flush(collecting);
      }
    }
    if (collecting && filled > 0) await flush(collecting);
  } finally {
    // The file must not be closed under a write.
    await writing.catch(() => {});
  }
  await writing;
  if (position !== expected.size) {
    throw new CoreError(
      "ERR_SIZE_MISMATCH",
      `${expected.digest}: expected ${expected.size} bytes, got ${position}`,
    );
  }
  assertProven(proof, digester, expected.digest);
}

/** Writes all of the bytes at a position: one call may write less. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  await withFileErrors(async () => {
    for (let at = 0; at < bytes.byteLength; ) {
      // Node takes less than 2 GiB at once.
      const length = Math.min(bytes.byteLength - at, MAX_WRITE_BYTES);
      const { bytesWritten } = await handle.write(bytes, at, length, position + at);
      at += bytesWritten;
    }
  });
}

/** A part of a file. */
export interface FileRange {
  /** First byte. */
  offset: number;
  /** Length in bytes. */
  size: number;
}

/**
 * The bytes of a part of a file, not verified; the stream is shorter where the file is.
 *
 * Each piece is memory of its own. The next one is read while a piece is worked on. The handle stays open.
 */
export async function* readRange(
  handle: FileHandle,
  { offset, size }: FileRange,
): AsyncGenerator<Uint8Array, void> {
  let at = 0;
  const next = (): Promise<Uint8Array> => {
    const length = Math.min(PIECE_BYTES, size - at);
    const position = offset + at;
    at += length;
    return readPiece(handle, position, length);
  };
  if (size === 0) return;
  let reading: Promise<Uint8Array> | undefined = next();
  try {
    while (reading !== undefined) {
      const piece: Uint8Array = await reading;
      reading = undefined;
      if (piece.byteLength === 0) return;
      if (at < size) {
        reading = next();
        reading.catch(() => {});
      }
      yield piece;
    }
  } finally {
    // Whoever closes the file next must not do so under a read.
    await reading?.catch(() => {});
  }
}

async function readPiece(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
  return withFileErrors(async () => {
    const buffer = allocateOwned(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  });
}

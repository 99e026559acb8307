/**
 * Where the frames of zstd data end. Node's decompressor stops at the end of a frame inside what it is given, and says
 * nothing about what is left: so it must be given no piece with the end of one frame and the start of the next.
 *
 * ```text
 * frame     = magic header *block [checksum]
 * skippable = magic length bytes                ; magic 184D2A50 to 184D2A5F
 * block     = 3 bytes: last, type, length; bytes
 * ```
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8878#section-3.1}
 * @module
 */
import type { ByteStream } from "../../core/bytes.ts";

/** What the next bytes of a frame are, and how many of them there are. */
type Part =
  | { kind: "magic"; length: 4 }
  | { kind: "descriptor"; length: 1 }
  | { kind: "skippable-length"; length: 4 }
  | { kind: "block-header"; length: 3 }
  /** Bytes that say nothing about where the frame ends. */
  | { kind: "bytes"; length: number; next: "block-header" | "checksum" | "magic" };

const MAGIC: Part = { kind: "magic", length: 4 };
const BLOCK_HEADER: Part = { kind: "block-header", length: 3 };

/** Passes data on in pieces of which none holds bytes of two frames, and fails where the data ends inside one. */
export async function* splitZstdFrames(
  source: ByteStream,
  toError: (what: string) => Error,
): AsyncGenerator<Uint8Array, void> {
  let part: Part = MAGIC;
  let missing: number = part.length;
  let value = 0;
  let checksum = false;

  function begin(next: Part): void {
    part = next;
    missing = next.length;
    value = 0;
  }

  /** What follows a part that is complete. */
  function follow(done: Part): Part {
    switch (done.kind) {
      case "magic":
        if (value === 0xfd2fb528) return { kind: "descriptor", length: 1 };
        if (value >>> 4 === 0x184d2a5) return { kind: "skippable-length", length: 4 };
        throw toError("something else behind a zstd frame");
      case "descriptor":
        checksum = (value & 4) !== 0;
        return { kind: "bytes", length: headerBytes(value), next: "block-header" };
      case "skippable-length":
        return { kind: "bytes", length: value, next: "magic" };
      case "block-header": {
        const type = (value >> 1) & 3;
        if (type === 3) throw toError("damaged zstd data: a block of a reserved type");
        const length = type === 1 ? 1 : value >>> 3;
        return { kind: "bytes", length, next: (value & 1) !== 0 ? "checksum" : "block-header" };
      }
      case "bytes":
        if (done.next === "block-header") return BLOCK_HEADER;
        if (done.next === "checksum" && checksum) return { kind: "bytes", length: 4, next: "magic" };
        return MAGIC;
    }
  }

  for await (const chunk of source) {
    let from = 0;
    for (let at = 0; at < chunk.byteLength; ) {
      if (part.kind === "bytes") {
        const passed = Math.min(missing, chunk.byteLength - at);
        at += passed;
        missing -= passed;
      } else {
        value = (value | ((chunk[at++] ?? 0) << (8 * (part.length - missing)))) >>> 0;
        missing--;
      }
      while (missing === 0) {
        begin(follow(part));
        if (part.kind !== "magic") continue;
        yield chunk.subarray(from, at);
        from = at;
      }
    }
    if (from < chunk.byteLength) yield chunk.subarray(from);
  }
  if (part.kind !== "magic" || missing < part.length) throw toError("truncated zstd data");
}

/** Length in bytes of a frame header behind its descriptor. */
function headerBytes(descriptor: number): number {
  const single = (descriptor & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const size = [single ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  return (single ? 0 : 1) + dictionary + size;
}

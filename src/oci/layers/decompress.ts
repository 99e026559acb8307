/**
 * Compressed layers: told by their first bytes, whatever their media type says, as containerd does.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc1952} gzip, several members are one stream
 * @see {@link https://www.rfc-editor.org/rfc/rfc8878#section-3.1} zstd, frames and skippable frames are one stream
 * @module
 */
import type { Transform } from "node:stream";
import { constants, createGunzip, createZstdDecompress } from "node:zlib";
import type { ByteStream } from "../../core/bytes.ts";
import { abortableStream, joinSignals, type SignalOptions } from "../../core/signal.ts";
import { OciError } from "../errors.ts";
import { detach, giveBack } from "../owned-memory.ts";
import { isMadeHere, unchanged } from "../proven-stream.ts";
import { invalidLayer, RATIO_FREE_BYTES, type ResolvedLimits, tooLarge } from "./limits.ts";
import { type ThroughTransformOptions, throughTransform } from "./through-transform.ts";
import { splitZstdFrames } from "./zstd-frames.ts";

/** How a layer is compressed. */
export type LayerCompression = "none" | "gzip" | "zstd";

/** Chunks of this length come out: small ones cost a change of threads each. */
const CHUNK_BYTES = 2 ** 20;

/** What the first bytes of content say about its compression. Throws `ERR_OCI_COMPRESSION_UNSUPPORTED` for bzip2, xz. */
export function compressionOf(start: Uint8Array): LayerCompression {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = start;
  if (a === 0x1f && b === 0x8b && c === 0x08) return "gzip";
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return "zstd";
  if ((a & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18) return "zstd";
  if (a === 0x42 && b === 0x5a && c === 0x68 && d >= 0x31 && d <= 0x39) throw unsupported("bzip2");
  if (a === 0xfd && b === 0x37 && c === 0x7a && d === 0x58 && e === 0x5a && f === 0) throw unsupported("xz");
  return "none";
}

function unsupported(name: string): OciError {
  return new OciError("ERR_OCI_COMPRESSION_UNSUPPORTED", `content compressed by ${name}`);
}

/** Options of {@link decompressLayer}. */
interface DecompressOptions extends SignalOptions {
  limits: ResolvedLimits;
  /** Whether the memory of a chunk may be given back when the next one is asked for; default no. */
  giveBackChunks?: boolean | undefined;
  /** Is told the compression as soon as it is known. */
  onCompression?: (compression: LayerCompression) => void;
}

/** The uncompressed bytes of a layer; the source is released on every way out. */
export async function* decompressLayer(
  source: ByteStream,
  { limits, signal, giveBackChunks = false, onCompression }: DecompressOptions,
): AsyncGenerator<Uint8Array, void> {
  let compressed = 0;
  let uncompressed = 0;
  // A reader that leaves while the source waits must not wait for it.
  const left = new AbortController();
  const ownSource = isMadeHere(source);
  const counted = count(abortableStream(unchanged(source), joinSignals(signal, left.signal)), (bytes) => {
    compressed += bytes;
  });
  try {
    const [start, rest] = await peek(counted, 6);
    const compression = compressionOf(start);
    onCompression?.(compression);
    const toError = (what: string, cause?: unknown) => invalidLayer(`a layer with ${what}`, cause);
    const plain =
      compression === "none" ? rest : inflate(rest, compression, { signal, left, ownSource, toError });
    for await (const chunk of plain) {
      uncompressed += chunk.byteLength;
      if (uncompressed > limits.maxTotalBytes) throw tooLarge("uncompressed bytes", limits.maxTotalBytes);
      if (uncompressed > RATIO_FREE_BYTES && uncompressed > limits.maxRatio * compressed) {
        throw tooLarge("uncompressed bytes for each compressed one", limits.maxRatio);
      }
      yield chunk;
      if (!giveBackChunks) continue;
      if (compression !== "none") giveBackFull(chunk);
      else if (ownSource) giveBack(chunk);
    }
  } finally {
    await counted.return();
  }
}

async function* count(source: ByteStream, add: (bytes: number) => void): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of source) {
    add(chunk.byteLength);
    if (chunk.byteLength > 0) yield chunk;
  }
}

/** The first bytes, and a stream of all. */
async function peek(
  source: AsyncGenerator<Uint8Array, void>,
  length: number,
): Promise<[Uint8Array, AsyncGenerator<Uint8Array, void>]> {
  let start: Uint8Array = new Uint8Array();
  while (start.byteLength < length) {
    const { done, value } = await source.next();
    if (done) break;
    start = start.byteLength === 0 ? value : Buffer.concat([start, value]);
  }
  async function* all(): AsyncGenerator<Uint8Array, void> {
    if (start.byteLength > 0) yield start;
    yield* source;
  }
  return [start, all()];
}

/** How {@link inflate} goes on. */
interface InflateOptions extends Pick<ThroughTransformOptions, "signal" | "left" | "ownSource"> {
  /** The error for damaged data. */
  toError: (what: string, cause?: unknown) => Error;
}

/** Unpacks all of a stream, whatever members or frames it has; what the source throws comes out unchanged. */
export function inflate(
  source: ByteStream,
  compression: "gzip" | "zstd",
  { toError, ...options }: InflateOptions,
): AsyncGenerator<Uint8Array, void> {
  const transform = compression === "gzip" ? createGunzip({ chunkSize: CHUNK_BYTES }) : createZstd();
  const pieces = compression === "zstd" ? splitZstdFrames(source, toError) : source;
  return throughTransform(pieces, transform, {
    ...options,
    toError: (error) => toError(`damaged ${compression} data: ${(error as Error).message}`, error),
  });
}

/**
 * Gives back the memory that zlib has filled, with the last chunk of it. zlib works on in new memory then; as long as there
 * is room left, it may be writing there.
 */
function giveBackFull({ buffer, byteOffset, byteLength }: Uint8Array): void {
  const full = byteOffset + byteLength === buffer.byteLength && buffer.byteLength === CHUNK_BYTES;
  if (full && buffer instanceof ArrayBuffer) detach(buffer);
}

function createZstd(): Transform {
  // 128 MiB: the longest window that zstd itself opens without being asked.
  return createZstdDecompress({ chunkSize: CHUNK_BYTES, params: { [constants.ZSTD_d_windowLogMax]: 27 } });
}

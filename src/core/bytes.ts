/**
 * Bounded reads: nothing here trusts a declared size, and nothing allocates from one.
 *
 * @module
 */
import { CoreError } from "./errors.ts";
import { abortableStream, type SignalOptions } from "./signal.ts";

/** Bytes as a stream: lazy, single-use, released when left early. */
export type ByteStream = AsyncIterable<Uint8Array>;

/** Options of {@link collectBytes} and {@link limitBytes}. */
export interface ByteLimitOptions extends SignalOptions {
  /** Most bytes that may be read, counted on what really arrives. No default: the caller decides. */
  maxBytes: number;
}

/**
 * Passes a stream on, and fails once it has delivered more than `maxBytes`.
 *
 * The chunk that crosses the limit is not delivered. The source is released on every way out.
 *
 * @throws {CoreError} `ERR_TOO_LARGE` when the limit is crossed.
 */
export async function* limitBytes(
  source: ByteStream,
  options: ByteLimitOptions,
): AsyncGenerator<Uint8Array, void> {
  const { maxBytes, signal } = options;
  assertLimit(maxBytes);
  let seen = 0;
  for await (const chunk of abortableStream(source, signal)) {
    seen += chunk.byteLength;
    if (seen > maxBytes) throw new CoreError("ERR_TOO_LARGE", `more than ${maxBytes} bytes`);
    yield chunk;
  }
}

/**
 * The whole stream as one array of at most `maxBytes` bytes.
 *
 * @throws {CoreError} `ERR_TOO_LARGE` when there is more; the source is released then.
 */
export async function collectBytes(source: ByteStream, options: ByteLimitOptions): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of limitBytes(source, options)) {
    chunks.push(chunk);
    total += chunk.byteLength;
  }
  const [only] = chunks;
  if (only && chunks.length === 1) return only;
  const joined = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.byteLength;
  }
  return joined;
}

/** Whether two byte arrays hold the same bytes. Not constant-time: for public values only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** A stream of one chunk. */
export async function* streamOf(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* chunks;
}

/** Fails for a limit that is no limit. */
export function assertLimit(limit: number, name = "maxBytes"): void {
  if (!Number.isSafeInteger(limit) || limit < 0) {
    throw new RangeError(`${name} must be a whole number from 0 to 2^53-1, got ${limit}`);
  }
}

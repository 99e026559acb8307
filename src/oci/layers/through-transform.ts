/**
 * A stream run through zlib, so that either side may fail, wait or leave.
 *
 * @module
 */
import type { Transform } from "node:stream";
import type { ByteStream } from "../../core/bytes.ts";
import { abortableStream } from "../../core/signal.ts";

/** Options of {@link throughTransform}. */
export interface ThroughTransformOptions {
  signal: AbortSignal | undefined;
  /** Is aborted when the reader leaves, so that the source ends though it waits. */
  left: AbortController;
  /** The error for what the transform itself throws; default as it is. */
  toError?: (error: unknown) => unknown;
}

/** What a transform makes of a stream. What the source throws comes out unchanged; the transform is destroyed. */
export async function* throughTransform(
  source: ByteStream,
  transform: Transform,
  { signal, left, toError = (error) => error }: ThroughTransformOptions,
): AsyncGenerator<Uint8Array, void> {
  let failure: { error: unknown } | undefined;
  const feeding = feed(source, transform).catch((error: unknown) => {
    failure = { error };
    transform.destroy();
  });
  try {
    for await (const chunk of abortableStream(transform as AsyncIterable<Uint8Array>, signal)) yield chunk;
  } catch (error) {
    signal?.throwIfAborted();
    throw failure ? (failure as { error: unknown }).error : toError(error);
  } finally {
    transform.destroy();
    left.abort();
    await feeding;
  }
  if (failure) throw (failure as { error: unknown }).error;
}

async function feed(source: ByteStream, transform: Transform): Promise<void> {
  const closed = new Promise<void>((resolve) => transform.once("close", resolve));
  for await (const chunk of source) {
    if (transform.destroyed) return;
    if (!transform.write(chunk)) {
      await Promise.race([new Promise<void>((resolve) => transform.once("drain", resolve)), closed]);
    }
  }
  if (!transform.destroyed) transform.end();
}

/**
 * A stream run through zlib, so that either side may fail, wait or leave.
 *
 * @module
 */
import type { Transform } from "node:stream";
import type { ByteStream } from "../../core/bytes.ts";
import { abortableStream } from "../../core/signal.ts";
import { giveBack } from "../owned-memory.ts";

/** Options of {@link throughTransform}. */
export interface ThroughTransformOptions {
  signal: AbortSignal | undefined;
  /** Is aborted when the reader leaves, so that the source ends though it waits. */
  left: AbortController;
  /** Whether nobody else sees the chunks of the source, so that their memory may be given back; default no. */
  ownSource?: boolean | undefined;
  /** The error for what the transform itself throws; default as it is. */
  toError?: (error: unknown) => unknown;
}

/** What a transform makes of a stream. What the source throws comes out unchanged; the transform is destroyed. */
export async function* throughTransform(
  source: ByteStream,
  transform: Transform,
  { signal, left, ownSource = false, toError = (error) => error }: ThroughTransformOptions,
): AsyncGenerator<Uint8Array, void> {
  let failure: { error: unknown } | undefined;
  const feeding = feed(source, transform, ownSource).catch((error: unknown) => {
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

/**
 * Bytes that may wait in a transform before more is read. It must never wait for its next bytes: it works in another
 * thread, and asks for them only when this one has time.
 */
const QUEUED_BYTES = 2 ** 20;

async function feed(source: ByteStream, transform: Transform, ownSource: boolean): Promise<void> {
  let queued = 0;
  let goOn: () => void = () => {};
  transform.once("close", () => goOn());
  for await (const chunk of source) {
    if (transform.destroyed) return;
    const { byteLength } = chunk;
    queued += byteLength;
    transform.write(chunk, (error) => {
      // A chunk that is not all of its memory may have neighbours which are still to come.
      if (ownSource && !error && !transform.destroyed && byteLength === chunk.buffer.byteLength)
        giveBack(chunk);
      queued -= byteLength;
      goOn();
    });
    while (queued > QUEUED_BYTES && !transform.destroyed) {
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    }
  }
  if (!transform.destroyed) transform.end();
}

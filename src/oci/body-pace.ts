/**
 * Bodies that come too slowly: a server that sends a byte now and then would hold a reader for ever.
 *
 * @module
 */
import { performance } from "node:perf_hooks";
import type { ByteStream } from "../core/bytes.ts";

/** How fast a body must come. */
export interface BodyPace {
  minBytesPerSecond: number;
  /** For how long its bytes are waited for before the pace is looked at, in milliseconds. */
  windowMs: number;
}

/**
 * Passes a body on, and fails with an `Error` of code `ETIMEDOUT` when it comes too slowly.
 *
 * Only waiting for the body counts: a reader may take its time. The pace is looked at when bytes come, so silence is for
 * others to end.
 */
export async function* paced(
  body: ByteStream,
  { minBytesPerSecond, windowMs }: BodyPace,
  now: () => number = () => performance.now(),
): AsyncGenerator<Uint8Array, void> {
  const chunks = body[Symbol.asyncIterator]();
  let waitedMs = 0;
  let bytes = 0;
  let ended = false;
  try {
    for (;;) {
      const before = now();
      const { done, value } = await chunks.next();
      if (done) {
        ended = true;
        return;
      }
      waitedMs += now() - before;
      bytes += value.byteLength;
      if (waitedMs >= windowMs) {
        if (bytes * 1000 < minBytesPerSecond * waitedMs) throw tooSlow(bytes, waitedMs);
        waitedMs = 0;
        bytes = 0;
      }
      yield value;
    }
  } finally {
    if (!ended) await chunks.return?.();
  }
}

function tooSlow(bytes: number, waitedMs: number): Error {
  const message = `the body came too slowly: ${bytes} bytes in ${Math.round(waitedMs)} ms`;
  return Object.assign(new Error(message), { code: "ETIMEDOUT" });
}

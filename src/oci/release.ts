/**
 * Letting go of a stream that was handed over and is not needed.
 *
 * @module
 */
import type { ByteStream } from "../core/bytes.ts";

/**
 * Releases what a stream holds: a Node stream is destroyed, any other iteration is ended. A stream that was
 * read to its end is left as it is. Errors of the release are dropped.
 */
export async function releaseStream(content: Uint8Array | ByteStream): Promise<void> {
  if (content instanceof Uint8Array) return;
  try {
    // The iterator of a Node stream lets go of it only once it was begun.
    if ("destroy" in content && typeof content.destroy === "function") content.destroy();
    else await content[Symbol.asyncIterator]().return?.();
  } catch {
    // What could not be released can do no more harm to the result.
  }
}

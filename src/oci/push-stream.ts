/**
 * Blobs whose digest is known only once they were sent.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks}
 * @module
 */
import { createHash } from "node:crypto";
import { type ByteStream, limitBytes } from "../core/bytes.ts";
import { type DigestAlgorithm, parseDigest } from "../core/digest.ts";
import type { SignalOptions } from "../core/signal.ts";
import { type Descriptor, isMediaType } from "./descriptor.ts";
import { assertCapability } from "./endpoint.ts";
import type { RepositoryPlace } from "./pull.ts";
import { releaseStream } from "./release.ts";
import { cancelUpload, finishUpload, moveOn, OCTETS, requestUpload, startUpload } from "./upload.ts";

/** Options of {@link Repository.pushStream}. */
export interface PushStreamOptions extends SignalOptions {
  /** Media type of the descriptor that comes back; the registry does not hear of it. */
  mediaType: string;
  /** Default sha256. */
  algorithm?: DigestAlgorithm | undefined;
  /** Most bytes. Default: no limit but the registry's. */
  maxBytes?: number | undefined;
}

/** Sends a stream, and describes what it was; see {@link Repository.pushStream}. */
export async function pushStreamToRepository(
  place: RepositoryPlace,
  content: ByteStream,
  { signal, mediaType, algorithm = "sha256", maxBytes = Number.MAX_SAFE_INTEGER }: PushStreamOptions,
): Promise<Descriptor> {
  try {
    if (!isMediaType(mediaType)) throw new TypeError(`not a media type: ${JSON.stringify(mediaType)}`);
    signal?.throwIfAborted();
    assertCapability(place.endpoint, "push");
    const hash = createHash(algorithm);
    let size = 0;
    const session = await startUpload(place, { signal, algorithm, repeatable: true });
    if (!session) throw new TypeError("an upload without content cannot be stored");
    try {
      const answer = await requestUpload(session, {
        method: "PATCH",
        headers: { "Content-Type": OCTETS },
        body: hashed(limitBytes(content, { maxBytes, signal })),
        accept: [201, 202, 204],
      });
      moveOn(session, answer);
      const digest = parseDigest(`${algorithm}:${hash.digest("hex")}`);
      await finishUpload(session, digest);
      return { mediaType, digest, size };
    } catch (error) {
      await cancelUpload(session);
      throw error;
    }

    async function* hashed(source: ByteStream): AsyncGenerator<Uint8Array, void> {
      for await (const chunk of source) {
        hash.update(chunk);
        size += chunk.byteLength;
        yield chunk;
      }
    }
  } finally {
    await releaseStream(content);
  }
}

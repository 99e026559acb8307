/**
 * Blobs pushed in chunks, taken up again where a connection broke.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks}
 * @module
 */
import { verifyStream } from "../core/digest.ts";
import { delay } from "../core/signal.ts";
import type { Descriptor } from "./descriptor.ts";
import { OciError } from "./errors.ts";
import { existsInRepository, type RepositoryPlace } from "./pull.ts";
import { asSeekable, asStream, firstBytes, holdBack, inPieces, type PushContent } from "./push-content.ts";
import { backoffMs, isTransient } from "./retry.ts";
import {
  cancelUpload,
  finishUpload,
  moveOn,
  OCTETS,
  rangeEnd,
  requestUpload,
  startUpload,
  storedBytes,
  type UploadSession,
} from "./upload.ts";
import { displayUrl } from "./url.ts";

/** What {@link pushInChunks} needs. */
export interface ChunkedUploadOptions {
  signal: AbortSignal | undefined;
  /** Length of a chunk, in bytes; more where the registry asks for it. */
  chunkBytes: number;
  /** Goes on with this session instead of starting one. */
  session?: UploadSession | undefined;
}

/** Chunks are kept in memory: a registry that asks for longer ones gets the content in one request. */
export const MAX_CHUNK_BYTES: number = 256 * 1024 * 1024;

/**
 * Pushes a blob in chunks.
 *
 * After a broken connection, or a refused chunk, the registry is asked what it has, and gets the rest. Where it has less
 * than what was sent before, content that can be read again is read again; a stream then fails.
 */
export async function pushInChunks(
  place: RepositoryPlace,
  descriptor: Descriptor,
  content: PushContent,
  { signal, chunkBytes, session: given }: ChunkedUploadOptions,
): Promise<void> {
  const { digest, size } = descriptor;
  const start = () => startUpload(place, { signal, digest, repeatable: true });
  const first = given ?? (await start());
  if (!first) return;
  let session = first;
  let stored = 0;
  let failures = 0;
  let setbacks = 0;
  const seekable = asSeekable(content);
  try {
    const verified = verifyStream(asStream(content), descriptor, { signal });
    const least = session.minChunkBytes;
    if (least > MAX_CHUNK_BYTES) {
      await finishUpload(session, digest, { body: holdBack(verified), size });
      return;
    }
    let end = 0;
    for await (const piece of inPieces(verified, Math.max(chunkBytes, least))) {
      const begin = end;
      end += piece.byteLength;
      await sendUpTo(end, begin, piece);
    }
    await finish();
  } catch (error) {
    await cancelUpload(session);
    throw error;
  }

  /** Sends what the session lacks of the first `end` bytes, of which `piece` is the part from `begin` on. */
  async function sendUpTo(end: number, begin: number, piece: Uint8Array): Promise<void> {
    while (stored < end) {
      if (stored >= begin) {
        await sendOrAsk(piece.subarray(stored - begin));
        continue;
      }
      if (!seekable) {
        throw new OciError(
          "ERR_OCI_PROTOCOL",
          `${displayUrl(session.location)}: the registry lost bytes that cannot be read again`,
        );
      }
      const from = stored;
      const missing = firstBytes(seekable.readFrom(from), begin - from);
      let at = from;
      for await (const part of inPieces(missing, Math.max(chunkBytes, session.minChunkBytes))) {
        // What the registry has by now decides where to go on.
        if (stored !== at) break;
        await sendOrAsk(part);
        at += part.byteLength;
      }
      if (stored === from && at === from) throw new RangeError(`content ends at ${from}, before ${begin}`);
    }
  }

  /** Sends one chunk; after a failure that may pass, finds out what is stored. */
  async function sendOrAsk(chunk: Uint8Array): Promise<void> {
    let failure: unknown;
    try {
      const before = stored;
      stored = await sendChunk(session, chunk, stored);
      if (stored === before + chunk.byteLength) {
        failures = 0;
        return;
      }
      // A registry that keeps a byte of each chunk would be sent the whole content as often as it has bytes.
      setbacks++;
      const shown = displayUrl(session.location);
      failure = new OciError("ERR_OCI_PROTOCOL", `${shown}: not all of a chunk is stored`);
      if (setbacks < place.policy.attempts && stored >= before) return;
    } catch (error) {
      failure = error;
    }
    await failed(failure);
  }

  async function failed(error: unknown): Promise<void> {
    if (!isRecoverable(error) || signal?.aborted || ++failures >= place.policy.attempts) throw error;
    await delay(backoffMs(failures + 1, place.policy), { signal });
    const said = await storedBytes(session, stored);
    // A registry that forgets again and again would be sent the same bytes without end.
    if ((said ?? 0) < stored && ++setbacks >= place.policy.attempts) throw error;
    if (said !== undefined) {
      stored = said;
      return;
    }
    const anew = await start();
    if (!anew) throw error;
    session = anew;
    stored = 0;
  }

  /** Ends the session. A lost answer is no failure if the blob is there. */
  async function finish(): Promise<void> {
    for (;;) {
      try {
        await finishUpload(session, digest);
        return;
      } catch (error) {
        if (!isTransient(error) || signal?.aborted || ++failures >= place.policy.attempts) throw error;
        await delay(backoffMs(failures + 1, place.policy), { signal });
        if (await existsInRepository(place, descriptor, { signal })) return;
      }
    }
  }
}

/** A chunk that the registry refuses as out of order, a session that it lost, or a failure that may pass. */
function isRecoverable(error: unknown): boolean {
  if (isTransient(error)) return true;
  return error instanceof OciError && (error.statusCode === 416 || error.statusCode === 404);
}

/** Sends the bytes from an offset on; gives how many are stored then. */
async function sendChunk(session: UploadSession, chunk: Uint8Array, offset: number): Promise<number> {
  const end = offset + chunk.byteLength;
  const answer = await requestUpload(session, {
    method: "PATCH",
    headers: {
      "Content-Type": OCTETS,
      "Content-Length": String(chunk.byteLength),
      "Content-Range": `${offset}-${end - 1}`,
    },
    body: chunk,
    accept: [201, 202, 204],
  });
  moveOn(session, answer);
  const stored = rangeEnd(answer, end) ?? end;
  if (stored <= end) return stored;
  throw new OciError("ERR_OCI_PROTOCOL", `${displayUrl(session.location)}: ${stored} bytes stored of ${end}`);
}

/**
 * Streams that lading verifies itself, over memory that nobody else has, so that no second look is needed.
 *
 * A store hashes what it gives out, and a store that takes content hashes it: in a copy from one to the other both do.
 * The second time is left out for a stream that was made here, and only by what happened to it: that all of its bytes
 * came, and that its check has passed. Nothing outside can make such a stream, and one that somebody has read from,
 * ended or changed the methods of is short of bytes, has not passed, or is iterated as if it had not been changed.
 *
 * @module
 */
import type { ByteStream } from "../core/bytes.ts";
import { createDigester, type Digest, type Digester, digestAlgorithm, verifyStream } from "../core/digest.ts";
import { CoreError } from "../core/errors.ts";
import { abortableStream, type SignalOptions } from "../core/signal.ts";

/** What a stream is checked for, and whether the check has passed. */
export interface StreamProof {
  readonly digest: Digest;
  readonly size: number;
  readonly passed: boolean;
}

type Generator = AsyncGenerator<Uint8Array, void>;

/** Streams that were made here, with what they prove at the moment. */
const proofs = new WeakMap<object, () => StreamProof | undefined>();

const prototype = (Object.getPrototypeOf(async function* () {}) as { prototype: Generator }).prototype;
// Taken now, and called as they are: a stream may have got methods of its own.
const { next, return: end } = prototype;

/**
 * A stream that proves what its content is.
 *
 * `read` gives the bytes and must call `passed` after it has verified all of them against the digest and the size that it
 * is given, and not before. The memory of its chunks must be lading's own: a caller's could change after the check.
 */
export function provenStream<T extends { digest: Digest; size: number }>(
  wanted: T,
  read: (wanted: T, passed: () => void) => Generator,
): Generator {
  // A copy: what is proven must be what is checked, whatever becomes of the caller's object.
  const own = { ...wanted };
  const proof = { digest: own.digest, size: own.size, passed: false };
  const stream = read(own, () => {
    proof.passed = true;
  });
  proofs.set(stream, () => proof);
  return stream;
}

/**
 * Lets a stream that passes the chunks of another one on, and nothing else, prove what that one proves.
 *
 * @param inner The other stream, once there is one. It must have been iterated by {@link unchanged}.
 */
export function passProof(stream: Generator, inner: () => ByteStream | undefined): Generator {
  proofs.set(stream, () => {
    const source = inner();
    return source && proofs.get(source)?.();
  });
  return stream;
}

/** Whether a stream was made here: iterated by {@link unchanged}, its chunks are seen by nobody else. */
export function isMadeHere(stream: ByteStream): boolean {
  return proofs.has(stream);
}

/** The stream as it was made, if it was made here; any other one as it is. */
export function unchanged(stream: ByteStream): ByteStream {
  if (!proofs.has(stream)) return stream;
  const generator = stream as Generator;
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => next.call(generator) as Promise<IteratorResult<Uint8Array, void>>,
      return: () => end.call(generator, undefined) as Promise<IteratorResult<Uint8Array, void>>,
    }),
  };
}

/**
 * What a stream proves of exactly this content, or nothing; known once its first chunk has come.
 *
 * Whoever relies on it must have iterated the stream by {@link unchanged}, have counted `size` bytes, and find `passed`
 * true when the stream has ended.
 */
export function proofOf(
  stream: ByteStream,
  { digest, size }: { digest: Digest; size: number },
): StreamProof | undefined {
  const proof = proofs.get(stream)?.();
  return proof?.digest === digest && proof.size === size ? proof : undefined;
}

/**
 * As `verifyStream`, but without hashing what proves itself.
 *
 * @throws {CoreError} `ERR_SIZE_MISMATCH`, `ERR_DIGEST_MISMATCH`.
 */
export async function* verifyOnce(
  source: ByteStream,
  { digest, size }: { digest: Digest; size: number },
  { signal }: SignalOptions,
): AsyncGenerator<Uint8Array, void> {
  if (!proofs.has(source)) {
    yield* verifyStream(source, { digest, size }, { signal });
    return;
  }
  let proof: StreamProof | undefined;
  let digester: Digester | undefined;
  let length = 0;
  for await (const chunk of abortableStream(unchanged(source), signal)) {
    proof ??= proofOf(source, { digest, size });
    if (!proof) digester ??= createDigester(digestAlgorithm(digest));
    digester?.update(chunk);
    length += chunk.byteLength;
    if (length > size)
      throw new CoreError("ERR_SIZE_MISMATCH", `${digest}: more than the expected ${size} bytes`);
    yield chunk;
  }
  if (length !== size)
    throw new CoreError("ERR_SIZE_MISMATCH", `${digest}: expected ${size} bytes, got ${length}`);
  assertProven(proof, digester, digest);
}

/** Fails unless a stream has passed its own check, or what was hashed of it is what it had to be. */
export function assertProven(
  proof: StreamProof | undefined,
  digester: Digester | undefined,
  digest: Digest,
): void {
  if (proof?.passed) return;
  if (proof) throw new CoreError("ERR_DIGEST_MISMATCH", `${digest}: the content was not checked to its end`);
  // Of a stream without chunks nothing was hashed yet.
  const got = (digester ?? createDigester(digestAlgorithm(digest))).digest();
  if (got !== digest) throw new CoreError("ERR_DIGEST_MISMATCH", `expected ${digest}, got ${got}`);
}

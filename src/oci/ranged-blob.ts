/**
 * A blob read by several requests at a time, each for a part of it, and put together in order.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-blobs}
 * @module
 */
import { collectBytes } from "../core/bytes.ts";
import { delay, joinSignals } from "../core/signal.ts";
import { discardBody, type HttpAnswer, headerOf, readBody } from "./http.ts";
import { backoffMs, isTransient, type ResolvedRetryPolicy } from "./retry.ts";

/** How a blob is read in parts. */
export interface RangeOptions {
  /** Parts that are asked for at a time, 1 to 16; as many are kept in memory. Default 3. */
  parallel?: number | undefined;
  /** Length of a part in bytes, 64 KiB to 256 MiB. Default 16 MiB. */
  chunkBytes?: number | undefined;
}

/** What {@link readRanges} needs. */
export interface ReadRangesContext {
  /** Length that the blob must have, in bytes. */
  size: number;
  ranges: Required<{ [K in keyof RangeOptions]: number }>;
  /** Asks for a part, both ends included; the answer has status 200, 206 or 416. */
  open: (first: number, last: number, signal: AbortSignal | undefined) => Promise<HttpAnswer>;
  /** The rest of the blob from an offset on, as one stream: for a server that does not give parts. */
  rest: (offset: number) => AsyncIterable<Uint8Array>;
  policy: ResolvedRetryPolicy;
  signal?: AbortSignal | undefined;
}

/** Fills in the defaults. Throws a `RangeError` for a number outside its limits. */
export function resolveRanges({
  parallel = 3,
  chunkBytes = 16 * 1024 * 1024,
}: RangeOptions): ReadRangesContext["ranges"] {
  if (!Number.isSafeInteger(parallel) || parallel < 1 || parallel > 16) {
    throw new RangeError(`ranges.parallel must be a whole number from 1 to 16, got ${parallel}`);
  }
  if (!Number.isSafeInteger(chunkBytes) || chunkBytes < 65_536 || chunkBytes > 268_435_456) {
    throw new RangeError(`ranges.chunkBytes must be from 65536 to 268435456, got ${chunkBytes}`);
  }
  return { parallel, chunkBytes };
}

/**
 * The bytes of a blob in order, of whatever content: digest and size are the caller's to check.
 *
 * At most `parallel` parts are held at a time. As soon as a server answers anything but the part that was asked for, of a blob
 * of that length, the rest is read as one stream.
 */
export async function* readRanges(context: ReadRangesContext): AsyncGenerator<Uint8Array, void> {
  const { size, ranges, rest, signal } = context;
  const { parallel, chunkBytes } = ranges;
  const left = new AbortController();
  const joined = joinSignals(signal, left.signal);
  const underWay: Promise<Uint8Array | undefined>[] = [];
  let asked = 0;
  let delivered = 0;
  const askMore = (): void => {
    while (underWay.length < parallel && asked < size) {
      const first = asked;
      asked = Math.min(size, first + chunkBytes);
      const part = readPart(context, first, asked - 1, joined);
      part.catch(() => {});
      underWay.push(part);
    }
  };
  try {
    for (askMore(); ; askMore()) {
      const next = underWay.shift();
      if (!next) return;
      const part = await next;
      if (!part) break;
      delivered += part.byteLength;
      yield part;
    }
    left.abort();
    yield* rest(delivered);
  } finally {
    left.abort();
    await Promise.allSettled(underWay);
  }
}

/** One part, as often as the policy has tries; nothing where the server does not give it as asked. */
async function readPart(
  { size, open, policy }: ReadRangesContext,
  first: number,
  last: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  for (let attempt = 1; ; attempt++) {
    const answer = await open(first, last, signal);
    if (!isPart(answer, first, last, size)) {
      await discardBody(answer);
      return undefined;
    }
    try {
      const length = last - first + 1;
      const bytes = await collectBytes(readBody(answer, signal), { maxBytes: length, signal });
      return bytes.byteLength === length ? bytes : undefined;
    } catch (error) {
      if (attempt >= policy.attempts || signal?.aborted || !isTransient(error)) throw error;
      await delay(backoffMs(attempt + 1, policy), { signal });
    } finally {
      answer.body.destroy();
    }
  }
}

/** Whether an answer is the part that was asked for, both ends included, of a blob of that length. */
export function isPart(answer: HttpAnswer, first: number, last: number, size: number): boolean {
  const encoding = headerOf(answer, "content-encoding")?.toLowerCase() ?? "identity";
  const range = headerOf(answer, "content-range");
  return (
    answer.status === 206 &&
    encoding === "identity" &&
    (range === `bytes ${first}-${last}/${size}` || range === `bytes ${first}-${last}/*`)
  );
}

/**
 * A blob as one stream, taken up again where a connection broke.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-blobs}
 * @module
 */
import { delay } from "../core/signal.ts";
import { OciError } from "./errors.ts";
import { discardBody, type HttpAnswer, headerOf, readBody } from "./http.ts";
import { backoffMs, isTransient, type ResolvedRetryPolicy } from "./retry.ts";
import { displayUrl } from "./url.ts";

/** What {@link readBlob} needs. */
export interface ReadBlobContext {
  /** Length that the blob must have, in bytes. */
  size: number;
  /** Where to begin, in bytes. Default 0. */
  from?: number | undefined;
  /** Asks for the blob from an offset on; the answer has status 200 or 206. */
  open: (offset: number) => Promise<HttpAnswer>;
  policy: ResolvedRetryPolicy;
  signal?: AbortSignal | undefined;
}

/** A broken connection that delivered this much does not count as a failed try. */
const PROGRESS_BYTES = 1024 * 1024;

/**
 * The bytes of a blob, of whatever content: digest and size are the caller's to check.
 *
 * After a connection has broken the rest is asked for, as often as the policy has tries; a try that brought a
 * mebibyte starts the count again.
 *
 * @throws {OciError} `ERR_OCI_NETWORK` when the tries are used up.
 * @throws {OciError} `ERR_OCI_PROTOCOL` for an encoded body or another range than the one asked for.
 */
export async function* readBlob({
  size,
  from = 0,
  open,
  policy,
  signal,
}: ReadBlobContext): AsyncGenerator<Uint8Array, void> {
  let delivered = from;
  for (let attempt = 1; ; attempt++) {
    const startedAt = delivered;
    const answer = await open(delivered);
    try {
      for await (const chunk of bodyFrom(answer, delivered, size, signal)) {
        delivered += chunk.byteLength;
        yield chunk;
      }
      return;
    } catch (error) {
      if (!isTransient(error) || signal?.aborted) throw error;
      if (delivered - startedAt >= PROGRESS_BYTES) attempt = 1;
      if (attempt >= policy.attempts || delivered >= size) throw error;
      await delay(backoffMs(attempt + 1, policy), { signal });
    } finally {
      answer.body.destroy();
    }
  }
}

/** The body from `offset` on, whether the server sent that part or all of it. */
async function* bodyFrom(
  answer: HttpAnswer,
  offset: number,
  size: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  const encoding = headerOf(answer, "content-encoding")?.toLowerCase() ?? "identity";
  if (encoding !== "identity") throw await protocolError(answer, `encoded as ${JSON.stringify(encoding)}`);
  let skip = offset;
  if (answer.status === 206) {
    const range = headerOf(answer, "content-range") ?? "";
    const [, first, last, total] = /^bytes ([0-9]{1,16})-([0-9]{1,16})\/([0-9]{1,16}|\*)$/.exec(range) ?? [];
    const fits =
      Number(first) === offset && Number(last) === size - 1 && (total === "*" || Number(total) === size);
    if (!fits || offset === 0)
      throw await protocolError(answer, `range ${JSON.stringify(range)} was not asked for`);
    skip = 0;
  }
  for await (const chunk of readBody(answer, signal)) {
    const dropped = Math.min(skip, chunk.byteLength);
    skip -= dropped;
    if (dropped < chunk.byteLength) yield dropped === 0 ? chunk : chunk.subarray(dropped);
  }
}

async function protocolError(answer: HttpAnswer, what: string): Promise<OciError> {
  await discardBody(answer);
  const url = displayUrl(answer.url);
  return new OciError("ERR_OCI_PROTOCOL", `${answer.method} ${url}: ${what}`, {
    statusCode: answer.status,
    method: answer.method,
    url,
  });
}

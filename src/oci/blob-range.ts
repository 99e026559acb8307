/**
 * A part of a blob, for formats that have their own digests of parts.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-blobs}
 * @module
 */
import { parseDigest } from "../core/digest.ts";
import { CoreError } from "../core/errors.ts";
import { delay, type SignalOptions } from "../core/signal.ts";
import { assertRange } from "./content-range.ts";
import type { Descriptor } from "./descriptor.ts";
import { assertCapability } from "./endpoint.ts";
import { OciError } from "./errors.ts";
import { discardBody, type HttpAnswer, readBody } from "./http.ts";
import { type RepositoryPlace, repositoryAccess, repositoryUrl } from "./pull.ts";
import { isPart } from "./ranged-blob.ts";
import { backoffMs, isTransient } from "./retry.ts";
import { displayUrl } from "./url.ts";

/** A broken connection that delivered this much does not count as a failed try. */
const PROGRESS_BYTES = 1024 * 1024;

/** A part of a blob in a repository; see `RangeFetcher`. */
export async function* fetchRangeFromRepository(
  place: RepositoryPlace,
  descriptor: Descriptor,
  { start, end, signal }: { start: number; end: number } & SignalOptions,
): AsyncGenerator<Uint8Array, void> {
  assertCapability(place.endpoint, "pull");
  const digest = parseDigest(descriptor.digest);
  const { size } = descriptor;
  assertRange(descriptor, start, end);
  signal?.throwIfAborted();
  const { policy } = place;
  let at = start;
  for (let attempt = 1; at < end; attempt++) {
    const startedAt = at;
    const answer = await place.client.request({
      ...repositoryAccess(place, ["pull"], signal),
      method: "GET",
      url: repositoryUrl(place, `blobs/${digest}`),
      headers: { Range: `bytes=${at}-${end - 1}` },
      accept: [200, 206],
    });
    if (!isPart(answer, at, end - 1, size)) {
      await discardBody(answer);
      throw otherAnswer(answer);
    }
    try {
      for await (const chunk of readBody(answer, signal)) {
        at += chunk.byteLength;
        if (at > end) throw new CoreError("ERR_SIZE_MISMATCH", `${digest}: more than the part asked for`);
        yield chunk;
        signal?.throwIfAborted();
      }
      if (at < end) throw new CoreError("ERR_SIZE_MISMATCH", `${digest}: less than the part asked for`);
    } catch (error) {
      if (!isTransient(error) || signal?.aborted) throw error;
      if (at - startedAt >= PROGRESS_BYTES) attempt = 1;
      if (attempt >= policy.attempts || at >= end) throw error;
      await delay(backoffMs(attempt + 1, policy), { signal });
    } finally {
      answer.body.destroy();
    }
  }
}

/** The whole in place of a part, or another part. */
function otherAnswer(answer: HttpAnswer): OciError {
  const { method, status: statusCode } = answer;
  const url = displayUrl(answer.url);
  const [code, what] =
    statusCode === 206
      ? (["ERR_OCI_PROTOCOL", "another part than the one asked for"] as const)
      : (["ERR_OCI_UNSUPPORTED", "the registry gives no parts of blobs"] as const);
  return new OciError(code, `${method} ${url}: ${what}`, { statusCode, method, url });
}

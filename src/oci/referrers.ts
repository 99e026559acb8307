/**
 * What refers to a manifest: by the referrers API, and by the tag that stands in for it where there is none.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers}
 * @module
 */
import { collectBytes } from "../core/bytes.ts";
import { type Digest, parseDigest } from "../core/digest.ts";
import { OCI_INDEX } from "../core/media-types.ts";
import type { ClientRequest } from "./client.ts";
import { type Descriptor, isMediaType } from "./descriptor.ts";
import { referrersTag } from "./digest-tag.ts";
import { assertCapability } from "./endpoint.ts";
import { OciError } from "./errors.ts";
import { discardBody, type HttpAnswer, headerOf, readBody } from "./http.ts";
import { cutParameters, parseManifest } from "./manifest.ts";
import { readPages, tooLong } from "./pages.ts";
import {
  collectManifest,
  type RepositoryPlace,
  repositoryAccess,
  repositoryUrl,
  requestManifest,
} from "./pull.ts";
import type { ReferrersOptions } from "./store.ts";

/** Options of {@link Repository.referrers}. */
export interface RepositoryReferrersOptions extends ReferrersOptions {
  /**
   * When the index under the subject's tag is read too: where the registry has no referrers API (the default), always
   * (a registry that got the API later may not list what clients had put under the tag), or never.
   */
  fallback?: "if-absent" | "always" | "never" | undefined;
  /** Most referrers; one more fails with `ERR_OCI_LIST_TOO_LONG`. Default 10000. */
  maxReferrers?: number | undefined;
}

/** A digest that nothing has: asked for to see whether there is an API at all. */
const NOTHING = `sha256:${"0".repeat(64)}`;
/** Answers of registries that do not have the API: also old ones that take the path for a malformed one. */
const NO_API: readonly number[] = [400, 404, 405, 501];

/** The manifests that refer to a subject; see `ReferrerLister`. */
export function referrersInRepository(
  place: RepositoryPlace,
  subject: Pick<Descriptor, "digest">,
  options: RepositoryReferrersOptions,
): AsyncGenerator<Descriptor, void> {
  const { maxReferrers = 10_000, artifactType } = options;
  if (!Number.isSafeInteger(maxReferrers) || maxReferrers < 0) {
    throw new RangeError(`maxReferrers must be a whole number, got ${maxReferrers}`);
  }
  if (artifactType !== undefined && !isMediaType(artifactType)) {
    throw new TypeError(`not a media type: ${JSON.stringify(artifactType)}`);
  }
  return listReferrers(place, parseDigest(subject.digest), { ...options, maxReferrers });
}

async function* listReferrers(
  place: RepositoryPlace,
  subject: Digest,
  {
    artifactType,
    fallback = "if-absent",
    maxReferrers,
    signal,
  }: RepositoryReferrersOptions & { maxReferrers: number },
): AsyncGenerator<Descriptor, void> {
  signal?.throwIfAborted();
  const seen = new Set<string>();
  let repeated = 0;
  const select = function* (descriptors: readonly Descriptor[]): Generator<Descriptor> {
    for (const descriptor of descriptors) {
      const known = seen.has(descriptor.digest);
      if (known) repeated++;
      // The same referrers on page after page would otherwise never reach the limit.
      if (known && repeated <= maxReferrers) continue;
      if (known || seen.size >= maxReferrers) {
        throw tooLong(repositoryUrl(place, `referrers/${subject}`), `more than ${maxReferrers} referrers`);
      }
      seen.add(descriptor.digest);
      // The registry's filter is not relied on: one that applies none would otherwise hand out everything.
      if (artifactType === undefined || descriptor.artifactType === artifactType) yield descriptor;
    }
  };
  let api = false;
  for await (const page of apiPages(place, subject, artifactType, signal)) {
    api = true;
    for (const descriptor of select(page)) {
      yield descriptor;
      signal?.throwIfAborted();
    }
  }
  if (fallback === "never" || (api && fallback === "if-absent")) return;
  const tagged = await readReferrersTag(place, subject, signal);
  for (const descriptor of select(tagged?.referrers ?? [])) {
    yield descriptor;
    signal?.throwIfAborted();
  }
}

/**
 * Whether the repository's registry has the referrers API; asked once, and remembered. An endpoint that is not for referrers
 * counts as one that has it: they are not looked after there.
 */
export async function hasReferrersApi(
  place: RepositoryPlace,
  known: Map<string, boolean>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (place.endpoint && !place.endpoint.capabilities.has("referrers")) return true;
  const key = repositoryUrl(place, "referrers/").href + (place.endpoint?.key ?? "");
  const remembered = known.get(key);
  if (remembered !== undefined) return remembered;
  let api = false;
  for await (const _ of apiPages(place, NOTHING, undefined, signal)) {
    api = true;
    break;
  }
  known.set(key, api);
  return api;
}

/** The pages of the API; none at all where there is no such API. */
async function* apiPages(
  place: RepositoryPlace,
  subject: string,
  artifactType: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<Descriptor[], void> {
  assertCapability(place.endpoint, "referrers");
  const url = repositoryUrl(place, `referrers/${subject}`);
  if (artifactType !== undefined) url.searchParams.append("artifactType", artifactType);
  const request: Omit<ClientRequest, "method"> = {
    ...repositoryAccess(place, ["pull"], signal),
    url,
    headers: { Accept: OCI_INDEX },
    accept: [200],
  };
  let first = true;
  const pages = readPages({ ...request, client: place.client });
  for (;;) {
    let answer: HttpAnswer;
    try {
      const { done, value } = await pages.next();
      if (done) return;
      answer = value.answer;
    } catch (error) {
      if (first && error instanceof OciError && NO_API.includes(error.statusCode ?? 0)) return;
      throw error;
    }
    if (cutParameters(headerOf(answer, "content-type") ?? "") !== OCI_INDEX) {
      await discardBody(answer);
      // A registry that answers every path with a page of its own has no API; one that stops half-way is broken.
      if (first) return;
      throw new OciError("ERR_OCI_PROTOCOL", `${url.origin}: a page of referrers is no index`);
    }
    first = false;
    yield await readPage(place, answer, signal);
  }
}

async function readPage(
  place: RepositoryPlace,
  answer: HttpAnswer,
  signal: AbortSignal | undefined,
): Promise<Descriptor[]> {
  const maxBytes = place.maxManifestBytes;
  const bytes = await collectBytes(readBody(answer, signal), { maxBytes, signal });
  const index = parseManifest(bytes, OCI_INDEX, { maxBytes });
  return index.kind === "index" ? index.value.manifests : [];
}

/** The index under a subject's tag. */
export interface ReferrersTag {
  referrers: Descriptor[];
  /** Of the index. */
  digest: Digest;
  bytes: Uint8Array;
  /** Value of `If-Match` that stands for this index, where the registry gives one. */
  etag: string | undefined;
}

/**
 * What stands under the tag of a subject, or nothing where there is no such tag.
 *
 * @throws {OciError} `ERR_OCI_PROTOCOL` where the tag stands for something else than an index.
 */
export async function readReferrersTag(
  place: RepositoryPlace,
  subject: Digest,
  signal: AbortSignal | undefined,
): Promise<ReferrersTag | undefined> {
  const tag = referrersTag(subject);
  let answer: HttpAnswer;
  try {
    answer = await requestManifest(place, "GET", tag, signal);
  } catch (error) {
    if (error instanceof OciError && error.code === "ERR_OCI_NOT_FOUND") return undefined;
    throw error;
  }
  const { bytes, digest } = await collectManifest(place, answer, undefined, signal);
  const type = cutParameters(headerOf(answer, "content-type") ?? "");
  const found = parseManifest(bytes, type, { maxBytes: place.maxManifestBytes });
  if (found.kind !== "index" || found.mediaType !== OCI_INDEX) {
    throw new OciError("ERR_OCI_PROTOCOL", `tag ${tag} stands for ${found.mediaType}, not for an index`);
  }
  return { referrers: found.value.manifests, digest, bytes, etag: headerOf(answer, "etag") };
}

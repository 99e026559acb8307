/**
 * Reading from a repository: manifests and blobs, verified.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pull}
 * @module
 */
import { type ByteStream, collectBytes } from "../core/bytes.ts";
import {
  type Digest,
  digestAlgorithm,
  digestOf,
  isDigest,
  parseDigest,
  verifyStream,
} from "../core/digest.ts";
import { CoreError, isLadingError } from "../core/errors.ts";
import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from "../core/media-types.ts";
import type { SignalOptions } from "../core/signal.ts";
import { readBlob } from "./blob-stream.ts";
import type { Client, ClientRequest } from "./client.ts";
import { type Descriptor, isMediaType } from "./descriptor.ts";
import { assertCapability, type Endpoint } from "./endpoint.ts";
import { OciError } from "./errors.ts";
import { discardBody, type HttpAnswer, headerOf, readBody } from "./http.ts";
import { cutParameters } from "./manifest.ts";
import { isManifestType } from "./manifest-kind.ts";
import { provenStream } from "./proven-stream.ts";
import { type RangeOptions, readRanges, resolveRanges } from "./ranged-blob.ts";
import type { ResolvedRetryPolicy } from "./retry.ts";
import { repositoryScope } from "./scope.ts";
import type { ManifestContent, ReadManifestOptions } from "./store.ts";
import { assertTag } from "./tag.ts";
import { displayUrl } from "./url.ts";

/** One repository of one registry. */
export interface RepositoryPlace {
  client: Client;
  /** Host as references name it. */
  domain: string;
  /** Path of the repository. */
  path: string;
  /** Scheme, host and port of the registry. */
  registry: URL;
  /** Where requests go instead, if not to `registry` below `/v2`. */
  endpoint?: Endpoint | undefined;
  maxManifestBytes: number;
  policy: ResolvedRetryPolicy;
  state: RepositoryState;
}

/** What a registry client remembers of repositories. */
export interface RepositoryState {
  /** Whether there is a referrers API, by repository. */
  readonly referrersApi: Map<string, boolean>;
  /** Changes of indexes of referrers that are under way. */
  readonly changes: Map<string, Promise<unknown>>;
  /** Whether the registry keeps signatures itself, by origin and endpoint. */
  readonly signatureExtension: Map<string, boolean>;
}

const ACCEPT_MANIFESTS = [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST].join(", ");

/** Options of {@link Repository.fetch}. */
export interface FetchOptions extends SignalOptions {
  /** Reads a blob that is longer than one part by several requests at a time. Default: one request. */
  ranges?: RangeOptions | undefined;
}

/** What every request to a repository has in common. */
export function repositoryAccess(
  { domain, path, registry, endpoint }: RepositoryPlace,
  actions: readonly string[],
  signal: AbortSignal | undefined,
): Pick<ClientRequest, "domain" | "registry" | "endpoint" | "repository" | "scopes" | "signal"> {
  return { domain, registry, endpoint, repository: path, scopes: [repositoryScope(path, actions)], signal };
}

/** URL below the repository. The parts are checked names, tags and digests only. */
export function repositoryUrl(
  { registry, endpoint, path }: Pick<RepositoryPlace, "registry" | "endpoint" | "path">,
  rest: string,
): URL {
  // Set and not resolved: a path that begins with two slashes would be read as a host.
  const [below = "", query = ""] = rest.split("?", 2);
  const url = new URL(registry);
  const root = endpoint ? endpoint.root.pathname.replace(/\/+$/, "") : "/v2";
  url.pathname = `${root}/${path}/${below}`;
  url.search = query;
  if (endpoint?.namespace !== undefined) url.searchParams.append("ns", endpoint.namespace);
  return url;
}

/** What a tag, or a digest as text, stands for; see `Resolver`. */
export async function resolveInRepository(
  place: RepositoryPlace,
  tagOrDigest: string,
  { signal }: SignalOptions,
): Promise<Descriptor> {
  assertCapability(place.endpoint, "resolve");
  const digest = tagOrDigest.includes(":") ? parseDigest(tagOrDigest) : undefined;
  if (digest === undefined) assertTag(tagOrDigest);
  const head = await headManifest(place, tagOrDigest, signal);
  const described = head && describeByHead(head, digest);
  if (described) return described;
  // Some registries refuse HEAD, and a refusal of HEAD has no body that would say why.
  const answer = await requestManifest(place, "GET", tagOrDigest, signal);
  const content = await collectManifest(place, answer, digest, signal);
  return { mediaType: mediaTypeOf(answer), digest: content.digest, size: content.bytes.byteLength };
}

/** The manifest that a tag or digest names, by one request; see `ManifestReader`. */
export async function readManifestInRepository(
  place: RepositoryPlace,
  tagOrDigest: string,
  { signal, maxBytes = place.maxManifestBytes }: ReadManifestOptions,
): Promise<ManifestContent> {
  assertCapability(place.endpoint, "resolve");
  assertCapability(place.endpoint, "pull");
  const wanted = tagOrDigest.includes(":") ? parseDigest(tagOrDigest) : undefined;
  if (wanted === undefined) assertTag(tagOrDigest);
  const maxManifestBytes = Math.min(maxBytes, place.maxManifestBytes);
  const answer = await requestManifest(place, "GET", tagOrDigest, signal);
  const { bytes, digest } = await collectManifest({ ...place, maxManifestBytes }, answer, wanted, signal);
  return { descriptor: { mediaType: mediaTypeOf(answer), digest, size: bytes.byteLength }, bytes };
}

/** Whether the repository has the content of a descriptor. A registry that refuses HEAD is asked by GET. */
export async function existsInRepository(
  place: RepositoryPlace,
  { digest, mediaType }: Descriptor,
  { signal }: SignalOptions,
): Promise<boolean> {
  const kind = isManifestType(mediaType) ? "manifests" : "blobs";
  parseDigest(digest);
  assertCapability(place.endpoint, "pull");
  const ask = async (request: Pick<ClientRequest, "method" | "headers" | "accept">): Promise<boolean> => {
    const answer = await place.client.request({
      ...repositoryAccess(place, ["pull"], signal),
      url: repositoryUrl(place, `${kind}/${digest}`),
      ...request,
    });
    await discardBody(answer);
    return true;
  };
  const headers: Record<string, string> = kind === "manifests" ? { Accept: ACCEPT_MANIFESTS } : {};
  try {
    return await ask({ method: "HEAD", headers, accept: [200] });
  } catch (error) {
    if (isAbsent(error)) return false;
    if (!(error instanceof OciError) || error.statusCode !== 405) throw error;
  }
  try {
    if (kind === "manifests") return await ask({ method: "GET", headers, accept: [200] });
    // One byte tells it; an empty blob has none.
    return await ask({ method: "GET", headers: { Range: "bytes=0-0" }, accept: [200, 206, 416] });
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof OciError && error.code === "ERR_OCI_NOT_FOUND";
}

/** The content of a descriptor; see `Fetcher`. */
export function fetchFromRepository(
  place: RepositoryPlace,
  descriptor: Descriptor,
  options: FetchOptions,
): AsyncGenerator<Uint8Array, void> {
  // The bytes of a caller's dispatcher may change after they were verified.
  if (!place.client.ownConnections) return readVerified(place, descriptor, options, () => {});
  return provenStream(descriptor, (wanted, passed) => readVerified(place, wanted, options, passed));
}

async function* readVerified(
  place: RepositoryPlace,
  descriptor: Descriptor,
  { signal, ranges }: FetchOptions,
  passed: () => void,
): AsyncGenerator<Uint8Array, void> {
  const { mediaType } = descriptor;
  assertCapability(place.endpoint, "pull");
  // A descriptor may come from anywhere: only a digest that is one goes into a URL.
  const digest = parseDigest(descriptor.digest);
  const size = descriptor.size;
  if (isManifestType(mediaType)) {
    const answer = await requestManifest(place, "GET", digest, signal);
    const { bytes } = await collectManifest(place, answer, digest, signal);
    yield* verifyStream(single(bytes), { digest, size }, { signal });
    passed();
    return;
  }
  const request = (
    range: string | undefined,
    until: AbortSignal | undefined,
    accept = [200, 206],
  ): Promise<HttpAnswer> =>
    place.client.request({
      ...repositoryAccess(place, ["pull"], until),
      method: "GET",
      url: repositoryUrl(place, `blobs/${digest}`),
      headers: range === undefined ? {} : { Range: `bytes=${range}` },
      accept,
    });
  const { policy } = place;
  const rest = (from: number): AsyncGenerator<Uint8Array, void> =>
    readBlob({
      size,
      from,
      policy,
      signal,
      open: (offset) => request(offset === 0 ? undefined : `${offset}-${Math.max(offset, size - 1)}`, signal),
    });
  const parts = ranges && resolveRanges(ranges);
  const source =
    parts && size > parts.chunkBytes
      ? readRanges({
          size,
          ranges: parts,
          rest,
          policy,
          signal,
          // A part beyond the end: the blob is another one, which reading it as a whole will tell.
          open: (first, last, until) => request(`${first}-${last}`, until, [200, 206, 416]),
        })
      : rest(0);
  yield* verifyStream(source, { digest, size }, { signal });
  passed();
}

/** The exact bytes of a manifest, and its digest: the one asked for, else sha256. */
export async function collectManifest(
  place: RepositoryPlace,
  answer: HttpAnswer,
  wanted: Digest | undefined,
  signal: AbortSignal | undefined,
): Promise<{ bytes: Uint8Array; digest: Digest }> {
  const encoding = headerOf(answer, "content-encoding")?.toLowerCase() ?? "identity";
  if (encoding !== "identity") {
    await discardBody(answer);
    throw protocolError(answer, `encoded as ${JSON.stringify(encoding)}`);
  }
  const bytes = await collectBytes(readBody(answer, signal), { maxBytes: place.maxManifestBytes, signal });
  const digest = digestOf(bytes, wanted && digestAlgorithm(wanted));
  const said = headerDigest(answer);
  const differs =
    (wanted !== undefined && wanted !== digest) ||
    (said !== undefined && said !== digestOf(bytes, digestAlgorithm(said)));
  if (differs) {
    throw new CoreError(
      "ERR_DIGEST_MISMATCH",
      `${displayUrl(answer.url)}: asked for ${wanted ?? "a tag"}, header ${said ?? "absent"}, content ${digest}`,
    );
  }
  return { bytes, digest };
}

/** Asks for a manifest by tag or digest. */
export function requestManifest(
  place: RepositoryPlace,
  method: "GET" | "HEAD",
  reference: string,
  signal: AbortSignal | undefined,
): Promise<HttpAnswer> {
  return place.client.request({
    ...repositoryAccess(place, ["pull"], signal),
    method,
    url: repositoryUrl(place, `manifests/${reference}`),
    headers: { Accept: ACCEPT_MANIFESTS },
    accept: [200],
  });
}

/** The answer to HEAD, or nothing where only GET can tell more. */
async function headManifest(
  place: RepositoryPlace,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<HttpAnswer | undefined> {
  try {
    const answer = await requestManifest(place, "HEAD", reference, signal);
    await discardBody(answer);
    return answer;
  } catch (error) {
    if (
      isLadingError(error) &&
      error instanceof OciError &&
      [400, 403, 404, 405].includes(error.statusCode ?? 0)
    ) {
      return undefined;
    }
    throw error;
  }
}

/** The descriptor by the headers alone, or nothing if they do not tell it. */
function describeByHead(answer: HttpAnswer, wanted: Digest | undefined): Descriptor | undefined {
  const said = headerDigest(answer);
  const length = headerOf(answer, "content-length") ?? "";
  const mediaType = cutParameters(headerOf(answer, "content-type") ?? "");
  const sameAlgorithm = said && wanted && digestAlgorithm(said) === digestAlgorithm(wanted);
  if (sameAlgorithm && said !== wanted) {
    throw new CoreError(
      "ERR_DIGEST_MISMATCH",
      `${displayUrl(answer.url)}: asked for ${wanted}, header ${said}, no content`,
    );
  }
  const digest = wanted ?? said;
  if (!digest || !/^[0-9]{1,15}$/.test(length) || !isManifestType(mediaType)) return undefined;
  return { mediaType, digest, size: Number(length) };
}

/** The digest that a registry claims, if it is one that lading computes. */
function headerDigest(answer: HttpAnswer): Digest | undefined {
  const text = headerOf(answer, "docker-content-digest");
  return text !== undefined && isDigest(text) ? text : undefined;
}

function mediaTypeOf(answer: HttpAnswer): string {
  const mediaType = cutParameters(headerOf(answer, "content-type") ?? "");
  if (!isMediaType(mediaType)) throw protocolError(answer, "a manifest without media type");
  if (isManifestType(mediaType)) return mediaType;
  // The page of a proxy that wants a log-in, say: its digest must not be taken for an image's.
  const url = displayUrl(answer.url);
  const { method, status: statusCode } = answer;
  const message = `${method} ${url}: ${mediaType} in place of a manifest`;
  throw new OciError("ERR_OCI_MEDIA_TYPE_UNSUPPORTED", message, { statusCode, method, url });
}

function protocolError(answer: HttpAnswer, what: string): OciError {
  const { method, status: statusCode } = answer;
  const url = displayUrl(answer.url);
  return new OciError("ERR_OCI_PROTOCOL", `${method} ${url}: ${what}`, { statusCode, method, url });
}

async function* single(bytes: Uint8Array): ByteStream & AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

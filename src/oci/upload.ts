/**
 * Upload sessions: their start, their ever-changing location, what of them is stored, and their end.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-blobs}
 * @module
 */
import type { ByteStream } from "../core/bytes.ts";
import { type Digest, type DigestAlgorithm, digestAlgorithm, isDigest } from "../core/digest.ts";
import { CoreError } from "../core/errors.ts";
import type { ClientRequest } from "./client.ts";
import { OciError } from "./errors.ts";
import { discardBody, type HttpAnswer, headerOf } from "./http.ts";
import { type RepositoryPlace, repositoryAccess, repositoryUrl } from "./pull.ts";
import { repositoryScope } from "./scope.ts";
import { checkLocation } from "./trust.ts";
import { displayUrl } from "./url.ts";

/** An upload that is under way. */
export interface UploadSession {
  readonly place: RepositoryPlace;
  readonly signal: AbortSignal | undefined;
  /** The newest one: an older one may be refused, or stand for an older state. */
  location: URL;
  /** Length that every chunk but the last must have, in bytes. 0 where the registry asks for none. */
  readonly minChunkBytes: number;
}

/** What an upload is started for. */
export interface StartUploadOptions {
  signal: AbortSignal | undefined;
  digest?: Digest | undefined;
  /** Algorithm of the digest to come. Default: that of `digest`, else sha256. */
  algorithm?: DigestAlgorithm | undefined;
  /** Takes the blob from this repository of the same registry if possible, or with null from any. */
  mountFrom?: string | null | undefined;
  /** The whole content, to be stored by this one request if the registry does that. */
  body?: Uint8Array | undefined;
  /** Whether the request may be sent again after a failure that may pass. */
  repeatable: boolean;
}

export const PUSH: readonly string[] = ["pull", "push"];
export const OCTETS = "application/octet-stream";
const STORED: readonly number[] = [200, 201, 204];
const CANCEL_MS = 1000;

/** Starts an upload; nothing comes back where the blob is stored already: mounted, or taken from the request. */
export async function startUpload(
  place: RepositoryPlace,
  { signal, digest, algorithm, mountFrom, body, repeatable }: StartUploadOptions,
): Promise<UploadSession | undefined> {
  const { client, registry } = place;
  const url = repositoryUrl(place, "blobs/uploads/");
  const access = repositoryAccess(place, PUSH, signal);
  const scopes = [...access.scopes];
  const mounts = mountFrom !== undefined && digest !== undefined;
  if (mounts) {
    addQuery(url, `mount=${encodeURIComponent(digest)}`);
    if (mountFrom !== null) {
      addQuery(url, `from=${encodeURIComponent(mountFrom)}`);
      scopes.push(repositoryScope(mountFrom, ["pull"]));
    }
  } else if (body && digest !== undefined) {
    addQuery(url, `digest=${encodeURIComponent(digest)}`);
  }
  const coming = algorithm ?? (digest && digestAlgorithm(digest)) ?? "sha256";
  // Not a word of the specification 1.1, but of the next one; registries that do not know it leave it unread.
  if (!mounts && !body && coming !== "sha256") addQuery(url, `digest-algorithm=${coming}`);
  const headers: Record<string, string> = body
    ? { "Content-Type": OCTETS, "Content-Length": String(body.byteLength) }
    : { "Content-Length": "0" };
  const answer = await client.request({
    ...access,
    scopes,
    method: "POST",
    url,
    headers,
    body,
    accept: mounts || body ? [201, 202] : [202],
    repeatable,
  });
  await discardBody(answer);
  if (answer.status === 201) {
    if (digest !== undefined) assertStored(answer, digest);
    return undefined;
  }
  const { trustOrigin } = client;
  const location = checkLocation(headerOf(answer, "location"), answer.url, { registry, trustOrigin });
  const least = headerOf(answer, "oci-chunk-min-length") ?? "";
  const minChunkBytes = /^[0-9]{1,15}$/.test(least) ? Number(least) : 0;
  return { place, signal, location, minChunkBytes };
}

/** Sends a request to the session's location, and keeps the location that its answer names. */
export async function requestUpload(
  session: UploadSession,
  request: Pick<ClientRequest, "method" | "headers" | "body" | "accept"> & {
    url?: URL;
    repeatable?: boolean;
  },
): Promise<HttpAnswer> {
  const { place, signal } = session;
  const answer = await place.client.request({
    ...repositoryAccess(place, PUSH, signal),
    url: session.location,
    repeatable: false,
    ...request,
  });
  await discardBody(answer);
  return answer;
}

/** Takes over the location of an answer, where it names one. */
export function moveOn(session: UploadSession, answer: HttpAnswer): void {
  const { client, registry } = session.place;
  const said = headerOf(answer, "location");
  if (said === undefined) return;
  session.location = checkLocation(said, answer.url, { registry, trustOrigin: client.trustOrigin });
}

/** Ends an upload: the rest of the content, if any, and the digest of all. */
export async function finishUpload(
  session: UploadSession,
  digest: Digest,
  content?: { body: Uint8Array | ByteStream; size: number } | undefined,
): Promise<void> {
  // The query of a location is the registry's own: it is added to, never written anew.
  const url = new URL(session.location);
  addQuery(url, `digest=${encodeURIComponent(digest)}`);
  const answer = await requestUpload(session, {
    method: "PUT",
    url,
    headers: { "Content-Type": OCTETS, "Content-Length": String(content?.size ?? 0) },
    body: content?.body,
    accept: [...STORED, 202],
  });
  assertStored(answer, digest);
}

/**
 * How many bytes of a session are stored, by its own word; nothing where the session is gone.
 *
 * @throws {OciError} `ERR_OCI_PROTOCOL` for an answer that does not tell.
 */
export async function storedBytes(session: UploadSession, known: number): Promise<number | undefined> {
  let answer: HttpAnswer;
  try {
    answer = await requestUpload(session, { method: "GET", accept: [200, 202, 204], repeatable: true });
  } catch (error) {
    if (error instanceof OciError && error.code === "ERR_OCI_NOT_FOUND") return undefined;
    throw error;
  }
  moveOn(session, answer);
  const stored = rangeEnd(answer, known);
  // No range: nothing is stored yet.
  return stored ?? 0;
}

/**
 * How many bytes are stored by the `Range` header of an answer; nothing where it has none.
 *
 * `0-0` is said of one byte and, by some registries, of none: it counts as one only where one is known.
 *
 * @throws {OciError} `ERR_OCI_PROTOCOL` for a range that does not begin at 0.
 */
export function rangeEnd(answer: HttpAnswer, known: number): number | undefined {
  const range = headerOf(answer, "range");
  if (range === undefined) return undefined;
  const end = /^(?:bytes[= ])?0-([0-9]{1,15})$/.exec(range.trim())?.[1];
  if (end === undefined) {
    const url = displayUrl(answer.url);
    const { method, status: statusCode } = answer;
    const message = `${method} ${url}: range ${JSON.stringify(range.slice(0, 64))} of an upload`;
    throw new OciError("ERR_OCI_PROTOCOL", message, { statusCode, method, url });
  }
  return Number(end) === 0 ? Math.min(known, 1) : Number(end) + 1;
}

/** Drops an upload that was begun; best effort, and not for longer than a moment. */
export async function cancelUpload({ place, location }: UploadSession): Promise<void> {
  const signal = AbortSignal.timeout(CANCEL_MS);
  try {
    const answer = await place.client.request({
      ...repositoryAccess(place, PUSH, signal),
      method: "DELETE",
      url: location,
      accept: [200, 202, 204],
      repeatable: false,
    });
    await discardBody(answer);
  } catch {
    // The registry drops stale sessions by itself.
  }
}

/** Fails if the registry says that it stored something else. */
export function assertStored(answer: HttpAnswer, digest: Digest): void {
  const said = headerOf(answer, "docker-content-digest");
  if (said === undefined || !isDigest(said) || said === digest) return;
  if (digestAlgorithm(said) !== digestAlgorithm(digest)) return;
  throw new CoreError("ERR_DIGEST_MISMATCH", `pushed ${digest}, the registry says ${said}`);
}

function addQuery(url: URL, parameter: string): void {
  url.search = url.search === "" ? parameter : `${url.search}&${parameter}`;
}

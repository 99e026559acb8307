/**
 * Writing to a repository: blobs in two requests, then manifests, then tags.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push}
 * @module
 */
import { type ByteStream, collectBytes, streamOf } from "../core/bytes.ts";
import { digestAlgorithm, isDigest, parseDigest, verifyBytes, verifyStream } from "../core/digest.ts";
import { CoreError } from "../core/errors.ts";
import type { SignalOptions } from "../core/signal.ts";
import type { Descriptor } from "./descriptor.ts";
import { assertCapability } from "./endpoint.ts";
import { discardBody, type HttpAnswer, headerOf } from "./http.ts";
import { isManifestType } from "./manifest-kind.ts";
import {
  collectManifest,
  existsInRepository,
  type RepositoryPlace,
  repositoryAccess,
  repositoryUrl,
  requestManifest,
} from "./pull.ts";
import { releaseStream } from "./release.ts";
import { withRetries } from "./retry.ts";
import { assertTag } from "./tag.ts";
import { checkLocation, type TrustOrigin } from "./trust.ts";

const PUSH: readonly string[] = ["pull", "push"];

/** Stores content under its descriptor; see `Pusher`. The stream is released on every way out. */
export async function pushToRepository(
  place: RepositoryPlace,
  descriptor: Descriptor,
  content: Uint8Array | ByteStream,
  { signal }: SignalOptions,
): Promise<void> {
  try {
    signal?.throwIfAborted();
    assertCapability(place.endpoint, "push");
    parseDigest(descriptor.digest);
    if (content instanceof Uint8Array) verifyBytes(content, descriptor);
    if (await existsInRepository(place, descriptor, { signal })) return;
    if (isManifestType(descriptor.mediaType)) await pushManifest(place, descriptor, content, signal);
    else await pushBlob(place, descriptor, content, signal);
  } finally {
    await releaseStream(content);
  }
}

async function pushManifest(
  place: RepositoryPlace,
  descriptor: Descriptor,
  content: Uint8Array | ByteStream,
  signal: AbortSignal | undefined,
): Promise<void> {
  const verified =
    content instanceof Uint8Array ? streamOf(content) : verifyStream(content, descriptor, { signal });
  const bytes = await collectBytes(verified, { maxBytes: place.maxManifestBytes, signal });
  await putManifest(place, descriptor, descriptor.digest, bytes, signal);
}

async function pushBlob(
  place: RepositoryPlace,
  descriptor: Descriptor,
  content: Uint8Array | ByteStream,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (content instanceof Uint8Array) {
    // A session that failed is not used again: every try starts its own.
    await withRetries(() => upload(place, descriptor, content, signal), { policy: place.policy, signal });
  } else {
    await upload(place, descriptor, content, signal);
  }
}

/** Lets a tag stand for a manifest that is stored; see `Tagger`. */
export async function tagInRepository(
  place: RepositoryPlace,
  descriptor: Descriptor,
  tag: string,
  { signal }: SignalOptions,
): Promise<void> {
  assertTag(tag);
  assertCapability(place.endpoint, "push");
  const digest = parseDigest(descriptor.digest);
  const answer = await requestManifest(place, "GET", digest, signal);
  const { bytes } = await collectManifest(place, answer, digest, signal);
  verifyBytes(bytes, descriptor);
  await putManifest(place, descriptor, tag, bytes, signal);
}

async function putManifest(
  place: RepositoryPlace,
  { mediaType, digest }: Descriptor,
  reference: string,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<void> {
  const answer = await place.client.request({
    ...repositoryAccess(place, PUSH, signal),
    method: "PUT",
    url: repositoryUrl(place, `manifests/${reference}`),
    headers: { "Content-Type": mediaType },
    body: bytes,
    accept: [200, 201, 202],
    repeatable: true,
  });
  await discardBody(answer);
  assertStored(answer, digest);
}

async function upload(
  place: RepositoryPlace,
  descriptor: Descriptor,
  content: Uint8Array | ByteStream,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { client, registry } = place;
  const access = repositoryAccess(place, PUSH, signal);
  const started = await client.request({
    ...access,
    method: "POST",
    url: repositoryUrl(place, "blobs/uploads/"),
    headers: { "Content-Length": "0" },
    accept: [202],
    // Content at hand is sent again as a whole, with a session of its own.
    repeatable: !(content instanceof Uint8Array),
  });
  await discardBody(started);
  const location = locationOf(started, registry, client.trustOrigin);
  const target = new URL(location);
  const parameter = `digest=${encodeURIComponent(descriptor.digest)}`;
  // The query of a location is the registry's own: it is added to, never written anew.
  target.search = target.search === "" ? parameter : `${target.search}&${parameter}`;
  try {
    const finished = await client.request({
      ...access,
      method: "PUT",
      url: target,
      headers: { "Content-Type": "application/octet-stream", "Content-Length": String(descriptor.size) },
      body: content instanceof Uint8Array ? content : holdBack(verifyStream(content, descriptor, { signal })),
      accept: [200, 201, 202, 204],
      repeatable: false,
    });
    await discardBody(finished);
    assertStored(finished, descriptor.digest);
  } catch (error) {
    await cancel(place, location);
    throw error;
  }
}

function locationOf(started: HttpAnswer, registry: URL, trustOrigin: TrustOrigin | undefined): URL {
  return checkLocation(headerOf(started, "location"), started.url, { registry, trustOrigin });
}

/**
 * Passes a stream on one chunk late, so that its last chunk is sent only after the whole was verified: a
 * registry then never has all bytes of content that is not what the descriptor says.
 */
async function* holdBack(source: ByteStream): AsyncGenerator<Uint8Array, void> {
  let held: Uint8Array | undefined;
  for await (const chunk of source) {
    if (chunk.byteLength === 0) continue;
    if (held) yield held;
    held = chunk;
  }
  if (held) yield held;
}

/** Drops an upload that was begun; best effort, and not for longer than a moment. */
async function cancel(place: RepositoryPlace, location: URL): Promise<void> {
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

const CANCEL_MS = 1000;

/** Fails if the registry says that it stored something else. */
function assertStored(answer: HttpAnswer, digest: Descriptor["digest"]): void {
  const said = headerOf(answer, "docker-content-digest");
  if (said === undefined || !isDigest(said) || said === digest) return;
  if (digestAlgorithm(said) !== digestAlgorithm(digest)) return;
  throw new CoreError("ERR_DIGEST_MISMATCH", `pushed ${digest}, the registry says ${said}`);
}

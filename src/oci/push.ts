/**
 * Writing to a repository: blobs, then manifests, then tags.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push}
 * @module
 */
import { type ByteStream, collectBytes } from "../core/bytes.ts";
import { digestAlgorithm, parseDigest, verifyBytes, verifyStream } from "../core/digest.ts";
import { isLadingError } from "../core/errors.ts";
import type { SignalOptions } from "../core/signal.ts";
import { MAX_CHUNK_BYTES, pushInChunks } from "./chunked-upload.ts";
import type { Descriptor } from "./descriptor.ts";
import { assertCapability } from "./endpoint.ts";
import { discardBody, headerOf } from "./http.ts";
import { artifactTypeOf, type Manifest, parseManifest } from "./manifest.ts";
import { isManifestType } from "./manifest-kind.ts";
import { mountableName } from "./mount.ts";
import { verifyOnce } from "./proven-stream.ts";
import {
  collectManifest,
  existsInRepository,
  type RepositoryPlace,
  repositoryAccess,
  repositoryUrl,
  requestManifest,
} from "./pull.ts";
import { asStream, holdBack, isSeekable, type PushContent } from "./push-content.ts";
import { hasReferrersApi } from "./referrers.ts";
import { changeReferrersIndex } from "./referrers-index.ts";
import { releaseStream } from "./release.ts";
import { withRetries } from "./retry.ts";
import { assertTag } from "./tag.ts";
import { assertStored, cancelUpload, finishUpload, PUSH, startUpload, type UploadSession } from "./upload.ts";

/** Options of {@link Repository.push}. */
export interface PushOptions extends SignalOptions {
  /**
   * How a blob is sent: in two requests (`"monolithic"`, the default), in one where the content is at hand and the
   * registry takes it so (`"single-post"`), or in chunks that are taken up again where a connection broke (`"chunked"`).
   */
  upload?: "monolithic" | "single-post" | "chunked" | undefined;
  /** Length of a chunk in bytes, up to 256 MiB, kept in memory; more where the registry asks for it. Default 16 MiB. */
  chunkBytes?: number | undefined;
  /**
   * A repository of the same registry, by path or full name, that may have the blob: it is mounted from there if possible,
   * else sent. Null leaves the choice to the registry.
   */
  mountFrom?: string | null | undefined;
  /**
   * Whether an index of referrers that is replaced because of a manifest's `subject` is deleted; only for registries
   * without the referrers API. Default no.
   */
  deleteReplacedReferrers?: boolean | undefined;
}

/** Stores content under its descriptor; see `Pusher`. The stream is released on every way out. */
export async function pushToRepository(
  place: RepositoryPlace,
  descriptor: Descriptor,
  content: PushContent,
  options: PushOptions,
): Promise<void> {
  const { signal, chunkBytes = 16 * 1024 * 1024 } = options;
  try {
    signal?.throwIfAborted();
    assertCapability(place.endpoint, "push");
    if (!Number.isSafeInteger(chunkBytes) || chunkBytes < 1 || chunkBytes > MAX_CHUNK_BYTES) {
      throw new RangeError(
        `chunkBytes must be a whole number from 1 to ${MAX_CHUNK_BYTES}, got ${chunkBytes}`,
      );
    }
    parseDigest(descriptor.digest);
    if (content instanceof Uint8Array) verifyBytes(content, descriptor);
    if (isManifestType(descriptor.mediaType)) await pushManifest(place, descriptor, content, options);
    else await pushBlob(place, descriptor, content, { ...options, chunkBytes });
  } finally {
    if (!isSeekable(content)) await releaseStream(content);
  }
}

async function pushManifest(
  place: RepositoryPlace,
  descriptor: Descriptor,
  content: PushContent,
  { signal, deleteReplacedReferrers = false }: PushOptions,
): Promise<void> {
  const verified =
    content instanceof Uint8Array ? undefined : verifyStream(asStream(content), descriptor, { signal });
  const known = await existsInRepository(place, descriptor, { signal });
  if (known && verified) return;
  const bytes =
    content instanceof Uint8Array
      ? content
      : await collectBytes(verified ?? asStream(content), { maxBytes: place.maxManifestBytes, signal });
  const manifest = readManifest(descriptor, bytes, place.maxManifestBytes);
  const subject = manifest?.value.subject?.digest;
  const announced = known ? subject : await putManifest(place, descriptor, descriptor.digest, bytes, signal);
  if (!manifest || subject === undefined) return;
  // Some registries announce a subject without having the API.
  if (announced === subject && (await hasReferrersApi(place, place.state.referrersApi, signal))) return;
  await changeReferrersIndex(
    place,
    subject,
    { kind: "add", referrer: referrerOf(descriptor, manifest) },
    { signal, deleteReplaced: deleteReplacedReferrers, queue: place.state.changes },
  );
}

/** What is pushed, for its subject; nothing for what cannot be read: whether to store that is the registry's decision. */
function readManifest(
  { mediaType, digest }: Descriptor,
  bytes: Uint8Array,
  maxBytes: number,
): Manifest | undefined {
  try {
    return parseManifest(bytes, mediaType, { maxBytes, algorithm: digestAlgorithm(digest) });
  } catch (error) {
    if (isLadingError(error)) return undefined;
    throw error;
  }
}

function referrerOf({ mediaType, digest, size }: Descriptor, manifest: Manifest): Descriptor {
  const artifactType = artifactTypeOf(manifest);
  const { annotations } = manifest.value;
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations ? { annotations } : {}),
  };
}

async function pushBlob(
  place: RepositoryPlace,
  descriptor: Descriptor,
  content: PushContent,
  { signal, upload = "monolithic", chunkBytes, mountFrom }: PushOptions & { chunkBytes: number },
): Promise<void> {
  if (await existsInRepository(place, descriptor, { signal })) return;
  const from = mountFrom == null ? mountFrom : mountableName(place, mountFrom);
  let session: UploadSession | undefined;
  if (from !== undefined) {
    const mounted = await tryMount(place, descriptor, from, signal);
    if (mounted === true) return;
    session = mounted === false ? undefined : mounted;
  }
  if (upload === "chunked") {
    await pushInChunks(place, descriptor, content, { signal, chunkBytes, session });
    return;
  }
  const body = upload === "single-post" && content instanceof Uint8Array && !session ? content : undefined;
  if (content instanceof Uint8Array || isSeekable(content)) {
    const { policy } = place;
    // A session that failed is not used again: every try starts its own.
    const run = async () => {
      const used = session;
      session = undefined;
      await pushWhole(place, descriptor, content, { session: used, body, signal });
    };
    await withRetries(run, { policy, signal });
  } else {
    await pushWhole(place, descriptor, content, { session, body, signal });
  }
}

/** Mounts a blob: true if that was done, a session where one was started instead, false where it is refused. */
export async function tryMount(
  place: RepositoryPlace,
  { digest }: Descriptor,
  mountFrom: string | null,
  signal: AbortSignal | undefined,
): Promise<UploadSession | boolean> {
  try {
    return (await startUpload(place, { signal, digest, mountFrom, repeatable: true })) ?? true;
  } catch (error) {
    // The source may be hidden from the caller, or the registry not know mounts: the blob is then sent.
    if (isRefusal(error)) return false;
    throw error;
  }
}

function isRefusal(error: unknown): boolean {
  const status = isLadingError(error) && "statusCode" in error ? error.statusCode : undefined;
  return [400, 401, 403, 404, 405, 501].includes(Number(status));
}

interface WholePush {
  session: UploadSession | undefined;
  /** The content where the first request is to hold it. */
  body: Uint8Array | undefined;
  signal: AbortSignal | undefined;
}

async function pushWhole(
  place: RepositoryPlace,
  descriptor: Descriptor,
  content: PushContent,
  { session: given, body, signal }: WholePush,
): Promise<void> {
  const { digest, size } = descriptor;
  // Content that can be read again is sent again as a whole, with a session of its own.
  const repeatable = !(content instanceof Uint8Array) && !isSeekable(content);
  const session = given ?? (await startUpload(place, { signal, digest, body, repeatable }));
  if (!session) return;
  try {
    const source: Uint8Array | ByteStream =
      content instanceof Uint8Array
        ? content
        : holdBack(verifyOnce(asStream(content), descriptor, { signal }));
    await finishUpload(session, digest, { body: source, size });
  } catch (error) {
    await cancelUpload(session);
    throw error;
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

/** Stores a manifest; gives the subject that the registry says it has noted. */
async function putManifest(
  place: RepositoryPlace,
  { mediaType, digest }: Descriptor,
  reference: string,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
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
  return headerOf(answer, "oci-subject");
}

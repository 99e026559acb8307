/**
 * Uploads of the in-process registry: in one request, in two, in chunks, and mounts.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { type Digest, digestAlgorithm, digestOf, isDigest } from "../core/digest.ts";
import type { RegistryTraits } from "./registry-behaviour.ts";
import { keepBlob, type RegistryContent, type UploadSession } from "./registry-content.ts";
import { errorReply, type RegistryReply, type RegistryRequest } from "./registry-reply.ts";

/** How the registry answers uploads. */
export interface UploadSettings {
  /** What stands before the path in `Location`: empty for a relative one. */
  locationPrefix: string;
  /** Largest blob, in bytes. */
  maxBlobBytes: number;
  /** Smallest chunk but for the last one, in bytes; told to clients unless it is 0. */
  minChunkBytes: number;
  traits: RegistryTraits;
  /** Whether the caller may read a repository that a blob is to be mounted from. */
  mayRead: (repository: string) => boolean;
}

const MAX_SESSIONS = 1000;

/** Answers `POST /v2/NAME/blobs/uploads/`. */
export function startUpload(
  content: RegistryContent,
  request: RegistryRequest,
  repository: string,
  settings: UploadSettings,
): RegistryReply {
  const { query, body } = request;
  const { singlePost } = settings.traits;
  const mount = query.get("mount");
  const mounted =
    mount === null ? undefined : mountBlob(content, repository, mount, query.get("from"), settings);
  if (mounted !== undefined) return created(repository, mounted, settings);
  const algorithm = query.get("digest-algorithm");
  if (algorithm !== null && !["sha256", "sha384", "sha512"].includes(algorithm)) {
    return errorReply(400, "UNSUPPORTED", "digests of this algorithm are not taken");
  }
  const digest = query.get("digest");
  if (digest !== null && singlePost) return store(content, repository, digest, [body], settings);
  if (content.uploads.size >= MAX_SESSIONS) {
    return errorReply(429, "TOOMANYREQUESTS", "too many unfinished uploads");
  }
  const session: UploadSession = { id: randomUUID(), repository, chunks: [], size: 0, state: 0 };
  content.uploads.set(session.id, session);
  const reply = sessionReply(202, session, settings);
  if (settings.minChunkBytes === 0) return reply;
  return { ...reply, headers: { ...reply.headers, "OCI-Chunk-Min-Length": String(settings.minChunkBytes) } };
}

/** Answers requests for `/v2/NAME/blobs/uploads/SESSION`. */
export function answerUpload(
  content: RegistryContent,
  request: RegistryRequest,
  repository: string,
  id: string,
  settings: UploadSettings,
): RegistryReply {
  const session = content.uploads.get(id);
  const state = request.query.get(settings.traits.stateParameter);
  if (session?.repository !== repository || state !== String(session.state)) {
    return errorReply(404, "BLOB_UPLOAD_UNKNOWN", "no such upload, or an old location of it");
  }
  switch (request.method) {
    case "GET":
      return sessionReply(204, session, settings);
    case "DELETE":
      content.uploads.delete(id);
      return { status: 204 };
    case "PATCH":
      return addChunk(session, request, settings) ?? sessionReply(202, session, settings);
    case "PUT":
      return finish(content, session, request, settings);
    default:
      return errorReply(405, "UNSUPPORTED", `${request.method} of an upload`);
  }
}

/** Adds the body to the session, or gives the answer that refuses it. */
function addChunk(
  session: UploadSession,
  { headers, body }: RegistryRequest,
  settings: UploadSettings,
): RegistryReply | undefined {
  const range = headers["content-range"];
  if (range !== undefined && settings.traits.ordersChunks) {
    const match = /^([0-9]+)-([0-9]+)$/.exec(range);
    const fits =
      Number(match?.[1]) === session.size && Number(match?.[2]) - Number(match?.[1]) + 1 === body.byteLength;
    if (!fits) return sessionReply(416, session, settings);
  }
  if (session.size + body.byteLength > settings.maxBlobBytes) {
    return errorReply(413, "SIZE_INVALID", "the blob is too large");
  }
  const short = session.chunks.at(-1)?.byteLength ?? settings.minChunkBytes;
  // Only the last chunk may be short: one that follows a short one shows that it was not.
  if (range !== undefined && short < settings.minChunkBytes) {
    return errorReply(416, "SIZE_INVALID", `a chunk has fewer than ${settings.minChunkBytes} bytes`);
  }
  session.chunks.push(body);
  session.size += body.byteLength;
  session.state++;
  return undefined;
}

function finish(
  content: RegistryContent,
  session: UploadSession,
  request: RegistryRequest,
  settings: UploadSettings,
): RegistryReply {
  const digest = request.query.get("digest");
  if (digest === null) return errorReply(400, "DIGEST_INVALID", "the digest is missing");
  const refusal = request.body.byteLength > 0 ? addChunk(session, request, settings) : undefined;
  if (refusal) return refusal;
  content.uploads.delete(session.id);
  return store(content, session.repository, digest, session.chunks, settings);
}

function store(
  content: RegistryContent,
  repository: string,
  digest: string,
  chunks: Uint8Array[],
  settings: UploadSettings,
): RegistryReply {
  if (!isDigest(digest)) return errorReply(400, "DIGEST_INVALID", "the digest is malformed");
  const blob = Buffer.concat(chunks);
  if (blob.byteLength > settings.maxBlobBytes)
    return errorReply(413, "SIZE_INVALID", "the blob is too large");
  if (digestOf(blob, digestAlgorithm(digest)) !== digest) {
    return errorReply(400, "DIGEST_INVALID", "the content does not match the digest");
  }
  return created(repository, keepBlob(content, repository, digest, blob, settings.traits), settings);
}

/** The digest of the blob that was mounted; nothing where there was none that the caller may read. */
function mountBlob(
  content: RegistryContent,
  repository: string,
  digest: string,
  from: string | null,
  { mayRead, traits }: UploadSettings,
): Digest | undefined {
  if (!isDigest(digest) || (from === null && !traits.anonymousMount)) return undefined;
  const sources = from === null ? [...content.repositories.keys()] : [from];
  const source = sources.find((name) => mayRead(name) && content.repositories.get(name)?.blobs.has(digest));
  const blob = source === undefined ? undefined : content.repositories.get(source)?.blobs.get(digest);
  return blob && keepBlob(content, repository, digest, blob, traits);
}

function created(repository: string, digest: string, { locationPrefix }: UploadSettings): RegistryReply {
  return {
    status: 201,
    headers: {
      Location: `${locationPrefix}/v2/${repository}/blobs/${digest}`,
      "Docker-Content-Digest": digest,
    },
  };
}

function sessionReply(
  status: number,
  session: UploadSession,
  { locationPrefix, traits }: UploadSettings,
): RegistryReply {
  const { repository, id, state, size } = session;
  const headers: Record<string, string> = {
    Location: `${locationPrefix}/v2/${repository}/blobs/uploads/${id}?${traits.stateParameter}=${state}`,
    "Docker-Upload-UUID": id,
  };
  const range = size > 0 ? `0-${size - 1}` : traits.emptyUploadRange;
  if (range !== undefined) headers["Range"] = range;
  return { status, headers };
}

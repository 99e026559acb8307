/**
 * Uploads of the in-process registry: in one request, in two, in chunks, and mounts.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { digestAlgorithm, digestOf, isDigest } from "../core/digest.ts";
import { openRepository, type RegistryContent, type UploadSession } from "./registry-content.ts";
import { errorReply, type RegistryReply, type RegistryRequest } from "./registry-reply.ts";

/** How the registry answers uploads. */
export interface UploadSettings {
  /** What stands before the path in `Location`: empty for a relative one. */
  locationPrefix: string;
  /** Largest blob, in bytes. */
  maxBlobBytes: number;
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
  const mount = query.get("mount");
  if (mount !== null && mountBlob(content, repository, mount, query.get("from"), settings)) {
    return created(repository, mount, settings);
  }
  const digest = query.get("digest");
  if (digest !== null) return store(content, repository, digest, [body], settings);
  if (content.uploads.size >= MAX_SESSIONS) {
    return errorReply(429, "TOOMANYREQUESTS", "too many unfinished uploads");
  }
  const session: UploadSession = { id: randomUUID(), repository, chunks: [], size: 0, state: 0 };
  content.uploads.set(session.id, session);
  return sessionReply(202, session, settings);
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
  if (session?.repository !== repository || request.query.get("state") !== String(session.state)) {
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
  if (range !== undefined) {
    const match = /^([0-9]+)-([0-9]+)$/.exec(range);
    const fits =
      Number(match?.[1]) === session.size && Number(match?.[2]) - Number(match?.[1]) + 1 === body.byteLength;
    if (!fits) return sessionReply(416, session, settings);
  }
  if (session.size + body.byteLength > settings.maxBlobBytes) {
    return errorReply(413, "SIZE_INVALID", "the blob is too large");
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
  const { blobs } = openRepository(content, repository);
  if (!blobs.has(digest)) content.storedBytes += blob.byteLength;
  blobs.set(digest, blob);
  return created(repository, digest, settings);
}

function mountBlob(
  content: RegistryContent,
  repository: string,
  digest: string,
  from: string | null,
  { mayRead }: UploadSettings,
): boolean {
  if (!isDigest(digest)) return false;
  const sources = from === null ? [...content.repositories.keys()] : [from];
  const source = sources.find((name) => mayRead(name) && content.repositories.get(name)?.blobs.has(digest));
  const blob = source === undefined ? undefined : content.repositories.get(source)?.blobs.get(digest);
  if (!blob) return false;
  const { blobs } = openRepository(content, repository);
  if (!blobs.has(digest)) content.storedBytes += blob.byteLength;
  blobs.set(digest, blob);
  return true;
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
  { locationPrefix }: UploadSettings,
): RegistryReply {
  const { repository, id, state, size } = session;
  const headers: Record<string, string> = {
    Location: `${locationPrefix}/v2/${repository}/blobs/uploads/${id}?state=${state}`,
    "Docker-Upload-UUID": id,
  };
  if (size > 0) headers["Range"] = `0-${size - 1}`;
  return { status, headers };
}

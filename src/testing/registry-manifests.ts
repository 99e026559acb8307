/**
 * Manifests of the in-process registry: reading, checking and storing, deleting.
 *
 * @module
 */
import { type Digest, type DigestAlgorithm, digestAlgorithm, isDigest } from "../core/digest.ts";
import { isLadingError } from "../core/errors.ts";
import { isTag } from "../core/reference.ts";
import { type Manifest, parseManifest } from "../oci/manifest.ts";
import { openRepository, type RegistryContent, type RepositoryContent } from "./registry-content.ts";
import { errorReply, type RegistryReply, type RegistryRequest } from "./registry-reply.ts";

/** How the registry takes manifests. */
export interface ManifestSettings {
  /** Largest manifest, in bytes. */
  maxManifestBytes: number;
  /** Whether a manifest may name config, layers or entries that the repository does not have. */
  allowMissing: boolean;
  /** Whether `OCI-Subject` is answered to a manifest with a subject. */
  announceSubject: boolean;
}

/** Answers requests for `/v2/NAME/manifests/REFERENCE`. */
export function answerManifest(
  content: RegistryContent,
  request: RegistryRequest,
  name: string,
  reference: string,
  settings: ManifestSettings,
): RegistryReply {
  if (!isDigest(reference) && !isTag(reference)) {
    return errorReply(400, "DIGEST_INVALID", "neither a tag nor a digest");
  }
  if (request.method === "PUT") return putManifest(content, request, name, reference, settings);
  const repository = content.repositories.get(name);
  const digest = isDigest(reference) ? reference : repository?.tags.get(reference);
  const manifest = digest === undefined ? undefined : repository?.manifests.get(digest);
  if (!repository) return errorReply(404, "NAME_UNKNOWN", "the repository is not known to the registry");
  if (!manifest || !digest)
    return errorReply(404, "MANIFEST_UNKNOWN", "the manifest is not known to the registry");
  if (request.method === "DELETE") return deleteManifest(content, repository, reference);
  if (request.method !== "GET" && request.method !== "HEAD") {
    return errorReply(405, "UNSUPPORTED", `${request.method} of a manifest`);
  }
  const headers = { "Content-Type": manifest.mediaType, "Docker-Content-Digest": digest };
  return { status: 200, headers, body: manifest.bytes };
}

function deleteManifest(
  content: RegistryContent,
  repository: RepositoryContent,
  reference: string,
): RegistryReply {
  if (!isDigest(reference)) {
    repository.tags.delete(reference);
    return { status: 202 };
  }
  content.storedBytes -= repository.manifests.get(reference)?.bytes.byteLength ?? 0;
  repository.manifests.delete(reference);
  for (const [tag, digest] of repository.tags) if (digest === reference) repository.tags.delete(tag);
  return { status: 202 };
}

function putManifest(
  content: RegistryContent,
  { body, headers, query }: RegistryRequest,
  name: string,
  reference: string,
  settings: ManifestSettings,
): RegistryReply {
  if (body.byteLength > settings.maxManifestBytes) {
    return errorReply(413, "SIZE_INVALID", "the manifest is too large");
  }
  const algorithm: DigestAlgorithm = isDigest(reference) ? digestAlgorithm(reference) : "sha256";
  const manifest = readManifest(body, headers["content-type"], algorithm, settings);
  if (typeof manifest === "string") return errorReply(400, "MANIFEST_INVALID", manifest);
  const { digest } = manifest.descriptor;
  if (isDigest(reference) && reference !== digest) {
    return errorReply(400, "DIGEST_INVALID", "the content does not match the digest");
  }
  const repository = openRepository(content, name);
  const missing = settings.allowMissing ? undefined : findMissing(repository, manifest);
  if (missing !== undefined)
    return errorReply(400, "MANIFEST_BLOB_UNKNOWN", `${missing} is not in the repository`);
  if (!repository.manifests.has(digest)) content.storedBytes += body.byteLength;
  repository.manifests.set(digest, manifest);
  const tags = isDigest(reference) ? query.getAll("tag").filter(isTag) : [reference];
  for (const tag of tags) repository.tags.set(tag, digest);
  const answer: Record<string, string> = {
    Location: `/v2/${name}/manifests/${digest}`,
    "Docker-Content-Digest": digest,
  };
  if (isDigest(reference) && tags.length > 0) answer["OCI-Tag"] = tags.join(", ");
  const { subject } = manifest.value;
  if (subject && settings.announceSubject) answer["OCI-Subject"] = subject.digest;
  return { status: 201, headers: answer };
}

/** The manifest, or what is wrong with it. */
function readManifest(
  body: Uint8Array,
  contentType: string | undefined,
  algorithm: DigestAlgorithm,
  { maxManifestBytes }: ManifestSettings,
): Manifest | string {
  try {
    return parseManifest(body, contentType, { algorithm, maxBytes: maxManifestBytes });
  } catch (error) {
    if (isLadingError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
}

function findMissing({ blobs, manifests }: RepositoryContent, { kind, value }: Manifest): Digest | undefined {
  if (kind === "index") return value.manifests.find(({ digest }) => !manifests.has(digest))?.digest;
  const needed = [value.config, ...value.layers];
  // Layers that may not be distributed come from their own URLs.
  return needed.find(({ digest, urls }) => !blobs.has(digest) && !urls?.length)?.digest;
}

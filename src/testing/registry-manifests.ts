/**
 * Manifests of the in-process registry: reading, checking and storing, deleting.
 *
 * @module
 */
import { type Digest, type DigestAlgorithm, digestAlgorithm, isDigest } from "../core/digest.ts";
import { isLadingError } from "../core/errors.ts";
import { isTag } from "../core/reference.ts";
import { type Manifest, parseManifest } from "../oci/manifest.ts";
import type { RegistryTraits } from "./registry-behaviour.ts";
import { entityTag, notModified, preconditionFailed } from "./registry-conditions.ts";
import { keepManifest, type RegistryContent, type RepositoryContent } from "./registry-content.ts";
import { errorReply, type RegistryReply, type RegistryRequest } from "./registry-reply.ts";

/** How the registry takes manifests. */
export interface ManifestSettings {
  /** Largest manifest, in bytes. */
  maxManifestBytes: number;
  /** Whether a manifest may name config, layers or entries that the repository does not have. */
  allowMissing: boolean;
  traits: RegistryTraits;
  /** What stands before the path in `Location`: empty for a relative one. */
  locationPrefix: string;
}

/** Answers requests for `/v2/NAME/manifests/REFERENCE`. */
export function answerManifest(
  content: RegistryContent,
  request: RegistryRequest,
  name: string,
  reference: string,
  settings: ManifestSettings,
): RegistryReply {
  const { deletion, tagDeletion, negotiates } = settings.traits;
  if (request.method === "DELETE") {
    if (!deletion) return errorReply(405, "UNSUPPORTED", "nothing is deleted here");
    if (!tagDeletion && !isDigest(reference)) return errorReply(400, "DIGEST_INVALID", "not a digest");
  }
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
  if (negotiates && isHidden(manifest.mediaType, request.headers.accept)) {
    return errorReply(404, "MANIFEST_UNKNOWN", "the manifest is of a type that is not accepted");
  }
  const headers = {
    "Content-Type": manifest.mediaType,
    "Docker-Content-Digest": digest,
    ETag: entityTag(digest),
  };
  return notModified(request.headers, digest) ?? { status: 200, headers, body: manifest.bytes };
}

function isHidden(mediaType: string, accept = ""): boolean {
  const accepted = accept.split(",").map((type) => type.split(";", 1)[0]?.trim());
  return mediaType.startsWith("application/vnd.oci.") && !accepted.includes(mediaType);
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
  const { traits } = settings;
  if (body.byteLength > settings.maxManifestBytes) {
    const code = traits.tooLargeStatus === 400 ? "MANIFEST_INVALID" : "SIZE_INVALID";
    return errorReply(traits.tooLargeStatus, code, "the manifest is too large");
  }
  const algorithm: DigestAlgorithm = isDigest(reference) ? digestAlgorithm(reference) : "sha256";
  const manifest = readManifest(body, headers["content-type"], algorithm, settings);
  if (typeof manifest === "string") return errorReply(400, "MANIFEST_INVALID", manifest);
  const { digest } = manifest.descriptor;
  if (isDigest(reference) && (reference !== digest || (traits.sha256Only && algorithm !== "sha256"))) {
    return errorReply(400, "DIGEST_INVALID", "the content does not match the digest");
  }
  const known = content.repositories.get(name);
  const current = isDigest(reference)
    ? known?.manifests.get(reference)?.descriptor.digest
    : known?.tags.get(reference);
  const missing = settings.allowMissing ? undefined : findMissing(known, manifest);
  if (missing !== undefined)
    return errorReply(400, "MANIFEST_BLOB_UNKNOWN", `${missing} is not in the repository`);
  const failed = traits.conditionalWrites ? preconditionFailed(headers, current) : undefined;
  if (failed) return failed;
  const asked = traits.tagParameters ? query.getAll("tag").filter(isTag) : [];
  const tags = isDigest(reference) ? asked : [reference];
  keepManifest(content, name, manifest, tags);
  const answer: Record<string, string | string[]> = {
    Location: `${settings.locationPrefix}/v2/${name}/manifests/${digest}`,
    "Docker-Content-Digest": digest,
  };
  if (traits.conditionalWrites) answer["ETag"] = entityTag(digest);
  if (isDigest(reference) && tags.length > 0) answer["OCI-Tag"] = tags.join(", ");
  const { subject } = manifest.value;
  if (subject && traits.referrers !== "off") answer["OCI-Subject"] = subject.digest;
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

function findMissing(
  repository: RepositoryContent | undefined,
  { kind, value }: Manifest,
): Digest | undefined {
  const lacks = ({ digest }: { digest: Digest }): boolean =>
    !(kind === "index" ? repository?.manifests : repository?.blobs)?.has(digest);
  if (kind === "index") return value.manifests.find(lacks)?.digest;
  const needed = [value.config, ...value.layers];
  // Layers that may not be distributed come from their own URLs.
  return needed.find((descriptor) => !descriptor.urls?.length && lacks(descriptor))?.digest;
}

/**
 * Content put into the in-process registry without requests, and what it holds.
 *
 * @module
 */
import { type Digest, type DigestAlgorithm, digestOf } from "../core/digest.ts";
import { isTag } from "../core/reference.ts";
import type { ImageGraph } from "../oci/artifact.ts";
import { type Descriptor, describeContent } from "../oci/descriptor.ts";
import { parseManifest } from "../oci/manifest.ts";
import { isRepositoryPath } from "../oci/tag.ts";
import { keepBlob, keepManifest, type RegistryContent } from "./registry-content.ts";

/** Options of {@link RegistryLoader.addBlob}. */
export interface AddBlobOptions {
  /** For the descriptor alone. Default `application/octet-stream`. */
  mediaType?: string | undefined;
  /** Default sha256. */
  algorithm?: DigestAlgorithm | undefined;
}

/** Options of {@link RegistryLoader.addManifest}. */
export interface AddManifestOptions {
  /** Type it is served as. Default: its own. */
  mediaType?: string | undefined;
  /** Default none. */
  tags?: readonly string[] | undefined;
  /** Default sha256. */
  algorithm?: DigestAlgorithm | undefined;
}

/** What a repository holds. */
export interface StoredContent {
  /** In no order that means anything. */
  blobs: Digest[];
  manifests: Digest[];
  tags: Record<string, Digest>;
  /** Uploads that were begun and neither finished nor cancelled. */
  uploads: number;
}

/** Ways past HTTP into a registry, for setting up what a test needs. Limits and access are not checked. */
export interface RegistryLoader {
  /** Keeps a blob; its bytes are not copied. */
  addBlob(repository: string, content: Uint8Array, options?: AddBlobOptions): Descriptor;
  /** Keeps a manifest. What it names need not be there. Throws as `parseManifest` for what is none. */
  addManifest(repository: string, bytes: Uint8Array, options?: AddManifestOptions): Descriptor;
  /** Keeps a manifest with all that it names, as `packArtifact` or `packIndex` give it. */
  addImage(repository: string, image: ImageGraph, options?: Pick<AddManifestOptions, "tags">): Descriptor;
  /** What a repository holds now; nothing of one that was never written to. */
  stored(repository: string): StoredContent;
}

/** The loader of a registry's content. */
export function registryLoader(content: RegistryContent): RegistryLoader {
  const addManifest: RegistryLoader["addManifest"] = (repository, bytes, options = {}) => {
    const { mediaType, tags = [], algorithm } = options;
    checkName(repository);
    for (const tag of tags) if (!isTag(tag)) throw new TypeError(`not a tag: ${JSON.stringify(tag)}`);
    const manifest = parseManifest(bytes, mediaType, { algorithm, maxBytes: Number.MAX_SAFE_INTEGER });
    keepManifest(content, repository, manifest, tags);
    return manifest.descriptor;
  };
  const addImage: RegistryLoader["addImage"] = (repository, image, { tags } = {}) => {
    checkName(repository);
    for (const child of image.children) addImage(repository, child);
    for (const blob of image.blobs) keepBlob(content, repository, blob.descriptor.digest, blob.content);
    const { bytes, mediaType } = image.manifest;
    return addManifest(repository, bytes, { mediaType, tags });
  };
  return {
    addManifest,
    addImage,
    addBlob(repository, bytes, { mediaType = "application/octet-stream", algorithm } = {}) {
      checkName(repository);
      const descriptor = { ...describeContent(bytes, mediaType), digest: digestOf(bytes, algorithm) };
      keepBlob(content, repository, descriptor.digest, bytes);
      return descriptor;
    },
    stored(repository) {
      const held = content.repositories.get(repository);
      const uploads = [...content.uploads.values()].filter((session) => session.repository === repository);
      return {
        blobs: [...(held?.blobs.keys() ?? [])],
        manifests: [...(held?.manifests.keys() ?? [])],
        tags: Object.fromEntries(held?.tags ?? []),
        uploads: uploads.length,
      };
    },
  };
}

function checkName(repository: string): void {
  if (!isRepositoryPath(repository)) {
    throw new TypeError(`not a repository: ${JSON.stringify(repository)}`);
  }
}

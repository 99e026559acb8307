/**
 * What the in-process registry holds.
 *
 * @module
 */
import { type Digest, digestAlgorithm, digestOf } from "../core/digest.ts";
import type { Manifest } from "../oci/manifest.ts";

/** An upload that is not finished. */
export interface UploadSession {
  readonly id: string;
  readonly repository: string;
  chunks: Uint8Array[];
  size: number;
  /** Counts accepted chunks: a location from before the last one is stale. */
  state: number;
}

/** One repository. */
export interface RepositoryContent {
  readonly blobs: Map<Digest, Uint8Array>;
  readonly manifests: Map<Digest, Manifest>;
  readonly tags: Map<string, Digest>;
}

/** Everything that the registry holds. */
export interface RegistryContent {
  readonly repositories: Map<string, RepositoryContent>;
  readonly uploads: Map<string, UploadSession>;
  /** Bytes of all blobs and manifests, for the limit. */
  storedBytes: number;
}

/** A registry without content. */
export function emptyContent(): RegistryContent {
  return { repositories: new Map(), uploads: new Map(), storedBytes: 0 };
}

/** Bytes of everything that is kept, unfinished uploads included. */
export function keptBytes({ storedBytes, uploads }: RegistryContent): number {
  let total = storedBytes;
  for (const { size } of uploads.values()) total += size;
  return total;
}

/** A repository, made where it does not exist. */
export function openRepository(content: RegistryContent, name: string): RepositoryContent {
  const existing = content.repositories.get(name);
  if (existing) return existing;
  const made: RepositoryContent = { blobs: new Map(), manifests: new Map(), tags: new Map() };
  content.repositories.set(name, made);
  return made;
}

/** Keeps a blob under its digest, which is not checked; where only sha256 counts, under that too. */
export function keepBlob(
  content: RegistryContent,
  repository: string,
  digest: Digest,
  blob: Uint8Array,
  { sha256Only = false }: { sha256Only?: boolean } = {},
): Digest {
  const { blobs } = openRepository(content, repository);
  const known = sha256Only && digestAlgorithm(digest) !== "sha256" ? digestOf(blob) : digest;
  for (const name of new Set([digest, known])) {
    if (!blobs.has(name)) content.storedBytes += blob.byteLength;
    blobs.set(name, blob);
  }
  return known;
}

/** Keeps a manifest under its digest, and lets tags stand for it. */
export function keepManifest(
  content: RegistryContent,
  repository: string,
  manifest: Manifest,
  tags: Iterable<string>,
): void {
  const { manifests, tags: known } = openRepository(content, repository);
  const { digest } = manifest.descriptor;
  if (!manifests.has(digest)) content.storedBytes += manifest.bytes.byteLength;
  manifests.set(digest, manifest);
  for (const tag of tags) known.set(tag, digest);
}

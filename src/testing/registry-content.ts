/**
 * What the in-process registry holds.
 *
 * @module
 */
import type { Digest } from "../core/digest.ts";
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
  /** Bytes of all blobs and manifests and unfinished uploads, for the limit. */
  storedBytes: number;
}

/** A registry without content. */
export function emptyContent(): RegistryContent {
  return { repositories: new Map(), uploads: new Map(), storedBytes: 0 };
}

/** A repository, made where it does not exist. */
export function openRepository(content: RegistryContent, name: string): RepositoryContent {
  const existing = content.repositories.get(name);
  if (existing) return existing;
  const made: RepositoryContent = { blobs: new Map(), manifests: new Map(), tags: new Map() };
  content.repositories.set(name, made);
  return made;
}

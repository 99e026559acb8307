/**
 * Repositories that give the same answers for as long as an explanation takes: a tag is asked for once, and a manifest
 * is fetched once.
 *
 * @module
 */
import { collectBytes } from "../core/bytes.ts";
import { verifyBytes } from "../core/digest.ts";
import type { SignalOptions } from "../core/signal.ts";
import { MAX_MANIFEST_BYTES } from "../oci/manifest.ts";
import { isManifestType } from "../oci/manifest-kind.ts";
import type { MirroredRegistry, MirroredRepository } from "../oci/mirrors/mirrored.ts";
import type { ManifestContent, RepositorySource } from "../oci/store.ts";

/** Where images are read from, through mirrors. */
export type PinnedSource = RepositorySource<MirroredRepository>;

/** The repositories of a registry with mirrors, each made once. */
export function pinnedSource(registry: MirroredRegistry): PinnedSource {
  const repositories = new Map<string, MirroredRepository>();
  return {
    repository(name) {
      const known = repositories.get(name);
      if (known) return known;
      const made = pinned(registry.repository(name));
      repositories.set(name, made);
      return made;
    },
  };
}

function pinned(repository: MirroredRepository): MirroredRepository {
  const manifests = new Map<string, ManifestContent>();
  const keep = (name: string, content: ManifestContent): ManifestContent => {
    manifests.set(name, content);
    manifests.set(content.descriptor.digest, content);
    return content;
  };
  return {
    ...repository,
    async readManifest(tagOrDigest, options = {}) {
      options.signal?.throwIfAborted();
      const known = manifests.get(tagOrDigest);
      return known ?? keep(tagOrDigest, await repository.readManifest(tagOrDigest, options));
    },
    async *fetch(descriptor, { signal } = {}) {
      signal?.throwIfAborted();
      if (!isManifestType(descriptor.mediaType)) {
        yield* repository.fetch(descriptor, { signal });
        return;
      }
      const known = manifests.get(descriptor.digest)?.bytes;
      const bytes = known ?? (await fetchManifestBytes(repository, descriptor, { signal }));
      // It may be known under a descriptor with another size.
      verifyBytes(bytes, descriptor);
      keep(descriptor.digest, { descriptor, bytes });
      yield bytes;
    },
  };
}

function fetchManifestBytes(
  repository: MirroredRepository,
  descriptor: ManifestContent["descriptor"],
  { signal }: SignalOptions,
): Promise<Uint8Array> {
  return collectBytes(repository.fetch(descriptor, { signal }), { maxBytes: MAX_MANIFEST_BYTES, signal });
}

/**
 * An image that was pulled, under whatever name it is looked for: as a runtime finds it in its own storage, with the
 * signatures that were there when it was pulled.
 *
 * @param target The tag or digest under which it was pulled.
 */
export function asPulled(repository: MirroredRepository, target: string): PinnedSource {
  const targetOf = (tagOrDigest: string): string => (tagOrDigest.includes(":") ? tagOrDigest : target);
  const pulled: MirroredRepository = {
    ...repository,
    resolve: (tagOrDigest, options) => repository.resolve(targetOf(tagOrDigest), options),
    resolveFrom: (tagOrDigest, options) => repository.resolveFrom(targetOf(tagOrDigest), options),
    readManifest: (tagOrDigest, options) => repository.readManifest(targetOf(tagOrDigest), options),
  };
  return { repository: () => pulled };
}

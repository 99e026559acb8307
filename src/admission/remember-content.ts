/**
 * Manifests and small blobs, kept by digest while an image is decided on.
 *
 * @module
 */
import { collectBytes, streamOf } from "../core/bytes.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { ManifestContent, ManifestReader, ReadStore, RepositorySource } from "../oci/store.ts";

/** Options of {@link rememberContent}. */
export interface RememberContentOptions {
  /** Most bytes kept altogether. Default 32 MiB (33554432). */
  maxBytes?: number | undefined;
  /** Largest content that is kept, in bytes. Default 1 MiB (1048576). */
  maxContentBytes?: number | undefined;
}

/**
 * The same source, which asks for the content of a digest once as long as there is room: an image that is decided on
 * under a tag, and again under its digest, is then read once.
 *
 * Only what a digest names is kept, for the repository that it came from; tags are resolved anew each time, and whoever
 * reads content still verifies it. What was kept is given also where the registry would no longer give it.
 */
export function rememberContent(
  source: RepositorySource<ReadStore & Partial<ManifestReader>>,
  { maxBytes = 32 * 1024 * 1024, maxContentBytes = 1024 * 1024 }: RememberContentOptions = {},
): RepositorySource<ReadStore & ManifestReader> {
  for (const [name, limit] of Object.entries({ maxBytes, maxContentBytes })) {
    if (!Number.isSafeInteger(limit) || limit < 0)
      throw new RangeError(`${name} must be a count, got ${limit}`);
  }
  // In order of use: the first is the one to go.
  const kept = new Map<string, ManifestContent>();
  let total = 0;

  function find(key: string): ManifestContent | undefined {
    const content = kept.get(key);
    if (content) {
      kept.delete(key);
      kept.set(key, content);
    }
    return content;
  }

  function keep(key: string, content: ManifestContent): void {
    const size = content.bytes.byteLength;
    if (size > maxContentBytes || kept.has(key)) return;
    kept.set(key, content);
    total += size;
    for (const [oldest, { bytes }] of kept) {
      if (total <= maxBytes) return;
      kept.delete(oldest);
      total -= bytes.byteLength;
    }
  }

  return {
    repository(name) {
      const store = source.repository(name);
      // What a registry has as a blob it may not have as a manifest, or not of that type.
      const manifestKey = (digest: string) => `manifest ${name}@${digest}`;
      const contentKey = ({ mediaType, size, digest }: Descriptor) =>
        `${mediaType} ${size} ${name}@${digest}`;
      return {
        resolve: (tagOrDigest, options) => store.resolve(tagOrDigest, options),
        fetch(descriptor, options) {
          if (descriptor.size > maxContentBytes) return store.fetch(descriptor, options);
          return readOnce(descriptor, () => store.fetch(descriptor, options));
        },
        async readManifest(tagOrDigest, options) {
          const known = tagOrDigest.includes(":") ? find(manifestKey(tagOrDigest)) : undefined;
          options?.signal?.throwIfAborted();
          // A caller may change what it gets.
          if (known) return copyOf(known);
          const content = await readManifest(store, tagOrDigest, options);
          keep(manifestKey(content.descriptor.digest), copyOf(content));
          return content;
        },
      };

      async function* readOnce(
        descriptor: Descriptor,
        open: () => AsyncIterable<Uint8Array>,
      ): AsyncGenerator<Uint8Array, void> {
        const key = contentKey(descriptor);
        const known = find(key);
        if (known) {
          yield* streamOf(Uint8Array.from(known.bytes));
          return;
        }
        const bytes = await collectBytes(open(), { maxBytes: maxContentBytes });
        keep(key, { descriptor, bytes: Uint8Array.from(bytes) });
        yield bytes;
      }
    },
  };
}

async function readManifest(
  store: ReadStore & Partial<ManifestReader>,
  tagOrDigest: string,
  options: Parameters<ManifestReader["readManifest"]>[1],
): Promise<ManifestContent> {
  if (store.readManifest) return store.readManifest(tagOrDigest, options);
  const descriptor = await store.resolve(tagOrDigest, options);
  const maxBytes = options?.maxBytes ?? 4 * 1024 * 1024;
  const content = store.fetch(descriptor, options);
  return { descriptor, bytes: await collectBytes(content, { maxBytes, signal: options?.signal }) };
}

function copyOf({ descriptor, bytes }: ManifestContent): ManifestContent {
  return { descriptor: { ...descriptor }, bytes: Uint8Array.from(bytes) };
}

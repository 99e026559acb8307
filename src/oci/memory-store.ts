/**
 * A store that keeps content in memory: for tests, and as a buffer between two places.
 *
 * @module
 */
import { collectBytes, streamOf } from "../core/bytes.ts";
import { type Digest, isDigest, verifyBytes, verifyStream } from "../core/digest.ts";
import { CoreError } from "../core/errors.ts";
import type { Descriptor } from "./descriptor.ts";
import { OciError } from "./errors.ts";
import { releaseStream } from "./release.ts";
import type { Store } from "./store.ts";
import { assertTag } from "./tag.ts";

/** A store in memory. */
export interface MemoryStore extends Store {
  /** Whether the content of a descriptor is here. */
  exists(descriptor: Descriptor): boolean;
  /** Tags with what they stand for, sorted by tag. */
  tags(): [tag: string, descriptor: Descriptor][];
}

/**
 * An empty store in memory. It has no limit of its own: what is pushed stays until the store is dropped.
 *
 * Content is found by digest alone; the media type that `resolve` gives for a digest is the one of the first
 * push.
 */
export function memoryStore(): MemoryStore {
  const blobs = new Map<Digest, { descriptor: Descriptor; content: Uint8Array }>();
  const tags = new Map<string, Descriptor>();

  const find = ({ digest }: Pick<Descriptor, "digest">): { descriptor: Descriptor; content: Uint8Array } => {
    const found = blobs.get(digest);
    if (!found) throw new OciError("ERR_OCI_NOT_FOUND", `${digest} is not in the store`);
    return found;
  };

  return {
    async *fetch(descriptor, { signal } = {}) {
      signal?.throwIfAborted();
      yield* verifyStream(streamOf(Uint8Array.from(find(descriptor).content)), descriptor, { signal });
    },
    async resolve(tagOrDigest, { signal } = {}) {
      signal?.throwIfAborted();
      if (isDigest(tagOrDigest)) return find({ digest: tagOrDigest }).descriptor;
      assertTag(tagOrDigest);
      const descriptor = tags.get(tagOrDigest);
      if (!descriptor) throw new OciError("ERR_OCI_NOT_FOUND", `no tag ${tagOrDigest} in the store`);
      return descriptor;
    },
    async push(descriptor, content, { signal } = {}) {
      signal?.throwIfAborted();
      if (content instanceof Uint8Array) {
        verifyBytes(content, descriptor);
        keep(descriptor, Uint8Array.from(content));
        return;
      }
      if (blobs.has(descriptor.digest)) {
        await releaseStream(content);
        return;
      }
      const verified = verifyStream(content, descriptor, { signal });
      keep(descriptor, Uint8Array.from(await collectBytes(verified, { maxBytes: descriptor.size, signal })));
    },
    async tag(descriptor, tag, { signal } = {}) {
      signal?.throwIfAborted();
      assertTag(tag);
      const found = find(descriptor);
      if (found.content.byteLength !== descriptor.size) {
        throw new CoreError(
          "ERR_SIZE_MISMATCH",
          `${descriptor.digest}: expected ${descriptor.size} bytes, got ${found.content.byteLength}`,
        );
      }
      tags.set(tag, descriptor);
    },
    exists: ({ digest }) => blobs.has(digest),
    tags: () => [...tags].sort(([a], [b]) => (a < b ? -1 : 1)),
  };

  function keep(descriptor: Descriptor, content: Uint8Array): void {
    if (!blobs.has(descriptor.digest)) blobs.set(descriptor.digest, { descriptor, content });
  }
}

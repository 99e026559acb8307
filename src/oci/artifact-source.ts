/**
 * A registry as a place that profile artifacts are fetched from, in the shape that `lading/seccomp` asks for.
 *
 * @module
 */
import { collectBytes } from "../core/bytes.ts";
import type { Digest } from "../core/digest.ts";
import { parseReference, referenceName } from "../core/reference.ts";
import type { SignalOptions } from "../core/signal.ts";
import { fetchBlob } from "./fetch.ts";
import type { RepositorySource } from "./store.ts";

/** What is asked of an {@link OciArtifactSource}. */
export interface ArtifactReadOptions extends SignalOptions {
  /** Most bytes that may be read, counted on what arrives. */
  maxBytes: number;
}

/** Reads artifacts out of repositories. */
export interface OciArtifactSource {
  /**
   * The manifest or index that a reference names: its bytes, verified against the digest that comes with them.
   *
   * A reference with neither tag nor digest is taken with the tag `latest`; of one with both the digest counts.
   */
  resolve(
    reference: string,
    options: ArtifactReadOptions,
  ): Promise<{ mediaType: string; digest: Digest; bytes: Uint8Array }>;
  /** The verified content of a descriptor in a repository, which is named in full. */
  fetchBlob(
    repository: string,
    descriptor: { mediaType: string; digest: Digest; size: number },
    options: ArtifactReadOptions,
  ): Promise<Uint8Array>;
}

/**
 * Reads artifacts out of the repositories of a registry client, or of anything else that has repositories.
 *
 * Its functions reject as the stores do, and with a `CoreError` `ERR_TOO_LARGE` over the limit; `resolve` also
 * with `ERR_REFERENCE_INVALID`.
 */
export function createArtifactSource(source: RepositorySource): OciArtifactSource {
  return {
    async resolve(text, { maxBytes, signal }) {
      const reference = parseReference(text);
      const store = source.repository(referenceName(reference));
      const descriptor = await store.resolve(reference.digest ?? reference.tag ?? "latest", { signal });
      const bytes = await collectBytes(store.fetch(descriptor, { signal }), { maxBytes, signal });
      return { mediaType: descriptor.mediaType, digest: descriptor.digest, bytes };
    },
    fetchBlob: (repository, descriptor, options) =>
      fetchBlob(source.repository(repository), descriptor, options),
  };
}

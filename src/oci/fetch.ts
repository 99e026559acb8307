/**
 * Reading whole documents and small blobs out of a store.
 *
 * @module
 */
import { assertLimit, collectBytes } from "../core/bytes.ts";
import { digestAlgorithm, verifyBytes } from "../core/digest.ts";
import { CoreError } from "../core/errors.ts";
import type { SignalOptions } from "../core/signal.ts";
import { type Descriptor, embeddedContent } from "./descriptor.ts";
import { MAX_MANIFEST_BYTES, type Manifest, parseManifest } from "./manifest.ts";
import type { OneKindOptions } from "./manifest-kind.ts";
import type { Fetcher, ManifestContent, ManifestReader, ReadStore } from "./store.ts";

/** Options of {@link fetchManifest}. */
export interface FetchManifestOptions extends SignalOptions, OneKindOptions {
  /** Largest manifest accepted, in bytes. Default 4 MiB (4194304). */
  maxBytes?: number | undefined;
  /**
   * Whether a tag or digest is looked up and read by one request, where the store can: one less, but what is there is
   * read before its size is known. Default no.
   */
  inOneStep?: boolean | undefined;
}

/**
 * The manifest or index that a tag, a digest as text, or a descriptor names: verified and read.
 *
 * Config and layers are not fetched. An index is returned as it is.
 *
 * @throws {OciError} `ERR_OCI_NOT_FOUND`, and as {@link parseManifest} does.
 * @throws {CoreError} `ERR_DIGEST_MISMATCH`, `ERR_SIZE_MISMATCH` for other content; `ERR_TOO_LARGE`.
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests}
 */
export async function fetchManifest(
  store: ReadStore,
  target: string | Descriptor,
  { signal, maxBytes = MAX_MANIFEST_BYTES, mediaTypes, inOneStep = false }: FetchManifestOptions = {},
): Promise<Manifest> {
  const { descriptor, bytes } = await manifestContent(store, target, { signal, maxBytes, inOneStep });
  return parseManifest(bytes, descriptor.mediaType, {
    maxBytes,
    mediaTypes,
    algorithm: digestAlgorithm(descriptor.digest),
  });
}

/** Descriptor and verified bytes. */
async function manifestContent(
  store: ReadStore & Partial<ManifestReader>,
  target: string | Descriptor,
  { signal, maxBytes, inOneStep }: SignalOptions & { maxBytes: number; inOneStep: boolean },
): Promise<ManifestContent> {
  if (typeof target !== "string" || !inOneStep || !store.readManifest) {
    const descriptor = typeof target === "string" ? await store.resolve(target, { signal }) : target;
    return { descriptor, bytes: await fetchBlob(store, descriptor, { maxBytes, signal }) };
  }
  assertLimit(maxBytes);
  const { descriptor, bytes } = await store.readManifest(target, { signal, maxBytes });
  if (bytes.byteLength > maxBytes) {
    throw new CoreError(
      "ERR_TOO_LARGE",
      `${descriptor.digest} has ${bytes.byteLength} bytes, over ${maxBytes}`,
    );
  }
  // A copy, verified, for the reasons given below.
  const own = Uint8Array.from(bytes);
  verifyBytes(own, descriptor);
  return { descriptor, bytes: own };
}

/** Options of {@link fetchBlob}. */
export interface FetchBlobOptions extends SignalOptions {
  /** Largest content accepted, in bytes. No default: the caller decides what fits into memory. */
  maxBytes: number;
}

/**
 * The whole content of a descriptor, verified. Content that the descriptor carries itself is not fetched.
 *
 * @throws {OciError} `ERR_OCI_NOT_FOUND`.
 * @throws {CoreError} `ERR_TOO_LARGE` before anything is fetched if the descriptor's size is over the limit.
 * @throws {CoreError} `ERR_DIGEST_MISMATCH`, `ERR_SIZE_MISMATCH` for other content.
 */
export async function fetchBlob(
  store: Fetcher,
  descriptor: Descriptor,
  { maxBytes, signal }: FetchBlobOptions,
): Promise<Uint8Array> {
  assertLimit(maxBytes);
  signal?.throwIfAborted();
  if (descriptor.size > maxBytes) {
    throw new CoreError(
      "ERR_TOO_LARGE",
      `${descriptor.digest} has ${descriptor.size} bytes, over ${maxBytes}`,
    );
  }
  const embedded = embeddedContent(descriptor);
  if (embedded) return embedded;
  // A copy: a store may use its buffers again, and what was verified must stay what it was.
  const bytes = Uint8Array.from(
    await collectBytes(store.fetch(descriptor, { signal }), { maxBytes, signal }),
  );
  // Every store verifies; one that a caller wrote may not.
  verifyBytes(bytes, descriptor);
  return bytes;
}

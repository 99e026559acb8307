/**
 * OCI archives: an image layout in one tar file, as a store to read from.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md}
 * @module
 */
import { digestAlgorithm, isDigest, parseDigest, verifyStream } from "../../core/digest.ts";
import { CoreError, isLadingError } from "../../core/errors.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { type Descriptor, embeddedContent } from "../descriptor.ts";
import { OciError } from "../errors.ts";
import { fetchBlob } from "../fetch.ts";
import { type IndexDocument, MAX_MANIFEST_BYTES, parseManifest } from "../manifest.ts";
import type { ExistenceChecker, ReadStore, ReferrerLister, TagLister } from "../store.ts";
import { blobPath, notFound } from "./layout-blobs.ts";
import { checkLayoutVersion, findEntry, parseLayoutIndex, REF_NAME_ANNOTATION } from "./layout-index.ts";
import { layoutReferrers } from "./layout-referrers.ts";
import { type ArchiveOptions, openTarFile, type TarFile } from "./tar-file.ts";

/** An archive of images, open for reading. */
export interface Archive extends ReadStore, ExistenceChecker, TagLister {
  /** Path of the file, as it was given. */
  readonly path: string;
  /** Closes the file. What is read from it then fails with `ERR_OCI_CLOSED`. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** An OCI archive. Its names are found as those of a layout directory are. */
export interface LayoutArchive extends Archive, ReferrerLister {
  /** Its `index.json`. */
  index(): IndexDocument;
}

/**
 * Opens an OCI archive, such as `skopeo copy … oci-archive:` makes, and docker since version 25.
 *
 * Entries may stand in any order, with `./` in front of their names or not; the whole may be compressed by gzip or zstd.
 * Nothing is unpacked to disk then but the tar itself. Blobs are looked at only when they are used.
 *
 * @throws {OciError} `ERR_OCI_LAYOUT_INVALID` for another file, or one that is cut off; `ERR_OCI_FILE`,
 * `ERR_OCI_COMPRESSION_UNSUPPORTED`; and as `openLayout`.
 * @throws {CoreError} `ERR_TOO_LARGE` over a limit; `ERR_JSON_…`.
 */
export async function openLayoutArchive(path: string, options: ArchiveOptions = {}): Promise<LayoutArchive> {
  const { maxManifestBytes = MAX_MANIFEST_BYTES } = options;
  const file = await openTarFile(path, "ERR_OCI_LAYOUT_INVALID", options);
  try {
    checkLayoutVersion(await file.readWhole(file.findOnly("oci-layout"), maxManifestBytes));
    const bytes = await file.readWhole(file.findOnly("index.json"), maxManifestBytes);
    return layoutArchive(path, file, parseLayoutIndex(bytes, maxManifestBytes).document, maxManifestBytes);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function layoutArchive(path: string, file: TarFile, index: IndexDocument, maxBytes: number): LayoutArchive {
  const { manifests } = index.value;
  const store = {
    async *fetch(descriptor: Descriptor, { signal }: SignalOptions = {}): AsyncGenerator<Uint8Array, void> {
      signal?.throwIfAborted();
      const entry = file.find(blobPath(descriptor.digest));
      if (!entry) {
        const embedded = embeddedContent(descriptor);
        if (!embedded) throw notFound(descriptor.digest, path);
        yield embedded;
        return;
      }
      if (entry.size !== descriptor.size) {
        const found = `expected ${descriptor.size} bytes, ${path} has ${entry.size}`;
        throw new CoreError("ERR_SIZE_MISMATCH", `${descriptor.digest}: ${found}`);
      }
      yield* verifyStream(file.read(entry), descriptor, { signal });
    },
  };
  return {
    path,
    fetch: store.fetch,
    async resolve(name, { signal } = {}) {
      signal?.throwIfAborted();
      if (!isDigest(name)) {
        const entry = findEntry(manifests, name);
        if (entry) return entry;
        throw notFound(`an image ${JSON.stringify(name.slice(0, 160))}`, path);
      }
      return manifests.find(({ digest }) => digest === name) ?? (await describeStored(name, signal));
    },
    async exists(descriptor, { signal } = {}) {
      signal?.throwIfAborted();
      return file.find(blobPath(descriptor.digest))?.size === descriptor.size;
    },
    async *tags({ signal } = {}) {
      signal?.throwIfAborted();
      const names = manifests.map(({ annotations }) => annotations?.[REF_NAME_ANNOTATION]);
      for (const name of new Set(names)) if (name !== undefined) yield name;
    },
    async *referrers(subject, options = {}) {
      options.signal?.throwIfAborted();
      yield* layoutReferrers(manifests, subject, { ...options, readManifest });
    },
    index: () => index,
    close: () => file.close(),
    [Symbol.asyncDispose]: () => file.close(),
  };

  async function readManifest(descriptor: Descriptor, { signal }: SignalOptions) {
    const bytes = await fetchBlob(store, descriptor, { maxBytes, signal });
    return parseManifest(bytes, descriptor.mediaType, {
      maxBytes,
      algorithm: digestAlgorithm(descriptor.digest),
    });
  }

  async function describeStored(text: string, signal: AbortSignal | undefined): Promise<Descriptor> {
    const digest = parseDigest(text);
    const entry = file.find(blobPath(digest));
    if (!entry || entry.size > maxBytes) throw notFound(text, path);
    const blob = { mediaType: "application/octet-stream", digest, size: entry.size };
    const bytes = await fetchBlob(store, blob, { maxBytes, signal });
    try {
      return parseManifest(bytes, undefined, { algorithm: digestAlgorithm(digest) }).descriptor;
    } catch (cause) {
      if (!isLadingError(cause)) throw cause;
      throw new OciError("ERR_OCI_NOT_FOUND", `${text} in ${path} is no manifest`, { cause });
    }
  }
}

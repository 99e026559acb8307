/**
 * OCI image layouts: a directory as a store.
 *
 * Content is written under a temporary name in the same directory, flushed and renamed, then named in `index.json`,
 * which is replaced in the same way: a process that ends at any time leaves a valid layout, with at most some files
 * too many, which {@link Layout.gc} removes.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md}
 * @module
 */
import { mkdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { assertLimit, type ByteStream } from "../../core/bytes.ts";
import { digestAlgorithm, isDigest, parseDigest, verifyBytes } from "../../core/digest.ts";
import { CoreError, isLadingError } from "../../core/errors.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { type Descriptor, isMediaType } from "../descriptor.ts";
import { OciError } from "../errors.ts";
import { fetchBlob } from "../fetch.ts";
import { type IndexDocument, MAX_MANIFEST_BYTES, type Manifest, parseManifest } from "../manifest.ts";
import { isManifestType } from "../manifest-kind.ts";
import { releaseStream } from "../release.ts";
import type { Deleter, ExistenceChecker, RangeFetcher, ReferrerLister, Store, TagLister } from "../store.ts";
import { isInMemory, openInside, readAll, withFileErrors, writeThenRename } from "./files.ts";
import { blobPath, layoutBlobs, notFound } from "./layout-blobs.ts";
import { collectGarbage, type GarbageOptions, type GarbageReport } from "./layout-gc.ts";
import {
  checkLayoutVersion,
  emptyIndexText,
  findEntry,
  isRefName,
  LAYOUT_VERSION,
  REF_NAME_ANNOTATION,
  withNamedEntry,
  withoutEntries,
  withUnnamedEntry,
} from "./layout-index.ts";
import { layoutIndexFile } from "./layout-index-file.ts";
import { withLock } from "./layout-lock.ts";
import { layoutReferrers } from "./layout-referrers.ts";
import { removeBlob } from "./layout-remove.ts";

/** Options of {@link openLayout} and {@link createLayout}. */
export interface LayoutOptions extends SignalOptions {
  /** Largest `index.json` accepted, in bytes. Default 16 MiB (16777216). */
  maxIndexBytes?: number | undefined;
  /** Largest manifest accepted, in bytes. Default 4 MiB (4194304). */
  maxManifestBytes?: number | undefined;
  /** Longest wait for other processes that change the same layout, in milliseconds. Default 30000. */
  lockTimeoutMs?: number | undefined;
  /**
   * Whether content is flushed to the disk before it is named: it survives a loss of power. Default yes. On Linux a
   * layout on tmpfs or ramfs is never flushed: nothing there survives.
   */
  sync?: boolean | undefined;
}

/** A layout directory. */
export interface Layout extends Store, RangeFetcher, ExistenceChecker, TagLister, ReferrerLister, Deleter {
  /** Real path of the directory. */
  readonly path: string;
  /**
   * The entry that a text stands for: a `ref.name` or a full name that containerd wrote, `@N` for the entry at position N
   * from 0, the empty text for the only entry, or a digest of any manifest that is there. Of several entries of one
   * name it is the first that is a manifest or index, as in containers/image.
   *
   * Rejects with an `OciError` `ERR_OCI_NOT_FOUND`.
   */
  resolve(name: string, options?: SignalOptions): Promise<Descriptor>;
  /**
   * Stores content. A manifest with a `subject` is also listed in `index.json`, without a name: that is where
   * referrers are looked for. Others are listed when they get a name, or by {@link addEntry}.
   */
  push(descriptor: Descriptor, content: Uint8Array | ByteStream, options?: SignalOptions): Promise<void>;
  /**
   * Names a manifest or index that is stored; the entry that had the name before goes, its content stays.
   *
   * Rejects with a `CoreError` `ERR_REFERENCE_INVALID` for a text that {@link isRefName} does not take.
   */
  tag(descriptor: Descriptor, name: string, options?: SignalOptions): Promise<void>;
  /** Lists a manifest or index that is stored without giving it a name; one that is listed stays as it is. */
  addEntry(descriptor: Descriptor, options?: SignalOptions): Promise<void>;
  /** Takes a name away, with its entry. Content stays until {@link gc}. Rejects with `ERR_OCI_NOT_FOUND`. */
  untag(name: string, options?: SignalOptions): Promise<void>;
  /** `index.json` as it is now. */
  index(options?: SignalOptions): Promise<IndexDocument>;
  /** Removes what no entry leads to; see {@link GarbageOptions}. */
  gc(options?: GarbageOptions): Promise<GarbageReport>;
}

/**
 * Opens an image layout.
 *
 * Blobs are looked at only when they are used. Links within the directory are followed as long as they end inside it.
 *
 * @throws {OciError} `ERR_OCI_LAYOUT_INVALID` for a directory that is none, or of another version; `ERR_OCI_FILE`.
 * @throws {CoreError} `ERR_JSON_…` with the position; `ERR_TOO_LARGE`.
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md}
 */
export async function openLayout(path: string, options: LayoutOptions = {}): Promise<Layout> {
  const settings = resolveOptions(options);
  options.signal?.throwIfAborted();
  const root = await withFileErrors(() => realpath(path));
  const marker = await openInside(root, "oci-layout");
  if (!marker) throw new OciError("ERR_OCI_LAYOUT_INVALID", `${path} has no file oci-layout`);
  const bytes = await withFileErrors(() => readAll(marker, MAX_MARKER_BYTES));
  if (bytes === "too large") throw new OciError("ERR_OCI_LAYOUT_INVALID", `${path}/oci-layout is too large`);
  checkLayoutVersion(bytes);
  const sync = settings.sync && !(await withFileErrors(() => isInMemory(root)));
  const layout = layoutAt(root, { ...settings, sync });
  await layout.index();
  return layout;
}

/**
 * Opens an image layout, or makes an empty one where there is none yet, parents included.
 *
 * Other files in the directory are left alone.
 *
 * @throws {OciError} as {@link openLayout}.
 */
export async function createLayout(path: string, options: LayoutOptions = {}): Promise<Layout> {
  const { lockTimeoutMs, sync } = resolveOptions(options);
  const { signal } = options;
  signal?.throwIfAborted();
  const root = await withFileErrors(async () => {
    await mkdir(path, { recursive: true });
    return realpath(path);
  });
  const files = [
    ["index.json", emptyIndexText()],
    // The last one: with it the directory is a layout.
    ["oci-layout", JSON.stringify({ imageLayoutVersion: LAYOUT_VERSION })],
  ] as const;
  const absent = await absentFiles(root);
  if (absent.length > 0) {
    await withLock(root, { timeoutMs: lockTimeoutMs, signal }, async () => {
      await withFileErrors(() => mkdir(join(root, "blobs", "sha256"), { recursive: true }));
      const still = await absentFiles(root);
      for (const [name, text] of files.filter(([name]) => still.includes(name))) {
        await withFileErrors(() =>
          writeThenRename(root, join(root, name), (handle) => handle.writeFile(text), { sync }),
        );
      }
    });
  }
  return openLayout(root, options);
}

const MAX_MARKER_BYTES = 64 * 1024;

async function absentFiles(root: string): Promise<string[]> {
  const absent: string[] = [];
  for (const name of ["index.json", "oci-layout"]) {
    const handle = await openInside(root, name);
    if (!handle) absent.push(name);
    else await handle.close();
  }
  return absent;
}

interface LayoutSettings {
  maxIndexBytes: number;
  maxManifestBytes: number;
  lockTimeoutMs: number;
  sync: boolean;
}

function resolveOptions(options: LayoutOptions): LayoutSettings {
  const { maxIndexBytes = 16 * 1024 * 1024, maxManifestBytes = MAX_MANIFEST_BYTES } = options;
  const { lockTimeoutMs = 30_000, sync = true } = options;
  for (const [name, value] of Object.entries({ maxIndexBytes, maxManifestBytes, lockTimeoutMs })) {
    assertLimit(value, name);
  }
  return { maxIndexBytes, maxManifestBytes, lockTimeoutMs, sync };
}

function layoutAt(root: string, settings: LayoutSettings): Layout {
  const { maxManifestBytes, lockTimeoutMs } = settings;
  const blobs = layoutBlobs(root, settings);
  const indexFile = layoutIndexFile(root, { ...settings, settle: blobs.settle });

  const readManifest = async (descriptor: Descriptor, { signal }: SignalOptions): Promise<Manifest> => {
    const bytes = await fetchBlob(blobFetcher, descriptor, { maxBytes: maxManifestBytes, signal });
    const algorithm = digestAlgorithm(descriptor.digest);
    return parseManifest(bytes, descriptor.mediaType, { maxBytes: maxManifestBytes, algorithm });
  };
  const blobFetcher = {
    fetch: (descriptor: Descriptor, options: SignalOptions = {}) => blobs.fetch(descriptor, options),
  };

  const layout: Layout = {
    path: root,
    fetch: blobFetcher.fetch,
    fetchRange: (descriptor, start, end, options = {}) =>
      blobs.fetchRange(descriptor, { start, end }, options),
    async resolve(name, { signal } = {}) {
      signal?.throwIfAborted();
      const { document } = await indexFile.read();
      const { manifests } = document.value;
      if (!isDigest(name)) {
        const entry = findEntry(manifests, name);
        if (entry) return entry;
        throw notFound(`an image ${JSON.stringify(name.slice(0, 160))}`, root);
      }
      const listed = manifests.find(({ digest }) => digest === name);
      return listed ?? (await describeStored(name, signal));
    },
    async push(descriptor, content, { signal } = {}) {
      try {
        signal?.throwIfAborted();
        assertDescriptor(descriptor);
        if (content instanceof Uint8Array) verifyBytes(content, descriptor);
        const manifest = isManifestType(descriptor.mediaType);
        if (manifest && descriptor.size > maxManifestBytes) {
          throw new CoreError("ERR_TOO_LARGE", `${descriptor.digest}: more than ${maxManifestBytes} bytes`);
        }
        if (!(await isKept(descriptor, signal))) await blobs.write(descriptor, content, { signal });
        if (manifest) await listReferrer(descriptor, signal);
      } finally {
        await releaseStream(content);
      }
    },
    async tag(descriptor, name, { signal } = {}) {
      signal?.throwIfAborted();
      if (!isRefName(name)) {
        const shown = JSON.stringify(name.slice(0, 160));
        throw new CoreError("ERR_REFERENCE_INVALID", `${shown} is no name of an image in a layout`);
      }
      await assertStored(descriptor);
      await indexFile.change((index) => withNamedEntry(index, descriptor, name), { signal });
    },
    async addEntry(descriptor, { signal } = {}) {
      signal?.throwIfAborted();
      await assertStored(descriptor);
      await indexFile.change((index) => withUnnamedEntry(index, descriptor), { signal });
    },
    async untag(name, { signal } = {}) {
      signal?.throwIfAborted();
      const removed = await indexFile.change(
        (index) => withoutEntries(index, ({ annotations }) => annotations?.[REF_NAME_ANNOTATION] === name),
        { signal },
      );
      if (!removed) throw notFound(`an image ${JSON.stringify(name.slice(0, 160))}`, root);
    },
    async exists(descriptor, { signal } = {}) {
      signal?.throwIfAborted();
      return (await blobs.sizeOf(descriptor.digest)) === descriptor.size;
    },
    async *tags({ signal } = {}) {
      signal?.throwIfAborted();
      const { document } = await indexFile.read();
      const names = document.value.manifests.map(({ annotations }) => annotations?.[REF_NAME_ANNOTATION]);
      for (const name of new Set(names)) if (name !== undefined) yield name;
    },
    async *referrers(subject, options = {}) {
      options.signal?.throwIfAborted();
      const { document } = await indexFile.read();
      yield* layoutReferrers(document.value.manifests, subject, { ...options, readManifest });
    },
    async delete(descriptor, { signal } = {}) {
      signal?.throwIfAborted();
      const { digest } = descriptor;
      const path = blobPath(digest);
      // First the name: an entry without content is worse than content without an entry.
      await indexFile.change((index) => withoutEntries(index, (entry) => entry.digest === digest), {
        signal,
      });
      if (!(await removeBlob(root, path))) throw notFound(digest, root);
    },
    async index({ signal } = {}) {
      signal?.throwIfAborted();
      return (await indexFile.read()).document;
    },
    gc: (options = {}) =>
      withLock(root, { timeoutMs: lockTimeoutMs, signal: options.signal }, async () => {
        const { document } = await indexFile.read();
        return collectGarbage({ root, entries: document.value.manifests, readManifest }, options);
      }),
  };
  return layout;

  async function describeStored(text: string, signal: AbortSignal | undefined): Promise<Descriptor> {
    const digest = parseDigest(text);
    const size = await blobs.sizeOf(digest);
    if (size === undefined || size > maxManifestBytes) throw notFound(text, root);
    const blob = { mediaType: "application/octet-stream", digest, size };
    const bytes = await fetchBlob(blobFetcher, blob, { maxBytes: maxManifestBytes, signal });
    try {
      return parseManifest(bytes, undefined, { algorithm: digestAlgorithm(digest) }).descriptor;
    } catch (cause) {
      if (!isLadingError(cause)) throw cause;
      throw new OciError("ERR_OCI_NOT_FOUND", `${text} in ${root} is no manifest`, { cause });
    }
  }

  /** Whether content is there and stays: a blob found is made young again, so that `gc` spares it. */
  async function isKept(descriptor: Descriptor, signal: AbortSignal | undefined): Promise<boolean> {
    if ((await blobs.sizeOf(descriptor.digest)) !== descriptor.size) return false;
    return withLock(root, { timeoutMs: lockTimeoutMs, signal }, () => blobs.touch(descriptor.digest));
  }

  /** Lists a manifest that has a subject; what cannot be read as a manifest has none. */
  async function listReferrer(descriptor: Descriptor, signal: AbortSignal | undefined): Promise<void> {
    let manifest: Manifest;
    try {
      manifest = await readManifest(descriptor, { signal });
    } catch (error) {
      if (isLadingError(error) && !(error instanceof OciError && error.code === "ERR_OCI_FILE")) return;
      throw error;
    }
    if (!manifest.value.subject) return;
    const { mediaType, digest, size } = descriptor;
    const { artifactType } = manifest.value;
    const entry: Descriptor = { mediaType, digest, size, ...(artifactType ? { artifactType } : {}) };
    await indexFile.change((index) => withUnnamedEntry(index, entry), { signal });
  }

  async function assertStored(descriptor: Descriptor): Promise<void> {
    assertDescriptor(descriptor);
    if (!isManifestType(descriptor.mediaType)) {
      throw new OciError(
        "ERR_OCI_MEDIA_TYPE_UNSUPPORTED",
        `${descriptor.mediaType} is no type of a manifest`,
      );
    }
    const size = await blobs.sizeOf(descriptor.digest);
    if (size === undefined) throw notFound(descriptor.digest, root);
    if (size === descriptor.size) return;
    throw new CoreError(
      "ERR_SIZE_MISMATCH",
      `${descriptor.digest}: expected ${descriptor.size} bytes, got ${size}`,
    );
  }
}

/** Fails for a descriptor that would make an index invalid. */
function assertDescriptor({ mediaType, digest, size }: Descriptor): void {
  parseDigest(digest);
  if (!isMediaType(mediaType)) throw new TypeError(`not a media type: ${JSON.stringify(mediaType)}`);
  assertLimit(size, "size");
}

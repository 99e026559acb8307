/**
 * The blobs of a layout directory, found by checked digests only.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#blobs}
 * @module
 */
import { lstatSync } from "node:fs";
import { type FileHandle, lstat, mkdir, realpath, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { ByteStream } from "../../core/bytes.ts";
import { type Digest, digestAlgorithm, digestHex, parseDigest, verifyStream } from "../../core/digest.ts";
import { CoreError } from "../../core/errors.ts";
import { abortableStream, type SignalOptions } from "../../core/signal.ts";
import { assertRange } from "../content-range.ts";
import { type Descriptor, embeddedContent } from "../descriptor.ts";
import { createDiskPace } from "../disk-pace.ts";
import { OciError } from "../errors.ts";
import { provenStream } from "../proven-stream.ts";
import {
  isInside,
  openInside,
  syncDirectory,
  systemCode,
  withFileErrors,
  writeBytesThenRename,
  writeThenRename,
} from "./files.ts";
import { collectVerified, MAX_SMALL_BYTES, readRange, writeVerified } from "./verified-file.ts";

/** The blobs of one layout. */
export interface LayoutBlobs {
  /** The verified content of a descriptor; see `Fetcher`. */
  fetch(descriptor: Descriptor, options: SignalOptions): AsyncGenerator<Uint8Array, void>;
  /** A part of a blob, not verified; see `RangeFetcher`. */
  fetchRange(
    descriptor: Descriptor,
    range: { start: number; end: number },
    options: SignalOptions,
  ): AsyncGenerator<Uint8Array, void>;
  /** Length of a blob in bytes, or nothing where there is none. */
  sizeOf(digest: Digest): Promise<number | undefined>;
  /** Stores content that is not there yet. */
  write(descriptor: Descriptor, content: Uint8Array | ByteStream, options: SignalOptions): Promise<void>;
  /** Sets the time of a blob to now: it is wanted again. Gives false where it is gone. */
  touch(digest: Digest): Promise<boolean>;
  /** Waits until the names of all blobs written so far survive a loss of power. */
  settle(): Promise<void>;
}

/** Path of a blob below the layout. The digest is checked here again: it may come from a program without types. */
export function blobPath(digest: Digest): string {
  const checked = parseDigest(digest);
  return `blobs/${digestAlgorithm(checked)}/${digestHex(checked)}`;
}

function assertSize(descriptor: Descriptor, size: number, path: string): void {
  if (size === descriptor.size) return;
  throw new CoreError(
    "ERR_SIZE_MISMATCH",
    `${descriptor.digest}: expected ${descriptor.size} bytes, ${path} has ${size}`,
  );
}

/** The blobs of the layout at a real path. */
export function layoutBlobs(root: string, { sync }: { sync: boolean }): LayoutBlobs {
  const prepared = new Map<string, Promise<void>>();
  const unsettled = new Set<string>();
  const pace = createDiskPace();

  return {
    fetch: (descriptor, options) =>
      provenStream(descriptor, (wanted, passed) => readVerified(wanted, options, passed)),
    async *fetchRange(descriptor, { start, end }, { signal }) {
      assertRange(descriptor, start, end);
      signal?.throwIfAborted();
      const path = blobPath(descriptor.digest);
      const handle = await openInside(root, path);
      if (!handle) {
        const embedded = embeddedContent(descriptor);
        if (!embedded) throw notFound(descriptor.digest, root);
        yield embedded.subarray(start, end);
        return;
      }
      try {
        assertSize(descriptor, (await handle.stat()).size, path);
        yield* abortableStream(readRange(handle, { offset: start, size: end - start }), signal);
      } finally {
        await handle.close();
      }
    },
    sizeOf: (digest) =>
      withFileErrors(async () => {
        try {
          const place = join(root, blobPath(digest));
          // Absent is what most are, and this call waits for nothing.
          if (!pace.isSlow && !lstatSync(place, { throwIfNoEntry: false })) return undefined;
          const path = await realpath(place);
          const found = await lstat(path);
          return found.isFile() && isInside(root, path) ? found.size : undefined;
        } catch (error) {
          if (isAbsent(error)) return undefined;
          throw error;
        }
      }),
    async write(descriptor, content, { signal }) {
      const path = join(root, blobPath(descriptor.digest));
      const algorithm = digestAlgorithm(descriptor.digest);
      await prepare(algorithm);
      await withFileErrors(async () => {
        if (descriptor.size <= MAX_SMALL_BYTES) {
          const bytes = await collectVerified(content, descriptor, { signal });
          await writeBytesThenRename(root, path, bytes, { sync, pace });
        } else {
          const write = (handle: FileHandle) => writeVerified(handle, content, descriptor, { signal });
          await writeThenRename(root, path, write, { sync });
        }
      });
      if (sync) unsettled.add(algorithm);
    },
    touch: (digest) =>
      withFileErrors(async () => {
        const now = new Date();
        try {
          await utimes(join(root, blobPath(digest)), now, now);
          return true;
        } catch (error) {
          if (isAbsent(error)) return false;
          throw error;
        }
      }),
    settle: () =>
      withFileErrors(async () => {
        const algorithms = [...unsettled];
        unsettled.clear();
        for (const algorithm of algorithms) await syncDirectory(join(root, "blobs", algorithm));
      }),
  };

  async function* readVerified(
    descriptor: Descriptor,
    { signal }: SignalOptions,
    passed: () => void,
  ): AsyncGenerator<Uint8Array, void> {
    signal?.throwIfAborted();
    const path = blobPath(descriptor.digest);
    const handle = await openInside(root, path);
    if (!handle) {
      const embedded = embeddedContent(descriptor);
      if (!embedded) throw notFound(descriptor.digest, root);
      yield embedded;
      passed();
      return;
    }
    try {
      const { size } = await handle.stat();
      assertSize(descriptor, size, path);
      yield* verifyStream(readRange(handle, { offset: 0, size }), descriptor, { signal });
      passed();
    } finally {
      await handle.close();
    }
  }

  /** Makes the directory for an algorithm, once; a link in its place must not lead elsewhere. */
  function prepare(algorithm: string): Promise<void> {
    const known = prepared.get(algorithm);
    if (known !== undefined) return known;
    const directory = join(root, "blobs", algorithm);
    const work = withFileErrors(async () => {
      await mkdir(directory, { recursive: true });
      if (isInside(root, await realpath(directory))) return;
      throw new OciError("ERR_OCI_LAYOUT_INVALID", `${directory} is a link that leads out of ${root}`);
    });
    prepared.set(algorithm, work);
    work.catch(() => prepared.delete(algorithm));
    return work;
  }
}

/** The error for content that a store does not have. */
export function notFound(what: string, where: string): OciError {
  return new OciError("ERR_OCI_NOT_FOUND", `${what} is not in ${where}`);
}

function isAbsent(error: unknown): boolean {
  const code = systemCode(error);
  return code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP";
}

/**
 * Which files of a layout nothing leads to, and their removal.
 *
 * @module
 */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { assertLimit } from "../../core/bytes.ts";
import { type Digest, isDigest } from "../../core/digest.ts";
import { isLadingError } from "../../core/errors.ts";
import type { SignalOptions } from "../../core/signal.ts";
import type { Descriptor } from "../descriptor.ts";
import { OciError } from "../errors.ts";
import type { Manifest } from "../manifest.ts";
import { isManifestType } from "../manifest-kind.ts";
import { isTemporaryName, systemCode, withFileErrors } from "./files.ts";
import { blobPath } from "./layout-blobs.ts";
import { removeBlob } from "./layout-remove.ts";

/** Options of `Layout.gc`. */
export interface GarbageOptions extends SignalOptions {
  /**
   * Youngest age of what is removed, in milliseconds: content that another process has stored and not named yet is
   * spared. Default 3600000, an hour; 0 only where nobody else writes.
   */
  minAgeMs?: number | undefined;
  /** Only tells what would be removed. Default no. */
  dryRun?: boolean | undefined;
}

/** What `Layout.gc` removed. */
export interface GarbageReport {
  /** Blobs, sorted. */
  removed: Digest[];
  /** Left over temporary files, by name. */
  temporary: string[];
  /** Sum of the sizes, in bytes. */
  bytes: number;
}

/** The layout that is cleaned. */
export interface GarbagePlace {
  /** Real path. */
  root: string;
  /** The entries of `index.json`. */
  entries: readonly Descriptor[];
  readManifest: (descriptor: Descriptor, options: SignalOptions) => Promise<Manifest>;
}

/**
 * Removes blobs that no entry of the index leads to, and temporary files of writers that are gone.
 *
 * A manifest leads to its config, layers, entries and subject. Content that is missing leads nowhere; a manifest that
 * is there and cannot be read ends the work before anything is removed. Files that are no blobs stay.
 */
export async function collectGarbage(
  place: GarbagePlace,
  { minAgeMs = 3_600_000, dryRun = false, signal }: GarbageOptions,
): Promise<GarbageReport> {
  assertLimit(minAgeMs, "minAgeMs");
  const { root } = place;
  const wanted = await reachable(place, signal);
  const limit = Date.now() - minAgeMs;
  const report: GarbageReport = { removed: [], temporary: [], bytes: 0 };
  const removeOld = async (relative: string): Promise<boolean> => {
    signal?.throwIfAborted();
    const found = await withFileErrors(() => lstat(join(root, relative)));
    if (!found.isFile() || found.mtimeMs > limit) return false;
    if (!dryRun && !(await removeBlob(root, relative))) return false;
    report.bytes += found.size;
    return true;
  };
  for (const algorithm of ["sha256", "sha384", "sha512"]) {
    for (const name of await namesIn(join(root, "blobs", algorithm))) {
      const text = `${algorithm}:${name}`;
      if (isDigest(text) && !wanted.has(text) && (await removeOld(blobPath(text)))) report.removed.push(text);
    }
  }
  for (const name of await namesIn(root)) {
    if (isTemporaryName(name) && (await removeOld(name))) report.temporary.push(name);
  }
  return report;
}

async function reachable(
  { entries, readManifest }: GarbagePlace,
  signal: AbortSignal | undefined,
): Promise<Set<Digest>> {
  const wanted = new Set<Digest>();
  const read = new Set<Digest>();
  const queue = [...entries];
  for (let next = queue.pop(); next; next = queue.pop()) {
    wanted.add(next.digest);
    if (!isManifestType(next.mediaType) || read.has(next.digest)) continue;
    read.add(next.digest);
    const manifest = await readIfThere(next, readManifest, signal);
    if (!manifest) continue;
    const { value } = manifest;
    if (value.subject) queue.push(value.subject);
    if ("manifests" in value) queue.push(...value.manifests);
    else queue.push(value.config, ...value.layers);
  }
  return wanted;
}

async function readIfThere(
  descriptor: Descriptor,
  readManifest: GarbagePlace["readManifest"],
  signal: AbortSignal | undefined,
): Promise<Manifest | undefined> {
  try {
    return await readManifest(descriptor, { signal });
  } catch (error) {
    if (isLadingError(error) && error instanceof OciError && error.code === "ERR_OCI_NOT_FOUND") {
      return undefined;
    }
    throw error;
  }
}

async function namesIn(directory: string): Promise<string[]> {
  return withFileErrors(async () => {
    try {
      return (await readdir(directory)).sort();
    } catch (error) {
      const code = systemCode(error);
      if (code === "ENOENT" || code === "ENOTDIR") return [];
      throw error;
    }
  });
}

/**
 * The files of an artifact into a directory.
 *
 * @module
 */
import { lstat, mkdir, mkdtemp, open, realpath, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { assertLimit, type ByteStream } from "../../core/bytes.ts";
import { type Digest, isDigest, verifyStream } from "../../core/digest.ts";
import { CoreError } from "../../core/errors.ts";
import { OCI_EMPTY } from "../../core/media-types.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { type DescribedContent, TITLE_ANNOTATION } from "../artifact.ts";
import { type Descriptor, embeddedContent } from "../descriptor.ts";
import { OciError } from "../errors.ts";
import { fetchBlob, fetchManifest } from "../fetch.ts";
import type { LayerLimits } from "../layers/limits.ts";
import type { ManifestDocument } from "../manifest.ts";
import type { Fetcher, ReadStore } from "../store.ts";
import { systemCode, TEMPORARY_PREFIX, withFileErrors } from "../stores/files.ts";
import { writeVerified } from "../stores/verified-file.ts";
import {
  CONTENT_DIGEST_ANNOTATION,
  checkTitles,
  refusedTitle,
  titlePath,
  UNPACK_ANNOTATION,
} from "./title.ts";
import { unpackDirectory } from "./unpack.ts";

/** Options of {@link pullArtifact}. */
export interface PullArtifactOptions extends SignalOptions {
  /** Where the files go; made if it is not there. It must be the caller's own while files are written to it. */
  directory: string;
  /** Replace files and directories that are there. Default no: that fails, with nothing written. */
  overwrite?: boolean | undefined;
  /** Unpack archives of directories. Default yes; otherwise they are written as they are. */
  unpack?: boolean | undefined;
  /** Most bytes of all layers together, as their descriptors say, which is checked. Default 4 GiB. */
  maxBytes?: number | undefined;
  /** Most bytes of layers without title, which are kept in memory. Default 4 MiB. */
  maxUntitledBytes?: number | undefined;
  /** Limits of archives that are unpacked. */
  archives?: LayerLimits | undefined;
}

/** A file or directory that was written. */
export interface PulledFile {
  title: string;
  /** Where it is now. */
  path: string;
  kind: "file" | "directory";
  descriptor: Descriptor;
}

/** What {@link pullArtifact} gives. */
export interface PulledArtifact {
  manifest: ManifestDocument;
  files: PulledFile[];
  /** Layers without title; empty layers are left out. */
  untitled: DescribedContent[];
}

/** A layer with the annotation that names its file. */
interface TitledLayer {
  descriptor: Descriptor;
  title: string;
}

/**
 * Writes the files of an artifact to a directory.
 *
 * Every content is verified before anything stands under its title: files are collected in a temporary directory, and
 * moved when all are there. Titles never leave the directory, and no symbolic link is followed below it.
 *
 * @param target A tag, a digest as text, or a descriptor. Of an index none is chosen: name one of its manifests.
 * @throws {OciError} `ERR_OCI_ENTRY_REFUSED` for an unsafe title or entry, two files with one title, a link in the way,
 * or a file that is there; `ERR_OCI_MEDIA_TYPE_UNSUPPORTED` for an index; `ERR_OCI_FILE`; `ERR_OCI_LAYER_…`.
 * @throws {CoreError} `ERR_TOO_LARGE`, `ERR_DIGEST_MISMATCH`, `ERR_SIZE_MISMATCH`, and as `fetchManifest` does.
 */
export async function pullArtifact(
  store: ReadStore,
  target: string | Descriptor,
  options: PullArtifactOptions,
): Promise<PulledArtifact> {
  const { directory, signal, maxBytes = 4 * 2 ** 30, maxUntitledBytes = 4 * 2 ** 20 } = options;
  assertLimit(maxBytes);
  assertLimit(maxUntitledBytes, "maxUntitledBytes");
  const manifest = await fetchManifest(store, target, { signal });
  if (manifest.kind === "index") {
    throw new OciError("ERR_OCI_MEDIA_TYPE_UNSUPPORTED", "an index: name one of its manifests");
  }
  const titled: TitledLayer[] = [];
  const rest: Descriptor[] = [];
  for (const descriptor of manifest.value.layers) {
    const title = descriptor.annotations?.[TITLE_ANNOTATION];
    if (title !== undefined && title !== "") titled.push({ descriptor, title });
    else if (descriptor.mediaType !== OCI_EMPTY) rest.push(descriptor);
  }
  checkTitles(titled.map(({ title }) => title));
  checkTotal(manifest.value.layers, maxBytes);
  checkTotal(rest, maxUntitledBytes);
  const untitled: DescribedContent[] = [];
  for (const descriptor of rest) {
    const content = await fetchBlob(store, descriptor, { maxBytes: maxUntitledBytes, signal });
    untitled.push({ descriptor, content });
  }
  if (titled.length === 0) return { manifest, files: [], untitled };
  const files = await withFileErrors(async () => {
    await mkdir(directory, { recursive: true });
    return writeFiles(store, titled, await realpath(directory), options);
  });
  return { manifest, files, untitled };
}

function checkTotal(descriptors: readonly Descriptor[], maxBytes: number): void {
  const total = descriptors.reduce((sum, { size }) => sum + size, 0);
  if (total > maxBytes) throw new CoreError("ERR_TOO_LARGE", `layers of ${total} bytes, over ${maxBytes}`);
}

async function writeFiles(
  store: Fetcher,
  layers: readonly TitledLayer[],
  root: string,
  options: PullArtifactOptions,
): Promise<PulledFile[]> {
  const { overwrite = false, signal } = options;
  // Before anything is fetched: what is in the way stays in the way.
  for (const { title } of layers) await checkPlace(root, title, overwrite);
  const stage = await mkdtemp(join(root, TEMPORARY_PREFIX));
  try {
    const staged: (PulledFile & { from: string })[] = [];
    for (const [index, layer] of layers.entries()) {
      const place = join(stage, String(index));
      await mkdir(place);
      staged.push({
        ...layer,
        path: join(root, layer.title),
        ...(await stageLayer(store, layer, place, options)),
      });
    }
    signal?.throwIfAborted();
    for (const [index, { title, path, from }] of staged.entries()) {
      // Looked at again: fetching took its time.
      const isThere = await checkPlace(root, title, overwrite);
      await makeParents(root, title);
      await replace(from, path, isThere ? join(stage, `old-${index}`) : undefined);
    }
    return staged.map(({ title, path, kind, descriptor }) => ({ title, path, kind, descriptor }));
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

/** Moves what was fetched into its place; what was there goes aside first, and back if that fails. */
async function replace(from: string, to: string, aside: string | undefined): Promise<void> {
  if (aside !== undefined) await rename(to, aside);
  try {
    await rename(from, to);
  } catch (error) {
    if (aside !== undefined) await rename(aside, to);
    throw error;
  }
}

async function stageLayer(
  store: Fetcher,
  { descriptor, title }: TitledLayer,
  place: string,
  { unpack = true, archives, signal }: PullArtifactOptions,
): Promise<{ kind: PulledFile["kind"]; from: string }> {
  if (unpack && descriptor.annotations?.[UNPACK_ANNOTATION] === "true") {
    const source = { verified: false };
    const content = verifiedContent(store, descriptor, source, signal);
    const contentDigest = contentDigestOf(descriptor);
    await unpackDirectory(content, place, title, { ...archives, contentDigest, signal });
    if (!source.verified) {
      throw new OciError(
        "ERR_OCI_LAYER_INVALID",
        `${descriptor.digest}: the archive ends before its content`,
      );
    }
    return { kind: "directory", from: join(place, title) };
  }
  const from = join(place, "file");
  const handle = await open(from, "wx", 0o666);
  try {
    const content = embeddedContent(descriptor) ?? store.fetch(descriptor, { signal });
    await writeVerified(handle, content, descriptor, { signal });
  } finally {
    await handle.close();
  }
  return { kind: "file", from };
}

/** The content of a layer, and whether it was read to its verified end. */
async function* verifiedContent(
  store: Fetcher,
  descriptor: Descriptor,
  state: { verified: boolean },
  signal: AbortSignal | undefined,
): ByteStream & AsyncGenerator<Uint8Array, void> {
  yield* verifyStream(store.fetch(descriptor, { signal }), descriptor, { signal });
  state.verified = true;
}

function contentDigestOf({ annotations }: Descriptor): Digest | undefined {
  const text = annotations?.[CONTENT_DIGEST_ANNOTATION];
  if (text === undefined) return undefined;
  if (isDigest(text)) return text;
  throw new OciError(
    "ERR_OCI_LAYER_INVALID",
    `${CONTENT_DIGEST_ANNOTATION} is no digest: ${JSON.stringify(text.slice(0, 160))}`,
  );
}

/** Whether something is at the place of a title that may be replaced; fails if it may not, or a link is in the way. */
async function checkPlace(root: string, title: string, overwrite: boolean): Promise<boolean> {
  const parts = titlePath(title);
  let path = root;
  for (const [index, part] of parts.entries()) {
    path = join(path, part);
    const found = await lstat(path).catch((error) => {
      if (systemCode(error) === "ENOENT") return undefined;
      throw error;
    });
    if (!found) return false;
    if (found.isSymbolicLink()) throw refusedTitle(title, "has a symbolic link in its way");
    if (index < parts.length - 1 && !found.isDirectory())
      throw refusedTitle(title, "lies below what is no directory");
  }
  if (!overwrite) throw refusedTitle(title, "is there already");
  return true;
}

async function makeParents(root: string, title: string): Promise<void> {
  let path = root;
  for (const part of titlePath(title).slice(0, -1)) {
    path = join(path, part);
    await mkdir(path).catch((error) => {
      if (systemCode(error) !== "EEXIST") throw error;
    });
    // Not followed: what is no directory by now fails the next step.
    if (!(await lstat(path)).isDirectory()) throw refusedTitle(title, "lies below what is no directory");
  }
}

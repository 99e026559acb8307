/**
 * Archives of images, made as a stream: equal images give equal bytes.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md}
 * @module
 */
import { dirname } from "node:path";
import type { ByteStream } from "../../core/bytes.ts";
import type { Digest } from "../../core/digest.ts";
import { verifyStream } from "../../core/digest.ts";
import { CoreError } from "../../core/errors.ts";
import { DOCKER_CONFIG, OCI_CONFIG } from "../../core/media-types.ts";
import { familiarReference, formatReference, parseReference, withDefaultTag } from "../../core/reference.ts";
import { abortableStream, type SignalOptions } from "../../core/signal.ts";
import { type Descriptor, embeddedContent } from "../descriptor.ts";
import { OciError } from "../errors.ts";
import { ARCHIVE_END, tarHeader, tarPadding } from "../tar/write.ts";
import { type CopyGraph, readGraph } from "./copy-graph.ts";
import type { CopyCandidate, CopyImageOptions, CopySource } from "./copy-options.ts";
import { assertAllowed, graphContext, readRoot } from "./copy-root.ts";
import { withFileErrors, writeThenRename } from "./files.ts";
import { blobPath } from "./layout-blobs.ts";
import {
  CONTAINERD_NAME_ANNOTATION,
  emptyIndexText,
  isRefName,
  LAYOUT_VERSION,
  REF_NAME_ANNOTATION,
} from "./layout-index.ts";
import { writeAll } from "./verified-file.ts";

/** One image of an archive. */
export interface ArchiveImage {
  /** As the source is asked for it. */
  reference: string;
  /** Its `ref.name` in the archive. Default: none. */
  name?: string | undefined;
}

/** One image of an archive for `docker load`. */
export interface DockerArchiveInput {
  /** As the source is asked for it. */
  reference: string;
  /** Names that the image gets, in familiar or full form; without a tag it is `latest`. */
  tags: readonly string[];
}

/** Options of {@link packLayoutArchive} and {@link packDockerArchive}: as those of `copyImage`. */
export type PackArchiveOptions = Omit<CopyImageOptions, "onProgress">;

/** Something at the top of the archive, or a name of an image in it. */
type Entry = { descriptor: Descriptor; annotations: Record<string, string> };

/**
 * An OCI archive of images with everything that they name, as a stream: the same bytes for the same images.
 *
 * It is made while it is read: manifests are read and the check is asked before the first bytes come, and a blob when it
 * is its turn. A failure on the way leaves the archive without its end.
 *
 * @throws {OciError} `ERR_OCI_COPY_REFUSED` if the check did not allow an image; else as the source fails.
 * @throws {TypeError} for a name that {@link isRefName} does not take, or that two images have.
 */
export async function* packLayoutArchive(
  source: CopySource,
  images: readonly ArchiveImage[],
  options: PackArchiveOptions = {},
): AsyncGenerator<Uint8Array, void> {
  const names = images.flatMap(({ name }) => (name === undefined ? [] : [name]));
  const wrong = names.find((name) => !isRefName(name));
  if (wrong !== undefined) throw new TypeError(`no name of an image in a layout: ${JSON.stringify(wrong)}`);
  if (new Set(names).size !== names.length) throw new TypeError("two images of an archive with one name");
  const { candidates, graph } = await readImages(source, images, options);
  const entries = candidates.map(({ root }, position): Entry => {
    const name = images[position]?.name;
    return { descriptor: root, annotations: name === undefined ? {} : { [REF_NAME_ANNOTATION]: name } };
  });
  yield* layoutFiles(source, { entries, graph, roots: candidates }, options);
}

/**
 * An archive for `docker load` and `podman load`, as a stream: the same bytes for the same images.
 *
 * It is an OCI archive with a list for Docker beside it, as docker makes since version 25; earlier versions read the list.
 * Layers stay as they are, compressed or not. What is written must be an image: of an index, `platform` chooses.
 *
 * @throws {OciError} `ERR_OCI_UNSUPPORTED` for an index without `platform`, and for an artifact that is no image; else
 * as {@link packLayoutArchive}.
 * @throws {CoreError} `ERR_REFERENCE_INVALID` for a tag that is none.
 */
export async function* packDockerArchive(
  source: CopySource,
  images: readonly DockerArchiveInput[],
  options: Omit<PackArchiveOptions, "platforms" | "referrers"> = {},
): AsyncGenerator<Uint8Array, void> {
  const named = images.map(({ tags }) => tags.map((tag) => withDefaultTag(parseReference(tag))));
  const digested = named.flat().find(({ digest }) => digest !== undefined);
  if (digested) {
    throw new CoreError(
      "ERR_REFERENCE_INVALID",
      `${formatReference(digested)} has a digest: no name for an image`,
    );
  }
  const { candidates, graph } = await readImages(source, images, options);
  const entries: Entry[] = [];
  const list: object[] = [];
  for (const [position, { root, manifest, reference }] of candidates.entries()) {
    if (manifest.kind === "index" || ![OCI_CONFIG, DOCKER_CONFIG].includes(manifest.value.config.mediaType)) {
      throw new OciError(
        "ERR_OCI_UNSUPPORTED",
        `${reference} is no image of one platform: ${root.mediaType}`,
      );
    }
    const { config, layers } = manifest.value;
    const tags = named[position] ?? [];
    list.push({
      Config: blobPath(config.digest),
      RepoTags: tags.map(familiarReference),
      Layers: layers.map(({ digest }) => blobPath(digest)),
    });
    for (const tag of tags) {
      entries.push({
        descriptor: root,
        annotations: {
          [CONTAINERD_NAME_ANNOTATION]: formatReference(tag),
          [REF_NAME_ANNOTATION]: tag.tag ?? "",
        },
      });
    }
    if (tags.length === 0) entries.push({ descriptor: root, annotations: {} });
  }
  yield* layoutFiles(source, { entries, graph, roots: candidates, list }, options);
}

/**
 * Writes a stream to a file, which has its name only once it is complete.
 *
 * Fails as the stream does; then nothing is left.
 *
 * @throws {OciError} `ERR_OCI_FILE`.
 */
export async function writeArchiveFile(
  path: string,
  archive: ByteStream,
  { signal }: SignalOptions = {},
): Promise<void> {
  await withFileErrors(() =>
    writeThenRename(
      dirname(path),
      path,
      async (handle) => {
        let position = 0;
        for await (const piece of abortableStream(archive, signal)) {
          await writeAll(handle, piece, position);
          position += piece.byteLength;
        }
      },
      { sync: true },
    ),
  );
}

interface ArchiveContent {
  entries: readonly Entry[];
  graph: CopyGraph;
  roots: readonly CopyCandidate[];
  /** The list for Docker. */
  list?: readonly object[];
}

async function readImages(
  source: CopySource,
  images: readonly { reference: string }[],
  options: PackArchiveOptions,
): Promise<{ candidates: CopyCandidate[]; graph: CopyGraph }> {
  const context = graphContext(source, options);
  const { signal, check } = options;
  signal?.throwIfAborted();
  const candidates: CopyCandidate[] = [];
  for (const { reference } of images) {
    const candidate = await readRoot(reference, options, context);
    if (check) assertAllowed(await check(candidate, { signal }), candidate);
    candidates.push(candidate);
  }
  const graph: CopyGraph = { manifests: new Map(), blobs: new Map(), foreign: new Map() };
  for (const { root, manifest } of candidates) {
    const read = await readGraph({ descriptor: root, manifest }, context);
    for (const [digest, node] of read.manifests) graph.manifests.set(digest, node);
    for (const [digest, blob] of read.blobs) graph.blobs.set(digest, blob);
  }
  return { candidates, graph };
}

async function* layoutFiles(
  source: CopySource,
  { entries, graph, list }: ArchiveContent,
  { signal }: SignalOptions,
): AsyncGenerator<Uint8Array, void> {
  const listed = new Set(entries.map(({ descriptor }) => descriptor.digest));
  // Referrers are found through the index of a layout.
  const referrers = [...graph.manifests.values()].filter(
    ({ descriptor, manifest }) => manifest.value.subject && !listed.has(descriptor.digest),
  );
  const manifests = [
    ...entries.map(({ descriptor, annotations }) => withAnnotations(descriptor, annotations)),
    ...referrers
      .map(({ descriptor }) => withAnnotations(descriptor, {}))
      .sort((a, b) => compare(a.digest, b.digest)),
  ];
  yield* file("oci-layout", JSON.stringify({ imageLayoutVersion: LAYOUT_VERSION }));
  const index = JSON.parse(emptyIndexText()) as object;
  yield* file("index.json", JSON.stringify({ ...index, manifests }));
  if (list) yield* file("manifest.json", JSON.stringify(list));
  yield directoryHeader("blobs");
  const digests = [...new Set<Digest>([...graph.manifests.keys(), ...graph.blobs.keys()])].sort(compare);
  let directory = "";
  for (const digest of digests) {
    const path = blobPath(digest);
    const within = path.slice(0, path.lastIndexOf("/"));
    if (within !== directory) yield directoryHeader(within);
    directory = within;
    const node = graph.manifests.get(digest);
    if (node) {
      yield* file(path, node.manifest.bytes);
      continue;
    }
    const blob = graph.blobs.get(digest);
    if (!blob) continue;
    yield fileHeader(path, blob.size);
    const embedded = embeddedContent(blob);
    if (embedded) yield embedded;
    // The size in the header holds: content of another length does not come to an end here.
    else yield* verifyStream(source.fetch(blob, { signal }), blob, { signal });
    yield tarPadding(blob.size);
  }
  yield ARCHIVE_END;
}

function* file(path: string, content: string | Uint8Array): Generator<Uint8Array, void> {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  yield fileHeader(path, bytes.byteLength);
  yield bytes;
  yield tarPadding(bytes.byteLength);
}

/** What every entry of an archive says of itself. */
const PLAIN = {
  uid: 0,
  gid: 0,
  mtimeSeconds: 0,
  target: "",
  deviceMajor: 0,
  deviceMinor: 0,
  xattrs: new Map<string, Uint8Array>(),
} as const;

function fileHeader(path: string, size: number): Uint8Array {
  return tarHeader({ ...PLAIN, path, kind: "file", mode: 0o644, size });
}

function directoryHeader(path: string): Uint8Array {
  return tarHeader({ ...PLAIN, path, kind: "directory", mode: 0o755, size: 0 });
}

/** A descriptor for the index of the archive: without names that it had elsewhere. */
function withAnnotations(descriptor: Descriptor, added: Record<string, string>): Descriptor {
  const { annotations: old, ...rest } = descriptor;
  const annotations = { ...old };
  delete annotations[REF_NAME_ANNOTATION];
  delete annotations[CONTAINERD_NAME_ANNOTATION];
  Object.assign(annotations, added);
  return Object.keys(annotations).length > 0 ? { ...rest, annotations } : rest;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

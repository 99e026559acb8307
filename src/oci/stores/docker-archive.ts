/**
 * Archives of `docker save` and `podman save`, as a store to read from.
 *
 * Such an archive has no manifests: they are made here from what its list says, so their digests are those of lading. The
 * config, and with it the image id, is the archive's own; layers are given as they lie there.
 *
 * @see {@link https://github.com/moby/docker-image-spec/blob/v1.3.1/v1.2.md#combined-image-json--filesystem-changeset-format}
 * @module
 */
import { streamOf } from "../../core/bytes.ts";
import { createDigester, type Digest, digestOf, isDigest, verifyStream } from "../../core/digest.ts";
import { CoreError, isLadingError } from "../../core/errors.ts";
import {
  DOCKER_CONFIG,
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  OCI_LAYER_ZSTD,
  OCI_MANIFEST,
} from "../../core/media-types.ts";
import { formatReference, parseReference, withDefaultTag } from "../../core/reference.ts";
import { abortableStream } from "../../core/signal.ts";
import { type Descriptor, describeContent } from "../descriptor.ts";
import { OciError } from "../errors.ts";
import { compressionOf, type LayerCompression } from "../layers/decompress.ts";
import { MAX_MANIFEST_BYTES } from "../manifest.ts";
import { type DockerArchiveImage, parseDockerArchiveList, readDiffIds } from "./docker-archive-list.ts";
import type { Archive } from "./layout-archive.ts";
import { notFound } from "./layout-blobs.ts";
import { type ArchiveOptions, decompress, openTarFile, type TarEntry, type TarFile } from "./tar-file.ts";

/** Options of {@link openDockerArchive}. */
export interface DockerArchiveOptions extends ArchiveOptions {
  /** Media types of the manifests that are made: `"oci"` (the default), or `"docker"` for schema 2. */
  mediaTypes?: "oci" | "docker" | undefined;
}

/** An archive of `docker save`. */
export interface DockerArchive extends Archive {
  /** Its images as its list has them. */
  readonly images: readonly DockerArchiveImage[];
}

const CODE = "ERR_OCI_ARCHIVE_INVALID";
const LIST = "manifest.json";
const DEFAULT_UNPACKED_BYTES = 64 * 1024 ** 3;

const LAYER_TYPES: Readonly<Record<"oci" | "docker", Partial<Record<LayerCompression, string>>>> = {
  oci: { none: OCI_LAYER, gzip: OCI_LAYER_GZIP, zstd: OCI_LAYER_ZSTD },
  docker: {
    none: "application/vnd.docker.image.rootfs.diff.tar",
    gzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  },
};

/**
 * Opens an archive of `docker save`, of any version since 1.10, compressed as a whole or not.
 *
 * `resolve` takes a name of the list, in familiar or full form, `@N` for the image at position N from 0, the empty text for
 * the only image, and the digest of a manifest that was made. With it the layers are read once: each must
 * unpack to what the config says. `tags` gives the names of the list.
 *
 * @throws {OciError} `ERR_OCI_ARCHIVE_INVALID` for another file, or one that is cut off; `ERR_OCI_FILE`,
 * `ERR_OCI_COMPRESSION_UNSUPPORTED`. `resolve` also rejects with `ERR_OCI_DIFF_ID_MISMATCH`.
 * @throws {CoreError} `ERR_TOO_LARGE` over a limit; `ERR_JSON_…`.
 */
export async function openDockerArchive(
  path: string,
  options: DockerArchiveOptions = {},
): Promise<DockerArchive> {
  const { maxManifestBytes = MAX_MANIFEST_BYTES } = options;
  const file = await openTarFile(path, CODE, options);
  try {
    const list = file.findOnly(LIST);
    const images = parseDockerArchiveList(await file.readWhole(list, maxManifestBytes), maxManifestBytes);
    return dockerArchive(path, file, images, options);
  } catch (error) {
    await file.close();
    throw error;
  }
}

function dockerArchive(
  path: string,
  file: TarFile,
  images: readonly DockerArchiveImage[],
  options: DockerArchiveOptions,
): DockerArchive {
  const { maxManifestBytes = MAX_MANIFEST_BYTES, mediaTypes = "oci" } = options;
  const { maxUnpackedBytes = DEFAULT_UNPACKED_BYTES } = options;
  const contents = new Map<Digest, TarEntry | Uint8Array>();
  const described = new Map<DockerArchiveImage, Descriptor>();
  const layers = new Map<number, { descriptor: Descriptor; diffId: Digest }>();

  return {
    path,
    images,
    async *fetch(descriptor, { signal } = {}) {
      signal?.throwIfAborted();
      const found = await find(descriptor.digest, signal);
      if (!found) throw notFound(descriptor.digest, path);
      const source = found instanceof Uint8Array ? streamOf(Uint8Array.from(found)) : file.read(found);
      yield* verifyStream(source, descriptor, { signal });
    },
    async resolve(name, { signal } = {}) {
      signal?.throwIfAborted();
      if (isDigest(name)) {
        for (const image of images) {
          const descriptor = await describe(image, signal);
          if (descriptor.digest === name) return descriptor;
        }
        throw notFound(name, path);
      }
      return describe(choose(name), signal);
    },
    async exists({ digest, size }, { signal } = {}) {
      signal?.throwIfAborted();
      const found = await find(digest, signal);
      return (found instanceof Uint8Array ? found.byteLength : found?.size) === size;
    },
    async *tags({ signal } = {}) {
      signal?.throwIfAborted();
      yield* new Set(images.flatMap(({ repoTags }) => repoTags));
    },
    close: () => file.close(),
    [Symbol.asyncDispose]: () => file.close(),
  };

  function choose(name: string): DockerArchiveImage {
    const shown = JSON.stringify(name.slice(0, 160));
    if (name === "" && images.length > 1) {
      throw new OciError(CODE, `${path} has ${images.length} images, choose one`);
    }
    const [, position] = /^@([0-9]{1,9})$/.exec(name) ?? [];
    const wanted = fullName(name);
    const image =
      name === ""
        ? images[0]
        : position !== undefined
          ? images[Number(position)]
          : images.find(({ repoTags }) =>
              repoTags.some((each) => each === name || (wanted !== undefined && fullName(each) === wanted)),
            );
    if (image) return image;
    throw notFound(`an image ${shown}`, path);
  }

  /** Content by digest; images that were not looked at yet are, before it is missing. */
  async function find(
    digest: Digest,
    signal: AbortSignal | undefined,
  ): Promise<TarEntry | Uint8Array | undefined> {
    for (const image of images) {
      if (contents.has(digest)) break;
      await describe(image, signal);
    }
    return contents.get(digest);
  }

  async function describe(image: DockerArchiveImage, signal: AbortSignal | undefined): Promise<Descriptor> {
    const known = described.get(image);
    if (known) return known;
    const config = await file.readWhole(file.findOnly(image.config), maxManifestBytes);
    assertNamedByDigest(image.config, config);
    const diffIds = readDiffIds(config, maxManifestBytes);
    if (diffIds.length !== image.layers.length) {
      throw new OciError(
        CODE,
        `${path}: ${image.layers.length} layers, ${diffIds.length} in ${image.config}`,
      );
    }
    const descriptors: Descriptor[] = [];
    for (const [position, name] of image.layers.entries()) {
      const { descriptor, diffId } = await describeLayer(name, signal);
      if (diffId !== diffIds[position]) {
        throw new OciError(
          "ERR_OCI_DIFF_ID_MISMATCH",
          `${path}: ${name} unpacks to ${diffId}, the config says ${diffIds[position]}`,
        );
      }
      descriptors.push(descriptor);
    }
    const docker = mediaTypes === "docker";
    const configDescriptor = describeContent(config, docker ? DOCKER_CONFIG : OCI_CONFIG);
    const mediaType = docker ? DOCKER_MANIFEST : OCI_MANIFEST;
    const bytes = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType, config: configDescriptor, layers: descriptors }),
    );
    const descriptor = describeContent(bytes, mediaType);
    contents.set(configDescriptor.digest, config);
    contents.set(descriptor.digest, bytes);
    described.set(image, descriptor);
    return descriptor;
  }

  /** Reads a layer once: what it is, and what it unpacks to. */
  async function describeLayer(
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<{ descriptor: Descriptor; diffId: Digest }> {
    const entry = file.findOnly(name);
    const known = layers.get(entry.offset);
    if (known) return known;
    const digester = createDigester();
    const unpacked = createDigester();
    const start = await file.readWhole({ offset: entry.offset, size: Math.min(6, entry.size) }, 6);
    const compression = compressionOf(start);
    const mediaType = LAYER_TYPES[mediaTypes][compression];
    if (mediaType === undefined) {
      throw new OciError(
        "ERR_OCI_UNSUPPORTED",
        `${path}: Docker has no type for layers compressed by ${compression}`,
      );
    }
    const bytes = hashed(file.read(entry), digester, signal);
    if (compression === "none") {
      for await (const _ of bytes);
    } else {
      const limits = { maxBytes: maxUnpackedBytes, code: CODE, signal } as const;
      await decompress(bytes, compression, limits, (piece) => unpacked.update(piece));
    }
    const digest = digester.digest();
    const described = {
      descriptor: { mediaType, digest, size: entry.size },
      diffId: compression === "none" ? digest : unpacked.digest(),
    };
    layers.set(entry.offset, described);
    contents.set(digest, entry);
    return described;
  }
}

async function* hashed(
  source: AsyncIterable<Uint8Array>,
  digester: { update(piece: Uint8Array): void },
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  for await (const piece of abortableStream(source, signal)) {
    digester.update(piece);
    yield piece;
  }
}

/** The full form of a name with its tag, or nothing for a text that is no name. */
function fullName(text: string): string | undefined {
  try {
    return formatReference(withDefaultTag(parseReference(text)));
  } catch (error) {
    if (isLadingError(error)) return undefined;
    throw error;
  }
}

/** Fails for a config whose file is named by another digest. */
function assertNamedByDigest(name: string, config: Uint8Array): void {
  const [, hex] = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(name) ?? [];
  if (hex === undefined) return;
  const digest = digestOf(config);
  if (digest === `sha256:${hex}`) return;
  throw new CoreError("ERR_DIGEST_MISMATCH", `${name.slice(0, 256)} has content ${digest}`);
}

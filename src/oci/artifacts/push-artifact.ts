/**
 * Storing files as an artifact, in the form that `oras push` and `oras attach` give them.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage}
 * @module
 */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import type { ByteStream } from "../../core/bytes.ts";
import { createDigester } from "../../core/digest.ts";
import { OCI_LAYER } from "../../core/media-types.ts";
import { abortableStream, type SignalOptions } from "../../core/signal.ts";
import { emptyContent, packManifest, TITLE_ANNOTATION } from "../artifact.ts";
import { type Descriptor, describeContent, isMediaType } from "../descriptor.ts";
import { isDateTime } from "../documents/date-time.ts";
import type { ManifestDocument } from "../manifest.ts";
import type { Pusher, Resolver, Tagger } from "../store.ts";
import { withFileErrors } from "../stores/files.ts";
import { packDirectory } from "./directory-layer.ts";
import { CONTENT_DIGEST_ANNOTATION, checkTitles, UNPACK_ANNOTATION } from "./title.ts";

const CREATED_ANNOTATION = "org.opencontainers.image.created";

/** One file of an artifact, by its content or by the path of a file or directory. */
export type ArtifactItem = {
  /** Default: that of a layer, for a directory compressed by gzip. */
  mediaType?: string | undefined;
  annotations?: Readonly<Record<string, string>> | undefined;
} & (
  | {
      content: Uint8Array;
      /** Path that the file gets when it is pulled. Default none: such content is not written to a directory. */
      title?: string | undefined;
    }
  | {
      path: string;
      /** Path that the file or directory gets when it is pulled. Default: its name. */
      title?: string | undefined;
    }
);

/** What {@link pushArtifact} stores. */
export interface PushArtifactInput {
  /** Needed where there is no config. */
  artifactType?: string | undefined;
  files?: readonly ArtifactItem[] | undefined;
  /** Default: the empty one. */
  config?: { content: Uint8Array; mediaType: string } | undefined;
  /** What this is about. */
  subject?: Descriptor | undefined;
  /** `org.opencontainers.image.created` is added unless it is given. */
  annotations?: Readonly<Record<string, string>> | undefined;
}

/** Options of {@link pushArtifact} and {@link attachArtifact}. */
export interface PushArtifactOptions extends SignalOptions {
  /** Time of the annotation `org.opencontainers.image.created`. Default: the present. */
  now?: (() => Date) | undefined;
}

interface PreparedLayer {
  descriptor: Descriptor;
  open: () => Uint8Array | ByteStream;
  remove?: () => Promise<void>;
}

/**
 * Stores files as an artifact: their content, then the manifest, then the tag. Gives the manifest.
 *
 * A directory becomes one archive, which is unpacked when the artifact is pulled. A file that changes between being
 * hashed and being sent fails the push.
 *
 * @throws {TypeError} for an artifact with neither type nor config, a media type or a time of creation that is none.
 * @throws {OciError} `ERR_OCI_ENTRY_REFUSED` for titles that are unsafe or used twice; `ERR_OCI_FILE`; and as the store.
 */
export async function pushArtifact(
  store: Pusher & Tagger,
  input: PushArtifactInput,
  tag?: string | undefined,
  { signal, now = () => new Date() }: PushArtifactOptions = {},
): Promise<ManifestDocument> {
  signal?.throwIfAborted();
  const { artifactType, files = [], config, subject } = input;
  const annotations = withCreated(input.annotations, now);
  for (const type of [artifactType, ...files.map(({ mediaType }) => mediaType)]) {
    if (type !== undefined && !isMediaType(type))
      throw new TypeError(`not a media type: ${JSON.stringify(type)}`);
  }
  checkTitles(files.map(titleOf).filter((title) => title !== undefined));
  const packedConfig = config && { ...config, descriptor: describeContent(config.content, config.mediaType) };
  // Made once before anything is read, so that a mistake shows at once.
  packManifest({ artifactType, config: packedConfig?.descriptor, subject, annotations });
  const layers: PreparedLayer[] = [];
  try {
    for (const file of files) layers.push(await prepare(file, signal));
    const manifest = packManifest({
      artifactType,
      config: packedConfig?.descriptor,
      layers: layers.map(({ descriptor }) => descriptor),
      subject,
      annotations,
    });
    if (packedConfig) await store.push(packedConfig.descriptor, packedConfig.content, { signal });
    if (!packedConfig || layers.length === 0) {
      const { descriptor, content } = emptyContent();
      await store.push(descriptor, content, { signal });
    }
    for (const { descriptor, open } of layers) await store.push(descriptor, open(), { signal });
    await store.push(manifest.descriptor, manifest.bytes, { signal });
    if (tag !== undefined) await store.tag(manifest.descriptor, tag, { signal });
    return manifest;
  } finally {
    for (const { remove } of layers) await remove?.();
  }
}

/**
 * Stores files as an artifact that is about a manifest or index of the same repository: a signature, an SBOM.
 *
 * @param subject A tag, a digest as text, or a descriptor.
 * @throws As {@link pushArtifact}; {@link OciError} `ERR_OCI_NOT_FOUND` without the subject.
 */
export async function attachArtifact(
  store: Pusher & Tagger & Resolver,
  subject: string | Descriptor,
  input: Omit<PushArtifactInput, "subject">,
  options: PushArtifactOptions = {},
): Promise<ManifestDocument> {
  const found =
    typeof subject === "string" ? await store.resolve(subject, { signal: options.signal }) : subject;
  const { mediaType, digest, size } = found;
  return pushArtifact(store, { ...input, subject: { mediaType, digest, size } }, undefined, options);
}

function withCreated(
  annotations: Readonly<Record<string, string>> | undefined,
  now: () => Date,
): Record<string, string> {
  const created = annotations?.[CREATED_ANNOTATION];
  if (created !== undefined && !isDateTime(created)) {
    throw new TypeError(`${CREATED_ANNOTATION} is no time of RFC 3339: ${JSON.stringify(created)}`);
  }
  return { [CREATED_ANNOTATION]: `${now().toISOString().slice(0, 19)}Z`, ...annotations };
}

function titleOf(file: ArtifactItem): string | undefined {
  if (file.title !== undefined || !("path" in file)) return file.title;
  return basename(resolve(file.path));
}

async function prepare(file: ArtifactItem, signal: AbortSignal | undefined): Promise<PreparedLayer> {
  const title = titleOf(file);
  const annotations = { ...file.annotations, ...(title === undefined ? {} : { [TITLE_ANNOTATION]: title }) };
  if (!("path" in file)) {
    const descriptor = describeContent(file.content, file.mediaType ?? OCI_LAYER);
    return { descriptor: annotated(descriptor, annotations), open: () => file.content };
  }
  const { path, mediaType } = file;
  if (!(await withFileErrors(() => stat(path))).isDirectory()) {
    const descriptor = await describeFile(path, mediaType ?? OCI_LAYER, signal);
    return { descriptor: annotated(descriptor, annotations), open: () => createReadStream(path) };
  }
  const layer = await packDirectory(path, title ?? "", { signal });
  const marks = { [CONTENT_DIGEST_ANNOTATION]: layer.contentDigest, [UNPACK_ANNOTATION]: "true" };
  const descriptor = mediaType === undefined ? layer.descriptor : { ...layer.descriptor, mediaType };
  return { ...layer, descriptor: annotated(descriptor, { ...annotations, ...marks }) };
}

function annotated(descriptor: Descriptor, annotations: Record<string, string>): Descriptor {
  return Object.keys(annotations).length > 0 ? { ...descriptor, annotations } : descriptor;
}

async function describeFile(
  path: string,
  mediaType: string,
  signal: AbortSignal | undefined,
): Promise<Descriptor> {
  return withFileErrors(async () => {
    const digester = createDigester();
    const stream = createReadStream(path, { highWaterMark: 1024 * 1024 });
    for await (const chunk of abortableStream<Uint8Array>(stream, signal)) digester.update(chunk);
    const { size } = digester;
    return { mediaType, digest: digester.digest(), size };
  });
}

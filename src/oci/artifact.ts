/**
 * Images and artifacts as content that belongs together: made here, stored by {@link pushImage}.
 *
 * Nothing here depends on time or order of calls: equal input gives equal bytes.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage}
 * @module
 */
import type { Digest } from "../core/digest.ts";
import {
  OCI_CONFIG,
  OCI_EMPTY,
  OCI_INDEX,
  OCI_LAYER,
  OCI_MANIFEST,
  SECCOMP_PROFILE_CONFIG,
} from "../core/media-types.ts";
import type { Platform } from "../core/platform.ts";
import { type Descriptor, describeContent } from "./descriptor.ts";
import { layerContents } from "./layer-contents.ts";
import {
  artifactTypeOf,
  type IndexDocument,
  type Manifest,
  type ManifestDocument,
  parseManifest,
} from "./manifest.ts";

/** Content with its descriptor. */
export interface DescribedContent {
  descriptor: Descriptor;
  content: Uint8Array;
}

/** A manifest or index with everything that it names. */
export interface ImageGraph<T extends Manifest = Manifest> {
  manifest: T;
  /** Config and layers. */
  blobs: DescribedContent[];
  /** What an index names. */
  children: ImageGraph[];
}

/** Annotation that names the file a layer is to become. */
export const TITLE_ANNOTATION = "org.opencontainers.image.title";

/** The content `{}`, for a config or a layer that says nothing. */
export function emptyContent(): DescribedContent {
  const content = Buffer.from("{}");
  return { descriptor: { ...describeContent(content, OCI_EMPTY), data: "e30=" }, content };
}

/** What {@link packManifest} puts together. */
export interface PackManifestInput {
  /** Needed where the config is the empty one. */
  artifactType?: string | undefined;
  /** Default: the empty one. */
  config?: Descriptor | undefined;
  /** Default: none, which for anything but an image becomes one empty layer. */
  layers?: readonly Descriptor[] | undefined;
  /** What this is about. */
  subject?: Descriptor | undefined;
  annotations?: Readonly<Record<string, string>> | undefined;
}

/**
 * An OCI image manifest of these parts.
 *
 * @throws {TypeError} without config and artifact type: such a manifest says nothing about what it is.
 */
export function packManifest(input: PackManifestInput): ManifestDocument {
  const { artifactType, subject, annotations } = input;
  const empty = emptyContent().descriptor;
  const config = input.config ?? empty;
  if (config.mediaType === OCI_EMPTY && !artifactType) {
    throw new TypeError("an artifact without config needs an artifactType");
  }
  const given = input.layers ?? [];
  const layers = given.length === 0 && config.mediaType !== OCI_CONFIG ? [empty] : given;
  return pack(
    { schemaVersion: 2, mediaType: OCI_MANIFEST, artifactType, config, layers, subject, annotations },
    OCI_MANIFEST,
  ) as ManifestDocument;
}

/** One entry of {@link packIndex}. */
export interface IndexEntry {
  graph: ImageGraph;
  platform?: Platform | undefined;
  annotations?: Readonly<Record<string, string>> | undefined;
}

/** An index of images or artifacts, with everything that they name. */
export function packIndex(
  entries: readonly IndexEntry[],
  { artifactType, subject, annotations }: Omit<PackManifestInput, "config" | "layers"> = {},
): ImageGraph<IndexDocument> {
  const manifests = entries.map((entry) => ({
    ...entry.graph.manifest.descriptor,
    platform: entry.platform,
    annotations: entry.annotations,
  }));
  const manifest = pack(
    { schemaVersion: 2, mediaType: OCI_INDEX, artifactType, manifests, subject, annotations },
    OCI_INDEX,
  ) as IndexDocument;
  return { manifest, blobs: [], children: entries.map(({ graph }) => graph) };
}

function pack(value: object, mediaType: string): Manifest {
  return parseManifest(Buffer.from(JSON.stringify(value)), mediaType);
}

/** One file of an artifact. */
export interface ArtifactFile {
  content: Uint8Array;
  /** Default `application/vnd.oci.image.layer.v1.tar`, as oras has it for any file. */
  mediaType?: string | undefined;
  /** Name of the file. */
  title?: string | undefined;
  annotations?: Readonly<Record<string, string>> | undefined;
}

/** What {@link packArtifact} puts together. */
export interface PackArtifactInput extends Omit<PackManifestInput, "config" | "layers"> {
  config?: { content: Uint8Array; mediaType: string } | undefined;
  files: readonly ArtifactFile[];
}

/**
 * An artifact of files, each one layer, in the form that `oras push` makes.
 *
 * @throws {TypeError} as {@link packManifest}, and for two files with one title.
 */
export function packArtifact({ config, files, ...rest }: PackArtifactInput): ImageGraph<ManifestDocument> {
  const titles = files.flatMap(({ title }) => (title === undefined ? [] : [title]));
  if (new Set(titles).size !== titles.length) throw new TypeError("two files of an artifact with one title");
  const packedConfig = config && describe(config.content, config.mediaType);
  const layers = files.map(({ content, mediaType = OCI_LAYER, title, annotations }) => {
    const described = describe(content, mediaType);
    const all = { ...annotations, ...(title === undefined ? {} : { [TITLE_ANNOTATION]: title }) };
    if (Object.keys(all).length > 0) described.descriptor.annotations = all;
    return described;
  });
  const manifest = packManifest({
    ...rest,
    config: packedConfig?.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
  });
  const needsEmpty = !packedConfig || layers.length === 0;
  const blobs = [...(packedConfig ? [packedConfig] : []), ...layers, ...(needsEmpty ? [emptyContent()] : [])];
  return { manifest, blobs, children: [] };
}

/**
 * A seccomp profile as an artifact, as `oras push --config config.json:…seccomp-profile.config.v1+json` makes it
 * and CRI-O reads it. The profile itself is not checked.
 */
export function packSeccompProfile(
  profile: Uint8Array,
  { title = "seccomp.json", annotations }: { title?: string; annotations?: Record<string, string> } = {},
): ImageGraph<ManifestDocument> {
  return packArtifact({
    config: { content: Buffer.from("{}"), mediaType: SECCOMP_PROFILE_CONFIG },
    files: [{ content: profile, title }],
    annotations,
  });
}

/** A layer as {@link packImage} takes it. */
export interface ImageLayer extends DescribedContent {
  /** Digest of the uncompressed tar. */
  diffId: Digest;
}

/** A layer whose content goes to the store by itself, such as one that is too large to be held; see `DirectoryLayer`. */
export type StoredLayer = Pick<ImageLayer, "descriptor" | "diffId">;

/** What {@link packImage} puts together. */
export interface PackImageInput {
  platform: Pick<Platform, "os" | "architecture" | "variant">;
  /** Bottom to top. Those without content are not among the `blobs` of the image: they must be pushed before it. */
  layers: readonly (ImageLayer | StoredLayer)[];
  /** How a container of the image runs: `Env`, `Cmd`, `Entrypoint`, `User`, … as the image spec names them. */
  config?: Readonly<Record<string, unknown>> | undefined;
  /** RFC 3339. Default: not said. */
  created?: string | undefined;
  annotations?: Readonly<Record<string, string>> | undefined;
}

/**
 * A container image of layers.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md}
 */
export function packImage({
  platform: { os, architecture, variant },
  layers,
  config,
  created,
  annotations,
}: PackImageInput): ImageGraph<ManifestDocument> {
  const rootfs = { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) };
  const json = JSON.stringify({ created, architecture, os, variant, config, rootfs });
  const packedConfig = describe(Buffer.from(json), OCI_CONFIG);
  const manifest = packManifest({
    config: packedConfig.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
    annotations,
  });
  return { manifest, blobs: [packedConfig, ...layerContents(layers)], children: [] };
}

/** What {@link describeArtifact} tells. */
export interface ArtifactDescription {
  artifactType: string;
  config: Descriptor;
  /** Layers with their titles, which are names from the registry: not safe as paths. */
  files: { title?: string; descriptor: Descriptor }[];
  subject?: Descriptor;
  annotations: Readonly<Record<string, string>>;
}

/** What an image manifest says of itself as an artifact. Nothing is fetched or checked. */
export function describeArtifact(manifest: ManifestDocument): ArtifactDescription {
  const { config, layers, subject, annotations = {} } = manifest.value;
  const files = layers.map((descriptor) => {
    const title = descriptor.annotations?.[TITLE_ANNOTATION];
    return { ...(title === undefined ? {} : { title }), descriptor };
  });
  const artifactType = artifactTypeOf(manifest) ?? config.mediaType;
  return { artifactType, config, files, annotations, ...(subject ? { subject } : {}) };
}

function describe(content: Uint8Array, mediaType: string): DescribedContent {
  return { descriptor: describeContent(content, mediaType), content };
}

/**
 * Images made from others: with more layers, other settings or annotations. Nothing is fetched or stored.
 *
 * @module
 */
import { digestAlgorithm, digestOf } from "../../core/digest.ts";
import { jsonText } from "../../core/json-write.ts";
import { DOCKER_LAYER_GZIP, DOCKER_MANIFEST, OCI_LAYER, OCI_LAYER_GZIP } from "../../core/media-types.ts";
import type { JsonValue } from "../../core/strict-json.ts";
import type { DescribedContent, ImageLayer, StoredLayer } from "../artifact.ts";
import type { Descriptor } from "../descriptor.ts";
import { layerContents } from "../layer-contents.ts";
import { type ManifestDocument, parseManifest } from "../manifest.ts";
import { isDateTime } from "./date-time.ts";
import {
  checkLayerCount,
  type HistoryEntry,
  type ImageConfigDocument,
  parseImageConfig,
} from "./image-config.ts";

/** What {@link editImage} changes. */
export interface ImageEdits {
  /**
   * Layers on top of those that are there, bottom to top, each with its step of history. Those without content are not
   * among the `blobs`: they must be pushed by themselves.
   */
  layers?: readonly ((ImageLayer | StoredLayer) & { history?: HistoryEntry })[] | undefined;
  /** Settings of containers, such as `Env` and `Cmd`: each replaces the one of its name, null removes it. */
  config?: { readonly [name: string]: JsonValue } | undefined;
  /** Annotations of the manifest: each replaces the one of its name, null removes it. */
  annotations?: Readonly<Record<string, string | null>> | undefined;
  /** RFC 3339. Default: as it was. */
  created?: string | undefined;
}

/** What {@link editImage} gives. */
export interface EditedImage {
  manifest: ManifestDocument;
  config: ImageConfigDocument;
  /** The new configuration and the new layers: to be pushed before the manifest, beside what was there. */
  blobs: DescribedContent[];
}

type Members = { [key: string]: JsonValue };

/**
 * An image like another one, with changes; the same changes of the same image give the same bytes.
 *
 * Members that lading does not know are kept, and numbers are kept exactly. Layers of an image of Docker's types get
 * Docker's types. Signatures and other referrers of the image are about the old one only.
 *
 * @throws {OciError} `ERR_OCI_DOCUMENT_INVALID` if manifest and configuration differ in their number of layers.
 * @throws {CoreError} `ERR_JSON_TYPE` for a setting of a wrong type.
 * @throws {TypeError} for a configuration that is not the manifest's, a time that is none, and a layer whose type Docker
 * does not have.
 */
export function editImage(
  image: { manifest: ManifestDocument; config: ImageConfigDocument },
  { layers = [], config: settings = {}, annotations = {}, created }: ImageEdits,
): EditedImage {
  const { manifest, config } = image;
  const algorithm = digestAlgorithm(manifest.value.config.digest);
  if (digestOf(config.bytes, algorithm) !== manifest.value.config.digest) {
    throw new TypeError("the configuration is not the one that the manifest names");
  }
  if (created !== undefined && !isDateTime(created)) {
    throw new TypeError(`no time of RFC 3339: ${JSON.stringify(created)}`);
  }
  checkLayerCount(manifest.value, config.value);
  const isDocker = manifest.mediaType === DOCKER_MANIFEST;
  const added = layers.map(({ history: _, ...layer }) => {
    const { descriptor } = layer;
    const mediaType = isDocker ? dockerLayerType(descriptor.mediaType) : descriptor.mediaType;
    return { ...layer, descriptor: { ...descriptor, mediaType } };
  });
  const { mediaType } = manifest.value.config;
  const newConfig = parseImageConfig(jsonBytes(editConfig(config, layers, settings, created)), { mediaType });
  const old = manifest.plain;
  const merged = mergeMembers(membersOf(old["annotations"]), annotations);
  const document: Members = {
    ...old,
    config: plainDescriptor(newConfig.descriptor),
    layers: [...itemsOf(old["layers"]), ...added.map(({ descriptor }) => plainDescriptor(descriptor))],
  };
  if (Object.keys(merged).length > 0) document["annotations"] = merged;
  else delete document["annotations"];
  const edited = parseManifest(jsonBytes(document), manifest.mediaType, { mediaTypes: "kind" });
  if (edited.kind !== "manifest") throw new TypeError("an image manifest expected");
  const configBlob = { descriptor: newConfig.descriptor, content: newConfig.bytes };
  return { manifest: edited, config: newConfig, blobs: [configBlob, ...layerContents(added)] };
}

function editConfig(
  { plain, value }: ImageConfigDocument,
  layers: NonNullable<ImageEdits["layers"]>,
  settings: { readonly [name: string]: JsonValue },
  created: string | undefined,
): Members {
  const document: Members = { ...plain };
  if (created !== undefined) document["created"] = created;
  const container = mergeMembers(membersOf(plain["config"]), settings);
  if (Object.keys(container).length > 0) document["config"] = container;
  else delete document["config"];
  const ids = [...value.rootfs.diff_ids, ...layers.map(({ diffId }) => diffId)];
  document["rootfs"] = { ...membersOf(plain["rootfs"]), diff_ids: ids };
  // A history that begins in the middle would say something wrong about the layers below.
  const hasHistory = value.history !== undefined || value.rootfs.diff_ids.length === 0;
  if (layers.length > 0 && hasHistory) {
    const steps = layers.map(({ history }): JsonValue => {
      const time = created === undefined ? {} : { created };
      return { ...time, ...history, empty_layer: false };
    });
    document["history"] = [...itemsOf(plain["history"]), ...steps];
  }
  return document;
}

function dockerLayerType(mediaType: string): string {
  if (mediaType === OCI_LAYER_GZIP) return DOCKER_LAYER_GZIP;
  if (mediaType === OCI_LAYER) return "application/vnd.docker.image.rootfs.diff.tar";
  throw new TypeError(`a manifest of Docker's cannot have a layer of type ${JSON.stringify(mediaType)}`);
}

function mergeMembers(old: Members, edits: { readonly [name: string]: JsonValue }): Members {
  const merged = new Map(Object.entries(old));
  for (const [name, value] of Object.entries(edits)) {
    if (value === null) merged.delete(name);
    else merged.set(name, value);
  }
  return Object.fromEntries(merged);
}

function plainDescriptor({ mediaType, digest, size, annotations }: Descriptor): Members {
  return { mediaType, digest, size, ...(annotations ? { annotations } : {}) };
}

function membersOf(value: JsonValue | undefined): Members {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

function itemsOf(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function jsonBytes(value: JsonValue): Uint8Array {
  return Buffer.from(jsonText(value));
}

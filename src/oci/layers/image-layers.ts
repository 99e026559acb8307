/**
 * The layers of an image in a store, as sources with what they must unpack to.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { digestAlgorithm } from "../../core/digest.ts";
import { DOCKER_CONFIG, OCI_CONFIG } from "../../core/media-types.ts";
import type { SignalOptions } from "../../core/signal.ts";
import type { Descriptor } from "../descriptor.ts";
import { checkLayerCount, parseImageConfig } from "../documents/image-config.ts";
import { OciError } from "../errors.ts";
import { fetchBlob } from "../fetch.ts";
import type { ImageManifest } from "../manifest.ts";
import type { Fetcher } from "../store.ts";
import type { LayerSource } from "./apply.ts";
import { decryptLayer, layerEncryption } from "./encryption.ts";

/** Options of {@link imageLayers}. */
export interface ImageLayersOptions extends SignalOptions {
  /** Private keys for encrypted layers, tried in order. Default none: such a layer fails when it is read. */
  keys?: readonly KeyObject[] | undefined;
  /** Largest configuration accepted, in bytes. Default 4 MiB (4194304). */
  maxConfigBytes?: number | undefined;
}

/**
 * The layers of an image, bottom to top, each with the diff id that its configuration gives.
 *
 * Only the configuration is fetched; a layer is fetched each time it is opened, and compared with its digest on the way.
 *
 * @throws {OciError} `ERR_OCI_MEDIA_TYPE_UNSUPPORTED` for a manifest that is no image's; `ERR_OCI_DOCUMENT_INVALID` for
 * a configuration with another number of layers; what reading the configuration throws.
 */
export async function imageLayers(
  store: Fetcher,
  manifest: Pick<ImageManifest, "config" | "layers">,
  { keys = [], maxConfigBytes = 4 * 2 ** 20, signal }: ImageLayersOptions = {},
): Promise<LayerSource[]> {
  const { config, layers } = manifest;
  if (config.mediaType !== OCI_CONFIG && config.mediaType !== DOCKER_CONFIG) {
    throw new OciError(
      "ERR_OCI_MEDIA_TYPE_UNSUPPORTED",
      `no image: its config is of type ${config.mediaType}`,
    );
  }
  const bytes = await fetchBlob(store, config, { maxBytes: maxConfigBytes, signal });
  const { value } = parseImageConfig(bytes, {
    mediaType: config.mediaType,
    maxBytes: maxConfigBytes,
    algorithm: digestAlgorithm(config.digest),
  });
  checkLayerCount(manifest, value);
  return layers.map((descriptor, i) => ({
    // The store's own stream, where it is that: one around it could keep what passes.
    open: (given) =>
      layerEncryption(descriptor)
        ? openEncrypted(store, descriptor, keys, given)
        : store.fetch(descriptor, given),
    diffId: value.rootfs.diff_ids[i],
  }));
}

async function* openEncrypted(
  store: Fetcher,
  descriptor: Descriptor,
  keys: readonly KeyObject[],
  { signal }: SignalOptions,
): AsyncGenerator<Uint8Array, void> {
  const content = store.fetch(descriptor, { signal });
  yield* (await decryptLayer(descriptor, content, { keys, signal })).content;
}

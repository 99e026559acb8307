/**
 * Layers: read, apply, flatten and make the archives that file systems of images are made of.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md}
 * @module
 */
export { type AppliedLayers, type ApplyLayersOptions, applyLayers, type LayerSource } from "./apply.ts";
export type { LayerBehaviour, WhiteoutForm } from "./apply-entry.ts";
export {
  type CreateLayerFromDirectoryOptions,
  createLayerFromDirectory,
  type DirectoryLayer,
} from "./create.ts";
export type { LayerCompression } from "./decompress.ts";
export type { DeviceNode, SkippedItem, SystemCalls } from "./disk-tree.ts";
export {
  type DecryptedLayer,
  type DecryptLayerOptions,
  decryptLayer,
  type LayerEncryption,
  layerEncryption,
} from "./encryption.ts";
export {
  entryNameBytes,
  type LayerEntry,
  type LayerEntryContent,
  type LayerEntryKind,
} from "./entry.ts";
export {
  type FlattenLayersOptions,
  flattenLayers,
  type LayerFileContent,
  type ReadLayerFileOptions,
  readLayerFile,
} from "./flatten.ts";
export { type ImageLayersOptions, imageLayers } from "./image-layers.ts";
export type { LayerLimits } from "./limits.ts";
export { systemPrograms } from "./programs.ts";
export { type LayerReader, type ReadLayerOptions, readLayer } from "./read.ts";
export { type OpenStargzOptions, openStargz, type StargzLayer } from "./stargz.ts";
export type { StargzChunk, StargzEntry } from "./stargz-toc.ts";
export { type Whiteout, whiteoutOf } from "./whiteout.ts";

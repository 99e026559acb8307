/**
 * Layers: read, apply, flatten and make the archives that file systems of images are made of.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md}
 * @module
 */
export type { LayerCompression } from "./decompress.ts";
export {
  entryNameBytes,
  type LayerEntry,
  type LayerEntryContent,
  type LayerEntryKind,
} from "./entry.ts";
export type { LayerLimits } from "./limits.ts";
export { type LayerReader, type ReadLayerOptions, readLayer } from "./read.ts";
export { type Whiteout, whiteoutOf } from "./whiteout.ts";

/**
 * Where a node keeps its images.
 *
 * @module
 */

export { type LoadStorageConfOptions, loadStorageConf } from "./load.ts";
export {
  type ParseStorageConfOptions,
  parseStorageConf,
  type StorageConf,
  type StorageWarning,
} from "./parse.ts";

/**
 * The configuration of CRI-O.
 *
 * @module
 */

export type { CrioStorageDefaults, CrioStorageOrigins } from "./defaults.ts";
export type { CrioCommand } from "./flags.ts";
export {
  type CrioNode,
  type CrioProfile,
  type LoadCrioNodeOptions,
  loadCrioNode,
} from "./load.ts";
export { type CrioFile, type CrioFiles, type ParseCrioConfigOptions, parseCrioConfig } from "./parse.ts";
export {
  API_KEYS as CRIO_API_KEYS,
  HANDLER_KEYS as CRIO_HANDLER_KEYS,
  IMAGE_KEYS as CRIO_IMAGE_KEYS,
  METRICS_KEYS as CRIO_METRICS_KEYS,
  NETWORK_KEYS as CRIO_NETWORK_KEYS,
  RESOURCE_KEYS as CRIO_RESOURCE_KEYS,
  ROOT_KEYS as CRIO_ROOT_KEYS,
  RUNTIME_KEYS as CRIO_RUNTIME_KEYS,
  type SettingType,
  type SettingTypes,
  STATS_KEYS as CRIO_STATS_KEYS,
  TRACING_KEYS as CRIO_TRACING_KEYS,
  WORKLOAD_KEYS as CRIO_WORKLOAD_KEYS,
} from "./schema.ts";
export type {
  CrioConfig,
  CrioHandler,
  CrioWarning,
  CrioWorkloadTable,
  Setting,
  Settings,
  SettingValue,
} from "./types.ts";
export { crioNotifierPath, crioPolicyOptions, crioSeccompNode, isPinnedImage } from "./use.ts";
export type { CrioVersionOptions } from "./version.ts";

/**
 * The configuration of CRI-O.
 *
 * @module
 */

export type { CrioStorageDefaults } from "./defaults.ts";
export type { CrioCommand } from "./flags.ts";
export {
  type CrioNode,
  type CrioProfile,
  type LoadCrioNodeOptions,
  loadCrioNode,
} from "./load.ts";
export { type CrioFile, type CrioFiles, type ParseCrioConfigOptions, parseCrioConfig } from "./parse.ts";
export type { SettingType, SettingTypes } from "./schema.ts";
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

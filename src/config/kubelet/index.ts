/**
 * The kubelet's configuration.
 *
 * @module
 */

export type { KubeletFile } from "./document.ts";
export type { CommandWord } from "./flags.ts";
export { type LoadKubeletConfigOptions, loadKubeletConfig } from "./load.ts";
export { type KubeletFiles, type ParseKubeletConfigOptions, parseKubeletConfig } from "./parse.ts";
export type { KubeletConfig, KubeletSetting, KubeletWarning } from "./types.ts";

/**
 * containerd's `config.toml`.
 *
 * @module
 */

export type { ContainerdCni, ContainerdCri, ContainerdRuntime } from "./cri.ts";
export type { ContainerdConfigFile } from "./files.ts";
export { type LoadContainerdConfigOptions, loadContainerdConfig } from "./load.ts";
export {
  type ContainerdConfig,
  type ContainerdFlags,
  containerdSeccompNode,
  DEFAULT_CONTAINERD_CONFIG,
  type ParseContainerdConfigOptions,
  parseContainerdConfig,
} from "./parse.ts";
export type { ContainerdStreamProcessor } from "./stream-processors.ts";
export type { ConfigList, ConfigNode, ConfigScalar, ConfigTable, Sourced } from "./tree.ts";
export type { ContainerdConfigWarning, ContainerdWarningPlace } from "./warnings.ts";

/**
 * A cluster node's files, read as its daemons read them: each value with the place that it comes from.
 *
 * @module
 */

export * from "./cni/index.ts";
export * from "./containerd/index.ts";
export { type CrictlFile, type LoadCrictlFileOptions, loadCrictlFile } from "./crictl.ts";
export * from "./crio/index.ts";
export type { DataList, DataNode, DataObject, DataScalar } from "./data/tree.ts";
export { ConfigError, type ConfigErrorCode, type ConfigErrorOptions } from "./errors.ts";
export * from "./kubelet/index.ts";
export * from "./node/index.ts";
export type {
  ContainerdNodeRuntime,
  CrioRuntime,
  DaemonEnvironment,
  HostsFolder,
  NodeConfig,
  NodeRuntime,
  RegistriesOrigins,
} from "./node.ts";
export { type NodeFiles, type NodeFilesOptions, nodeFiles } from "./node-files.ts";
export type {
  MirrorWarning,
  NodeAgreementWarning,
  NodeWarning,
  SignaturesWarning,
} from "./node-warnings.ts";
export type { Origin } from "./origin.ts";
export { parseRuntimeClasses } from "./parse-runtime-classes.ts";
export { type PlainData, REDACTED, redactNode } from "./redact.ts";
export type { RuntimeClass, RuntimeClasses } from "./runtime-class.ts";
export * from "./storage/index.ts";

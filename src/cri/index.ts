/**
 * Clients of the Kubernetes Container Runtime Interface: every RPC of every version, over a unix socket
 * or TLS, and what is built on them.
 *
 * int64 and uint64 fields are `bigint`, nanosecond times among them; enums are open, so that a number from a newer
 * runtime is kept; `bytes` are `Uint8Array`.
 *
 * @module
 */
export type { CriApiVersion, CriCallOptions } from "./call.ts";
export type { CriKeepalive } from "./channel.ts";
export type { ServerStreamingFunction, ServiceFunctions, TypedService, UnaryFunction } from "./client.ts";
export { type ConnectCriOptions, type CriConnection, connectCri } from "./connect.ts";
export { type CrictlConfig, parseCrictlConfig, setCrictlConfig } from "./crictl-config.ts";
export {
  type CriEndpointFlags,
  type CriSetting,
  type CriSettingOrigin,
  defaultCriEndpoints,
  type ResolveCriEndpointsInput,
  type ResolvedCriEndpoints,
  resolveCriEndpoints,
} from "./crictl-endpoints.ts";
export { type CriDiagnosis, type DiagnoseCriOptions, diagnoseCri } from "./diagnose.ts";
export type { CriFacts, CriState, CriStateText } from "./diagnosis.ts";
export {
  type CriDiscovery,
  type CriDiscoveryAttempt,
  type DiscoverCriOptions,
  type DiscoveredCri,
  discoverCri,
} from "./discover.ts";
export {
  type CriEndpoint,
  formatCriEndpoint,
  type ParseCriEndpointOptions,
  parseCriEndpoint,
} from "./endpoint.ts";
export type { CriFileAccess } from "./endpoint-look.ts";
export {
  CriError,
  type CriErrorCode,
  type CriErrorOptions,
  type CriErrorReason,
  type GrpcStatus,
  type GrpcStatusName,
} from "./errors.ts";
export * from "./gen/runtime/v1/api_pb.ts";
export type { ImageFunctions } from "./image.ts";
export { type ContainerInfo, type ReadContainerInfoOptions, readContainerInfo } from "./info.ts";
export {
  type IterateContainerStatsRequest,
  type IterateContainersRequest,
  type IterateImagesRequest,
  type IteratePodSandboxesRequest,
  type IteratePodSandboxStatsRequest,
  iterateContainerStats,
  iterateContainers,
  iterateImages,
  iteratePodSandboxes,
  iteratePodSandboxMetrics,
  iteratePodSandboxStats,
} from "./list-streams.ts";
export * from "./logs/index.ts";
export * from "./observe/index.ts";
export * from "./operations/index.ts";
export type { RuntimeFunctions } from "./runtime.ts";
export * from "./streaming/index.ts";
export type { CriPem, CriTlsOptions } from "./tls.ts";

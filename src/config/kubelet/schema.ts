/**
 * Keys of a KubeletConfiguration with the types that the kubelet decodes them to.
 *
 * @see {@link https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/}
 * @module
 */

/** What a value must be. A duration is a text such as `1m30s`; `any` is not looked at. */
export type KubeletShape =
  | "text"
  | "flag"
  | "int32"
  | "int64"
  | "uint32"
  | "number"
  | "duration"
  | "any"
  | { readonly kind: "list"; readonly each: KubeletShape }
  | { readonly kind: "map"; readonly each: KubeletShape }
  | KubeletFields;

/** An object with known keys. */
export interface KubeletFields {
  readonly kind: "fields";
  readonly fields: Readonly<Record<string, KubeletShape>>;
}

const TEXTS: KubeletShape = { kind: "list", each: "text" };
const TEXT_MAP: KubeletShape = { kind: "map", each: "text" };

function fields(of: Readonly<Record<string, KubeletShape>>): KubeletFields {
  return { kind: "fields", fields: of };
}

const LOGGING: KubeletFields = fields({
  format: "text",
  // A duration, or in old files a number of nanoseconds.
  flushFrequency: "any",
  verbosity: "uint32",
  vmodule: { kind: "list", each: fields({ filePattern: "text", verbosity: "uint32" }) },
  options: fields({
    text: fields({ splitStream: "flag", infoBufferSize: "any" }),
    json: fields({ splitStream: "flag", infoBufferSize: "any" }),
  }),
});

/** All keys, of every release from 1.30 on. */
export const KUBELET_CONFIGURATION: KubeletFields = fields({
  apiVersion: "text",
  kind: "text",
  enableServer: "flag",
  staticPodPath: "text",
  podLogsDir: "text",
  syncFrequency: "duration",
  fileCheckFrequency: "duration",
  httpCheckFrequency: "duration",
  staticPodURL: "text",
  staticPodURLHeader: { kind: "map", each: TEXTS },
  address: "text",
  port: "int32",
  readOnlyPort: "int32",
  tlsCertFile: "text",
  tlsPrivateKeyFile: "text",
  tlsCipherSuites: TEXTS,
  tlsMinVersion: "text",
  tlsCurvePreferences: { kind: "list", each: "any" },
  rotateCertificates: "flag",
  serverTLSBootstrap: "flag",
  authentication: fields({
    x509: fields({ clientCAFile: "text" }),
    webhook: fields({ enabled: "flag", cacheTTL: "duration" }),
    anonymous: fields({ enabled: "flag" }),
  }),
  authorization: fields({
    mode: "text",
    webhook: fields({ cacheAuthorizedTTL: "duration", cacheUnauthorizedTTL: "duration" }),
  }),
  registryPullQPS: "int32",
  registryBurst: "int32",
  imagePullCredentialsVerificationPolicy: "text",
  preloadedImagesVerificationAllowlist: TEXTS,
  eventRecordQPS: "int32",
  eventBurst: "int32",
  enableDebuggingHandlers: "flag",
  enableContentionProfiling: "flag",
  healthzPort: "int32",
  healthzBindAddress: "text",
  oomScoreAdj: "int32",
  clusterDomain: "text",
  clusterDNS: TEXTS,
  streamingConnectionIdleTimeout: "duration",
  nodeStatusUpdateFrequency: "duration",
  nodeStatusReportFrequency: "duration",
  nodeLeaseDurationSeconds: "int32",
  imageMinimumGCAge: "duration",
  imageMaximumGCAge: "duration",
  imageGCHighThresholdPercent: "int32",
  imageGCLowThresholdPercent: "int32",
  volumeStatsAggPeriod: "duration",
  podHousekeepingPeriod: "duration",
  draManagerReconcilePeriod: "duration",
  kubeletCgroups: "text",
  systemCgroups: "text",
  cgroupRoot: "text",
  cgroupsPerQOS: "flag",
  cgroupDriver: "text",
  cpuManagerPolicy: "text",
  singleProcessOOMKill: "flag",
  cpuManagerPolicyOptions: TEXT_MAP,
  cpuManagerReconcilePeriod: "duration",
  memoryManagerPolicy: "text",
  topologyManagerPolicy: "text",
  topologyManagerScope: "text",
  topologyManagerPolicyOptions: TEXT_MAP,
  qosReserved: TEXT_MAP,
  runtimeRequestTimeout: "duration",
  hairpinMode: "text",
  maxPods: "int32",
  podCIDR: "text",
  podPidsLimit: "int64",
  resolvConf: "text",
  runOnce: "flag",
  cpuCFSQuota: "flag",
  cpuCFSQuotaPeriod: "duration",
  nodeStatusMaxImages: "int32",
  maxOpenFiles: "int64",
  contentType: "text",
  kubeAPIQPS: "int32",
  kubeAPIBurst: "int32",
  serializeImagePulls: "flag",
  maxParallelImagePulls: "int32",
  evictionHard: TEXT_MAP,
  evictionSoft: TEXT_MAP,
  evictionSoftGracePeriod: TEXT_MAP,
  evictionPressureTransitionPeriod: "duration",
  evictionMaxPodGracePeriod: "int32",
  evictionMinimumReclaim: TEXT_MAP,
  mergeDefaultEvictionSettings: "flag",
  podsPerCore: "int32",
  enableControllerAttachDetach: "flag",
  protectKernelDefaults: "flag",
  makeIPTablesUtilChains: "flag",
  iptablesMasqueradeBit: "int32",
  iptablesDropBit: "int32",
  featureGates: { kind: "map", each: "flag" },
  failSwapOn: "flag",
  memorySwap: fields({ swapBehavior: "text" }),
  containerLogMaxSize: "text",
  containerLogMaxFiles: "int32",
  containerLogMaxWorkers: "int32",
  containerLogMonitorInterval: "duration",
  configMapAndSecretChangeDetectionStrategy: "text",
  systemReserved: TEXT_MAP,
  kubeReserved: TEXT_MAP,
  reservedSystemCPUs: "text",
  showHiddenMetricsForVersion: "text",
  systemReservedCgroup: "text",
  kubeReservedCgroup: "text",
  enforceNodeAllocatable: TEXTS,
  allowedUnsafeSysctls: TEXTS,
  volumePluginDir: "text",
  providerID: "text",
  kernelMemcgNotification: "flag",
  logging: LOGGING,
  enableSystemLogHandler: "flag",
  enableSystemLogQuery: "flag",
  shutdownGracePeriod: "duration",
  shutdownGracePeriodCriticalPods: "duration",
  shutdownGracePeriodByPodPriority: {
    kind: "list",
    each: fields({ priority: "int32", shutdownGracePeriodSeconds: "int64" }),
  },
  crashLoopBackOff: fields({ maxContainerRestartPeriod: "duration" }),
  reservedMemory: {
    kind: "list",
    each: fields({ numaNode: "int32", limits: { kind: "map", each: "any" } }),
  },
  enableProfilingHandler: "flag",
  enableDebugFlagsHandler: "flag",
  seccompDefault: "flag",
  memoryThrottlingFactor: "number",
  memoryReservationPolicy: "text",
  registerWithTaints: {
    kind: "list",
    each: fields({ key: "text", value: "text", effect: "text", timeAdded: "any" }),
  },
  registerNode: "flag",
  tracing: fields({ endpoint: "text", samplingRatePerMillion: "int32" }),
  localStorageCapacityIsolation: "flag",
  containerRuntimeEndpoint: "text",
  imageServiceEndpoint: "text",
  failCgroupV1: "flag",
  userNamespaces: fields({ idsPerPod: "int64" }),
});

/** The minor version that first knows a key, for those that decide about Pods and are younger than 1.30. */
export const KUBELET_KEY_SINCE: Readonly<Record<string, number>> = {
  imagePullCredentialsVerificationPolicy: 33,
  preloadedImagesVerificationAllowlist: 33,
  userNamespaces: 33,
};

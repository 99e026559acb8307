/**
 * Stats, metrics, events and verbose information.
 *
 * @module
 */
export {
  type ImageInfo,
  type JsonFields,
  mergeVerboseInfo,
  type PodSandboxInfo,
  type RuntimeInfo,
  readImageInfo,
  readPodSandboxInfo,
  readRuntimeInfo,
} from "../info.ts";
export { type CgroupDriverDetection, cgroupDriverOfContainerd, detectCgroupDriver } from "./cgroup-driver.ts";
export { type CheckpointContainerOptions, checkpointContainer } from "./checkpoint.ts";
export { type RuntimeFeatureSet, type RuntimeHandlerFeatureSet, readRuntimeFeatures } from "./features.ts";
export {
  type FetchedPrometheusText,
  type FetchPrometheusTextOptions,
  fetchPrometheusText,
} from "./fetch-metrics.ts";
export {
  formatInspect,
  inspectContainer,
  inspectImage,
  inspectPodSandbox,
  inspectRuntime,
} from "./inspect.ts";
export {
  type DroppedMetric,
  type DroppedMetricReason,
  type PrometheusText,
  type PrometheusTextOptions,
  toPrometheusText,
} from "./metrics-text.ts";
export {
  type Delay,
  type PodStatsFailure,
  type PodStatsSample,
  type SamplePodStatsOptions,
  type SampleStatsOptions,
  samplePodStats,
  sampleStats,
  watchPodStats,
  watchStats,
} from "./sample-stats.ts";
export { type ContainerUsage, type CpuSample, cpuPercent, type PodUsage } from "./stats.ts";
export { nsToDate, nsToIso, toSafeNumber } from "./time.ts";
export { watchContainers } from "./watch.ts";
export type { WatchItem, WatchResyncReason } from "./watch-items.ts";
export type { WatchContainersOptions, WatchPollOptions } from "./watch-options.ts";
export type { WatchChange, WatchedContainer, WatchedPod, WatchView } from "./watch-view.ts";

/**
 * Stats, metrics, events and verbose information.
 *
 * @module
 */
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
export {
  type WatchContainersOptions,
  type WatchItem,
  type WatchPollOptions,
  type WatchResyncReason,
  watchContainers,
} from "./watch.ts";
export type { WatchChange, WatchedContainer, WatchedPod, WatchView } from "./watch-view.ts";

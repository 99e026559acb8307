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

/**
 * Lists of stats compared with earlier ones, as crictl compares them.
 *
 * @module
 */
import type { ContainerStats, PodSandboxStats } from "../gen/runtime/v1/api_pb.ts";
import {
  type ContainerUsage,
  type CpuSample,
  containerCpu,
  containerUsage,
  cpuPercent,
  isIdleContainer,
  isIdlePod,
  type PodUsage,
  podCpu,
  podUsage,
} from "./stats.ts";

/** How stats of one kind are read. */
interface StatsKind<S, U> {
  idOf(stats: S): string;
  cpuOf(stats: S): CpuSample | undefined;
  isIdle(stats: S): boolean;
  usageOf(stats: S, percent: number): U;
}

/** Stats of containers. */
export const CONTAINERS: StatsKind<ContainerStats, ContainerUsage> = {
  idOf: ({ attributes }) => attributes?.id ?? "",
  cpuOf: containerCpu,
  isIdle: isIdleContainer,
  usageOf: containerUsage,
};

/** Stats of pods. */
export const PODS: StatsKind<PodSandboxStats, PodUsage> = {
  idOf: ({ attributes }) => attributes?.id ?? "",
  cpuOf: podCpu,
  isIdle: isIdlePod,
  usageOf: podUsage,
};

/** What is known of a container or pod from the lists before. */
interface Baseline {
  readonly cpu: CpuSample | undefined;
  readonly percent: number | undefined;
}

/** Options of {@link createComparison}. */
export interface ComparisonOptions {
  /** Keeps those that have neither CPU time nor memory. */
  all: boolean;
  /** `"fail"`: a counter that was not read anew is an error; `"keep"`: the percentage from before stands. */
  unchanged: "fail" | "keep";
}

/**
 * A function that is given one list after another and says what was used since the one before, ordered by id.
 *
 * Left out are those that the list before does not measure, so the first answer is empty.
 */
export function createComparison<S, U>(
  kind: StatsKind<S, U>,
  { all, unchanged }: ComparisonOptions,
): (list: readonly S[]) => U[] {
  let before = new Map<string, Baseline>();
  return (list) => {
    const now = new Map<string, Baseline>();
    const usages: [id: string, usage: U][] = [];
    for (const [id, stats] of new Map(list.map((each) => [kind.idOf(each), each]))) {
      const cpu = kind.cpuOf(stats);
      const baseline = before.get(id);
      const next = baseline ? advance(baseline, cpu, unchanged) : { cpu, percent: undefined };
      now.set(id, next);
      if (!baseline || next.percent === undefined || (!all && kind.isIdle(stats))) continue;
      usages.push([id, kind.usageOf(stats, next.percent)]);
    }
    before = now;
    return usages.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, usage]) => usage);
  };
}

function advance(
  baseline: Baseline,
  cpu: CpuSample | undefined,
  unchanged: ComparisonOptions["unchanged"],
): Baseline {
  if (!cpu || cpu.usageCoreNanoSeconds === 0n) return { cpu, percent: 0 };
  if (!baseline.cpu) return { cpu, percent: undefined };
  if (unchanged === "keep" && cpu.timestamp <= baseline.cpu.timestamp) return baseline;
  return { cpu, percent: cpuPercent(baseline.cpu, cpu) };
}

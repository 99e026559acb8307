/**
 * Resource use of containers and pods, computed from two samples.
 *
 * A runtime reports CPU time as a counter, so a percentage needs two readings. Counters and times are beyond what
 * a double holds exactly; the differences are taken on bigint.
 *
 * @module
 */
import { CriError } from "../errors.ts";
import type {
  ContainerStats,
  LinuxPodSandboxStats,
  PodSandboxStats,
  UInt64Value,
  WindowsPodSandboxStats,
} from "../gen/runtime/v1/api_pb.ts";

/** CPU time of a container or pod at one moment. */
export interface CpuSample {
  /** When the runtime read the counter, in nanoseconds since the Unix epoch. */
  timestamp: bigint;
  /** CPU time used until then on all cores together, in nanoseconds. */
  usageCoreNanoSeconds: bigint;
}

/** What a container uses. A value that the runtime does not report is absent, which is not the same as zero. */
export interface ContainerUsage {
  id: string;
  /** Name in the container's metadata. */
  name?: string;
  /** From the label `io.kubernetes.pod.name`. */
  podName?: string;
  /** From the label `io.kubernetes.pod.namespace`. */
  podNamespace?: string;
  /** From the label `io.kubernetes.pod.uid`. */
  podUid?: string;
  labels: { [key: string]: string };
  /** Percent of one core between the two samples: 250 for two and a half cores. 0 for a container without CPU time. */
  cpuPercent: number;
  memoryWorkingSetBytes?: bigint;
  /** Bytes of the container's own layer. */
  writableLayerBytes?: bigint;
  /** Inodes of the container's own layer. */
  inodes?: bigint;
  swapBytes?: bigint;
}

/** What a pod uses, all its containers together. A value that the runtime does not report is absent. */
export interface PodUsage {
  id: string;
  name?: string;
  namespace?: string;
  uid?: string;
  labels: { [key: string]: string };
  /** Which part the runtime filled; absent if it filled none. */
  platform?: "linux" | "windows";
  /** Percent of one core between the two samples, as of {@link ContainerUsage}. */
  cpuPercent: number;
  memoryWorkingSetBytes?: bigint;
  /** Processes in the pod. */
  processes?: bigint;
  /** Bytes received on the pod's main interface since it came up. */
  networkReceivedBytes?: bigint;
  /** Bytes sent on the pod's main interface since it came up. */
  networkSentBytes?: bigint;
}

/**
 * Percent of one core used between two readings of a CPU counter; above 100 for more than one core.
 *
 * Cut, not rounded, to hundredths. A counter that is lower than before was reset, so only what it shows now counts.
 *
 * @throws {CriError} `ERR_CRI_STATS_UNCHANGED` if the second reading is not later than the first.
 */
export function cpuPercent(before: CpuSample, after: CpuSample): number {
  const elapsed = after.timestamp - before.timestamp;
  if (elapsed <= 0n) {
    throw new CriError("ERR_CRI_STATS_UNCHANGED", "cpu stat is not updated during sample");
  }
  const grown = after.usageCoreNanoSeconds - before.usageCoreNanoSeconds;
  const used = grown < 0n ? after.usageCoreNanoSeconds : grown;
  return Number((used * 10000n) / elapsed) / 100;
}

/** The CPU counter of a container; undefined if it is not measured, as that of one that does not run. */
export function containerCpu({ cpu }: ContainerStats): CpuSample | undefined {
  return cpuOf(cpu);
}

/**
 * The CPU counter of a pod; undefined if it has none.
 *
 * @throws {CriError} `ERR_CRI_INVALID_RESPONSE` if the pod has a Linux and a Windows part.
 */
export function podCpu(stats: PodSandboxStats): CpuSample | undefined {
  return cpuOf(podPart(stats)?.cpu);
}

/** Whether a container has neither CPU time nor memory: crictl leaves such a one out, since it does not run. */
export function isIdleContainer({ cpu, memory }: ContainerStats): boolean {
  return !cpu?.usageCoreNanoSeconds?.value && !memory?.workingSetBytes?.value;
}

/** Whether a pod has neither CPU time nor memory. Throws as {@link podCpu}. */
export function isIdlePod(stats: PodSandboxStats): boolean {
  const part = podPart(stats);
  return !part?.cpu?.usageCoreNanoSeconds?.value && !part?.memory?.workingSetBytes?.value;
}

/** What a container uses; the percentage is computed by the caller. */
export function containerUsage(stats: ContainerStats, percent: number): ContainerUsage {
  const { attributes, memory, writableLayer, swap } = stats;
  const labels = attributes?.labels ?? {};
  return {
    id: attributes?.id ?? "",
    ...given("name", attributes?.metadata?.name || undefined),
    ...given("podName", ownLabel(labels, "io.kubernetes.pod.name")),
    ...given("podNamespace", ownLabel(labels, "io.kubernetes.pod.namespace")),
    ...given("podUid", ownLabel(labels, "io.kubernetes.pod.uid")),
    labels,
    cpuPercent: percent,
    ...given("memoryWorkingSetBytes", memory?.workingSetBytes?.value),
    ...given("writableLayerBytes", writableLayer?.usedBytes?.value),
    ...given("inodes", writableLayer?.inodesUsed?.value),
    ...given("swapBytes", swap?.swapUsageBytes?.value),
  };
}

/** What a pod uses; the percentage is computed by the caller. Throws as {@link podCpu}. */
export function podUsage(stats: PodSandboxStats, percent: number): PodUsage {
  const { attributes } = stats;
  const part = podPart(stats);
  const { defaultInterface } = part?.network ?? {};
  return {
    id: attributes?.id ?? "",
    ...given("name", attributes?.metadata?.name || undefined),
    ...given("namespace", attributes?.metadata?.namespace || undefined),
    ...given("uid", attributes?.metadata?.uid || undefined),
    labels: attributes?.labels ?? {},
    ...given("platform", part && (stats.linux ? ("linux" as const) : ("windows" as const))),
    cpuPercent: percent,
    ...given("memoryWorkingSetBytes", part?.memory?.workingSetBytes?.value),
    ...given("processes", part?.process?.processCount?.value),
    ...given("networkReceivedBytes", defaultInterface?.rxBytes?.value),
    ...given("networkSentBytes", defaultInterface?.txBytes?.value),
  };
}

function podPart(stats: PodSandboxStats): LinuxPodSandboxStats | WindowsPodSandboxStats | undefined {
  const { linux, windows, attributes } = stats;
  if (linux && windows) {
    const text = `the stats of pod ${JSON.stringify(attributes?.id ?? "")} have a linux and a windows part`;
    throw new CriError("ERR_CRI_INVALID_RESPONSE", text);
  }
  return linux ?? windows;
}

function cpuOf(
  cpu: { timestamp: bigint; usageCoreNanoSeconds?: UInt64Value | undefined } | undefined,
): CpuSample | undefined {
  const usageCoreNanoSeconds = cpu?.usageCoreNanoSeconds?.value;
  if (!cpu || usageCoreNanoSeconds === undefined || cpu.timestamp === 0n) return undefined;
  return { timestamp: cpu.timestamp, usageCoreNanoSeconds };
}

function ownLabel(labels: { [key: string]: string }, name: string): string | undefined {
  return Object.hasOwn(labels, name) ? labels[name] : undefined;
}

function given<K extends string, V>(name: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [key in K]?: V });
}

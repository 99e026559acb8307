/**
 * Samples of what containers and pods use.
 *
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { delay as realDelay, type SignalOptions } from "../../core/signal.ts";
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import { CriError } from "../errors.ts";
import {
  type ContainerStats,
  type ContainerStatsFilterSchema,
  PodSandboxState,
  type PodSandboxStats,
  type PodSandboxStatsFilterSchema,
} from "../gen/runtime/v1/api_pb.ts";
import { iterateContainerStats, iteratePodSandboxes, iteratePodSandboxStats } from "../list-streams.ts";
import { collect } from "./collect.ts";
import { CONTAINERS, createComparison, PODS } from "./compare-stats.ts";
import { leavable } from "./leave.ts";
import type { ContainerUsage, PodUsage } from "./stats.ts";

/** Waits that many milliseconds, or rejects with the reason of the signal. */
export type Delay = (ms: number, options: SignalOptions) => Promise<void>;

/** What the functions of this file have in common. `timeoutMs` is for each call to the runtime. */
interface SampleOptions extends CriCallOptions {
  /** Time between two samples in milliseconds, 1 to 2147483647. Default 1000. */
  intervalMs?: number | undefined;
  /** Keeps those that have neither CPU time nor memory, such as containers that have ended. Default false. */
  all?: boolean | undefined;
  /** How the time between samples passes. Default: as the clock runs. */
  delay?: Delay | undefined;
}

/** Options of {@link sampleStats} and {@link watchStats}. */
export interface SampleStatsOptions extends SampleOptions {
  /** Which containers to measure: one id, the containers of one pod, or those with labels. Default: all. */
  filter?: MessageInitShape<typeof ContainerStatsFilterSchema> | undefined;
}

/** Options of {@link samplePodStats} and {@link watchPodStats}. */
export interface SamplePodStatsOptions extends SampleOptions {
  /** Which pods to measure: one id, or those with labels. Default: all. */
  filter?: MessageInitShape<typeof PodSandboxStatsFilterSchema> | undefined;
}

/** A pod that the runtime cannot measure. */
export interface PodStatsFailure {
  id: string;
  error: CriError;
}

/** What {@link samplePodStats} finds. */
export interface PodStatsSample {
  /** Ordered by id. */
  pods: PodUsage[];
  /** The pods that the runtime could not measure the second time, in the runtime's order. */
  failures: PodStatsFailure[];
}

/**
 * What containers use, from two samples, ordered by id.
 *
 * As in crictl, a container that was not measured in the first sample is left out, and without `all` one that has
 * neither CPU time nor memory.
 *
 * @throws {CriError} `ERR_CRI_STATS_UNCHANGED` if the runtime read a container's CPU counter only once in
 * `intervalMs`: runtimes that read it at times of their own need a longer interval.
 * @throws {CriError} with the code of a failed call.
 */
export async function sampleStats(
  cri: Pick<CriConnection, "runtime">,
  options: SampleStatsOptions = {},
): Promise<ContainerUsage[]> {
  const compare = createComparison(CONTAINERS, { all: options.all ?? false, unchanged: "fail" });
  const wait = interval(options);
  compare(await readContainers(cri, options));
  await wait();
  return compare(await readContainers(cri, options));
}

/**
 * What containers use since the sample before, again and again: the first answer comes after two samples.
 *
 * Lazy and single-use; samples are taken only while an answer is awaited, so a slow reader gets longer intervals.
 * `return()` ends one that waits.
 * Where the runtime has not read a CPU counter anew, the percentage from before stands. A failed call ends it.
 *
 * @throws {CriError} with the code of a failed call.
 */
export function watchStats(
  cri: Pick<CriConnection, "runtime">,
  options: SampleStatsOptions = {},
): AsyncIterableIterator<ContainerUsage[], void> {
  const compare = createComparison(CONTAINERS, { all: options.all ?? false, unchanged: "keep" });
  return everyInterval(options, async (signal) => compare(await readContainers(cri, { ...options, signal })));
}

/**
 * What pods use, from two samples, as {@link sampleStats} does it.
 *
 * Runtimes fail the whole list for one pod that they cannot measure: containerd 1.6 does for a pod without
 * `linux.cgroupParent`. Then each ready pod is asked for, and those that fail are named.
 *
 * @throws {CriError} `ERR_CRI_STATS_UNCHANGED` as `sampleStats`.
 * @throws {CriError} `ERR_CRI_INVALID_RESPONSE` for a pod with a Linux and a Windows part.
 * @throws {CriError} `ERR_CRI_UNIMPLEMENTED` from runtimes older than CRI 0.23, or the code of a failed call.
 */
export async function samplePodStats(
  cri: Pick<CriConnection, "runtime">,
  options: SamplePodStatsOptions = {},
): Promise<PodStatsSample> {
  const compare = createComparison(PODS, { all: options.all ?? false, unchanged: "fail" });
  const wait = interval(options);
  compare((await readPods(cri, options)).stats);
  await wait();
  const { stats, failures } = await readPods(cri, options);
  return { pods: compare(stats), failures };
}

/** What pods use since the sample before: of {@link samplePodStats} what {@link watchStats} is of sampleStats. */
export function watchPodStats(
  cri: Pick<CriConnection, "runtime">,
  options: SamplePodStatsOptions = {},
): AsyncIterableIterator<PodStatsSample, void> {
  const compare = createComparison(PODS, { all: options.all ?? false, unchanged: "keep" });
  return everyInterval(options, async (signal) => {
    const { stats, failures } = await readPods(cri, { ...options, signal });
    return { pods: compare(stats), failures };
  });
}

/** Samples again and again; the first sample is what the second one is compared with. */
function everyInterval<T>(
  options: SampleOptions,
  sample: (signal: AbortSignal | undefined) => Promise<T>,
): AsyncIterableIterator<T, void> {
  // A wrong interval is told now and not with the first answer.
  interval(options);
  return leavable(options.signal, async function* (signal) {
    const wait = interval({ ...options, signal });
    await sample(signal);
    for (;;) {
      await wait();
      yield await sample(signal);
    }
  });
}

const MAX_INTERVAL_MS = 2 ** 31 - 1;

function interval({ intervalMs = 1000, delay = realDelay, signal }: SampleOptions): () => Promise<void> {
  if (!(intervalMs >= 1 && intervalMs <= MAX_INTERVAL_MS)) {
    throw new RangeError(`intervalMs must be from 1 to ${MAX_INTERVAL_MS}, got ${intervalMs}`);
  }
  return () => delay(intervalMs, { signal });
}

function callOptions({ signal, timeoutMs, metadata }: CriCallOptions): CriCallOptions {
  return { signal, timeoutMs, ...(metadata ? { metadata } : {}) };
}

async function readContainers(
  cri: Pick<CriConnection, "runtime">,
  { filter, ...options }: SampleStatsOptions,
): Promise<ContainerStats[]> {
  const request = filter ? { filter } : {};
  return collect(iterateContainerStats(cri, request, callOptions(options)));
}

/** Answers that one pod can be the reason of. */
const OF_ONE_POD: readonly CriError["code"][] = ["ERR_CRI_UNKNOWN", "ERR_CRI_INTERNAL", "ERR_CRI_NOT_FOUND"];

async function readPods(
  cri: Pick<CriConnection, "runtime">,
  { filter, ...rest }: SamplePodStatsOptions,
): Promise<{ stats: PodSandboxStats[]; failures: PodStatsFailure[] }> {
  const options = callOptions(rest);
  try {
    const request = filter ? { filter } : {};
    return { stats: await collect(iteratePodSandboxStats(cri, request, options)), failures: [] };
  } catch (error) {
    if (!(error instanceof CriError) || !OF_ONE_POD.includes(error.code)) throw error;
  }
  const ready = {
    ...(filter?.id ? { id: filter.id } : {}),
    ...(filter?.labelSelector ? { labelSelector: filter.labelSelector } : {}),
    state: { state: PodSandboxState.SANDBOX_READY },
  };
  const stats: PodSandboxStats[] = [];
  const failures: PodStatsFailure[] = [];
  for (const { id } of await collect(iteratePodSandboxes(cri, { filter: ready }, options))) {
    try {
      const answer = await cri.runtime.podSandboxStats({ podSandboxId: id }, options);
      if (answer.stats) stats.push(answer.stats);
    } catch (error) {
      if (!(error instanceof CriError) || !OF_ONE_POD.includes(error.code)) throw error;
      // A pod that is gone since the list is no failure.
      if (error.code !== "ERR_CRI_NOT_FOUND") failures.push({ id, error });
    }
  }
  return { stats, failures };
}

/**
 * Metrics of pods and containers, by the names that cAdvisor gave them.
 *
 * @module
 */
import { MetricType, type RuntimeService } from "../../cri/index.ts";
import type { ServiceHandlers } from "../../cri/serve.ts";
import { inBatches } from "./lists.ts";
import type { ProcessUsage } from "./processes.ts";
import { type ContainerRecord, containersOf, type SandboxRecord } from "./state.ts";
import { sandboxUsage, usageOf } from "./stats.ts";
import type { RuntimeWorld } from "./world.ts";

/** A metric, and where its value comes from. */
interface MetricSource {
  name: string;
  help: string;
  type: MetricType;
  value(usage: ProcessUsage): bigint;
}

const CONTAINER_METRICS: readonly MetricSource[] = [
  {
    name: "container_cpu_usage_seconds_total",
    help: "Cumulative cpu time consumed in seconds.",
    type: MetricType.COUNTER,
    value: ({ cpuNanoSeconds }) => cpuNanoSeconds / 1_000_000_000n,
  },
  {
    name: "container_memory_working_set_bytes",
    help: "Current working set in bytes.",
    type: MetricType.GAUGE,
    value: ({ memoryBytes }) => memoryBytes,
  },
  {
    name: "container_memory_swap",
    help: "Container swap usage in bytes.",
    type: MetricType.GAUGE,
    value: ({ swapBytes }) => swapBytes,
  },
  {
    name: "container_fs_usage_bytes",
    help: "Number of bytes that are consumed by the container on this filesystem.",
    type: MetricType.GAUGE,
    value: ({ writtenBytes }) => writtenBytes,
  },
];

const LABELS = ["id", "name", "image"];

/** Handlers of the RPCs about metrics. */
export function metricsHandlers(world: RuntimeWorld): ServiceHandlers<typeof RuntimeService> {
  const { state, listBatchSize } = world;
  const podMetrics = () => [...state.sandboxes.values()].map((sandbox) => metricsOf(world, sandbox));
  return {
    listMetricDescriptors: () => ({
      descriptors: CONTAINER_METRICS.map(({ name, help }) => ({ name, help, labelKeys: LABELS })),
    }),
    listPodSandboxMetrics: () => ({ podMetrics: podMetrics() }),
    streamPodSandboxMetrics: function* () {
      for (const batch of inBatches(podMetrics(), listBatchSize)) yield { podSandboxMetrics: batch };
    },
  };
}

function metricsOf(world: RuntimeWorld, sandbox: SandboxRecord) {
  const containers = containersOf(world.state, sandbox);
  const running = containers.flatMap((container) => {
    const usage = usageOf(container);
    return usage ? [{ container, usage }] : [];
  });
  return {
    podSandboxId: sandbox.id,
    metrics: valuesOf(world.now(), sandboxUsage(world, sandbox), [sandbox.id, "POD", ""]),
    containerMetrics: running.map(({ container, usage }) => ({
      containerId: container.id,
      metrics: valuesOf(world.now(), usage, labelsOf(container)),
    })),
  };
}

function labelsOf({ id, config }: ContainerRecord): string[] {
  return [id, config.metadata?.name ?? "", config.image?.image ?? ""];
}

function valuesOf(timestamp: bigint, usage: ProcessUsage, labelValues: string[]) {
  return CONTAINER_METRICS.map(({ name, type, value }) => ({
    name,
    timestamp,
    metricType: type,
    labelValues,
    value: { value: value(usage) },
  }));
}

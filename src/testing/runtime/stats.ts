/**
 * What containers and pods use.
 *
 * @module
 */
import {
  ContainerState,
  type ContainerStatsSchema,
  PodSandboxState,
  type PodSandboxStatsSchema,
  type RuntimeService,
} from "../../cri/index.ts";
import type { MessageInitShape, ServiceHandlers } from "../../cri/serve.ts";
import { filterContainers, filterSandboxes, inBatches } from "./lists.ts";
import { mustFindContainer, mustFindSandbox } from "./lookups.ts";
import type { ProcessUsage } from "./processes.ts";
import { unknown } from "./refusals.ts";
import { isAtLeast } from "./releases.ts";
import { type ContainerRecord, containersOf, type SandboxRecord } from "./state.ts";
import { usesNodeNetwork } from "./statuses.ts";
import type { RuntimeWorld } from "./world.ts";

/** Handlers of the RPCs about usage. */
export function statsHandlers(world: RuntimeWorld): ServiceHandlers<typeof RuntimeService> {
  const { state, flavor, listBatchSize } = world;
  const containers = (filter: Parameters<typeof filterContainers>[1]) =>
    filterContainers(state, filter)
      .filter((container) => flavor === "containerd" || !isOver(container))
      .map((container) => containerStats(world, container));
  const sandboxes = (filter: Parameters<typeof filterSandboxes>[1]) =>
    filterSandboxes(state, filter)
      .filter((sandbox) => sandbox.state === PodSandboxState.SANDBOX_READY)
      .map((sandbox) => sandboxStats(world, sandbox));
  return {
    containerStats: ({ containerId }) => {
      const container = mustFindContainer(world, containerId, "failed to find container");
      const strict = flavor === "containerd" && !isAtLeast(world.release, "0.26");
      // containerd 1.6 asks for measurements that are not there.
      if (strict && container.state !== ContainerState.CONTAINER_RUNNING) {
        throw unknown("unexpected metrics response: []");
      }
      return { stats: containerStats(world, container) };
    },
    listContainerStats: ({ filter }) => ({ stats: containers(filter) }),
    streamContainerStats: function* ({ filter }) {
      for (const batch of inBatches(containers(filter), listBatchSize)) yield { containerStats: batch };
    },
    podSandboxStats: ({ podSandboxId }) => {
      const context = `an error occurred when trying to find sandbox ${podSandboxId}`;
      const sandbox = mustFindSandbox(world, podSandboxId, context);
      return { stats: sandboxStats(world, sandbox) };
    },
    listPodSandboxStats: ({ filter }) => ({ stats: sandboxes(filter) }),
    streamPodSandboxStats: function* ({ filter }) {
      for (const batch of inBatches(sandboxes(filter), listBatchSize)) yield { podSandboxStats: batch };
    },
  };
}

/** What a container has used with all its processes; nothing before it was started. */
export function usageOf({ process, execs }: ContainerRecord): ProcessUsage | undefined {
  if (!process) return undefined;
  return sum([process.usage(), ...[...execs].map((other) => other.usage())]);
}

/** What all containers of a sandbox use together. */
export function sandboxUsage(world: RuntimeWorld, sandbox: SandboxRecord): ProcessUsage {
  const usages = containersOf(world.state, sandbox).map(usageOf);
  return sum(usages.filter((usage) => usage !== undefined));
}

/** Whether a container has ended. */
export function isOver({ state }: ContainerRecord): boolean {
  return state === ContainerState.CONTAINER_EXITED;
}

function sum(usages: readonly ProcessUsage[]): ProcessUsage {
  const total = { cpuNanoSeconds: 0n, nanoCores: 0n, memoryBytes: 0n, swapBytes: 0n, writtenBytes: 0n };
  for (const usage of usages) {
    total.cpuNanoSeconds += usage.cpuNanoSeconds;
    total.nanoCores += usage.nanoCores;
    total.memoryBytes += usage.memoryBytes;
    total.swapBytes += usage.swapBytes;
    total.writtenBytes += usage.writtenBytes;
  }
  return total;
}

function containerStats(
  world: RuntimeWorld,
  container: ContainerRecord,
): MessageInitShape<typeof ContainerStatsSchema> {
  const { config } = container;
  const timestamp = world.now();
  const usage = usageOf(container);
  const running = container.state === ContainerState.CONTAINER_RUNNING ? usage : undefined;
  return {
    attributes: {
      id: container.id,
      ...(config.metadata ? { metadata: config.metadata } : {}),
      labels: config.labels,
      annotations: config.annotations,
    },
    // What has ended, or has not begun, uses no core and no memory.
    ...(running
      ? {
          cpu: cpuOf(timestamp, running),
          memory: memoryOf(timestamp, running, container.linux?.memoryLimitInBytes ?? 0n),
          swap: {
            timestamp,
            swapAvailableBytes: { value: 0n },
            swapUsageBytes: { value: running.swapBytes },
          },
        }
      : {}),
    writableLayer: {
      timestamp,
      fsId: { mountpoint: `${world.folder}/containers` },
      usedBytes: { value: usage?.writtenBytes ?? 0n },
      inodesUsed: { value: 1n },
    },
  };
}

function sandboxStats(
  world: RuntimeWorld,
  sandbox: SandboxRecord,
): MessageInitShape<typeof PodSandboxStatsSchema> {
  const { config } = sandbox;
  const timestamp = world.now();
  const usage = sandboxUsage(world, sandbox);
  const containers = containersOf(world.state, sandbox).filter((container) => !isOver(container));
  const running = containers.filter((container) => container.state === ContainerState.CONTAINER_RUNNING);
  const none = { value: 0n };
  const eth0 = { name: "eth0", rxBytes: none, rxErrors: none, txBytes: none, txErrors: none };
  return {
    attributes: {
      id: sandbox.id,
      ...(config.metadata ? { metadata: config.metadata } : {}),
      labels: config.labels,
      annotations: config.annotations,
    },
    linux: {
      cpu: cpuOf(timestamp, usage),
      memory: memoryOf(timestamp, usage, 0n),
      ...(usesNodeNetwork(sandbox) ? {} : { network: { timestamp, defaultInterface: eth0 } }),
      process: {
        timestamp,
        processCount: { value: BigInt(running.reduce((count, { execs }) => count + 1 + execs.size, 0)) },
      },
      containers: containers.map((container) => containerStats(world, container)),
    },
  };
}

function cpuOf(timestamp: bigint, { cpuNanoSeconds, nanoCores }: ProcessUsage) {
  return {
    timestamp,
    usageCoreNanoSeconds: { value: cpuNanoSeconds },
    usageNanoCores: { value: nanoCores },
  };
}

function memoryOf(timestamp: bigint, { memoryBytes }: ProcessUsage, limit: bigint) {
  const value = { value: memoryBytes };
  return {
    timestamp,
    workingSetBytes: value,
    usageBytes: value,
    rssBytes: value,
    availableBytes: { value: limit > memoryBytes ? limit - memoryBytes : 0n },
    pageFaults: { value: memoryBytes / 4096n },
    majorPageFaults: { value: 0n },
  };
}

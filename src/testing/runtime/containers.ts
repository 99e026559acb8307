/**
 * RPCs about containers.
 *
 * @module
 */
import { ContainerState, CriError, type RuntimeService } from "../../cri/index.ts";
import type { ServedCall, ServiceHandlers } from "../../cri/serve.ts";
import { createFromImageOrCheckpoint } from "./checkpoints.ts";
import { endContainer, removeContainer, startContainer } from "./container-life.ts";
import { containerInfo } from "./flavor-info.ts";
import { filterContainers, inBatches } from "./lists.ts";
import { mayFindContainer, mustFindContainer, mustFindSandbox } from "./lookups.ts";
import { quote, unknown } from "./refusals.ts";
import { stopSignalName } from "./signals.ts";
import type { ContainerRecord } from "./state.ts";
import { containerItem, containerStatus } from "./statuses.ts";
import type { RuntimeWorld } from "./world.ts";

/** Handlers of the RPCs about containers. */
export function containerHandlers(world: RuntimeWorld): ServiceHandlers<typeof RuntimeService> {
  const { state } = world;
  return {
    createContainer: async ({ podSandboxId, config }) => {
      const sandbox = mustFindSandbox(
        world,
        podSandboxId,
        `failed to find sandbox id ${quote(podSandboxId)}`,
      );
      const container = await createFromImageOrCheckpoint(world, sandbox, config);
      return { containerId: container.id };
    },
    startContainer: async ({ containerId }) => {
      await startContainer(world, mustFindContainer(world, containerId));
      return {};
    },
    stopContainer: async ({ containerId, timeout }, call) => {
      const container = mayFindContainer(world, containerId);
      if (container) await stopContainer(container, timeout, call);
      return {};
    },
    removeContainer: async ({ containerId }) => {
      const container = mayFindContainer(world, containerId);
      if (container) await removeContainer(world, container);
      return {};
    },
    listContainers: ({ filter }) => ({
      containers: filterContainers(state, filter).map((container) => containerItem(world, container)),
    }),
    streamContainers: function* ({ filter }) {
      const items = filterContainers(state, filter).map((container) => containerItem(world, container));
      for (const containers of inBatches(items, world.listBatchSize)) yield { containers };
    },
    containerStatus: ({ containerId, verbose }) => {
      const container = mustFindContainer(world, containerId);
      return {
        status: containerStatus(container),
        info: verbose ? containerInfo(world, container) : {},
      };
    },
    updateContainerResources: ({ containerId, linux, windows }) => {
      const container = mustFindContainer(world, containerId, "failed to find container");
      if (linux) container.linux = merged(container.linux, linux);
      if (windows) container.windows = merged(container.windows, windows);
      container.process?.checkMemory();
      return {};
    },
    reopenContainerLog: async ({ containerId }) => {
      const container = mustFindContainer(world, containerId);
      if (container.state !== ContainerState.CONTAINER_RUNNING) throw unknown("container is not running");
      await container.log?.reopen();
      return {};
    },
  };
}

/** Sends the stop signal, and after the time kills. The time is in seconds; 0 or less kills at once. */
async function stopContainer(container: ContainerRecord, seconds: bigint, call: ServedCall): Promise<void> {
  const { process, config, image } = container;
  if (!process || seconds <= 0n) return endContainer(container);
  process.kill(stopSignalName(config.stopSignal) ?? image.stopSignal);
  const over = await waitFor(container.ended, Number(seconds) * 1000, call.signal);
  if (over === "given-up") {
    const text = `an error occurs during waiting for container ${quote(container.id)} to be killed`;
    throw new CriError("ERR_CRI_CANCELLED", `${text}: context canceled`);
  }
  if (over === "late") await endContainer(container);
}

/** Waits for an end, for so many milliseconds, or until the caller has gone. */
function waitFor(
  ended: Promise<void>,
  milliseconds: number,
  signal: AbortSignal,
): Promise<"ended" | "late" | "given-up"> {
  return new Promise((resolve) => {
    const settle = (outcome: "ended" | "late" | "given-up") => {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      resolve(outcome);
    };
    const timer = setTimeout(() => settle("late"), Math.min(milliseconds, 2 ** 31 - 1));
    const giveUp = () => settle("given-up");
    if (signal.aborted) return giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    void ended.then(() => settle("ended"));
  });
}

/** Resources with those that were given in place of the old ones; 0 and empty are not given. */
function merged<T extends object>(old: T | undefined, given: T): T {
  const set = Object.entries(given).filter(([, value]) =>
    typeof value === "object" && value !== null ? Object.keys(value).length > 0 : Boolean(value),
  );
  return old ? { ...old, ...Object.fromEntries(set) } : given;
}

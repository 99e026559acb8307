/**
 * The life of sandboxes: run, stop, remove, status, lists.
 *
 * @module
 */
import type { RuntimeService } from "../../cri/index.ts";
import { type PodSandboxConfig, PodSandboxState } from "../../cri/index.ts";
import type { ServiceHandlers } from "../../cri/serve.ts";
import { endContainer, removeContainer } from "./container-life.ts";
import { sandboxInfo } from "./flavor-info.ts";
import { filterSandboxes, inBatches } from "./lists.ts";
import { mayFindSandbox, mayFindSandboxToStop, mustFindSandbox } from "./lookups.ts";
import { releaseNames, reserveName, sandboxName } from "./names.ts";
import { quote, unknown } from "./refusals.ts";
import { isAtLeast } from "./releases.ts";
import { containersOf, newId, type SandboxRecord } from "./state.ts";
import { containerStatus, sandboxItem, sandboxStatus, usesNodeNetwork } from "./statuses.ts";
import type { RuntimeWorld } from "./world.ts";

/** Handlers of the RPCs about sandboxes. */
export function sandboxHandlers(world: RuntimeWorld): ServiceHandlers<typeof RuntimeService> {
  const { state } = world;
  return {
    runPodSandbox: ({ config, runtimeHandler }) => ({
      podSandboxId: runSandbox(world, config, runtimeHandler).id,
    }),
    stopPodSandbox: async ({ podSandboxId }) => {
      const sandbox = mayFindSandboxToStop(world, podSandboxId);
      if (sandbox) await stopSandbox(world, sandbox);
      return {};
    },
    removePodSandbox: async ({ podSandboxId }) => {
      const sandbox = mayFindSandbox(world, podSandboxId);
      if (sandbox) await removeSandbox(world, sandbox);
      return {};
    },
    podSandboxStatus: ({ podSandboxId, verbose }) => {
      const sandbox = mustFindSandbox(world, podSandboxId);
      const containers = containersOf(state, sandbox);
      return {
        status: sandboxStatus(sandbox),
        info: verbose ? sandboxInfo(world, sandbox) : {},
        // Runtimes that send events put the containers here.
        ...(world.eventsMode === "on" && isAtLeast(world.release, "0.26")
          ? { containersStatuses: containers.map(containerStatus), timestamp: world.now() }
          : {}),
      };
    },
    listPodSandbox: ({ filter }) => ({ items: filterSandboxes(state, filter).map(sandboxItem) }),
    streamPodSandboxes: function* ({ filter }) {
      const items = filterSandboxes(state, filter).map(sandboxItem);
      for (const podSandboxes of inBatches(items, world.listBatchSize)) yield { podSandboxes };
    },
    updatePodSandboxResources: ({ podSandboxId, overhead, resources }) => {
      // containerd 2.2 has the RPC and nothing behind it.
      if (world.flavor === "containerd" && !isAtLeast(world.release, "0.36")) {
        throw unknown("not implemented yet");
      }
      const sandbox = mustFindSandbox(world, podSandboxId);
      sandbox.overhead = overhead ?? sandbox.overhead;
      sandbox.resources = resources ?? sandbox.resources;
      return {};
    },
  };
}

/** Makes a sandbox that is ready. */
export function runSandbox(
  world: RuntimeWorld,
  config: PodSandboxConfig | undefined,
  handler: string,
): SandboxRecord {
  const { state } = world;
  if (!config?.metadata) throw unknown("sandbox config must include metadata");
  assertHandler(world, handler);
  const node = usesNodeNetwork({ config });
  if (!world.networkReady && !node) throw unknown(`failed to setup network for sandbox: ${NO_NETWORK}`);
  const id = newId();
  reserveName(world, "sandbox", sandboxName(config), id);
  const index = state.counters.sandboxes++;
  const sandbox: SandboxRecord = {
    id,
    config,
    handler,
    createdAt: world.now(),
    pid: ++state.counters.pids,
    ips: node ? [] : world.podIps(index),
    state: PodSandboxState.SANDBOX_READY,
    overhead: config.linux?.overhead,
    resources: config.linux?.resources,
  };
  state.sandboxes.set(id, sandbox);
  return sandbox;
}

/** The text of a runtime whose pods have no network. */
export const NO_NETWORK = "cni plugin not initialized";

async function stopSandbox(world: RuntimeWorld, sandbox: SandboxRecord): Promise<void> {
  // From now on no container of it is made or started.
  sandbox.state = PodSandboxState.SANDBOX_NOTREADY;
  const ends = containersOf(world.state, sandbox).map((container) => endContainer(container));
  await Promise.all(ends);
}

async function removeSandbox(world: RuntimeWorld, sandbox: SandboxRecord): Promise<void> {
  await stopSandbox(world, sandbox);
  for (const container of containersOf(world.state, sandbox)) await removeContainer(world, container);
  world.state.sandboxes.delete(sandbox.id);
  releaseNames(world, sandbox.id);
}

function assertHandler({ handlers, flavor }: RuntimeWorld, handler: string): void {
  if (handler === "" || handlers.includes(handler)) return;
  throw unknown(
    flavor === "containerd"
      ? `failed to get sandbox runtime: no runtime for ${quote(handler)} is configured`
      : `failed to find runtime handler ${handler} from runtime list [${handlers.join(" ")}]`,
  );
}

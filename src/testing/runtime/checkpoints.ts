/**
 * Checkpoints of containers and pods, and what is restored from them.
 *
 * An archive of this runtime has an id and not the state: it can be restored by the runtime that wrote it, from
 * whichever path it is moved to, and what is restored runs its program from the start.
 *
 * @module
 */
import { open, stat, writeFile } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { messageOf } from "../../core/message-of.ts";
import {
  type ContainerConfig,
  ContainerState,
  type PodSandboxConfig,
  type RuntimeService,
} from "../../cri/index.ts";
import type { ServiceHandlers } from "../../cri/serve.ts";
import { createContainer, startContainer } from "./container-life.ts";
import { mustFindContainer, mustFindSandbox } from "./lookups.ts";
import { quote, unknown } from "./refusals.ts";
import { runSandbox } from "./sandboxes.ts";
import { type ContainerRecord, containersOf, newId, type SandboxRecord } from "./state.ts";
import { stateName } from "./statuses.ts";
import type { RuntimeWorld } from "./world.ts";

/** What an archive stands for. */
export interface Checkpoint {
  /** The pod, in an archive of a pod. */
  readonly pod: PodSandboxConfig | undefined;
  readonly containers: readonly ContainerConfig[];
}

/** Handlers of the RPCs about checkpoints. */
export function checkpointHandlers(world: RuntimeWorld): ServiceHandlers<typeof RuntimeService> {
  const { state } = world;
  return {
    checkpointContainer: async ({ containerId, location }) => {
      const container = mustFindContainer(world, containerId);
      assertRunning(container);
      await writeArchive(world, location, { pod: undefined, containers: [container.config] });
      return {};
    },
    checkpointPod: async ({ podSandboxId, outputPath, containerIds }) => {
      const sandbox = mustFindSandbox(world, podSandboxId);
      const running = containersOf(state, sandbox).filter(
        (container) => container.state === ContainerState.CONTAINER_RUNNING,
      );
      const chosen = containerIds.map((id) => {
        const container = mustFindContainer(world, id);
        if (container.sandbox !== sandbox) throw unknown(`container ${quote(id)} is not of the pod`);
        assertRunning(container);
        return container;
      });
      const containers = (chosen.length > 0 ? chosen : running).map(({ config }) => config);
      await writeArchive(world, outputPath, { pod: sandbox.config, containers });
      return {};
    },
    restorePod: async ({ checkpointPath, config, runtimeHandler, containerConfigs }) => {
      const checkpoint = await readArchive(world, checkpointPath);
      if (!checkpoint?.pod) throw unknown(`${quote(checkpointPath)} is not a checkpoint of a pod`);
      const sandbox = runSandbox(world, config ?? checkpoint.pod, runtimeHandler);
      const restoredContainers = [];
      for (const saved of checkpoint.containers) {
        const name = saved.metadata?.name ?? "";
        const given = containerConfigs.find(({ metadata }) => metadata?.name === name);
        const container = createContainer(world, sandbox, given ?? saved);
        await startContainer(world, container);
        restoredContainers.push({ name, containerId: container.id });
      }
      return { podSandboxId: sandbox.id, restoredContainers };
    },
  };
}

/** Makes a container; where its image is the absolute path of an archive, from what was saved there. */
export async function createFromImageOrCheckpoint(
  world: RuntimeWorld,
  sandbox: SandboxRecord,
  config: ContainerConfig | undefined,
): Promise<ContainerRecord> {
  const path = config?.image?.image ?? "";
  const checkpoint = isAbsolute(path) ? await readArchive(world, path) : undefined;
  const saved = checkpoint?.containers[0];
  if (!config || !saved || checkpoint?.pod) return createContainer(world, sandbox, config);
  const { image, command, args } = saved;
  return createContainer(world, sandbox, { ...config, ...(image ? { image } : {}), command, args });
}

function assertRunning(container: ContainerRecord): void {
  if (container.state === ContainerState.CONTAINER_RUNNING) return;
  throw unknown(`container ${quote(container.id)} is in ${stateName(container.state)} state`);
}

async function writeArchive(world: RuntimeWorld, path: string, checkpoint: Checkpoint): Promise<void> {
  if (!isAbsolute(path)) throw unknown(`${quote(path)} is not an absolute path`);
  const id = newId();
  try {
    await writeFile(path, `${ARCHIVE} ${id}\n`, { mode: 0o600 });
  } catch (error) {
    throw unknown(`failed to write checkpoint: ${messageOf(error)}`);
  }
  world.checkpoints.set(id, checkpoint);
}

async function readArchive(world: RuntimeWorld, path: string): Promise<Checkpoint | undefined> {
  // Whatever the path leads to, no more than the mark and the id is read of it.
  const start = Buffer.alloc(ARCHIVE.length + 66);
  try {
    if (!(await stat(path)).isFile()) return undefined;
    const file = await open(path);
    try {
      await file.read(start);
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
  const [mark, id = ""] = start.toString("utf8").trim().split(" ");
  return mark === ARCHIVE ? world.checkpoints.get(id) : undefined;
}

const ARCHIVE = "lading-checkpoint";

/**
 * Removing containers and pods.
 *
 * @module
 */
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import { CriError } from "../errors.ts";
import { ContainerState, PodSandboxState } from "../gen/runtime/v1/api_pb.ts";
import { iterateContainers, iteratePodSandboxes } from "../list-streams.ts";
import { type ContainerLog, findContainerLog } from "../logs/container-logs.ts";
import { removeLogFiles } from "../logs/remove.ts";
import { DEFAULT_PARALLEL, mapParallel } from "./parallel.ts";

/** Options of {@link removePod}. */
export interface RemovePodOptions extends CriCallOptions {
  /** Stops it first if it runs, at once and without grace. Default false. */
  force?: boolean | undefined;
}

/** Options of {@link removeContainer}. */
export interface RemoveContainerOptions extends RemovePodOptions {
  /**
   * Removes its log and the rotated ones, on the file system of this process, after the container. Only files in the log
   * directory of the pod are touched. Default false; crictl removes them.
   */
  removeLogs?: boolean | undefined;
  /** The log directory of the pod, if the caller knows it better than the runtime. */
  logDirectory?: string | undefined;
  /** Where the file system of the node is seen, such as `/host`. Default: `/`. */
  logRoot?: string | undefined;
}

/** How many are removed at once. */
export interface ParallelOptions {
  /** Default 8. */
  parallel?: number | undefined;
}

/** What became of a removal. */
export type Removal =
  /** It is gone; with the paths of the logs that were removed. */
  | { kind: "removed"; id: string; logFiles: readonly string[] }
  /** The runtime knows none by that id; CRI-O says so too of a beginning of an id that several have. */
  | { kind: "absent"; id: string };

/** What became of one removal among several. */
export type RemovalOutcome = Removal | { kind: "failed"; id: string; error: unknown };

/**
 * Removes a container. Runtimes take the beginning of an id for the id, if only one container has it.
 *
 * @throws {CriError} `ERR_CRI_STILL_RUNNING` if it runs and `force` is not set; nothing is changed then.
 * @throws {CriError} `ERR_CRI_LOG_PATH_REFUSED` if its log is not where logs of its pod are; nothing is changed then.
 * @throws {CriError} `ERR_CRI_LOG_UNREADABLE` if a log cannot be removed; the container is gone then.
 */
export async function removeContainer(
  cri: Pick<CriConnection, "runtime">,
  containerId: string,
  options: RemoveContainerOptions = {},
): Promise<Removal> {
  const { force = false, removeLogs = false, logDirectory, logRoot, ...call } = options;
  try {
    const { status } = await cri.runtime.containerStatus({ containerId }, call);
    const running = status?.state === ContainerState.CONTAINER_RUNNING;
    if (running && !force) throw stillRunning("container", containerId);
    const log = removeLogs ? await logOf(cri, containerId, { ...call, logDirectory, logRoot }) : undefined;
    // What was asked for may be the beginning of an id; from here on it is the container that was looked at.
    const id = status?.id ?? containerId;
    if (running) await cri.runtime.stopContainer({ containerId: id, timeout: 0n }, call);
    await cri.runtime.removeContainer({ containerId: id }, call);
    const logFiles = log ? await removeLogFiles(log.path, { logDirectory: log.logDirectory }) : [];
    return { kind: "removed", id: containerId, logFiles };
  } catch (error) {
    if (isNotFound(error)) return { kind: "absent", id: containerId };
    throw error;
  }
}

/**
 * Removes a pod sandbox with all its containers. Logs stay.
 *
 * @throws {CriError} `ERR_CRI_STILL_RUNNING` if it is ready and `force` is not set; nothing is changed then.
 */
export async function removePod(
  cri: Pick<CriConnection, "runtime">,
  podSandboxId: string,
  { force = false, ...call }: RemovePodOptions = {},
): Promise<Removal> {
  try {
    const { status } = await cri.runtime.podSandboxStatus({ podSandboxId }, call);
    const id = status?.id ?? podSandboxId;
    if (status?.state === PodSandboxState.SANDBOX_READY) {
      if (!force) throw stillRunning("pod sandbox", podSandboxId);
      await cri.runtime.stopPodSandbox({ podSandboxId: id }, call);
    }
    await cri.runtime.removePodSandbox({ podSandboxId: id }, call);
    return { kind: "removed", id: podSandboxId, logFiles: [] };
  } catch (error) {
    if (isNotFound(error)) return { kind: "absent", id: podSandboxId };
    throw error;
  }
}

/**
 * Removes containers, several at once, and tells for each what became of it, in their order.
 *
 * A failure of one is its outcome and does not keep the others. Only an abort is thrown.
 */
export function removeContainers(
  cri: Pick<CriConnection, "runtime">,
  containerIds: readonly string[],
  { parallel, ...options }: RemoveContainerOptions & ParallelOptions = {},
): Promise<RemovalOutcome[]> {
  return outcomes(containerIds, parallel, options.signal, (id) => removeContainer(cri, id, options));
}

/** Removes pods, several at once; otherwise as {@link removeContainers}. */
export function removePods(
  cri: Pick<CriConnection, "runtime">,
  podSandboxIds: readonly string[],
  { parallel, ...options }: RemovePodOptions & ParallelOptions = {},
): Promise<RemovalOutcome[]> {
  return outcomes(podSandboxIds, parallel, options.signal, (id) => removePod(cri, id, options));
}

/** Removes every container that the runtime has, whichever way it came to be; see {@link removeContainers}. */
export async function removeAllContainers(
  cri: Pick<CriConnection, "runtime">,
  options: RemoveContainerOptions & ParallelOptions = {},
): Promise<RemovalOutcome[]> {
  const { signal, timeoutMs, metadata } = options;
  const ids: string[] = [];
  for await (const { id } of iterateContainers(cri, {}, { signal, timeoutMs, metadata })) ids.push(id);
  return removeContainers(cri, ids, options);
}

/** Removes every pod that the runtime has, whichever way it came to be; see {@link removeContainers}. */
export async function removeAllPods(
  cri: Pick<CriConnection, "runtime">,
  options: RemovePodOptions & ParallelOptions = {},
): Promise<RemovalOutcome[]> {
  const { signal, timeoutMs, metadata } = options;
  const ids: string[] = [];
  for await (const { id } of iteratePodSandboxes(cri, {}, { signal, timeoutMs, metadata })) ids.push(id);
  return removePods(cri, ids, options);
}

function outcomes(
  ids: readonly string[],
  parallel: number | undefined,
  signal: AbortSignal | undefined,
  remove: (id: string) => Promise<Removal>,
): Promise<RemovalOutcome[]> {
  return mapParallel(ids, parallel ?? DEFAULT_PARALLEL, async (id): Promise<RemovalOutcome> => {
    try {
      return await remove(id);
    } catch (error) {
      signal?.throwIfAborted();
      return { kind: "failed", id, error };
    }
  });
}

async function logOf(
  cri: Pick<CriConnection, "runtime">,
  containerId: string,
  options: CriCallOptions & { logDirectory: string | undefined; logRoot: string | undefined },
): Promise<ContainerLog | undefined> {
  try {
    return await findContainerLog(cri, containerId, options);
  } catch (error) {
    if (error instanceof CriError && error.code === "ERR_CRI_LOG_NOT_FOUND") return undefined;
    throw error;
  }
}

function stillRunning(what: string, id: string): CriError {
  return new CriError(
    "ERR_CRI_STILL_RUNNING",
    `${what} ${JSON.stringify(id)} runs; stop it, or force its removal`,
  );
}

function isNotFound(error: unknown): boolean {
  return error instanceof CriError && error.code === "ERR_CRI_NOT_FOUND";
}

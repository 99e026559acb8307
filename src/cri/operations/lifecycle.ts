/**
 * Starting and stopping containers and pods, and changing limits.
 *
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import type {
  LinuxContainerResourcesSchema,
  WindowsContainerResourcesSchema,
} from "../gen/runtime/v1/api_pb.ts";

/** Options of {@link stopContainers}. */
export interface StopContainersOptions extends CriCallOptions {
  /** Seconds from the stop signal to the kill. Default 0: killed at once. `timeoutMs` comes on top of it. */
  graceSeconds?: number | undefined;
}

/** Limits of a container, for the system that it runs on. What is absent or zero stays as it is. */
export type ContainerLimits =
  | { linux: MessageInitShape<typeof LinuxContainerResourcesSchema>; windows?: never }
  | { windows: MessageInitShape<typeof WindowsContainerResourcesSchema>; linux?: never };

/** Options of {@link updateContainerResources}. */
export interface UpdateContainerResourcesOptions extends CriCallOptions {
  /** For the runtime; what it makes of them is its affair. */
  annotations?: Readonly<Record<string, string>> | undefined;
}

const MAX_GRACE_SECONDS = 2 ** 31 - 1;

/** Starts created containers one by one. The first failure ends it: those before have been started. */
export async function startContainers(
  cri: Pick<CriConnection, "runtime">,
  containerIds: readonly string[],
  options: CriCallOptions = {},
): Promise<void> {
  for (const containerId of containerIds) await cri.runtime.startContainer({ containerId }, options);
}

/**
 * Stops containers one by one. The first failure ends it: those before have been stopped.
 *
 * Containers that are not there, or have ended, are no failure.
 */
export async function stopContainers(
  cri: Pick<CriConnection, "runtime">,
  containerIds: readonly string[],
  { graceSeconds = 0, ...options }: StopContainersOptions = {},
): Promise<void> {
  if (!(Number.isSafeInteger(graceSeconds) && graceSeconds >= 0 && graceSeconds <= MAX_GRACE_SECONDS)) {
    throw new RangeError(`graceSeconds must be from 0 to ${MAX_GRACE_SECONDS}, got ${graceSeconds}`);
  }
  const call = withMore(options, graceSeconds * 1000);
  for (const containerId of containerIds) {
    await cri.runtime.stopContainer({ containerId, timeout: BigInt(graceSeconds) }, call);
  }
}

/** Stops pod sandboxes, with all their containers, one by one; otherwise as {@link stopContainers}. */
export async function stopPods(
  cri: Pick<CriConnection, "runtime">,
  podSandboxIds: readonly string[],
  options: CriCallOptions = {},
): Promise<void> {
  for (const podSandboxId of podSandboxIds) await cri.runtime.stopPodSandbox({ podSandboxId }, options);
}

/**
 * Changes the limits of a container.
 *
 * @throws {TypeError} unless either `linux` or `windows` is given.
 */
export async function updateContainerResources(
  cri: Pick<CriConnection, "runtime">,
  containerId: string,
  { linux, windows }: ContainerLimits,
  { annotations = {}, ...options }: UpdateContainerResourcesOptions = {},
): Promise<void> {
  if ((linux === undefined) === (windows === undefined)) {
    throw new TypeError("either linux or windows must be given");
  }
  const resources = linux === undefined ? { windows } : { linux };
  await cri.runtime.updateContainerResources(
    { containerId, ...(resources as object), annotations: { ...annotations } },
    options,
  );
}

/** Options whose deadline is later, as far as a deadline can be; none stays none. */
export function withMore<T extends CriCallOptions>(options: T, moreMs: number): T {
  if (options.timeoutMs === undefined) return options;
  return { ...options, timeoutMs: Math.min(options.timeoutMs + moreMs, 2 ** 31 - 1) };
}

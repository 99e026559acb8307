/**
 * Checkpoints of running containers.
 *
 * @module
 */
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";

/** Options of {@link checkpointContainer}. */
export interface CheckpointContainerOptions extends CriCallOptions {
  /**
   * Absolute path on the node of the archive to write, such as `/var/lib/checkpoints/web.tar`. Two containers with
   * the same path overwrite each other's.
   */
  location: string;
  /**
   * Seconds that the runtime may take, a whole number. It is raised to `timeoutMs`, and `timeoutMs` to it, as the
   * kubelet does, so that neither side gives up before the other. Default 0: the runtime's own limit.
   */
  timeoutSeconds?: number | undefined;
}

/**
 * Has the runtime write the state of a running container to a file on its node. The container goes on.
 *
 * @throws {CriError} `ERR_CRI_UNIMPLEMENTED` from containerd before 2.0, `ERR_CRI_UNKNOWN` where CRIU is missing or
 * switched off, or the code of a failed call.
 */
export async function checkpointContainer(
  cri: Pick<CriConnection, "runtime">,
  containerId: string,
  { location, timeoutSeconds = 0, timeoutMs, ...options }: CheckpointContainerOptions,
): Promise<void> {
  if (!location.startsWith("/") || location.endsWith("/")) {
    throw new TypeError(`location must be the absolute path of a file, got ${JSON.stringify(location)}`);
  }
  if (!Number.isSafeInteger(timeoutSeconds) || timeoutSeconds < 0) {
    throw new RangeError(`timeoutSeconds must be a whole number of 0 or more, got ${timeoutSeconds}`);
  }
  const seconds = Math.max(timeoutSeconds, Math.ceil((timeoutMs ?? 0) / 1000));
  const deadline = timeoutMs === undefined ? undefined : Math.max(timeoutMs, timeoutSeconds * 1000);
  const request = { containerId, location, timeout: BigInt(seconds) };
  await cri.runtime.checkpointContainer(request, { ...options, timeoutMs: deadline });
}

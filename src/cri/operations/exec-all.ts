/**
 * Running a command in every container of a query.
 *
 * @module
 */
import type { CriConnection } from "../connect.ts";
import type { Container } from "../gen/runtime/v1/api_pb.ts";
import type { StreamTransport } from "../streaming/wire.ts";
import { type ExecStreamedOptions, execStreamed } from "./exec-streamed.ts";
import { type ExecSyncResult, execSync } from "./exec-sync.ts";
import { type ContainerQuery, listContainers } from "./list-containers.ts";
import { DEFAULT_PARALLEL, mapParallel } from "./parallel.ts";

/** Options of {@link execAll}. */
export interface ExecAllOptions extends Omit<ExecStreamedOptions, "transport"> {
  /**
   * How the command is run: by the RPC that waits for its end, or over a streaming session, where the other options of
   * streaming count too. Default `"sync"`.
   */
  transport?: "sync" | StreamTransport | undefined;
  /** Goes on when a command cannot be run in a container, and gives that as its outcome. Default false. */
  ignoreErrors?: boolean | undefined;
  /** In how many containers the command runs at once. Default 8. */
  parallel?: number | undefined;
}

/** What became of a command in a container. */
export type ExecOutcome = { container: Container } & (
  | ({ kind: "exited" } & ExecSyncResult)
  | { kind: "failed"; error: unknown }
);

/**
 * How a command ended in each container of a query, in the order of the query.
 *
 * A non-zero exit code is no error. Without `ignoreErrors` the first command that cannot be run, or whose time is over,
 * keeps further ones from being started; those that run are waited for, and its error is thrown.
 *
 * @throws {CriError} as `listContainers`, and as `execSync` or `execStreamed`.
 */
export async function execAll(
  cri: Pick<CriConnection, "runtime" | "image"> & Partial<Pick<CriConnection, "endpoint">>,
  query: ContainerQuery,
  command: readonly string[],
  options: ExecAllOptions = {},
): Promise<ExecOutcome[]> {
  const { ignoreErrors = false, parallel = DEFAULT_PARALLEL, transport = "sync", ...exec } = options;
  if (command.length === 0) throw new TypeError("the command is empty");
  const { signal, timeoutMs, metadata } = exec;
  const call = { signal, timeoutMs, metadata };
  const containers = await listContainers(cri, query, call);
  const run = (containerId: string) =>
    transport === "sync"
      ? execSync(cri, containerId, command, { ...call, timeoutSeconds: exec.timeoutSeconds })
      : execStreamed(cri, containerId, command, { ...exec, transport });
  return mapParallel(containers, parallel, async (container): Promise<ExecOutcome> => {
    try {
      return { container, kind: "exited", ...(await run(container.id)) };
    } catch (error) {
      signal?.throwIfAborted();
      if (!ignoreErrors) throw error;
      return { container, kind: "failed", error };
    }
  });
}

/**
 * Running a command in every container of a query.
 *
 * @module
 */
import type { CriConnection } from "../connect.ts";
import type { Container } from "../gen/runtime/v1/api_pb.ts";
import { type ExecSyncOptions, type ExecSyncResult, execSync } from "./exec-sync.ts";
import { type ContainerQuery, listContainers } from "./list-containers.ts";
import { DEFAULT_PARALLEL, mapParallel } from "./parallel.ts";

/** Options of {@link execAll}. */
export interface ExecAllOptions extends ExecSyncOptions {
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
 * @throws {CriError} as `listContainers` and `execSync`.
 */
export async function execAll(
  cri: Pick<CriConnection, "runtime" | "image">,
  query: ContainerQuery,
  command: readonly string[],
  options: ExecAllOptions = {},
): Promise<ExecOutcome[]> {
  const { ignoreErrors = false, parallel = DEFAULT_PARALLEL, ...exec } = options;
  if (command.length === 0) throw new TypeError("the command is empty");
  const { signal, timeoutMs, metadata } = exec;
  const containers = await listContainers(cri, query, { signal, timeoutMs, metadata });
  return mapParallel(containers, parallel, async (container): Promise<ExecOutcome> => {
    try {
      return { container, kind: "exited", ...(await execSync(cri, container.id, command, exec)) };
    } catch (error) {
      signal?.throwIfAborted();
      if (!ignoreErrors) throw error;
      return { container, kind: "failed", error };
    }
  });
}

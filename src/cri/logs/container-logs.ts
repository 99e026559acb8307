/**
 * The log of a container: where it is, by what the runtime says, and reading it.
 *
 * No RPC of the interface returns what a container wrote. Its log is a file on the node, which is read here; so this
 * works where that file system is.
 *
 * @module
 */
import { lstat } from "node:fs/promises";
import { basename, dirname, extname, isAbsolute, join, resolve } from "node:path";
import { joinSignals, type SignalOptions } from "../../core/signal.ts";
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import { CriError } from "../errors.ts";
import { ContainerState, type ContainerStatusResponse } from "../gen/runtime/v1/api_pb.ts";
import { readContainerInfo } from "../info.ts";
import { type Batches, flatten, leavable } from "./batches.ts";
import type { LogEntry } from "./entry.ts";
import { type JoinLogLinesOptions, joinLogLines, type LogLine } from "./lines.ts";
import { kubeletLogDirectory, logDirectoryIn } from "./log-directory.ts";
import { assertPath, isInside, logFileError, refusedPath } from "./open.ts";
import type { IsRunning } from "./probe.ts";
import { type ReadLogEntriesOptions, readLogEntries } from "./read.ts";

/** Options of {@link findContainerLog}. */
export interface FindContainerLogOptions extends CriCallOptions {
  /** The log of the container that this one replaced: that of the attempt before. Default false. */
  previous?: boolean | undefined;
  /** Has the runtime open its file anew before; it may create it that way. Default false. */
  reopen?: boolean | undefined;
  /** The log directory of the pod, if the caller knows it better than the runtime. */
  logDirectory?: string | undefined;
  /**
   * Where the file system of the node is seen, such as `/host`; put before the paths that the runtime gives. Links
   * below it that are absolute are not mapped, and so refused. Default: `/`.
   */
  logRoot?: string | undefined;
}

/** Where the log of a container is. */
export interface ContainerLog {
  /** Path of the file. It has not been opened, and need not be there. */
  readonly path: string;
  /** The log directory of the pod; the file must lie in it once links are resolved. */
  readonly logDirectory: string;
  /**
   * Asks the runtime whether the container runs. A runtime that is away does not count as its end; a container
   * that is created and was never started does.
   */
  readonly isRunning: IsRunning;
}

/** Options of {@link readContainerLogEntries}. `timeoutMs` is for each call to the runtime, not for the reading. */
export interface ReadContainerLogEntriesOptions
  extends FindContainerLogOptions,
    Omit<ReadLogEntriesOptions, "isRunning"> {}

/** Options of {@link readLogs}. `timeoutMs` is for each call to the runtime, not for the reading. */
export interface ReadLogsOptions extends ReadContainerLogEntriesOptions, JoinLogLinesOptions {}

/**
 * Where the log of a container is, and in which folder it has to be.
 *
 * The folder is that which the runtime says the pod has, in its verbose information; else that of the kubelet's layout,
 * `<namespace>_<name>_<uid>`, if the container has the kubelet's labels and its path that form; else the folder that
 * the path names, which then must not be a link.
 *
 * @throws {CriError} `ERR_CRI_LOG_NOT_FOUND` if the container logs to no file, or had no attempt before.
 * @throws {CriError} `ERR_CRI_LOG_PATH_REFUSED` if the path is relative, or its folder unknown and a link.
 * @throws {CriError} what the calls fail with, `ERR_CRI_NOT_FOUND` among them.
 */
export async function findContainerLog(
  cri: Pick<CriConnection, "runtime">,
  containerId: string,
  { previous = false, reopen = false, logRoot, ...options }: FindContainerLogOptions = {},
): Promise<ContainerLog> {
  const call: CriCallOptions = {
    signal: options.signal,
    timeoutMs: options.timeoutMs,
    metadata: options.metadata,
  };
  if (reopen) await cri.runtime.reopenContainerLog({ containerId }, call);
  const response = await cri.runtime.containerStatus({ containerId, verbose: true }, call);
  const { status } = response;
  const logPath = status?.logPath ?? "";
  assertPath(logPath);
  const directory =
    (await sandboxLogDirectory(cri, response, call)) ?? kubeletLogDirectory(logPath, status?.labels ?? {});
  const logDirectory = options.logDirectory ?? mapped(directory ?? dirname(logPath), logRoot);
  const path = mapped(logPath, logRoot);
  if (directory === undefined && options.logDirectory === undefined) await assertNoLink(path);
  return {
    path: previous ? previousPath(path, status?.metadata?.attempt ?? 0) : path,
    logDirectory,
    isRunning: previous
      ? async () => false
      : ({ signal }) => isRunning(cri, containerId, { ...call, signal }),
  };
}

/**
 * The entries of a container's log in batches; see `readLogEntries`. Nothing is asked or opened before the first
 * batch is.
 *
 * Following ends when the container does; it does not go on with the next attempt, which has a file of its own.
 *
 * @throws {CriError} what {@link findContainerLog} and `readLogEntries` throw; `ERR_CRI_LOG_PATH_REFUSED` for a file
 * that leads out of the log directory of the pod.
 */
export function readContainerLogEntries(
  cri: Pick<CriConnection, "runtime">,
  containerId: string,
  options: ReadContainerLogEntriesOptions = {},
): Batches<LogEntry> {
  return leavable((left) => entriesOf(cri, containerId, options, left));
}

/** The lines of a container's log, one at a time; see {@link readContainerLogEntries}. */
export function readLogs(
  cri: Pick<CriConnection, "runtime">,
  containerId: string,
  options: ReadLogsOptions = {},
): AsyncIterableIterator<LogLine, void> {
  return flatten(joinLogLines(readContainerLogEntries(cri, containerId, options), options));
}

async function* entriesOf(
  cri: Pick<CriConnection, "runtime">,
  containerId: string,
  options: ReadContainerLogEntriesOptions,
  left: AbortSignal,
): AsyncGenerator<readonly LogEntry[], void> {
  const signal = joinSignals(options.signal, left);
  try {
    const log = await findContainerLog(cri, containerId, { ...options, signal });
    yield* readLogEntries(log.path, { ...options, ...log, signal });
  } catch (error) {
    if (!left.aborted) throw error;
  }
}

async function isRunning(
  cri: Pick<CriConnection, "runtime">,
  containerId: string,
  options: CriCallOptions & SignalOptions,
): Promise<boolean> {
  try {
    const { status } = await cri.runtime.containerStatus({ containerId }, options);
    return status?.state === ContainerState.CONTAINER_RUNNING;
  } catch (error) {
    if (error instanceof CriError && error.code === "ERR_CRI_UNAVAILABLE") return true;
    throw error;
  }
}

/** The log directory that the runtime has noted for the pod; undefined where it does not say. */
async function sandboxLogDirectory(
  cri: Pick<CriConnection, "runtime">,
  response: Pick<ContainerStatusResponse, "info">,
  options: CriCallOptions,
): Promise<string | undefined> {
  try {
    const { sandboxId } = readContainerInfo(response);
    if (sandboxId === undefined) return undefined;
    const sandbox = await cri.runtime.podSandboxStatus({ podSandboxId: sandboxId, verbose: true }, options);
    return logDirectoryIn(sandbox.info);
  } catch (error) {
    // Without verbose information, or with the pod gone, the folder is decided by the path.
    const unknown = ["ERR_CRI_INFO_INVALID", "ERR_CRI_NOT_FOUND"];
    if (error instanceof CriError && unknown.includes(error.code)) return undefined;
    throw error;
  }
}

/** A path of the node as it is seen here. */
function mapped(path: string, logRoot: string | undefined): string {
  if (!isAbsolute(path)) throw refusedPath(path, "is not absolute");
  if (logRoot === undefined) return path;
  const root = resolve(logRoot);
  const seen = join(root, path);
  if (!isInside(seen, root)) throw refusedPath(path, "leads out of logRoot");
  return seen;
}

/** The file of the attempt before, which lies beside. */
function previousPath(path: string, attempt: number): string {
  if (attempt > 0) return join(dirname(path), `${attempt - 1}${extname(basename(path))}`);
  throw new CriError(
    "ERR_CRI_LOG_NOT_FOUND",
    "the container has no previous attempt, and so no previous log",
  );
}

async function assertNoLink(path: string): Promise<void> {
  const folder = dirname(path);
  const stats = await lstat(folder).catch((error: unknown) => {
    throw logFileError(error, path);
  });
  if (stats.isSymbolicLink()) throw refusedPath(path, "lies in a folder that is a link");
}

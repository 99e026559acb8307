/**
 * Running a command in a container and waiting for its end.
 *
 * @module
 */
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import { CriError } from "../errors.ts";
import type { ExecSyncResponse } from "../gen/runtime/v1/api_pb.ts";
import { withMore } from "./lifecycle.ts";

/** Options of {@link execSync}. */
export interface ExecSyncOptions extends CriCallOptions {
  /** Seconds that the command may take, a whole number from 1 on. Default: no limit. */
  timeoutSeconds?: number | undefined;
  /**
   * How long the runtime may take besides the command, in milliseconds: the deadline of the call is the time of
   * the command and this. Default: 30000 with `timeoutSeconds`; without it there is no deadline.
   */
  timeoutMs?: number | undefined;
}

/** How a command ended. */
export interface ExecSyncResult {
  /** 128 and the number of a signal, if one ended it. */
  exitCode: number;
  stdout: Uint8Array;
  stderr: Uint8Array;
}

const DEFAULT_MORE_MS = 30_000;
const MAX_TIMEOUT_SECONDS = 2 ** 31 / 1000 - 60;

/** Exit code of a command that was ended by SIGKILL, as containerd 1.6 ends one whose time is over. */
const KILLED = 137;
/** What CRI-O says of a command whose time is over. */
const CRIO_EXIT_CODE = -1;
const CRIO_TEXT = "command timed out";

/**
 * How a command in a running container ended, and what it printed; a non-zero exit code is no error.
 *
 * The output is bounded by the size of a message, 16 MiB with containerd; a session of `exec` has no such bound.
 * Time-outs come in three forms and are one error: the status DEADLINE_EXCEEDED, exit code -1 with `command timed
 * out` (CRI-O), and exit code 137 once the time is over (containerd 1.6, which says nothing else). A command
 * that something else kills with SIGKILL in the few milliseconds before its time is over cannot be told from the last
 * form; earlier it can, and is a result.
 *
 * @throws {CriError} `ERR_CRI_EXEC_TIMEOUT` if the command took longer than `timeoutSeconds`.
 * @throws {CriError} `ERR_CRI_RESOURCE_EXHAUSTED` if its output is larger than a message may be.
 * @throws {CriError} `ERR_CRI_NOT_FOUND`, `ERR_CRI_UNKNOWN` and others if there is no such container, it does not
 * run, or there is no such command: runtimes do not agree.
 */
export async function execSync(
  cri: Pick<CriConnection, "runtime">,
  containerId: string,
  command: readonly string[],
  { timeoutSeconds, ...options }: ExecSyncOptions = {},
): Promise<ExecSyncResult> {
  if (command.length === 0) throw new TypeError("the command is empty");
  assertTimeoutSeconds(timeoutSeconds);
  const limitMs = timeoutSeconds === undefined ? undefined : timeoutSeconds * 1000;
  const started = performance.now();
  const isOver = () => limitMs !== undefined && performance.now() - started >= limitMs;
  const request = { containerId, cmd: [...command], timeout: BigInt(timeoutSeconds ?? 0) };
  let answer: ExecSyncResponse;
  try {
    answer = await cri.runtime.execSync(request, deadline(options, limitMs));
  } catch (error) {
    throw explained(error, isOver() ? limitMs : undefined);
  }
  const { exitCode, stdout, stderr } = answer;
  if (limitMs !== undefined && ((exitCode === KILLED && isOver()) || saysTimedOut(answer))) {
    throw execTimedOut(limitMs);
  }
  return { exitCode, stdout, stderr };
}

/** Fails for a time that no command can be given. */
export function assertTimeoutSeconds(seconds: number | undefined): void {
  if (seconds === undefined) return;
  if (!(Number.isSafeInteger(seconds) && seconds >= 1 && seconds <= MAX_TIMEOUT_SECONDS)) {
    const most = Math.floor(MAX_TIMEOUT_SECONDS);
    throw new RangeError(`timeoutSeconds must be a whole number from 1 to ${most}, got ${seconds}`);
  }
}

function deadline(options: CriCallOptions, limitMs: number | undefined): CriCallOptions {
  if (limitMs === undefined) return options;
  return withMore({ ...options, timeoutMs: options.timeoutMs ?? DEFAULT_MORE_MS }, limitMs);
}

function saysTimedOut({ exitCode, stderr }: ExecSyncResponse): boolean {
  return exitCode === CRIO_EXIT_CODE && Buffer.from(stderr).toString("utf8").trim().endsWith(CRIO_TEXT);
}

function explained(error: unknown, overMs: number | undefined): unknown {
  if (!(error instanceof CriError)) return error;
  if (error.code === "ERR_CRI_DEADLINE_EXCEEDED" && overMs !== undefined) return execTimedOut(overMs, error);
  if (error.code !== "ERR_CRI_RESOURCE_EXHAUSTED") return error;
  const { status, details, method } = error;
  const text =
    "the output is larger than a message may be, or the runtime is busy; a streaming session has no bound";
  return new CriError(error.code, `${error.message} (${text})`, {
    details,
    cause: error,
    ...(status ? { status } : {}),
    ...(method === undefined ? {} : { method }),
  });
}

/** The error for a command that took longer than it may. */
export function execTimedOut(limitMs: number, cause?: CriError): CriError {
  return new CriError("ERR_CRI_EXEC_TIMEOUT", `the command took longer than ${limitMs / 1000} seconds`, {
    ...(cause ? { cause, details: cause.details } : {}),
    ...(cause?.status ? { status: cause.status } : {}),
    ...(cause?.method === undefined ? {} : { method: cause.method }),
  });
}

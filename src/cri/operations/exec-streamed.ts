/**
 * Running a command in a container over a streaming session, and waiting for its end.
 *
 * @module
 */
import { assertLimit, collectBytes } from "../../core/bytes.ts";
import { CoreError } from "../../core/errors.ts";
import { joinSignals } from "../../core/signal.ts";
import { CriError } from "../errors.ts";
import type { StreamingRuntime, StreamOpeningOptions } from "../streaming/opening.ts";
import { exec } from "../streaming/session.ts";
import type { StreamTransport } from "../streaming/wire.ts";
import { assertTimeoutSeconds, type ExecSyncResult, execTimedOut } from "./exec-sync.ts";

/** Options of {@link execStreamed}. */
export interface ExecStreamedOptions extends StreamOpeningOptions {
  /** What travels below. Default: as in `exec`. */
  transport?: StreamTransport | undefined;
  /** Seconds that the command may take once it runs, a whole number from 1 on. Default: no limit. */
  timeoutSeconds?: number | undefined;
  /** Largest output kept of each stream, in bytes. Default 16 MiB (16777216). */
  maxOutputBytes?: number | undefined;
}

const DEFAULT_MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/**
 * How a command ended, and what it printed, as `execSync` tells it, over a streaming session.
 *
 * The size of a message bounds nothing here. The runtime does not know of `timeoutSeconds`: a command whose time is
 * over goes on without its streams, unlike one of `execSync`.
 *
 * @throws {CriError} `ERR_CRI_EXEC_TIMEOUT` if the command took longer than `timeoutSeconds`.
 * @throws {CriError} `ERR_CRI_RESOURCE_EXHAUSTED` if a stream has more than `maxOutputBytes`; the command goes on.
 * @throws {CriError} what `exec` and its session fail with.
 */
export async function execStreamed(
  cri: StreamingRuntime,
  containerId: string,
  command: readonly string[],
  options: ExecStreamedOptions = {},
): Promise<ExecSyncResult> {
  const {
    transport = "auto",
    timeoutSeconds,
    maxOutputBytes = DEFAULT_MAX_OUTPUT_BYTES,
    ...opening
  } = options;
  assertTimeoutSeconds(timeoutSeconds);
  assertLimit(maxOutputBytes, "maxOutputBytes");
  const over = new AbortController();
  const signal = joinSignals(options.signal, over.signal);
  const session = await exec(cri, containerId, command, { ...opening, transport, signal });
  const limitMs = (timeoutSeconds ?? 0) * 1000;
  const timer = limitMs > 0 ? setTimeout(() => over.abort(execTimedOut(limitMs)), limitMs) : undefined;
  try {
    const [stdout, stderr, end] = await Promise.all([
      collectBytes(session.stdout, { maxBytes: maxOutputBytes }),
      collectBytes(session.stderr, { maxBytes: maxOutputBytes }),
      session.exit,
    ]);
    if (end.kind !== "exited") throw new CriError("ERR_CRI_CONNECTION_LOST", "the session was left");
    return { exitCode: end.exitCode, stdout, stderr };
  } catch (error) {
    // The streams break off with errors of their own.
    signal?.throwIfAborted();
    if (!(error instanceof CoreError)) throw error;
    const text = `the command printed more than ${maxOutputBytes} bytes`;
    throw new CriError("ERR_CRI_RESOURCE_EXHAUSTED", text, { cause: error });
  } finally {
    clearTimeout(timer);
    await session.close();
  }
}

/**
 * Undoing what was made before something failed.
 *
 * @module
 */
import { raceSignal } from "../../core/signal.ts";
import type { CriCallOptions } from "../call.ts";
import { CriError } from "../errors.ts";

/** What happens to what was made if a later step fails. */
export interface CleanUpOptions {
  /**
   * Whether it is removed again. An abort is then thrown only after that, and a call that makes something is given
   * time to answer, since nobody knows what it has made otherwise. Default false, as in crictl.
   */
  cleanUpOnError?: boolean | undefined;
  /** Deadline of each step of a clean-up in milliseconds, and of a call that is aborted. Default 10000. */
  cleanUpTimeoutMs?: number | undefined;
  /** Is told of each step of a clean-up that fails. They stand in `cleanUpErrors` of a `CriError`, too. */
  onCleanUpError?: ((error: unknown) => void) | undefined;
}

/** One step of a clean-up, which is told what failed. */
export type UndoStep = (options: CriCallOptions, error: unknown) => Promise<unknown>;

/** Steps that make something, and those that undo them. */
export interface Undoing {
  /** Undoes what was made, once a later step has failed; before all that was added earlier. */
  add(...steps: UndoStep[]): void;
  /**
   * Makes a call whose answer says what was made. With clean-up, an abort waits for the answer, hands it to `made` and
   * is thrown then.
   */
  make<T>(call: (options: CriCallOptions) => Promise<T>, made: (answer: T) => void): Promise<T>;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** Runs steps; if one fails and clean-up is asked for, undoes the others, the last one first. */
export async function undoOnError<T>(
  { cleanUpOnError = false, cleanUpTimeoutMs = DEFAULT_TIMEOUT_MS, onCleanUpError }: CleanUpOptions,
  call: CriCallOptions,
  run: (undoing: Undoing) => Promise<T>,
): Promise<T> {
  const steps: UndoStep[] = [];
  const undoing: Undoing = {
    add: (...more) => void steps.unshift(...more),
    make: async (open, made) => {
      const answer = cleanUpOnError ? await outlive(open, call, cleanUpTimeoutMs, made) : await open(call);
      made(answer);
      return answer;
    },
  };
  try {
    return await run(undoing);
  } catch (error) {
    if (!cleanUpOnError) throw error;
    const failures: unknown[] = [];
    for (const step of steps) {
      try {
        await step({ timeoutMs: cleanUpTimeoutMs }, error);
      } catch (failure) {
        failures.push(failure);
        onCleanUpError?.(failure);
      }
    }
    throw withCleanUpErrors(error, failures);
  }
}

/** Makes a call that an abort gives some time to answer, and hands a late answer over. */
async function outlive<T>(
  open: (options: CriCallOptions) => Promise<T>,
  { signal, ...call }: CriCallOptions,
  timeoutMs: number,
  made: (answer: T) => void,
): Promise<T> {
  signal?.throwIfAborted();
  const cancel = new AbortController();
  const answer = open({ ...call, signal: cancel.signal });
  try {
    return await raceSignal(answer, signal);
  } catch (error) {
    if (!signal?.aborted) throw error;
    const timer = setTimeout(() => cancel.abort(), timeoutMs);
    try {
      made(await answer);
    } catch {
      // It has made nothing that it could name.
    } finally {
      clearTimeout(timer);
    }
    throw signal.reason;
  }
}

/** The error, with what else failed. What is not an error of this module, such as the reason of an abort, stays. */
function withCleanUpErrors(error: unknown, cleanUpErrors: readonly unknown[]): unknown {
  if (cleanUpErrors.length === 0 || !(error instanceof CriError)) return error;
  const { code, status, reason, details, method, systemCode, statusCode } = error;
  const message = `${error.message} (and ${cleanUpErrors.length} steps of the clean-up failed)`;
  return new CriError(code, message, {
    details,
    cleanUpErrors,
    cause: error,
    ...(status ? { status } : {}),
    ...(reason ? { reason } : {}),
    ...(method === undefined ? {} : { method }),
    ...(systemCode === undefined ? {} : { systemCode }),
    ...(statusCode === undefined ? {} : { statusCode }),
  });
}

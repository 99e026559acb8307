/**
 * Asking now and then whether a container still runs, beside the reading of its log.
 *
 * @module
 */
import { joinSignals, type SignalOptions } from "../../core/signal.ts";

/** Whether a container still runs. The signal tells that the answer is not wanted any more. */
export type IsRunning = (options: SignalOptions) => Promise<boolean>;

/** Options of {@link createRunProbe}. */
export interface RunProbeOptions extends SignalOptions {
  /** Without it a container never ends. */
  isRunning: IsRunning | undefined;
  /** Least time between two questions. */
  intervalMs: number;
  /** Called when there is an answer that ends the reading. */
  onEnd: () => void;
}

/** The state of a container as far as it is known. */
export interface RunProbe {
  /** Whether it has ended. Throws what the question failed with. */
  ended(): boolean;
  /** Asks, unless a question is open or was answered just now. Does not wait. */
  ask(): void;
  /** Drops an open question. */
  close(): void;
}

/** A probe that has not asked yet. */
export function createRunProbe({ isRunning, intervalMs, onEnd, signal }: RunProbeOptions): RunProbe {
  const closed = new AbortController();
  let outcome: { kind: "ended" } | { kind: "failed"; error: unknown } | undefined;
  let asking = false;
  let askedAt = Number.NEGATIVE_INFINITY;
  const run = async (question: IsRunning) => {
    try {
      if (!(await question({ signal: joinSignals(signal, closed.signal) }))) outcome = { kind: "ended" };
    } catch (error) {
      outcome = { kind: "failed", error };
    }
    asking = false;
    if (outcome && !closed.signal.aborted) onEnd();
  };
  return {
    ended() {
      if (outcome?.kind === "failed") throw outcome.error;
      return outcome !== undefined;
    },
    ask() {
      const now = performance.now();
      if (!isRunning || asking || outcome || now - askedAt < intervalMs) return;
      asking = true;
      askedAt = now;
      void run(isRunning);
    },
    close: () => closed.abort(),
  };
}

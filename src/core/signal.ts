/**
 * Cancellation: joining signals, and waiting so that an abort rejects with the caller's own reason.
 *
 * @module
 */

/** What every function that waits accepts. */
export interface SignalOptions {
  /** Ends the wait; the rejection is `signal.reason`, unchanged. */
  signal?: AbortSignal | undefined;
}

/**
 * One signal that aborts when any of the given ones does, with that one's reason.
 *
 * Absent entries are skipped. Nothing is allocated for none or one.
 */
export function joinSignals(...signals: (AbortSignal | undefined)[]): AbortSignal | undefined {
  const present = signals.filter((signal) => signal !== undefined);
  return present.length < 2 ? present[0] : AbortSignal.any(present);
}

/**
 * Settles as `promise` does, or rejects with `signal.reason` as soon as the signal aborts.
 *
 * The work behind `promise` is not stopped by this; its late result or error is dropped.
 */
export async function raceSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  let onAbort: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    promise.catch(() => {});
  }
}

/**
 * Passes a stream on, and fails with `signal.reason` as soon as the signal aborts, also while the source waits.
 *
 * The source is released on every way out. A source that waits at an abort is told to stop but not waited for.
 */
export async function* abortableStream<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, void> {
  signal?.throwIfAborted();
  const iterator = source[Symbol.asyncIterator]();
  // What the source does: it has a value out, it works on the next one, or it needs no release any more.
  let state: "paused" | "working" | "ended" = "paused";
  try {
    for (;;) {
      state = "working";
      const pending = iterator.next();
      pending.catch(() => {
        state = "ended";
      });
      const { done, value } = await raceSignal(pending, signal);
      state = done ? "ended" : "paused";
      if (done) return;
      yield value;
      signal?.throwIfAborted();
    }
  } finally {
    if (state === "paused") await iterator.return?.();
    else if (state === "working") iterator.return?.().catch(() => {});
  }
}

/** Waits `ms` milliseconds, or rejects with `signal.reason` when the signal aborts before that. */
export async function delay(ms: number, { signal }: SignalOptions = {}): Promise<void> {
  signal?.throwIfAborted();
  let timer: NodeJS.Timeout | undefined;
  try {
    await raceSignal(
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, ms);
      }),
      signal,
    );
  } finally {
    clearTimeout(timer);
  }
}

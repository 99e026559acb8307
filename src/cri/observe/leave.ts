/**
 * Streams that can be left at any time.
 *
 * @module
 */
import { joinSignals } from "../../core/signal.ts";

/**
 * What a generator yields, lazy and single-use. `return()` aborts the signal that the generator was given, so that it
 * also ends one that waits; a `next()` that is out then ends the iteration. An abort by the caller rejects with the
 * caller's reason, in whichever way the generator's calls fail of it.
 */
export function leavable<T>(
  signal: AbortSignal | undefined,
  run: (signal: AbortSignal | undefined) => AsyncIterable<T>,
): AsyncIterableIterator<T, void> {
  const left = new AbortController();
  const items = (async function* (): AsyncGenerator<T, void> {
    if (left.signal.aborted) return;
    try {
      signal?.throwIfAborted();
      yield* run(joinSignals(signal, left.signal));
    } catch (error) {
      if (left.signal.aborted) return;
      signal?.throwIfAborted();
      throw error;
    }
  })();
  return {
    next: () => items.next(),
    return: () => {
      left.abort();
      return items.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/**
 * A stream of events that is read as fast as it comes, into a queue with an end.
 *
 * Runtimes hold events back, or drop them, for a client that does not read. A reader that is slower than the queue is
 * long loses the events in it, and is told so: it has to list anew.
 *
 * @module
 */
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import type { Delay } from "./sample-stats.ts";

/** A queue that fills by itself. */
export interface EventQueue<T> {
  /** The oldest event that waits. */
  shift(): T | undefined;
  /** The events that wait, the oldest first. */
  readonly waiting: readonly T[];
  /** How many came, dropped ones included. */
  readonly received: number;
  /** How many were dropped since the last `reset()`. */
  readonly dropped: number;
  /** Set once the stream has ended and nothing waits any more behind it. */
  readonly ended: { error?: unknown; at: number } | undefined;
  /** Drops what waits, and keeps what comes from now on. Gives the number of those dropped. */
  reset(): number;
  /** Waits until something came, the stream ended, or the time is over. */
  wait(options: SignalOptions & { ms?: number; delay: Delay }): Promise<void>;
  /** Ends the stream. */
  close(): Promise<void>;
}

/** Options of {@link openEventQueue}. */
export interface EventQueueOptions<T> {
  /** Events that may wait. */
  maxEvents: number;
  /** Bytes that the events which wait may have together; one event may always wait. */
  maxBytes: number;
  sizeOf: (event: T) => number;
  now: () => number;
}

/** Begins to read a stream. */
export function openEventQueue<T>(
  events: AsyncIterableIterator<T, void>,
  { maxEvents, maxBytes, sizeOf, now }: EventQueueOptions<T>,
): EventQueue<T> {
  let waiting: T[] = [];
  let sizes: number[] = [];
  let bytes = 0;
  let received = 0;
  let dropped = 0;
  let ended: { error?: unknown; at: number } | undefined;
  let wake: () => void = () => {};
  const push = (event: T) => {
    const size = sizeOf(event);
    bytes += size;
    sizes.push(size);
    if (waiting.push(event) > maxEvents || (bytes > maxBytes && waiting.length > 1)) dropped = empty();
  };
  const empty = () => {
    const count = waiting.length;
    waiting = [];
    sizes = [];
    bytes = 0;
    return count;
  };
  const read = async (): Promise<void> => {
    try {
      for await (const event of events) {
        received++;
        if (dropped > 0) dropped++;
        else push(event);
        wake();
      }
      ended = { at: now() };
    } catch (error) {
      ended = { error, at: now() };
    }
    wake();
  };
  const reading = read();
  return {
    shift() {
      bytes -= sizes.shift() ?? 0;
      return waiting.shift();
    },
    get waiting() {
      return waiting;
    },
    get received() {
      return received;
    },
    get dropped() {
      return dropped;
    },
    get ended() {
      return waiting.length === 0 && dropped === 0 ? ended : undefined;
    },
    reset() {
      const count = dropped + empty();
      dropped = 0;
      return count;
    },
    async wait({ ms, delay, signal }) {
      signal?.throwIfAborted();
      if (waiting.length > 0 || dropped > 0 || ended) return;
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (ms === undefined) return raceSignal(woken, signal);
      const over = new AbortController();
      const timer = delay(ms, { signal: over.signal });
      timer.catch(() => {});
      try {
        await raceSignal(Promise.race([woken, timer]), signal);
      } finally {
        over.abort();
      }
    },
    async close() {
      await events.return?.();
      await reading;
    },
  };
}

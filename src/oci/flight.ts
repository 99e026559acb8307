/**
 * One run for all who want the same thing at the same time.
 *
 * @module
 */
import { raceSignal } from "../core/signal.ts";

/** Runs work once a key; whoever asks while it runs waits for the same result. */
export interface SingleFlight<T> {
  /**
   * The result of the run of `key`, started if none is under way.
   *
   * The signal ends the caller's wait only. The run itself is aborted once nobody waits for it.
   */
  run(key: string, work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal | undefined): Promise<T>;
}

interface Flight<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
}

/** One for all: making an exception costs more than many a result that is at hand. */
const NOBODY_WAITS = new DOMException("nobody waits for the result", "AbortError");

/** Makes an empty {@link SingleFlight}. */
export function singleFlight<T>(): SingleFlight<T> {
  const flights = new Map<string, Flight<T>>();

  function start(key: string, work: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController();
    const result = work(controller.signal).finally(() => {
      if (flights.get(key) === flight) flights.delete(key);
    });
    result.catch(() => {});
    const flight: Flight<T> = { result, controller, waiting: 0 };
    flights.set(key, flight);
    return flight;
  }

  return {
    async run(key, work, signal) {
      signal?.throwIfAborted();
      const flight = flights.get(key) ?? start(key, work);
      flight.waiting++;
      try {
        return await raceSignal(flight.result, signal);
      } finally {
        flight.waiting--;
        if (flight.waiting === 0) {
          // Nobody may join a run that is being aborted.
          if (flights.get(key) === flight) flights.delete(key);
          flight.controller.abort(NOBODY_WAITS);
        }
      }
    },
  };
}

/**
 * Work on the same thing, one after the other within this process.
 *
 * @module
 */
import { raceSignal } from "../../core/signal.ts";

const turns = new WeakMap<object, Map<string, Promise<unknown>>>();

/** Does work when all earlier work on the same key of the same object has ended, whatever came of that. */
export async function inTurn<T>(
  owner: object,
  key: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const queue = turns.get(owner) ?? new Map<string, Promise<unknown>>();
  turns.set(owner, queue);
  const before = queue.get(key);
  const turn = (async () => {
    await raceSignal(Promise.resolve(before), signal);
    return work();
  })();
  // Who gives up early must not let the next one overtake work that is still under way.
  const done = Promise.allSettled([before, turn]);
  queue.set(key, done);
  try {
    return await turn;
  } finally {
    if (queue.get(key) === done) queue.delete(key);
  }
}

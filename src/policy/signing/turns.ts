/**
 * Work on the same thing, one after the other within this process.
 *
 * @module
 */
import { raceSignal } from "../../core/signal.ts";

type Queues = Map<string, Promise<unknown>>;

const byObject = new WeakMap<object, Queues>();
/** Stores that say what they are: several clients of one repository take turns too. */
const byName: Queues = new Map();

/**
 * Does work when all earlier work on the same key of the same store has ended, whatever came of that.
 *
 * Two objects are the same store if both have one `path`, as layouts do, or one `name`, as repositories do.
 */
export async function inTurn<T>(
  store: object,
  key: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const name = nameOf(store);
  const queues = name === undefined ? queuesOf(store) : byName;
  const place = name === undefined ? key : `${name} ${key}`;
  const before = queues.get(place);
  const turn = (async () => {
    await raceSignal(Promise.resolve(before), signal);
    return work();
  })();
  // Who gives up early must not let the next one overtake work that is still under way.
  const done = Promise.allSettled([before, turn]);
  queues.set(place, done);
  try {
    return await turn;
  } finally {
    if (queues.get(place) === done) queues.delete(place);
  }
}

function queuesOf(store: object): Queues {
  const queues = byObject.get(store) ?? new Map();
  byObject.set(store, queues);
  return queues;
}

function nameOf(store: object): string | undefined {
  if ("path" in store && typeof store.path === "string") return `path ${store.path}`;
  if ("name" in store && typeof store.name === "string") return `name ${store.name}`;
  return undefined;
}

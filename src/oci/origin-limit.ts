/**
 * How many requests to one origin are under way at a time.
 *
 * A request counts until its answer was read. Whoever holds answers without reading them on, while it waits for another one,
 * would wait for ever under a hard limit: where nothing ends for a while, one more is let through.
 *
 * @module
 */
import { raceSignal } from "../core/signal.ts";

/** Lets requests through, so many at a time. */
export interface OriginLimit {
  /** Waits for a turn at an origin; the function that comes back ends it, and may be called again. */
  acquire(origin: string, signal: AbortSignal | undefined): Promise<() => void>;
}

interface Lane {
  active: number;
  /** More than the limit while nothing ended for long, until it was no longer needed. */
  allowed: number;
  readonly waiting: Set<() => void>;
  timer: NodeJS.Timeout | undefined;
}

/** Makes a limit of `limit` requests an origin; after `patienceMs` in which none ended another one goes. */
export function originLimit(limit: number, patienceMs = 1000): OriginLimit {
  const lanes = new Map<string, Lane>();

  return {
    async acquire(origin, signal) {
      signal?.throwIfAborted();
      const lane = lanes.get(origin) ?? { active: 0, allowed: limit, waiting: new Set(), timer: undefined };
      lanes.set(origin, lane);
      if (lane.active < lane.allowed) lane.active++;
      else await turn(lane, signal);
      let ended = false;
      return () => {
        if (ended) return;
        ended = true;
        lane.active--;
        goOn(origin, lane);
      };
    },
  };

  /** Waits until another request hands its turn over. */
  async function turn(lane: Lane, signal: AbortSignal | undefined): Promise<void> {
    let go: () => void = () => {};
    const granted = new Promise<void>((resolve) => {
      go = resolve;
    });
    lane.waiting.add(go);
    lane.timer ??= setTimeout(() => letOneMore(lane), patienceMs);
    try {
      await raceSignal(granted, signal);
    } catch (error) {
      // The turn may have come together with the abort: then the next one has it.
      if (!lane.waiting.delete(go)) {
        lane.active--;
        grant(lane);
      }
      rearm(lane);
      throw error;
    }
  }

  function goOn(origin: string, lane: Lane): void {
    grant(lane);
    rearm(lane);
    if (lane.waiting.size === 0 && lane.active <= limit) lane.allowed = limit;
    if (lane.waiting.size === 0 && lane.active === 0 && lanes.get(origin) === lane) lanes.delete(origin);
  }

  function grant(lane: Lane): void {
    while (lane.active < lane.allowed) {
      const [next] = lane.waiting;
      if (!next) return;
      lane.waiting.delete(next);
      lane.active++;
      next();
    }
  }

  function rearm(lane: Lane): void {
    clearTimeout(lane.timer);
    lane.timer = lane.waiting.size === 0 ? undefined : setTimeout(() => letOneMore(lane), patienceMs);
  }

  function letOneMore(lane: Lane): void {
    lane.allowed = lane.active + 1;
    grant(lane);
    rearm(lane);
  }
}

/**
 * Events of containers, sent to everyone who has subscribed.
 *
 * @module
 */
import type { ContainerEventResponseSchema } from "../../cri/index.ts";
import type { MessageInitShape } from "../../cri/serve.ts";

/** An event as it is sent. */
export type ContainerEvent = MessageInitShape<typeof ContainerEventResponseSchema>;

/** Where events are announced and read. */
export interface EventHub {
  /** Sends an event to all subscribers. There is no replay: later ones do not see it. */
  publish(event: ContainerEvent): void;
  /** The events from now on, until the signal aborts or the hub is closed. */
  subscribe(signal: AbortSignal): AsyncIterable<ContainerEvent>;
  /** Ends all subscriptions. */
  disconnect(): void;
}

/** Events that a subscriber may be behind before it misses new ones, as in containerd. */
const MAX_WAITING = 1000;

/** A hub without subscribers. */
export function createEventHub(): EventHub {
  const subscribers = new Set<Subscriber>();
  return {
    publish(event) {
      for (const { waiting, wake } of subscribers) {
        if (waiting.length < MAX_WAITING) waiting.push(event);
        wake();
      }
    },
    subscribe(signal) {
      // Subscribed from now on, not from the first read.
      const subscriber: Subscriber = { waiting: [], wake: () => {}, over: signal.aborted };
      if (!signal.aborted) subscribers.add(subscriber);
      signal.addEventListener("abort", () => leave(subscriber), { once: true });
      return read(subscriber);
    },
    disconnect() {
      for (const subscriber of subscribers) leave(subscriber);
    },
  };

  function leave(subscriber: Subscriber): void {
    subscribers.delete(subscriber);
    subscriber.over = true;
    subscriber.wake();
  }

  async function* read(subscriber: Subscriber): AsyncGenerator<ContainerEvent, void> {
    try {
      while (!subscriber.over) {
        const event = subscriber.waiting.shift();
        if (event) yield event;
        else {
          await new Promise<void>((resolve) => {
            subscriber.wake = resolve;
          });
        }
      }
    } finally {
      leave(subscriber);
    }
  }
}

interface Subscriber {
  readonly waiting: ContainerEvent[];
  wake: () => void;
  over: boolean;
}

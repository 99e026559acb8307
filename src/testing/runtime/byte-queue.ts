/**
 * Bytes, or other items, from one who writes to one who reads.
 *
 * @module
 */

/** A queue with one reader. */
export interface ItemQueue<T> extends AsyncIterable<T> {
  /** Adds an item, and waits until the reader wants more. False if the reader has gone or the queue has ended. */
  push(item: T): Promise<boolean>;
  /** Ends the queue behind what is in it. */
  end(): void;
  /** Drops what is in it and ends it. */
  drop(): void;
}

/** A queue that holds up to `capacity` items before `push` waits. The reader ends it by leaving its loop. */
export function createQueue<T>(capacity = 16): ItemQueue<T> {
  const items: T[] = [];
  let ended = false;
  let left = false;
  let wakeReader = () => {};
  let writers: (() => void)[] = [];
  const wakeWriters = () => {
    const waiting = writers;
    writers = [];
    for (const wake of waiting) wake();
  };
  const drop = () => {
    left = true;
    ended = true;
    items.length = 0;
    wakeReader();
    wakeWriters();
  };
  return {
    async push(item) {
      if (ended) return false;
      items.push(item);
      wakeReader();
      while (items.length > capacity && !left) await new Promise<void>((resolve) => writers.push(resolve));
      return !left;
    },
    end() {
      ended = true;
      wakeReader();
    },
    drop,
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          const item = items.shift();
          if (item !== undefined) {
            wakeWriters();
            yield item;
          } else if (ended) return;
          else await new Promise<void>((resolve) => (wakeReader = resolve));
        }
      } finally {
        drop();
      }
    },
  };
}

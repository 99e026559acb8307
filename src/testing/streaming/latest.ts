/**
 * A value that changes, of which a reader only wants the newest.
 *
 * @module
 */

/** The two ends of a changing value. */
export interface Latest<T> {
  /** Takes the place of a value that has not been read. */
  set(value: T): void;
  /** Ends it; a value that waits is still read. Twice is once. */
  end(): void;
  readonly values: AsyncIterable<T>;
}

/** A value that is not set yet. */
export function createLatest<T>(): Latest<T> {
  let waiting: { value: T } | undefined;
  let wake: () => void = () => {};
  let ended = false;
  async function* read(): AsyncGenerator<T, void> {
    for (;;) {
      if (waiting) {
        const { value } = waiting;
        waiting = undefined;
        yield value;
      } else if (ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  return {
    set(value) {
      if (ended) return;
      waiting = { value };
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    values: { [Symbol.asyncIterator]: read },
  };
}

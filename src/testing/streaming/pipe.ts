/**
 * A pipe without a buffer: what is written waits until it is read.
 *
 * @module
 */

/** The two ends of a pipe. */
export interface Pipe<T> {
  /** Resolves when the value has been read; `false` if it was dropped since the pipe has ended. */
  write(value: T): Promise<boolean>;
  /** Ends the pipe. Values that wait are dropped with `drop`, and still read without. Twice is once. */
  end(options?: { drop?: boolean }): void;
  /** What is written, in order. Leaving the loop ends the pipe. */
  readonly values: AsyncIterable<T>;
}

interface Waiting<T> {
  value: T;
  settle(taken: boolean): void;
}

/** An open pipe. */
export function createPipe<T>(): Pipe<T> {
  const waiting: Waiting<T>[] = [];
  const readers: ((result: IteratorResult<T, undefined>) => void)[] = [];
  let ended = false;
  const end = ({ drop = false }: { drop?: boolean } = {}): void => {
    ended = true;
    if (drop) for (const { settle } of waiting.splice(0)) settle(false);
    for (const read of readers.splice(0)) read({ done: true, value: undefined });
  };
  const iterator: AsyncIterator<T, undefined> = {
    next() {
      const first = waiting.shift();
      if (first) {
        first.settle(true);
        return Promise.resolve({ done: false, value: first.value });
      }
      if (ended) return Promise.resolve({ done: true, value: undefined });
      return new Promise((resolve) => readers.push(resolve));
    },
    return() {
      end({ drop: true });
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return {
    write(value) {
      if (ended) return Promise.resolve(false);
      const read = readers.shift();
      if (read) {
        read({ done: false, value });
        return Promise.resolve(true);
      }
      return new Promise((settle) => waiting.push({ value, settle }));
    },
    end,
    values: { [Symbol.asyncIterator]: () => iterator },
  };
}

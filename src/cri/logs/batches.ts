/**
 * Streams of batches: steps from one to the next, and from batches to single values.
 *
 * Written out as iterators, for two reasons: a stream that waits for a container that writes nothing is left at
 * once, which a generator is only when its wait ends; and a line costs no promise of its own in a batch.
 *
 * @module
 */

/** A stream of batches of `T`: lazy, single-use, released when left early, also while it waits. */
export type Batches<T> = AsyncIterableIterator<readonly T[], void>;

/**
 * A stream made by a generator, which is told by a signal when it is left while it waits.
 *
 * The generator ends without an error when that signal is aborted.
 */
export function leavable<T>(
  run: (left: AbortSignal) => AsyncGenerator<T, void>,
): AsyncIterableIterator<T, void> {
  const left = new AbortController();
  const values = run(left.signal);
  return {
    next: () => values.next(),
    return: () => {
      left.abort();
      return values.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** What a step makes of a stream. */
export interface BatchStep<T, U> {
  /** What becomes of a batch. An empty outcome is not handed on. */
  push(batch: readonly T[]): readonly U[];
  /** What is left at the end. */
  end(): readonly U[];
  /** Whether nothing more is wanted. The source is released then. */
  done?(): boolean;
}

/** The stream after a step. */
export function mapBatches<T, U>(source: AsyncIterable<readonly T[]>, step: BatchStep<T, U>): Batches<U> {
  const iterator = source[Symbol.asyncIterator]();
  let ended = false;
  const release = async () => {
    ended = true;
    await iterator.return?.();
  };
  const pull = async (): Promise<IteratorResult<readonly U[], void>> => {
    while (!ended) {
      if (step.done?.()) {
        await release();
        break;
      }
      const { done, value } = await iterator.next().catch((error: unknown) => {
        ended = true;
        throw error;
      });
      // Left while it waited.
      if (ended) break;
      if (done) ended = true;
      const batch = await attempt(() => (done ? step.end() : step.push(value)), release);
      if (batch.length > 0) return { done: false, value: batch };
    }
    return { done: true, value: undefined };
  };
  return serial(pull, release);
}

/** The values of batches, one at a time. */
export function flatten<T>(source: AsyncIterable<readonly T[]>): AsyncIterableIterator<T, void> {
  const iterator = source[Symbol.asyncIterator]();
  let batch: readonly T[] = [];
  let at = 0;
  let ended = false;
  const pull = async (): Promise<IteratorResult<T, void>> => {
    while (!ended) {
      if (at < batch.length) return { done: false, value: batch[at++] as T };
      const { done, value } = await iterator.next().catch((error: unknown) => {
        ended = true;
        throw error;
      });
      if (done) ended = true;
      else [batch, at] = [value, 0];
    }
    return { done: true, value: undefined };
  };
  return serial(pull, async () => {
    ended = true;
    await iterator.return?.();
  });
}

/** An iterator whose `next` calls are answered in turn, and whose `return` does not wait for them. */
function serial<T>(
  pull: () => Promise<IteratorResult<T, void>>,
  release: () => Promise<void>,
): AsyncIterableIterator<T, void> {
  let waiting = 0;
  let left = false;
  let last: Promise<unknown> = Promise.resolve();
  return {
    next: () => {
      if (left) return Promise.resolve({ done: true, value: undefined });
      const answer = waiting === 0 ? pull() : last.then(pull, pull);
      waiting++;
      const settled = () => {
        waiting--;
      };
      last = answer.then(settled, settled);
      return answer;
    },
    return: async () => {
      left = true;
      await release();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function attempt<T>(run: () => T, release: () => Promise<void>): Promise<T> {
  try {
    return run();
  } catch (error) {
    await release();
    throw error;
  }
}

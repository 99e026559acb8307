/**
 * Work on many things, a few at a time.
 *
 * @module
 */

/**
 * Calls `work` for each item, at most `limit` at a time, in order of the items.
 *
 * The first failure stops what was not begun and aborts what was; the rejection comes when nothing runs any more, with
 * that failure, or with the reason of the outer signal where that aborted.
 */
export async function forEachBounded<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T, signal: AbortSignal) => Promise<void>,
  outer?: AbortSignal | undefined,
): Promise<void> {
  outer?.throwIfAborted();
  const failed = new AbortController();
  const signal = outer ? AbortSignal.any([outer, failed.signal]) : failed.signal;
  const iterator = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    while (!signal.aborted) {
      const { done, value } = iterator.next();
      if (done) return;
      try {
        await work(value, signal);
      } catch (error) {
        failures.push(error);
        failed.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  if (failures.length > 0) throw failures[0];
  outer?.throwIfAborted();
}

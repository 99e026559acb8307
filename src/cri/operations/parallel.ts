/**
 * The same work for many things, several at a time.
 *
 * @module
 */

/** How many calls are open at once where nothing else is said. */
export const DEFAULT_PARALLEL = 8;

/** Fails for a number of parallel calls that is none. */
export function assertParallel(parallel: number): void {
  if (Number.isSafeInteger(parallel) && parallel >= 1) return;
  throw new RangeError(`parallel must be a whole number, 1 or more, got ${parallel}`);
}

/**
 * What `work` gives for each item, in the order of the items.
 *
 * The first failure ends it: nothing further is begun, what is open is waited for, and then it is thrown.
 */
export async function mapParallel<T, R>(
  items: readonly T[],
  parallel: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  assertParallel(parallel);
  const results: R[] = [];
  const failures: unknown[] = [];
  const entries = items.entries();
  const worker = async () => {
    for (const [at, item] of entries) {
      if (failures.length > 0) return;
      try {
        results[at] = await work(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
  return results;
}

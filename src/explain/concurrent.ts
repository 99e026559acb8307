/**
 * Work on many things, a few at a time.
 *
 * @module
 */

/**
 * What comes of each thing, in the order of the things. The first failure ends it: nothing more is begun, and what is
 * under way is waited for.
 */
export async function mapConcurrently<T, R>(
  things: readonly T[],
  atOnce: number,
  work: (thing: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(things.length);
  let next = 0;
  let failed: { error: unknown } | undefined;
  async function worker(): Promise<void> {
    while (!failed) {
      const index = next++;
      if (index >= things.length) return;
      try {
        results[index] = await work(things[index] as T, index);
      } catch (error) {
        failed ??= { error };
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, things.length) }, worker));
  if (failed) throw failed.error;
  return results;
}

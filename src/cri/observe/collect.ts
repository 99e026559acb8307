/**
 * Lists that are needed whole.
 *
 * @module
 */

/** All items, or the error: a list that failed half-way says nothing. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/**
 * What the queries of sandboxes and containers share.
 *
 * @module
 */
import { CriError } from "../errors.ts";
import { compileGoRegexp } from "./go-regexp.ts";

/**
 * A pattern for names: a regular expression of Go as text, or one of JavaScript.
 *
 * Neither is anchored: `web` fits `my-web-1`. A text takes time linear in the name, whatever it says, so it may come
 * from anyone. A `RegExp` can take exponential time: do not make one from a text of somebody you do not trust.
 */
export type NamePattern = RegExp | string;

/** What of an answer a query keeps, once it is sorted. */
export interface NewestQuery {
  /** Only the newest one; `last` goes before it. */
  latest?: boolean | undefined;
  /** At most this many of the newest ones; 0 is as absent. */
  last?: number | undefined;
}

/** Whether a name fits a pattern; everything fits an absent one. */
export function nameTest(pattern: NamePattern | undefined): (name: string) => boolean {
  if (pattern === undefined) return () => true;
  if (typeof pattern === "string") return compileGoRegexp(pattern);
  // search() goes by no lastIndex.
  return (name) => name.search(pattern) >= 0;
}

/** Whether labels have every label that is asked for, with its value. */
export function hasLabels(
  labels: Readonly<Record<string, string>>,
  wanted: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(wanted ?? {}).every(
    ([name, value]) => Object.hasOwn(labels, name) && labels[name] === value,
  );
}

/**
 * The newest first, and as many as the query wants. What was made at the same time is in the order of the ids.
 *
 * @throws {RangeError} for a `last` that is no count.
 */
export function newest<T extends { readonly id: string; readonly createdAt: bigint }>(
  items: readonly T[],
  { latest = false, last = 0 }: NewestQuery,
): T[] {
  assertLast(last);
  const sorted = items.toSorted((a, b) => compare(b.createdAt, a.createdAt) || compare(a.id, b.id));
  return last > 0 ? sorted.slice(0, last) : latest ? sorted.slice(0, 1) : sorted;
}

/** Fails for a `last` that is no count. */
export function assertLast(last = 0): void {
  if (Number.isSafeInteger(last) && last >= 0) return;
  throw new RangeError(`last must be a whole number, 0 or more, got ${last}`);
}

/** The order of two values: negative, zero or positive. */
export function compare<T extends bigint | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The state that a word stands for, undefined for an absent word. Case does not count.
 *
 * @throws {CriError} `ERR_CRI_QUERY_INVALID` for a word that is none.
 */
export function stateOf<S extends number>(
  word: string | undefined,
  states: Readonly<Record<string, S>>,
): S | undefined {
  if (word === undefined) return undefined;
  const known = word.toLowerCase();
  const state = Object.hasOwn(states, known) ? states[known] : undefined;
  if (state !== undefined) return state;
  const text = `state ${JSON.stringify(word.slice(0, 64))} is none of ${Object.keys(states).join(", ")}`;
  throw new CriError("ERR_CRI_QUERY_INVALID", text);
}

/**
 * Keys and certificates that were parsed, kept so that each is parsed once.
 *
 * @module
 */
import { digestOf } from "../core/digest.ts";

/**
 * What was parsed of keys and certificates. Failures are not kept: a broken file fails again, with its own
 * message, in every evaluation that needs it.
 *
 * It belongs to one way of reading files: with another, or after files changed, a new one is needed.
 */
export interface TrustMemory {
  /**
   * What a parser makes of a content: called at most once for each content that it can read.
   *
   * @param parse The same function for the same kind of content: it is what results are told apart by.
   */
  parsed<T>(parse: (content: Uint8Array) => T, content: Uint8Array): T;
}

/** A memory with nothing in it. */
export function createTrustMemory(): TrustMemory {
  const results = new Map<unknown, Map<string, unknown>>();
  return {
    parsed<T>(parse: (content: Uint8Array) => T, content: Uint8Array): T {
      const digest = digestOf(content);
      const kept = (results.get(parse) ?? new Map()) as Map<string, T>;
      results.set(parse, kept);
      const known = kept.get(digest);
      if (known !== undefined) return known;
      const result = parse(content);
      kept.set(digest, result);
      if (result instanceof Promise) result.catch(() => kept.delete(digest));
      return result;
    },
  };
}

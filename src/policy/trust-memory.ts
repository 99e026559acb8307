/**
 * Keys and certificates that were parsed, kept so that each is parsed once.
 *
 * @module
 */
import { digestOf } from "../core/digest.ts";
import { type FileContent, openTrustRoot, type TrustRoot } from "./trust-root.ts";
import type { SigstoreTrust } from "./types.ts";

/**
 * What was parsed of keys and certificates. Failures are not kept: a broken file fails again, with its own
 * message, in every evaluation that needs it.
 *
 * It belongs to one way of reading files: with another, or after files changed, a new one is needed.
 */
export interface TrustMemory {
  /** What a requirement trusts, parsed at the first call. */
  root(trust: SigstoreTrust, file: FileContent): Promise<TrustRoot>;
  /**
   * What a parser makes of a content: called at most once for each content that it can read.
   *
   * @param parse The same function for the same kind of content: it is what results are told apart by.
   */
  parsed<T>(parse: (content: Uint8Array) => T, content: Uint8Array): T;
}

/** A memory with nothing in it. */
export function createTrustMemory(): TrustMemory {
  const roots = new WeakMap<SigstoreTrust, TrustRoot>();
  const results = new Map<unknown, Map<string, unknown>>();
  const memory: TrustMemory = {
    async root(trust, file) {
      const known = roots.get(trust);
      if (known) return known;
      const root = await openTrustRoot(trust, file, memory);
      roots.set(trust, root);
      return root;
    },
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
  return memory;
}

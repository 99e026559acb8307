/**
 * Decisions of the last moment: a burst of the same Pods asks for the same digests again and again.
 *
 * @module
 */
import type { ImageAllowed, ImageDecision } from "./decision.ts";

/** Decisions that were just made. */
export interface RecentDecisions {
  /** What a verifier was found to say, if that is not too long ago. */
  find(verifier: object, key: string): ImageAllowed | undefined;
  /** Keeps a decision, if it is one that can be kept. */
  keep(verifier: object, key: string, decision: ImageDecision): void;
}

interface Recent {
  readonly decision: ImageAllowed;
  /** By the clock that is never set. */
  readonly until: number;
  /** In milliseconds since 1970: when the first certificate, key or signature that it rests on ends. */
  readonly end: number;
}

/** So many decisions of one verifier are kept at a time. */
const MAX_KEPT = 1000;

/**
 * Keeps what is allowed by a digest, for so many milliseconds of a clock that is never set, for the very same verifier,
 * and no longer than what it rests on is valid. What a tag names, and what is not allowed, is decided anew each time.
 */
export function recentDecisions(holdMs: number): RecentDecisions {
  const kept = new WeakMap<object, Map<string, Recent>>();
  return {
    find(verifier, key) {
      const found = kept.get(verifier)?.get(key);
      const isGood = found && performance.now() < found.until && Date.now() <= found.end;
      return isGood ? found.decision : undefined;
    },
    keep(verifier, key, decision) {
      if (holdMs === 0 || decision.kind !== "allowed") return;
      const before = kept.get(verifier);
      const of = before && before.size < MAX_KEPT ? before : new Map<string, Recent>();
      kept.set(verifier, of);
      // Others get it too, and must not change it.
      for (const evaluation of decision.evaluations ?? []) Object.freeze(evaluation);
      Object.freeze(decision.evaluations);
      const ends = (decision.evaluations ?? []).flatMap(({ validUntil }) => validUntil ?? []);
      const end = Math.min(...ends) * 1000;
      of.set(key, { decision: Object.freeze(decision), until: performance.now() + holdMs, end });
    },
  };
}

/**
 * Decisions of the last moment: a burst of the same Pods asks for the same digests again and again.
 *
 * @module
 */
import type { ImageAllowed, ImageDecision } from "./decision.ts";

/** Decisions that were just made by one verifier for one list of platforms. */
export interface RecentDecisions {
  /** What was decided on an image, if that is not too long ago. */
  find(image: string, completed: string): ImageAllowed | undefined;
  /** Keeps a decision, if it is one that can be kept. */
  keep(completed: string, decision: ImageDecision): void;
}

interface Recent {
  readonly decision: ImageAllowed;
  readonly completed: string;
  /** By the clock that is never set. */
  readonly until: number;
  /** In milliseconds since 1970: when the first certificate, key or signature that it rests on ends. */
  readonly end: number;
}

/** So many decisions are kept at a time. */
const MAX_KEPT = 1000;

const held = new WeakSet<object>();

/** Whether a decision is one that was kept: it is frozen, and it is what this module was given by a verifier. */
export function isHeld(decision: object): boolean {
  return held.has(decision);
}

/**
 * Keeps what is allowed by a digest, for so many milliseconds of a clock that is never set, for the very same verifier
 * and platforms, and no longer than what it rests on is valid. What a tag names, and what is not allowed, is decided anew
 * each time.
 */
export function recentDecisions(holdMs: number): (verifier: object, platforms: string) => RecentDecisions {
  const all = new WeakMap<object, Map<string, RecentDecisions>>();
  return (verifier, platforms) => {
    const ofVerifier = all.get(verifier) ?? new Map<string, RecentDecisions>();
    all.set(verifier, ofVerifier);
    const found = ofVerifier.get(platforms) ?? decisionsFor(holdMs);
    ofVerifier.set(platforms, found);
    return found;
  };
}

function decisionsFor(holdMs: number): RecentDecisions {
  const kept = new Map<string, Recent>();
  return {
    find(image, completed) {
      const found = kept.get(image);
      const isGood =
        found && found.completed === completed && performance.now() < found.until && Date.now() <= found.end;
      return isGood ? found.decision : undefined;
    },
    keep(completed, decision) {
      if (holdMs === 0 || decision.kind !== "allowed") return;
      if (kept.size >= MAX_KEPT) kept.clear();
      // Others get it too, and must not change it.
      for (const evaluation of decision.evaluations ?? []) Object.freeze(evaluation);
      Object.freeze(decision.evaluations);
      held.add(Object.freeze(decision));
      const ends = (decision.evaluations ?? []).flatMap(({ validUntil }) => validUntil ?? []);
      const end = Math.min(...ends) * 1000;
      kept.set(decision.image, { decision, completed, until: performance.now() + holdMs, end });
    },
  };
}

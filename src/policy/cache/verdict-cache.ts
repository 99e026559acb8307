/**
 * Where verdicts are kept between evaluations, and what is kept.
 *
 * @module
 */
import type { Digest } from "../../core/digest.ts";
import type { SignalOptions } from "../../core/signal.ts";
import type { Verdict } from "../verdict.ts";

/**
 * Keeps entries under keys, for a while.
 *
 * What comes out is believed: whoever can put an entry in decides what is allowed. {@link memoryVerdictCache} is
 * out of reach for others. For a store outside the process use {@link sealedVerdictCache}, which takes nothing out
 * that was not put in under the same key by a holder of its secret.
 *
 * Losing entries does no harm, and giving an old one does none either: entries carry their own times. A call that
 * fails, or takes long, is a miss.
 */
export interface VerdictCache {
  /** What is kept under a key, or nothing. */
  get(key: string, options: SignalOptions): CachedVerdict | undefined | Promise<CachedVerdict | undefined>;
  /** Keeps an entry for no longer than `ttlMs` milliseconds, in place of another. */
  set(key: string, entry: CachedVerdict, options: { ttlMs: number }): unknown;
  /** Removes an entry, if there is one. */
  delete(key: string): unknown;
}

/** What is kept: plain data, with the times between which it counts. */
export type CachedVerdict = KeptVerdict | KeptFiles;

/** When an entry counts. */
export interface CachedTimes {
  /** Milliseconds since 1970. Before that the clock was turned back, and the entry's age is not known. */
  readonly storedAt: number;
  /** Milliseconds since 1970, exclusive. */
  readonly expiresAt: number;
}

/** A verdict. */
export interface KeptVerdict extends CachedTimes {
  readonly kind: "verdict";
  readonly verdict: Verdict;
}

/**
 * A note that the verdict rests on files which the policy names: it is kept under a key that covers their content.
 *
 * Files are read only once there is a signature that needs them. This note says that there is one.
 */
export interface KeptFiles extends CachedTimes {
  readonly kind: "files";
  readonly paths: readonly string[];
}

/** What a verifier did with its cache: for counters and logs. */
export type CacheEvent =
  | {
      /** Whether the verdict was there. */
      readonly kind: "hit" | "miss";
      readonly reference: string;
      /** Of the manifest or index that the reference names. */
      readonly digest: Digest;
    }
  | {
      /** The cache failed, or did not answer in time; the verdict does not depend on it. */
      readonly kind: "failed";
      readonly operation: "get" | "set";
      readonly cause: unknown;
    };

/** How a verifier uses a cache. */
export interface VerdictCacheOptions {
  /** Default: a {@link memoryVerdictCache} of the verifier's own. */
  store?: VerdictCache | undefined;
  /**
   * What the verifier's `source` finds, as text: verifiers of one scope ask the same registries and mirrors, with the
   * same rights. Without it verdicts are used again by verifiers with the very same `source` only, and never by
   * another process.
   */
  scope?: string | undefined;
  /** Longest time that an allowed image is kept, in milliseconds. Default 10 minutes (600000). */
  allowedTtlMs?: number | undefined;
  /** Longest time that a refusal is kept, in milliseconds. Default 5 seconds (5000). */
  rejectedTtlMs?: number | undefined;
  /** Longest wait for an answer of the store, in milliseconds; after that it counts as a miss. Default 250. */
  maxWaitMs?: number | undefined;
  /** Called after each look-up and each failure. It must not throw. */
  onEvent?: ((event: CacheEvent) => void) | undefined;
}

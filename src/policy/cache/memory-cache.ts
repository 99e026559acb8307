/**
 * Verdicts kept in this process, the least recently used ones dropped first.
 *
 * @module
 */
import { formatEntry } from "./entry-text.ts";
import type { CachedVerdict, VerdictCache } from "./verdict-cache.ts";

/** Options of {@link memoryVerdictCache}. */
export interface MemoryVerdictCacheOptions {
  /** Most entries. Default 10000. */
  maxEntries?: number | undefined;
  /** Most bytes of all entries together, each counted as it would be written out. Default 64 MiB (67108864). */
  maxBytes?: number | undefined;
  /** Milliseconds that only ever go forward. Default `performance.now`. */
  monotonic?: (() => number) | undefined;
}

interface Kept {
  readonly entry: CachedVerdict;
  readonly bytes: number;
  /** By the monotonic clock: turning the other clock back does not make an entry last longer. */
  readonly deadline: number;
}

/**
 * An empty cache in this process.
 *
 * An entry that takes more than a sixteenth of `maxBytes` is not kept.
 *
 * @throws {RangeError} For a limit that is no positive number.
 */
export function memoryVerdictCache({
  maxEntries = 10_000,
  maxBytes = 64 * 1024 * 1024,
  monotonic = () => performance.now(),
}: MemoryVerdictCacheOptions = {}): VerdictCache {
  if (!(maxEntries >= 1) || !(maxBytes >= 1)) throw new RangeError("limits of a cache must be positive");
  // In order of use, the one that was not used for longest first.
  const kept = new Map<string, Kept>();
  let total = 0;
  const remove = (key: string): void => {
    const old = kept.get(key);
    if (old && kept.delete(key)) total -= old.bytes;
  };
  return {
    get(key) {
      const found = kept.get(key);
      if (!found) return undefined;
      if (!(monotonic() < found.deadline)) {
        remove(key);
        return undefined;
      }
      kept.delete(key);
      kept.set(key, found);
      return found.entry;
    },
    set(key, entry, { ttlMs }) {
      remove(key);
      const bytes = key.length + Buffer.byteLength(formatEntry(entry));
      if (bytes > maxBytes / 16) return;
      kept.set(key, { entry, bytes, deadline: monotonic() + ttlMs });
      total += bytes;
      for (const oldest of kept.keys()) {
        if (kept.size <= maxEntries && total <= maxBytes) return;
        remove(oldest);
      }
    },
    delete: remove,
  };
}

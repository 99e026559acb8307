/**
 * Two caches, one behind the other.
 *
 * @module
 */
import { frozenCopy } from "./frozen-copy.ts";
import type { CachedVerdict, VerdictCache } from "./verdict-cache.ts";

/**
 * A near cache in front of a far one: what the far one gives is kept near as well, so that asking again takes no
 * request. New entries go to both.
 *
 * What one process removes, or puts in anew, another finds in its near cache unchanged for as long as the old entry
 * counts.
 */
export function tieredVerdictCache(near: VerdictCache, far: VerdictCache): VerdictCache {
  async function fetch(
    key: string,
    options: Parameters<VerdictCache["get"]>[1],
  ): Promise<CachedVerdict | undefined> {
    const found = (await near.get(key, options)) ?? (await far.get(key, options));
    if (!found) return undefined;
    const entry = frozenCopy(found);
    // Never longer than it counts: its own times are looked at as well, whenever it is found.
    await near.set(key, entry, { ttlMs: entry.expiresAt - entry.storedAt });
    return entry;
  }
  return {
    get(key, options) {
      const found = near.get(key, options);
      return found === undefined || found instanceof Promise ? fetch(key, options) : found;
    },
    async set(key, entry, options) {
      await near.set(key, entry, options);
      await far.set(key, entry, options);
    },
    async delete(key) {
      await near.delete(key);
      await far.delete(key);
    },
  };
}

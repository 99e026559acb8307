/**
 * Keeping verdicts.
 *
 * @module
 */
export { type MemoryVerdictCacheOptions, memoryVerdictCache } from "./memory-cache.ts";
export {
  type RefusedEntry,
  type SealedVerdictCacheOptions,
  sealedVerdictCache,
  type TextStore,
} from "./sealed-cache.ts";
export { tieredVerdictCache } from "./tiered-cache.ts";
export type {
  CachedTimes,
  CachedVerdict,
  CacheEvent,
  KeptFiles,
  KeptVerdict,
  VerdictCache,
  VerdictCacheOptions,
} from "./verdict-cache.ts";

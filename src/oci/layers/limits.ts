/**
 * Limits of reading layers: counted on what really arrives, never on what a header claims.
 *
 * @module
 */
import { OciError } from "../errors.ts";

/** How much of a layer is accepted. */
export interface LayerLimits {
  /** Most entries. Default 1,000,000. */
  maxEntries?: number | undefined;
  /** Most uncompressed bytes. Default 64 GiB. */
  maxTotalBytes?: number | undefined;
  /** Longest content of one file, in bytes. Default 64 GiB. */
  maxFileBytes?: number | undefined;
  /** Longest path, in bytes. Default 4096. */
  maxPathBytes?: number | undefined;
  /** Longest target of a link, in bytes. Default 4096. */
  maxLinkBytes?: number | undefined;
  /** Most bytes of extended headers before one entry. Default 1 MiB. */
  maxHeaderBytes?: number | undefined;
  /**
   * Most uncompressed bytes for each compressed one, counted from the 64th MiB of uncompressed bytes on. Default 1000:
   * gzip cannot pass 1032, and only a file of one repeated byte gets near.
   */
  maxRatio?: number | undefined;
}

/** Limits with every value set. */
export type ResolvedLimits = { readonly [Name in keyof LayerLimits]-?: number };

const DEFAULTS: ResolvedLimits = {
  maxEntries: 1_000_000,
  maxTotalBytes: 64 * 2 ** 30,
  maxFileBytes: 64 * 2 ** 30,
  maxPathBytes: 4096,
  maxLinkBytes: 4096,
  maxHeaderBytes: 2 ** 20,
  maxRatio: 1000,
};

/** Uncompressed bytes that are accepted whatever their ratio to the compressed ones. */
export const RATIO_FREE_BYTES: number = 64 * 2 ** 20;

/**
 * The limits with their defaults.
 *
 * @throws {RangeError} for a limit that is no whole number from 0 on.
 */
export function resolveLimits(limits: LayerLimits): ResolvedLimits {
  const resolved: Record<string, number> = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof LayerLimits)[]) {
    const value = limits[name];
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`${name} must be a whole number from 0 to 2^53-1, got ${value}`);
    }
    resolved[name] = value;
  }
  return resolved as ResolvedLimits;
}

/** The error of a layer over a limit. */
export function tooLarge(what: string, limit: number): OciError {
  return new OciError("ERR_OCI_LAYER_TOO_LARGE", `${what}: more than ${limit}`);
}

/** The error of an archive that is damaged. */
export function invalidLayer(message: string, cause?: unknown): OciError {
  return new OciError("ERR_OCI_LAYER_INVALID", message, cause === undefined ? {} : { cause });
}

/**
 * Versions of CRI-O whose rules are known.
 *
 * @module
 */
import { isLadingError } from "../../core/errors.ts";
import { DEFAULT_CRIO_VERSION, parseCrioVersion } from "../../seccomp/crio-version.ts";
import { ConfigError } from "../errors.ts";

/** Which version's rules are followed. */
export interface CrioVersionOptions {
  /** Version, such as `1.35` or `1.35.2`; 1.30 is the first. Default `"1.37"`. */
  version?: string | undefined;
}

/**
 * The second number of a version.
 *
 * @throws {ConfigError} `ERR_CONFIG_VERSION` for a version before 1.30 or no version at all.
 */
export function crioMinor({ version = DEFAULT_CRIO_VERSION }: CrioVersionOptions): number {
  try {
    parseCrioVersion(version);
  } catch (cause) {
    if (!isLadingError(cause)) throw cause;
    throw new ConfigError("ERR_CONFIG_VERSION", cause.message, { cause });
  }
  return Number(/^v?1\.([0-9]+)/.exec(version)?.[1]);
}

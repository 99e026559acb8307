/**
 * Settings of a configuration that is being checked, and errors about them.
 *
 * @module
 */
import { ConfigError } from "../errors.ts";
import type { CrioState } from "./apply.ts";
import type { Setting } from "./types.ts";

/** A setting that every configuration has. */
export function setting(state: CrioState, table: string, key: string): Setting<unknown> {
  const found = state.tables.get(table)?.get(key);
  if (!found) throw new TypeError(`no setting ${table}.${key}`);
  return found;
}

/** A value that CRI-O refuses, in its own words. */
export function invalid(
  key: string,
  given: Setting<unknown> | undefined,
  message: string,
  cause?: unknown,
): ConfigError {
  const options = { key, origin: given?.origin, ...(cause === undefined ? {} : { cause }) };
  return new ConfigError("ERR_CONFIG_INVALID", message, options);
}

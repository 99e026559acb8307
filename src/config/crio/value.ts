/**
 * Values of crio.conf, each checked against the type of its key.
 *
 * @module
 */
import { parseDuration } from "../../oci/mirrors/duration.ts";
import { ConfigError } from "../errors.ts";
import type { Origin } from "../origin.ts";
import type { SettingType } from "./schema.ts";

/** Where a value stands, for errors. */
export interface ValuePlace {
  /** Dotted key. */
  key: string;
  origin: Origin;
}

const MAX_INTEGER = 2n ** 63n - 1n;
const MIN_INTEGER = -(2n ** 63n);

/**
 * A value as its type has it.
 *
 * @throws {ConfigError} `ERR_CONFIG_TYPE`.
 */
export function settingValue(type: SettingType, value: unknown, place: ValuePlace): unknown {
  switch (type) {
    case "text":
      if (typeof value === "string") return value;
      throw typeError(place, "must be a text");
    case "flag":
      if (typeof value === "boolean") return value;
      throw typeError(place, "must be true or false");
    case "integer":
      return integer(value, place);
    case "duration":
      return typeof value === "string" ? duration(value, place) : integer(value, place);
    case "texts":
      if (Array.isArray(value) && value.every((each) => typeof each === "string")) return [...value];
      throw typeError(place, "must be a list of texts");
    case "text-map":
      return textMap(value, place);
  }
}

/** An error of a value of another type than its key has. */
export function typeError({ key, origin }: ValuePlace, why: string): ConfigError {
  const message = `unable to decode configuration ${origin.file}: ${key} in line ${origin.line} ${why}`;
  return new ConfigError("ERR_CONFIG_TYPE", message, { key, origin });
}

/** Whether a value of a document is a table. */
export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

function integer(value: unknown, place: ValuePlace): bigint {
  if (typeof value !== "bigint") throw typeError(place, "must be an integer");
  if (value > MAX_INTEGER || value < MIN_INTEGER) throw typeError(place, "has more than 64 bits");
  return value;
}

function duration(text: string, place: ValuePlace): bigint {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined) throw typeError(place, "must be a duration such as 1m30s");
  return BigInt(Math.round(milliseconds * 1e6));
}

function textMap(value: unknown, place: ValuePlace): Map<string, string> {
  if (!isTable(value)) throw typeError(place, "must be a table of texts");
  const entries = new Map<string, string>();
  for (const [name, each] of Object.entries(value)) {
    if (typeof each !== "string") throw typeError(place, "must be a table of texts");
    entries.set(name, each);
  }
  return entries;
}

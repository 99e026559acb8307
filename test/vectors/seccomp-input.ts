/** What the adapters of the seccomp suites share: inputs back to JSON text, and options of a conversion. */
import type { JsonValue } from "../../src/core/strict-json.ts";
import type { ConvertProfileOptions } from "../../src/seccomp/convert.ts";
import type { SeccompEngine } from "../../src/seccomp/types.ts";
import type { VectorFields } from "./suite.ts";

/** The JSON text of plain data, exact for bigint. */
export function jsonText(value: JsonValue): string {
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, member]) => `${JSON.stringify(key)}:${jsonText(member)}`)
    .join(",")}}`;
}

/** The engine a suite's name stands for. */
export function engineOf(name: JsonValue | undefined): SeccompEngine {
  if (name === "containers-common" || name === "moby") return name;
  if (name === "containerd-localhost") return "containerd";
  throw new TypeError(`unknown engine ${String(name)}`);
}

/** Options of the conversion that an input describes. */
export function conversionOptions(input: VectorFields): ConvertProfileOptions {
  const { arch, boundingCaps, kernel } = input;
  if (typeof arch !== "string") throw new TypeError("no arch");
  return {
    arch,
    capabilities: boundingCaps === null ? null : strings(boundingCaps),
    kernel: typeof kernel === "string" ? kernel : undefined,
  };
}

/** A list of texts; absent counts as empty. */
export function strings(value: JsonValue | undefined): string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new TypeError("not a list");
  return value.map((item) => {
    if (typeof item !== "string") throw new TypeError("not a text");
    return item;
  });
}

/** A map of texts; absent counts as empty. */
export function stringMap(value: JsonValue | undefined): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw new TypeError("not a map");
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, String(member)]));
}

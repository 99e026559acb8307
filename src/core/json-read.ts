/**
 * Readers: a node of a JSON tree to a value of the type that a document must have there.
 *
 * @module
 */
import type { CoreError } from "./errors.ts";
import { type JsonNode, type JsonObject, jsonError } from "./json-tree.ts";

/** Options of {@link readObject}. */
export interface ReadObjectOptions {
  /** Members that must be there. Default none. */
  required?: readonly string[] | undefined;
  /** What happens with a member that no reader is given for. Default `"refuse"`. */
  unknownKeys?: "refuse" | "ignore" | undefined;
}

/**
 * Reads an object strictly: hands each member to the reader of its name, in text order.
 *
 * The first problem ends the reading: for each member first a repeated name, then an unknown one, then what its
 * reader throws; a missing required member last. Names are compared exactly. This is the order in which the
 * reference implementation of containers-policy.json reports.
 *
 * @throws {CoreError} `ERR_JSON_TYPE` for anything but an object.
 * @throws {CoreError} `ERR_JSON_DUPLICATE_KEY`, `ERR_JSON_UNKNOWN_KEY`, `ERR_JSON_MISSING_KEY`.
 */
export function readObject(
  node: JsonNode,
  readers: Readonly<Record<string, (value: JsonNode) => void>>,
  { required = [], unknownKeys = "refuse" }: ReadObjectOptions = {},
): void {
  const seen = new Set<string>();
  for (const { key, value } of members(node)) {
    if (seen.has(key))
      throw jsonError(value, "ERR_JSON_DUPLICATE_KEY", `Duplicate key ${JSON.stringify(key)}`);
    seen.add(key);
    const reader = Object.hasOwn(readers, key) ? readers[key] : undefined;
    if (reader) reader(value);
    else if (unknownKeys === "refuse") {
      throw jsonError(value, "ERR_JSON_UNKNOWN_KEY", `Unknown key ${JSON.stringify(key)}`);
    }
  }
  for (const key of required) {
    if (seen.has(key)) continue;
    throw jsonError(node, "ERR_JSON_MISSING_KEY", `Key ${JSON.stringify(key)} missing in a JSON object`);
  }
}

/** The members of an object in text order. Throws `ERR_JSON_TYPE` for anything else. */
export function members(node: JsonNode): JsonObject["members"] {
  if (node.kind !== "object") throw typeError(node, "object");
  return node.members;
}

/** The items of an array. Throws `ERR_JSON_TYPE` for anything else. */
export function items(node: JsonNode): JsonNode[] {
  if (node.kind !== "array") throw typeError(node, "array");
  return node.items;
}

/** The text of a string. Throws `ERR_JSON_TYPE` for anything else. */
export function stringOf(node: JsonNode): string {
  if (node.kind !== "string") throw typeError(node, "string");
  return node.value;
}

/** A boolean. Throws `ERR_JSON_TYPE` for anything else. */
export function booleanOf(node: JsonNode): boolean {
  if (node.kind !== "boolean") throw typeError(node, "boolean");
  return node.value;
}

/**
 * A whole number, exact.
 *
 * Only digits with an optional minus sign count: `1.0` and `1e3` are refused, as typed decoders do.
 * Throws `ERR_JSON_TYPE` for anything else and for a number outside the range, bounds included.
 */
export function integerOf(node: JsonNode, min: bigint, max: bigint): bigint {
  // The length bound comes first: converting a million digits takes quadratic time.
  if (node.kind !== "number" || node.text.length > 40 || !/^-?[0-9]+$/.test(node.text)) {
    throw typeError(node, "whole number");
  }
  const value = BigInt(node.text);
  if (value < min || value > max) {
    throw jsonError(node, "ERR_JSON_TYPE", `number ${node.text} is not between ${min} and ${max}`);
  }
  return value;
}

function typeError(node: JsonNode, wanted: string): CoreError {
  return jsonError(node, "ERR_JSON_TYPE", `JSON ${wanted} expected, got ${describe(node)}`);
}

function describe(node: JsonNode): string {
  if (node.kind === "string")
    return JSON.stringify(node.value.length > 64 ? `${node.value.slice(0, 64)}…` : node.value);
  if (node.kind === "number") return node.text.slice(0, 64);
  if (node.kind === "boolean") return String(node.value);
  return node.kind;
}

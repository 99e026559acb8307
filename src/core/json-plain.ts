/**
 * A JSON tree as plain JavaScript data.
 *
 * @module
 */
import type { JsonArray, JsonNode, JsonObject } from "./json-tree.ts";

/**
 * A JSON value as plain JavaScript data.
 *
 * A whole number is a `number` when that is exact, else a `bigint` as far as 64 bits hold it.
 */
export type JsonValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | JsonValue[]
  | { [key: string]: JsonValue };

const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

/**
 * The node as plain data.
 *
 * A whole number is a `number` when that is exact, else a `bigint` as far as 64 bits hold it, signed or
 * unsigned; every other number is the nearest double. Of members with one name the last one counts. A member
 * called `__proto__` is an ordinary own property.
 *
 * @param numberOf Reads numbers in another way.
 */
export function toPlain(
  node: JsonNode,
  numberOf: (text: string) => number | bigint = plainNumber,
): JsonValue {
  // Containers are put in place empty and filled later, so that no depth can exhaust the stack.
  const unfilled: (JsonArray | JsonObject)[] = [];
  const targets: (JsonValue[] | { [key: string]: JsonValue })[] = [];
  const root = place(node);
  for (let source = unfilled.pop(); source; source = unfilled.pop()) {
    const target = targets.pop();
    if (source.kind === "array" && Array.isArray(target)) {
      for (const item of source.items) target.push(place(item));
    } else if (source.kind === "object" && target && !Array.isArray(target)) {
      for (const { key, value } of source.members) setOwn(target, key, place(value));
    }
  }
  return root;

  function place(node: JsonNode): JsonValue {
    if (node.kind === "string" || node.kind === "boolean") return node.value;
    if (node.kind === "number") return numberOf(node.text);
    if (node.kind === "null") return null;
    const target = node.kind === "array" ? [] : {};
    unfilled.push(node);
    targets.push(target);
    return target;
  }
}

function setOwn(object: { [key: string]: JsonValue }, key: string, value: JsonValue): void {
  if (key !== "__proto__") object[key] = value;
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}

function plainNumber(text: string): number | bigint {
  const double = Number(text);
  if (Number.isSafeInteger(double) || text.length > 20 || !/^-?[0-9]+$/.test(text)) return double;
  const exact = BigInt(text);
  return exact >= INT64_MIN && exact <= UINT64_MAX ? exact : double;
}

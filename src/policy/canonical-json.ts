/**
 * The canonical form of a JSON value, over which Rekor signs.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8785}
 * @module
 */
import { type JsonNode, jsonError } from "../core/strict-json.ts";

/**
 * The canonical text of a value: members sorted by UTF-16 code units, no white space, numbers as ECMAScript
 * writes them.
 *
 * @throws {CoreError} `ERR_JSON_DUPLICATE_KEY` for a repeated member at any depth.
 * @throws {CoreError} `ERR_JSON_TYPE` for a number beyond the range of a double.
 */
export function canonicalJson(node: JsonNode): string {
  switch (node.kind) {
    case "object":
      return canonicalObject(node);
    case "array":
      return `[${node.items.map(canonicalJson).join(",")}]`;
    case "string":
      return JSON.stringify(node.value);
    case "number": {
      const value = Number(node.text);
      if (!Number.isFinite(value)) throw jsonError(node, "ERR_JSON_TYPE", "number out of range");
      return JSON.stringify(value);
    }
    case "boolean":
      return String(node.value);
    case "null":
      return "null";
  }
}

function canonicalObject(node: JsonNode & { kind: "object" }): string {
  const texts = new Map<string, string>();
  for (const { key, value } of node.members) {
    if (texts.has(key))
      throw jsonError(value, "ERR_JSON_DUPLICATE_KEY", `Duplicate key ${JSON.stringify(key)}`);
    texts.set(key, `${JSON.stringify(key)}:${canonicalJson(value)}`);
  }
  // The default order of sort() is that of UTF-16 code units.
  const sorted = [...texts.keys()].sort();
  return `{${sorted.map((key) => texts.get(key)).join(",")}}`;
}

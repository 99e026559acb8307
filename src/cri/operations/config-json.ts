/**
 * A configuration in JSON.
 *
 * @module
 */
import { CoreError } from "../../core/errors.ts";
import { locate } from "../../core/json-tree.ts";
import { type JsonNode, parseJson } from "../../core/strict-json.ts";
import { type ConfigNode, type ConfigText, configError, MAX_CONFIG_DEPTH } from "./config-tree.ts";

/** Whole numbers with more digits than this fit no field; to read them would take quadratic time. */
const MAX_DIGITS = 40;

/**
 * The tree of a text in JSON.
 *
 * @throws {CriError} `ERR_CRI_CONFIG_INVALID`; an object that names a member twice is refused.
 */
export function readJsonConfig(name: string, bytes: Uint8Array, maxBytes: number): ConfigText {
  try {
    const tree = treeOf(parseJson(bytes, { maxBytes, maxDepth: MAX_CONFIG_DEPTH }));
    return { tree, locate: (offset) => locate(bytes, offset) };
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    const { path, line, column } = error.position ?? { path: "$", line: 1, column: 1 };
    throw configError(name, [{ path, line, column, message: error.message }], error);
  }
}

function treeOf(node: JsonNode): ConfigNode {
  const { offset } = node;
  switch (node.kind) {
    case "array":
      return { kind: "array", offset, items: node.items.map(treeOf) };
    case "object": {
      const members = node.members.map(({ key, value }) => ({
        key,
        offset: value.offset,
        value: treeOf(value),
      }));
      return { kind: "object", offset, members };
    }
    case "number":
      return numberOf(node.text, offset);
    case "null":
      return { kind: "null", offset };
    case "string":
      return { kind: "string", offset, value: node.value };
    case "boolean":
      return { kind: "boolean", offset, value: node.value };
  }
}

/** A number by its text in decimal. */
export function numberOf(text: string, offset: number): ConfigNode {
  if (text.length <= MAX_DIGITS && /^-?[0-9]+$/.test(text)) {
    return { kind: "integer", offset, value: BigInt(text) };
  }
  return { kind: "other", offset, text, problem: `${text.slice(0, MAX_DIGITS)} is no whole number` };
}

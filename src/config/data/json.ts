/**
 * JSON documents as trees with places.
 *
 * @module
 */
import { CoreError } from "../../core/errors.ts";
import { type JsonNode, parseJson } from "../../core/strict-json.ts";
import { ConfigError } from "../errors.ts";
import type { Origin } from "../origin.ts";
import { assertLength, type DataDocument, type DataNode, type DuplicateKey, dottedKey } from "./tree.ts";

/** Deepest nesting: the tree is walked by recursion. */
const MAX_DEPTH = 100;

type Path = readonly (string | number)[];

/**
 * A document of at most 1048576 UTF-16 code units, nested at most 100 levels deep.
 *
 * @param file What the origins name as the file; it is not read.
 * @throws {ConfigError} `ERR_CONFIG_TOO_LARGE`, or `ERR_CONFIG_SYNTAX` for what is not JSON.
 */
export function parseJsonData(file: string, text: string): DataDocument {
  assertLength(file, text);
  const root = parseRoot(file, text);
  const originOf = forwardOrigins(file, text);
  const duplicates: DuplicateKey[] = [];

  const nodeOf = (node: JsonNode, path: Path): DataNode => {
    const origin = originOf(node.offset);
    switch (node.kind) {
      case "object": {
        const members = new Map<string, DataNode>();
        for (const { key, value } of node.members) {
          const below = [...path, key];
          const earlier = members.get(key);
          const child = nodeOf(value, below);
          if (earlier) {
            duplicates.push({ key: dottedKey(below), path: below, origin: child.origin, earlier });
          }
          // The last one stands where it counts.
          members.delete(key);
          members.set(key, child);
        }
        return { kind: "object", members, origin };
      }
      case "array": {
        const items = node.items.map((item, index) => nodeOf(item, [...path, index]));
        return { kind: "list", items, origin };
      }
      case "number":
        return { kind: "number", value: node.text, origin };
      case "null":
        return { kind: "null", value: null, origin };
      case "string":
        return { kind: "string", value: node.value, origin };
      case "boolean":
        return { kind: "boolean", value: node.value, origin };
    }
  };
  return { root: nodeOf(root, []), duplicates };
}

function parseRoot(file: string, text: string): JsonNode {
  try {
    return parseJson(text, { duplicateKeys: "keep", maxDepth: MAX_DEPTH });
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    const { line = 1, column = 1 } = cause.position ?? {};
    const code = cause.code === "ERR_TOO_LARGE" ? "ERR_CONFIG_TOO_LARGE" : "ERR_CONFIG_SYNTAX";
    throw new ConfigError(code, `${file}: ${cause.message}`, { cause, origin: { file, line, column } });
  }
}

/** Tells places of offsets in bytes that never go back, in one pass over the text. */
function forwardOrigins(file: string, text: string): (offset: number) => Origin {
  let bytes = 0;
  let index = 0;
  let line = 1;
  let lineStart = 0;
  return (offset) => {
    while (bytes < offset && index < text.length) {
      const code = text.codePointAt(index) ?? 0;
      index += code > 0xffff ? 2 : 1;
      bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
      if (code === 0x0a) {
        line++;
        lineStart = index;
      }
    }
    return { file, line, column: index - lineStart + 1 };
  };
}

/**
 * The place in a document that a JSON Pointer names.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6901}
 * @module
 */
import type { JsonNode } from "./json-tree.ts";

/** The parts of a pointer: names of members and indexes of items. */
export function parseJsonPointer(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The value at a path, or the last one on the way that there is. Of several members of one name the last counts. */
export function nearestNode(root: JsonNode, path: readonly string[]): JsonNode {
  let node = root;
  for (const part of path) {
    const next = childOf(node, part);
    if (!next) break;
    node = next;
  }
  return node;
}

function childOf(node: JsonNode, part: string): JsonNode | undefined {
  if (node.kind === "array") return node.items[Number(part)];
  return node.kind === "object" ? node.members.findLast(({ key }) => key === part)?.value : undefined;
}

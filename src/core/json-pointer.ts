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
  if (node.kind !== "object") return undefined;
  if (node.members.length <= FEW) return node.members.findLast(({ key }) => key === part)?.value;
  let members = indexes.get(node);
  if (!members) {
    members = new Map(node.members.map(({ key, value }) => [key, value]));
    indexes.set(node, members);
  }
  return members.get(part);
}

/** Looked through faster than a map of them is made. */
const FEW = 32;

/** Members by name of objects with more, so that many pointers into one do not each go through all of it. */
const indexes = new WeakMap<JsonNode, ReadonlyMap<string, JsonNode>>();

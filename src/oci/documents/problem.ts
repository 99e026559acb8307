/**
 * What is found wrong with a document.
 *
 * @module
 */
import type { JsonPosition } from "../../core/errors.ts";
import type { JsonNode } from "../../core/strict-json.ts";

/** Something wrong with a document. */
export interface DocumentProblem {
  /** `"error"`: a rule is broken. `"warning"`: allowed, but discouraged, deprecated or not read by everyone. */
  level: "error" | "warning";
  /** Stable identifier: that of a rule such as `data-mismatch`, or a keyword of JSON Schema such as `pattern`. */
  rule: string;
  message: string;
  /** Where it stands. */
  position: JsonPosition;
}

/** A problem whose place is not yet counted out. */
export interface FoundProblem extends Omit<DocumentProblem, "position"> {
  node: JsonNode;
}

/** A member of an object; nothing where there is none or it is null. */
export function memberNode(node: JsonNode | undefined, name: string): JsonNode | undefined {
  if (node?.kind !== "object") return undefined;
  const found = node.members.findLast(({ key }) => key === name)?.value;
  return found?.kind === "null" ? undefined : found;
}

/** The items of a member that is a list; none for anything else. */
export function itemNodes(node: JsonNode | undefined, name: string): readonly JsonNode[] {
  const list = memberNode(node, name);
  return list?.kind === "array" ? list.items : [];
}

/** The text of a node; nothing for anything else. */
export function nodeText(node: JsonNode | undefined): string | undefined {
  return node?.kind === "string" ? node.value : undefined;
}

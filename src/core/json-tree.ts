/**
 * The tree of a JSON text: its nodes, and where they stand in the text.
 *
 * @module
 */
import { CoreError, type CoreErrorCode, type JsonPosition } from "./errors.ts";

/** What every node has. */
export interface JsonPlace {
  /** Bytes before the first byte of this value. */
  readonly offset: number;
  /** Where it stands: the containing array or object, or the text itself for the outermost value. */
  readonly parent: JsonArray | JsonObject | JsonText;
  /** Member name or index in the parent; empty for the outermost value. */
  readonly key: string | number;
}

/** The text that a tree was read from. */
export interface JsonText {
  readonly kind: "text";
  readonly bytes: Uint8Array;
}

/** A JSON object: its members in text order, duplicates included. */
export interface JsonObject extends JsonPlace {
  readonly kind: "object";
  readonly members: { readonly key: string; readonly value: JsonNode }[];
}

/** A JSON array. */
export interface JsonArray extends JsonPlace {
  readonly kind: "array";
  readonly items: JsonNode[];
}

/** A JSON string, unescaped. */
export interface JsonString extends JsonPlace {
  readonly kind: "string";
  readonly value: string;
}

/** A JSON number, as its text. */
export interface JsonNumber extends JsonPlace {
  readonly kind: "number";
  readonly text: string;
}

/** `true` or `false`. */
export interface JsonBoolean extends JsonPlace {
  readonly kind: "boolean";
  readonly value: boolean;
}

/** `null`. */
export interface JsonNull extends JsonPlace {
  readonly kind: "null";
}

/** Any JSON value with its place in the text. */
export type JsonNode = JsonObject | JsonArray | JsonString | JsonNumber | JsonBoolean | JsonNull;

/** JSONPath of a node, as a normalized path (RFC 9535 section 2.7): `$['default'][0]['type']`. */
export function pathOf(node: JsonNode): string {
  const segments: string[] = [];
  let current: JsonNode | JsonText = node;
  while (current.kind !== "text") {
    if (current.parent.kind !== "text") segments.push(segment(current.key));
    current = current.parent;
  }
  return `$${segments.reverse().join("")}`;
}

/** Where a node stands in its text. */
export function positionOf(node: JsonNode): JsonPosition {
  let root: JsonNode | JsonText = node;
  while (root.kind !== "text") root = root.parent;
  return { path: pathOf(node), ...locate(root.bytes, node.offset) };
}

/** An error about a node, with its position. */
export function jsonError(node: JsonNode, code: CoreErrorCode, message: string): CoreError {
  return new CoreError(code, message, { position: positionOf(node) });
}

/** Line and column of an offset. */
export function locate(bytes: Uint8Array, offset: number): Omit<JsonPosition, "path"> {
  let line = 1;
  let start = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0 && at < offset; at = bytes.indexOf(0x0a, at + 1)) {
    line++;
    start = at + 1;
  }
  return { offset, line, column: offset - start + 1 };
}

/** One step of a JSONPath. */
export function segment(key: string | number): string {
  if (typeof key === "number") return `[${key}]`;
  const escaped = JSON.stringify(key).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `['${escaped}']`;
}

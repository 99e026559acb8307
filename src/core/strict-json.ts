/**
 * A JSON reader that loses nothing: duplicate members, the order of members, exact integers and the place of
 * every value in the text stay visible, so that each document can be read exactly as strictly as the program
 * that decides on it reads it.
 *
 * {@link parseJson} checks the whole text against RFC 8259 and gives a tree of {@link JsonNode}. Readers such as
 * {@link readObject} take a node and give a typed value or fail with the path, offset, line and column of that node.
 *
 * Text is UTF-8. As Go's decoder does, each byte that is not part of a valid sequence, and each lone surrogate
 * of a `\u` escape, becomes one U+FFFD; a byte order mark is a syntax error.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc8259}
 * @module
 */
export * from "./json-parse.ts";
export * from "./json-plain.ts";
export * from "./json-read.ts";
export {
  type JsonNode,
  type JsonObject,
  jsonError,
  pathOf,
  positionOf,
} from "./json-tree.ts";

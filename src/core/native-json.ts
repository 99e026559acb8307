/**
 * `JSON.parse`, as far as it can be relied on.
 *
 * V8 from 12.8 on, and with it Node 24 and 26, reads some names of members wrongly. For a name that is written with
 * escapes it takes the name that followed in an earlier object of the same shape, if the written text begins with that
 * one: once `{"name":"","\\u006":0}` was read, `"image"` written as `"\u0069mage"` behind `"name"` comes out as a member
 * that is called `\u006`. Whoever can send two texts could so hide a member from this reader that another one sees. All
 * names that come out wrong have a backslash, since a name that is written with escapes has one within as many characters
 * as it stands for.
 *
 * @see {@link https://github.com/nodejs/node/issues/63785}
 * @module
 */
import { parseJson } from "./json-parse.ts";
import { type JsonValue, toPlain } from "./json-plain.ts";

/**
 * The value that `JSON.parse` should give for a text, whatever texts were read before.
 *
 * Of members with one name the last one counts, and numbers are doubles. In a text with a name that has a backslash,
 * halves of surrogate pairs are U+FFFD.
 *
 * @throws {SyntaxError} For what is no JSON.
 */
export function parseNativeJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return mayBeMisread(text, value) ? readAgain(text) : value;
}

/** Whether a value that `JSON.parse` gave for a text may have names that are not in the text. */
export function mayBeMisread(text: string, value: unknown): boolean {
  return text.includes("\\") && hasBackslashInName(value);
}

function hasBackslashInName(root: unknown): boolean {
  // No recursion: JSON.parse takes any depth.
  const left: unknown[] = [root];
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value !== "object" || value === null) continue;
    if (Array.isArray(value)) {
      for (const item of value) if (typeof item === "object") left.push(item);
      continue;
    }
    for (const name in value) {
      if (name.includes("\\")) return true;
      const member: unknown = value[name as keyof typeof value];
      if (typeof member === "object") left.push(member);
    }
  }
  return false;
}

function readAgain(text: string): JsonValue {
  const limits = { maxBytes: Number.MAX_SAFE_INTEGER, maxDepth: Number.MAX_SAFE_INTEGER };
  return toPlain(parseJson(text, { ...limits, duplicateKeys: "keep" }), Number);
}

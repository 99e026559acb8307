/**
 * Where a key of a TOML document stands that a reader names by its dotted path.
 *
 * @module
 */
import type { Origin, TomlDocument } from "../origin.ts";

/**
 * The place of a key such as `host."https://a".ca` or `registry[1].mirror[0].blocked`; the document's beginning where
 * it cannot be told.
 */
export function keyPlace(document: TomlDocument, dotted: string): Origin {
  const path: (string | number)[] = [];
  for (const [token, index] of dotted.matchAll(/"(?:[^"\\]|\\.)*"|\[(\d+)\]|[^.[\]"]+/g)) {
    if (index !== undefined) path.push(Number(index));
    else path.push(token.startsWith('"') ? unquoted(token) : token);
  }
  return document.keyOrigin(path) ?? { file: document.file, line: 1, column: 1 };
}

function unquoted(token: string): string {
  try {
    return String(JSON.parse(token));
  } catch {
    return token;
  }
}

/**
 * The YAML library, loaded when a file has to be read, and held off texts that exhaust it.
 *
 * @module
 */
import type { CST } from "yaml";

/** The library's exports. */
export type YamlLibrary = typeof import("yaml");

/** No configuration is nested half as deep. */
const MAX_DEPTH = 50;

let library: Promise<YamlLibrary> | undefined;

/** The library. A failure to load it is not kept. */
export function loadYaml(): Promise<YamlLibrary> {
  library ??= import("yaml").catch((error: unknown) => {
    library = undefined;
    throw error;
  });
  return library;
}

/** Marks of the lexer, which stand for no text: the start of a document, a broken-off flow, a scalar that follows. */
const LEXER_MARKS: readonly string[] = ["\u0002", "\u0018", "\u001f"];

/**
 * Whether a text is nested deeper than any file needs, or closes what it did not open: the library reads by recursion,
 * and takes quadratic time over brackets that close nothing.
 */
export function yamlTooDeep({ Lexer, Parser }: YamlLibrary, text: string): boolean {
  let depth = 0;
  let inScalar = false;
  for (const token of new Lexer().lex(text)) {
    if (LEXER_MARKS.includes(token)) {
      inScalar = token === "\u001f";
      if (token === "\u0018") depth = 0;
      continue;
    }
    if (!inScalar && (token === "[" || token === "{")) depth++;
    if (!inScalar && (token === "]" || token === "}")) depth--;
    if (depth < 0 || depth > MAX_DEPTH) return true;
    inScalar = false;
  }
  const open: [token: CST.Token | null | undefined, depth: number][] = [];
  for (const token of new Parser().parse(text)) open.push([token, 0]);
  for (let next = open.pop(); next; next = open.pop()) {
    const [token, level] = next;
    if (!token) continue;
    if (level > MAX_DEPTH) return true;
    if (token.type === "document") open.push([token.value, level]);
    if (!("items" in token)) continue;
    for (const { key, value } of token.items as readonly CST.CollectionItem[]) {
      open.push([key, level + 1], [value, level + 1]);
    }
  }
  return false;
}

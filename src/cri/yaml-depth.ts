/**
 * How deep a text in YAML is nested, before anything reads it that goes as deep.
 *
 * @module
 */
import { type CST, Parser } from "yaml";

/**
 * The most collections that lie in each other in a text of YAML, in any of its documents; 0 for none.
 *
 * The library reads nested collections by recursion: some thousand brackets exhaust the stack, which may end the whole
 * process where a regular expression is about to be compiled. Ask this first. The text need not be well-formed.
 */
export function yamlDepth(text: string): number {
  let deepest = 0;
  const open: [token: CST.Token | null | undefined, depth: number][] = [];
  for (const token of new Parser().parse(text)) open.push([token, 0]);
  for (let next = open.pop(); next; next = open.pop()) {
    const [token, depth] = next;
    if (!token) continue;
    if (token.type === "document") open.push([token.value, depth]);
    if (!("items" in token)) continue;
    deepest = Math.max(deepest, depth + 1);
    for (const { key, value } of token.items as readonly CST.CollectionItem[]) {
      open.push([key, depth + 1], [value, depth + 1]);
    }
  }
  return deepest;
}

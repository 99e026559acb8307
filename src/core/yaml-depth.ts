/**
 * How deep a text in YAML is nested, before anything reads it that goes as deep.
 *
 * The YAML library comes in as an argument: nothing here imports it.
 *
 * @module
 */

/** A token of the library's parser, as far as it is looked at. */
interface YamlToken {
  readonly type?: string;
  readonly value?: unknown;
  readonly items?: readonly { readonly key?: unknown; readonly value?: unknown }[];
}

/** The library's lexer and parser. */
export interface YamlTokenizer {
  Lexer: new () => { lex(text: string): Iterable<string> };
  Parser: new () => { parse(text: string): Iterable<unknown> };
}

/** Marks of the lexer, which stand for no text: the start of a document, a broken-off flow, a scalar that follows. */
const DOCUMENT = "\u0002";
const FLOW_ERROR = "\u0018";
const SCALAR = "\u001f";

/**
 * Whether collections lie in each other deeper than a limit, in any document of a text, or brackets close what was not
 * opened.
 *
 * The library reads nested collections by recursion: some thousand brackets exhaust the stack, which may end the whole
 * process where a regular expression is about to be compiled. It also takes quadratic time over brackets that close
 * nothing. Ask this first. The text need not be well-formed.
 */
export function isYamlDeeper({ Lexer, Parser }: YamlTokenizer, text: string, limit: number): boolean {
  return hasDeepBrackets(new Lexer().lex(text), limit) || hasDeepTokens(new Parser().parse(text), limit);
}

function hasDeepBrackets(tokens: Iterable<string>, limit: number): boolean {
  let depth = 0;
  let inScalar = false;
  for (const token of tokens) {
    if (token === DOCUMENT || token === FLOW_ERROR || token === SCALAR) {
      inScalar = token === SCALAR;
      if (token === FLOW_ERROR) depth = 0;
      continue;
    }
    if (!inScalar && (token === "[" || token === "{")) depth++;
    if (!inScalar && (token === "]" || token === "}")) depth--;
    if (depth < 0 || depth > limit) return true;
    inScalar = false;
  }
  return false;
}

function hasDeepTokens(tokens: Iterable<unknown>, limit: number): boolean {
  const open: [token: unknown, depth: number][] = [];
  for (const token of tokens) open.push([token, 0]);
  for (let next = open.pop(); next; next = open.pop()) {
    const [given, depth] = next;
    if (typeof given !== "object" || given === null) continue;
    const token: YamlToken = given;
    if (token.type === "document") open.push([token.value, depth]);
    if (!token.items) continue;
    if (depth + 1 > limit) return true;
    for (const { key, value } of token.items) open.push([key, depth + 1], [value, depth + 1]);
  }
  return false;
}

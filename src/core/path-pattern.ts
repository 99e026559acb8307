/**
 * Shell patterns for names with `/`, by the rules of Go's `path.Match`.
 *
 * ```text
 * pattern   = *term
 * term      = "*"                        ; any characters but "/"
 *           / "?"                        ; one character but "/"
 *           / "[" [ "^" ] 1*range "]"    ; one character of the ranges, or with "^" of none of them
 *           / "\" character              ; that character
 *           / character                  ; that character; none of * ? [ \
 * range     = limit [ "-" limit ]
 * limit     = "\" character / character  ; without "\" none of "-" "]"
 * ```
 *
 * The pattern covers the whole name. `**` is no more than `*`.
 *
 * @see {@link https://pkg.go.dev/path@go1.24.0#Match}
 * @module
 */
import { CoreError } from "./errors.ts";

type Term =
  | { kind: "star" }
  | { kind: "any" }
  | { kind: "character"; character: string }
  | { kind: "class"; negated: boolean; ranges: [low: string, high: string][] };

const MAX_LENGTH = 65_536;

/**
 * Whether a pattern covers a name. Takes at most time proportional to the product of both lengths.
 *
 * @throws {CoreError} `ERR_PATTERN_INVALID` for a malformed pattern, whether or not the name fits what is before
 * the mistake, and for a pattern or name of more than 65536 characters.
 */
export function matchPathPattern(pattern: string, name: string): boolean {
  if (pattern.length > MAX_LENGTH || name.length > MAX_LENGTH) throw badPattern(pattern);
  return matchTerms(parsePattern(pattern), [...name]);
}

function matchTerms(terms: readonly Term[], characters: readonly string[]): boolean {
  let term = 0;
  let at = 0;
  // The last star, and how far it reaches: what follows it is tried at each further character up to a "/".
  let star = -1;
  let starEnd = 0;
  for (;;) {
    const current = terms[term];
    const character = characters[at];
    if (!current && character === undefined) return true;
    if (current?.kind === "star") {
      star = term++;
      starEnd = at;
    } else if (current && character !== undefined && covers(current, character)) {
      term++;
      at++;
    } else {
      const next = characters[starEnd];
      if (star < 0 || next === undefined || next === "/") return false;
      starEnd++;
      at = starEnd;
      term = star + 1;
    }
  }
}

function covers(term: Term, character: string): boolean {
  if (term.kind === "any") return character !== "/";
  if (term.kind === "character") return character === term.character;
  if (term.kind === "star") return false;
  const point = character.codePointAt(0) ?? 0;
  const within = term.ranges.some(
    ([low, high]) => (low.codePointAt(0) ?? 0) <= point && point <= (high.codePointAt(0) ?? 0),
  );
  return within !== term.negated;
}

function parsePattern(pattern: string): Term[] {
  const characters = [...pattern];
  const terms: Term[] = [];
  let at = 0;
  while (at < characters.length) {
    const character = characters[at++];
    if (character === "*") terms.push({ kind: "star" });
    else if (character === "?") terms.push({ kind: "any" });
    else if (character === "[") terms.push(readClass());
    else if (character === "\\") terms.push({ kind: "character", character: next() });
    else if (character !== undefined) terms.push({ kind: "character", character });
  }
  return terms;

  function next(): string {
    const character = characters[at++];
    if (character === undefined) throw badPattern(pattern);
    return character;
  }

  function limit(): string {
    const character = next();
    if (character === "-" || character === "]") throw badPattern(pattern);
    return character === "\\" ? next() : character;
  }

  function readClass(): Term {
    const negated = characters[at] === "^";
    if (negated) at++;
    const ranges: [low: string, high: string][] = [];
    do {
      const low = limit();
      let high = low;
      if (characters[at] === "-") {
        at++;
        high = limit();
      }
      ranges.push([low, high]);
    } while (characters[at] !== "]");
    at++;
    return { kind: "class", negated, ranges };
  }
}

function badPattern(pattern: string): CoreError {
  return new CoreError("ERR_PATTERN_INVALID", "syntax error in pattern", { input: pattern });
}

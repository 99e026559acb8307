/**
 * The regular expressions of Go, as a tree.
 *
 * The grammar is that of Go's package regexp/syntax with its Perl extensions: no look-around and no
 * back-references, so that matching never takes more than linear time. Greed and groups do not count, since only
 * the question "does it match" is asked.
 *
 * @see {@link https://pkg.go.dev/regexp/syntax@go1.24.0}
 * @module
 */
import { parseClass, parseEscape } from "./go-regexp-class.ts";
import { type CodePointTest, type PatternReader, patternError, take } from "./go-regexp-reader.ts";

/** A place between two characters. */
export type Assertion = "text-start" | "text-end" | "line-start" | "line-end" | "word" | "no-word";

/** A regular expression. */
export type GoRegexpNode =
  | { kind: "one"; test: CodePointTest }
  | { kind: "assert"; at: Assertion }
  | { kind: "all"; items: GoRegexpNode[] }
  | { kind: "any"; items: GoRegexpNode[] }
  | { kind: "repeat"; item: GoRegexpNode; min: number; max: number };

/** Flags that hold from some place on. */
interface Flags {
  ignoreCase: boolean;
  lines: boolean;
  dotAll: boolean;
}

const MAX_REPEAT = 1000;
const MAX_DEPTH = 1000;

/**
 * The tree of a pattern.
 *
 * @throws {CriError} `ERR_CRI_QUERY_INVALID` for a pattern that Go refuses.
 */
export function parseGoRegexp(pattern: string): GoRegexpNode {
  const reader: PatternReader = { pattern, points: [...pattern], at: 0 };
  const node = parseAlternatives(reader, { ignoreCase: false, lines: false, dotAll: false }, 0);
  if (reader.at < reader.points.length) throw patternError(reader, "unexpected )");
  return node;
}

function parseAlternatives(reader: PatternReader, outer: Flags, depth: number): GoRegexpNode {
  if (depth > MAX_DEPTH) throw patternError(reader, "nested too deep");
  // A group such as (?i) changes the flags to the end of the group around it, over its alternatives.
  const flags = { ...outer };
  const alternatives: GoRegexpNode[] = [];
  let items: GoRegexpNode[] = [];
  for (;;) {
    const point = reader.points[reader.at];
    if (point === undefined || point === ")") break;
    if (take(reader, "|")) {
      alternatives.push({ kind: "all", items });
      items = [];
      continue;
    }
    items.push(...parseItem(reader, flags, depth));
  }
  alternatives.push({ kind: "all", items });
  return { kind: "any", items: alternatives };
}

/** One character, group or assertion with what repeats it; nothing for a group that only sets flags. */
function parseItem(reader: PatternReader, flags: Flags, depth: number): GoRegexpNode[] {
  if (take(reader, "\\Q")) return parseLiteral(reader, flags);
  const atom = parseAtom(reader, flags, depth);
  return atom === undefined ? [] : [parseRepeats(reader, atom)];
}

/** The text from `\Q` to `\E` or the end; what repeats it repeats its last character. */
function parseLiteral(reader: PatternReader, flags: Flags): GoRegexpNode[] {
  const items: GoRegexpNode[] = [];
  while (reader.at < reader.points.length && !take(reader, "\\E")) {
    items.push(literal(reader.points[reader.at++] ?? "", flags));
  }
  const last = items.pop();
  return last === undefined ? [] : [...items, parseRepeats(reader, last)];
}

function parseAtom(reader: PatternReader, flags: Flags, depth: number): GoRegexpNode | undefined {
  const { points } = reader;
  const point = points[reader.at] ?? "";
  if (point === "(") return parseGroup(reader, flags, depth);
  if (point === "[") return { kind: "one", test: parseClass(reader, foldOf(flags)) };
  if (point === "\\") return parseEscaped(reader, flags);
  if ("*+?".includes(point) || (point === "{" && readCounts(reader, reader.at) !== undefined)) {
    throw patternError(reader, `nothing to repeat before ${point}`);
  }
  reader.at++;
  if (point === ".") {
    const { dotAll } = flags;
    return { kind: "one", test: (codePoint) => dotAll || codePoint !== 0x0a };
  }
  if (point === "^") return { kind: "assert", at: flags.lines ? "line-start" : "text-start" };
  if (point === "$") return { kind: "assert", at: flags.lines ? "line-end" : "text-end" };
  return literal(point, flags);
}

function parseEscaped(reader: PatternReader, flags: Flags): GoRegexpNode {
  const assertions: readonly [string, Assertion][] = [
    ["\\A", "text-start"],
    ["\\z", "text-end"],
    ["\\b", "word"],
    ["\\B", "no-word"],
  ];
  for (const [text, at] of assertions) if (take(reader, text)) return { kind: "assert", at };
  const escaped = parseEscape(reader, foldOf(flags));
  if (typeof escaped === "number") return literal(String.fromCodePoint(escaped), flags);
  return { kind: "one", test: escaped };
}

function parseGroup(reader: PatternReader, flags: Flags, depth: number): GoRegexpNode | undefined {
  reader.at++;
  let inner = flags;
  if (take(reader, "?")) {
    if (take(reader, "P<") || take(reader, "<")) readGroupName(reader);
    else {
      inner = readFlags(reader, flags);
      if (take(reader, ")")) {
        Object.assign(flags, inner);
        return undefined;
      }
      if (!take(reader, ":")) throw patternError(reader, "invalid group");
    }
  }
  const node = parseAlternatives(reader, inner, depth + 1);
  if (!take(reader, ")")) throw patternError(reader, "missing )");
  return node;
}

function readGroupName(reader: PatternReader): void {
  const start = reader.at;
  while (/^\w$/.test(reader.points[reader.at] ?? "")) reader.at++;
  if (reader.at === start || !take(reader, ">")) throw patternError(reader, "invalid name of a group");
}

/** The flags between `(?` and the `)` or `:` behind them. */
function readFlags(reader: PatternReader, flags: Flags): Flags {
  const changed = { ...flags };
  let on = true;
  for (; reader.at < reader.points.length; reader.at++) {
    const point = reader.points[reader.at];
    if (point === "-" && on) on = false;
    else if (point === "i") changed.ignoreCase = on;
    else if (point === "m") changed.lines = on;
    else if (point === "s") changed.dotAll = on;
    else if (point !== "U") break;
  }
  if (reader.points[reader.at - 1] === "-") throw patternError(reader, "invalid flags of a group");
  return changed;
}

function parseRepeats(reader: PatternReader, atom: GoRegexpNode): GoRegexpNode {
  const repeat = readRepeat(reader);
  if (!repeat) return atom;
  take(reader, "?");
  const { at } = reader;
  if (readRepeat(reader)) {
    reader.at = at;
    throw patternError(reader, `invalid repetition of a repetition at ${reader.points[at]}`);
  }
  return { kind: "repeat", item: atom, min: repeat[0], max: repeat[1] };
}

function readRepeat(reader: PatternReader): [min: number, max: number] | undefined {
  if (take(reader, "*")) return [0, Infinity];
  if (take(reader, "+")) return [1, Infinity];
  if (take(reader, "?")) return [0, 1];
  const counts = readCounts(reader, reader.at);
  if (!counts) return undefined;
  const { min, max, end } = counts;
  if (min > MAX_REPEAT || (max !== Infinity && max > MAX_REPEAT) || min > max) {
    throw patternError(reader, "invalid count of repetitions");
  }
  reader.at = end;
  return [min, max];
}

/** `{n}`, `{n,}` or `{n,m}` at a place; anything else there is plain text. */
function readCounts(
  { points }: PatternReader,
  at: number,
): { min: number; max: number; end: number } | undefined {
  // The longest that counts is {1000,1000}; with more digits it is still a count, of too many.
  const found = /^\{(\d{1,20})(,(\d{0,20}))?\}/.exec(points.slice(at, at + 44).join(""));
  if (!found) return undefined;
  const [whole, min = "", comma, max] = found;
  const most = comma === undefined ? Number(min) : max === "" ? Infinity : Number(max);
  return { min: Number(min), max: most, end: at + whole.length };
}

function literal(point: string, flags: Flags): GoRegexpNode {
  const wanted = point.codePointAt(0);
  return { kind: "one", test: foldOf(flags)((codePoint) => codePoint === wanted) };
}

/** What makes of a set the set that is used: under `(?i)` the one with the other cases of its members. */
function foldOf({ ignoreCase }: Flags): (test: CodePointTest) => CodePointTest {
  if (!ignoreCase) return (test) => test;
  return (test) => (codePoint) => test(codePoint) || foldings(codePoint).some(test);
}

/** The other cases of a code point, by simple folding. */
function foldings(codePoint: number): number[] {
  const point = String.fromCodePoint(codePoint);
  const forms = [point.toLowerCase(), point.toUpperCase(), point.toUpperCase().toLowerCase()];
  const singles = forms.filter((form) => [...form].length === 1).map((form) => form.codePointAt(0) ?? 0);
  // Two letters fold to ASCII ones and are not reached from these by changing the case.
  if (point === "k" || point === "K") singles.push(0x212a);
  if (point === "s" || point === "S") singles.push(0x17f);
  return singles;
}

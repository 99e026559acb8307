/**
 * Sets of characters in regular expressions of Go: `[a-z]`, `\d`, `[[:alpha:]]`, `\p{Greek}`, and single
 * characters that are escaped.
 *
 * @module
 */
import { type CodePointTest, type PatternReader, patternError, take } from "./go-regexp-reader.ts";

const isDigit: CodePointTest = (codePoint) => codePoint >= 0x30 && codePoint <= 0x39;
const isSpace: CodePointTest = (codePoint) => [0x20, 0x09, 0x0a, 0x0c, 0x0d].includes(codePoint);

/** Whether a code point is a letter, digit or underscore of ASCII. */
export function isWord(codePoint: number): boolean {
  return isDigit(codePoint) || codePoint === 0x5f || isLetter(codePoint);
}

function isLetter(codePoint: number): boolean {
  const lower = codePoint | 0x20;
  return lower >= 0x61 && lower <= 0x7a && codePoint < 0x80;
}

function not(test: CodePointTest): CodePointTest {
  return (codePoint) => !test(codePoint);
}

const SHORTHANDS: ReadonlyMap<string, CodePointTest> = new Map([
  ["d", isDigit],
  ["s", isSpace],
  ["w", isWord],
]);

/** Makes of a set the set with the other cases of its members, where case does not count. */
export type Fold = (test: CodePointTest) => CodePointTest;

const NAMED: Readonly<Record<string, RegExp>> = {
  alnum: /^[0-9A-Za-z]$/,
  alpha: /^[A-Za-z]$/,
  ascii: /^\p{ASCII}$/u,
  blank: /^[\t ]$/,
  cntrl: /^[^\u0080-\u{10ffff} -~]$/u,
  digit: /^[0-9]$/,
  graph: /^[!-~]$/,
  lower: /^[a-z]$/,
  print: /^[ -~]$/,
  punct: /^[!-/:-@[-`{-~]$/,
  space: /^[\t\n\v\f\r ]$/,
  upper: /^[A-Z]$/,
  word: /^[0-9A-Za-z_]$/,
  xdigit: /^[0-9A-Fa-f]$/,
};

const CONTROLS: ReadonlyMap<string, number> = new Map([
  ["a", 0x07],
  ["f", 0x0c],
  ["t", 0x09],
  ["n", 0x0a],
  ["r", 0x0d],
  ["v", 0x0b],
]);

/** A set in square brackets. */
export function parseClass(reader: PatternReader, fold: Fold): CodePointTest {
  reader.at++;
  const negated = take(reader, "^");
  const tests: CodePointTest[] = [];
  for (let first = true; first || !take(reader, "]"); first = false) {
    if (reader.at >= reader.points.length) throw patternError(reader, "missing ]");
    tests.push(parseNamed(reader, fold) ?? parseRange(reader, fold));
  }
  const any: CodePointTest = (codePoint) => tests.some((test) => test(codePoint));
  return negated ? not(any) : any;
}

/** `[:alpha:]` or `[:^alpha:]` inside a set. */
function parseNamed(reader: PatternReader, fold: Fold): CodePointTest | undefined {
  if (reader.points[reader.at] !== "[" || reader.points[reader.at + 1] !== ":") return undefined;
  const found = /^\[:(\^?)([^:]*):\]/.exec(reader.points.slice(reader.at, reader.at + 20).join(""));
  if (!found) return undefined;
  const [whole, negated, name = ""] = found;
  const letters = Object.hasOwn(NAMED, name) ? NAMED[name] : undefined;
  if (!letters) throw patternError(reader, `invalid set ${whole}`);
  reader.at += whole.length;
  const test = fold((codePoint) => letters.test(String.fromCodePoint(codePoint)));
  return negated === "" ? test : not(test);
}

function parseRange(reader: PatternReader, fold: Fold): CodePointTest {
  const low = parseMember(reader, fold);
  if (typeof low !== "number") return low;
  const { points, at } = reader;
  if (points[at] !== "-" || points[at + 1] === undefined || points[at + 1] === "]") {
    return fold((codePoint) => codePoint === low);
  }
  reader.at++;
  const high = parseMember(reader, fold);
  if (typeof high !== "number" || high < low) throw patternError(reader, "invalid range in a set");
  return fold((codePoint) => codePoint >= low && codePoint <= high);
}

function parseMember(reader: PatternReader, fold: Fold): number | CodePointTest {
  const point = reader.points[reader.at] ?? "";
  if (point === "\\") return parseEscape(reader, fold);
  reader.at++;
  const codePoint = point.codePointAt(0);
  if (codePoint === undefined) throw patternError(reader, "missing ]");
  return codePoint;
}

/** What the escape that stands next is: one code point, or a set. */
export function parseEscape(reader: PatternReader, fold: Fold): number | CodePointTest {
  reader.at++;
  const point = reader.points[reader.at++];
  if (point === undefined) throw patternError(reader, "a backslash at its end");
  const shorthand = SHORTHANDS.get(point.toLowerCase());
  if (shorthand) return SHORTHANDS.has(point) ? fold(shorthand) : not(fold(shorthand));
  if (point === "p" || point === "P") return parseProperty(reader, point === "P", fold);
  const control = CONTROLS.get(point);
  if (control !== undefined) return control;
  if (point === "x") return parseHex(reader);
  if (/^[0-7]$/.test(point)) return parseOctal(reader, point);
  // Every other character of ASCII that is no letter or digit stands for itself.
  const codePoint = point.codePointAt(0) ?? 0;
  if (codePoint < 0x80 && !/^[0-9A-Za-z]$/.test(point)) return codePoint;
  throw patternError(reader, `invalid escape \\${point}`);
}

function parseOctal(reader: PatternReader, first: string): number {
  let digits = first;
  while (digits.length < 3 && /^[0-7]$/.test(reader.points[reader.at] ?? "")) {
    digits += reader.points[reader.at++];
  }
  if (first !== "0" && digits.length === 1) throw patternError(reader, "back-references do not exist");
  return Number.parseInt(digits, 8);
}

function parseHex(reader: PatternReader): number {
  const rest = reader.points.slice(reader.at, reader.at + 12).join("");
  const found = /^(?:\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{2}))/.exec(rest);
  const codePoint = found ? Number.parseInt(found[1] ?? found[2] ?? "", 16) : Infinity;
  if (!found || codePoint > 0x10ffff) throw patternError(reader, "invalid escape \\x");
  reader.at += found[0].length;
  return codePoint;
}

/** A general category or a script: `\pL`, `\p{Greek}`, `\p{^Greek}`. */
function parseProperty(reader: PatternReader, negated: boolean, fold: Fold): CodePointTest {
  const rest = reader.points.slice(reader.at, reader.at + 40).join("");
  const found = /^(?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))/.exec(rest);
  const name = found?.[2] ?? found?.[3] ?? "";
  const property = found && name !== "" ? propertyOf(name) : undefined;
  if (!found || !property) throw patternError(reader, "unknown property of characters");
  reader.at += found[0].length;
  const test = fold((codePoint) => property.test(String.fromCodePoint(codePoint)));
  return (found[1] === "^") !== negated ? not(test) : test;
}

function propertyOf(name: string): RegExp | undefined {
  if (name === "Any") return /^[\s\S]$/u;
  for (const property of [`General_Category=${name}`, `Script=${name}`]) {
    try {
      return new RegExp(`^\\p{${property}}$`, "u");
    } catch {
      // It is not one of these.
    }
  }
  return undefined;
}

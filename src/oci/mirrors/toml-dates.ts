/**
 * Whether the dates and times of a TOML document are written as TOML has them.
 *
 * The parser looks at the digits that it needs and hands the rest to `Date`, which takes much that is no date: it reads
 * `1979-,5-27`, and February 30 as March 2.
 *
 * @see {@link https://toml.io/en/v1.0.0#offset-date-time}
 * @module
 */

/** A value that the parser takes for a date or a time of day; numbers do not begin like this. */
const BEGINNING = /\d{4}-|\d{2}:/y;
const TIME = String.raw`\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?`;
/** A date, a time, or both with or without an offset; with all that stands behind them up to the next token. */
const WELL_FORMED = new RegExp(
  String.raw`(?:(\d{4})-(\d{2})-(\d{2})(?:[Tt ]${TIME}(?:[Zz]|[-+]\d{2}:\d{2})?)?|${TIME})(?![^\s,\]}#])`,
  "y",
);
/** A text in quotes or a comment. A text of many lines may end in one or two quotes of its own. */
const PASSED = /"""(?:\\[\s\S]|[^\\])*?"{3,5}|'''[\s\S]*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*/y;

/**
 * The offset of the first value that the parser took for a date and that is none, or nothing.
 *
 * @param text A document that the parser took.
 */
export function findWrongDate(text: string): number | undefined {
  /** What values stand in: lists and inline tables. */
  const open: string[] = [];
  let isValue = false;
  for (let at = 0; at < text.length; ) {
    PASSED.lastIndex = at;
    BEGINNING.lastIndex = at;
    const char = text[at] ?? "";
    if (PASSED.test(text)) {
      at = PASSED.lastIndex;
      // A comment stands between a list's comma and its next value.
      isValue &&= char === "#";
    } else if (isValue && BEGINNING.test(text)) {
      const length = lengthOfDate(text, at);
      if (length === undefined) return at;
      at += length;
      isValue = false;
    } else {
      if (char === "=") isValue = true;
      else if (char === "[" || char === "{") {
        // The brackets of a header hold keys.
        if (isValue) open.push(char);
        isValue &&= char === "[";
      } else if (char === "]" || char === "}") {
        open.pop();
        isValue = false;
      } else if (char === ",") isValue = open.at(-1) === "[";
      else if (!/\s/.test(char)) isValue = false;
      at++;
    }
  }
  return undefined;
}

function lengthOfDate(text: string, at: number): number | undefined {
  WELL_FORMED.lastIndex = at;
  const [found, year, month, day] = WELL_FORMED.exec(text) ?? [];
  if (found === undefined) return undefined;
  // Day 0 of the next month is the last one of this.
  const last = new Date(0);
  last.setUTCFullYear(Number(year), Number(month), 0);
  return Number(day) > last.getUTCDate() ? undefined : found.length;
}

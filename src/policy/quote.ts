/**
 * Texts in messages, quoted as the reference implementation quotes them.
 *
 * Besides matching upstream texts this keeps control characters of hostile certificates and payloads out of
 * logs and terminals.
 *
 * @module
 */

const SHORT: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};

const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** A text between double quotes, with escapes for whatever does not print (Go's `%q`). */
export function quote(text: string): string {
  let quoted = "";
  for (const character of text) {
    const short = Object.hasOwn(SHORT, character) ? SHORT[character] : undefined;
    if (short !== undefined) quoted += short;
    else if (PRINTABLE.test(character)) quoted += character;
    else quoted += escapeOf(character.codePointAt(0) ?? 0);
  }
  return `"${quoted}"`;
}

/** A list of texts as Go prints a list with `%q`: each quoted, separated by spaces, in brackets. */
export function quoteList(texts: readonly string[]): string {
  return `[${texts.map(quote).join(" ")}]`;
}

function escapeOf(codePoint: number): string {
  const hex = codePoint.toString(16);
  if (codePoint < 0x80) return `\\x${hex.padStart(2, "0")}`;
  if (codePoint < 0x10000) return `\\u${hex.padStart(4, "0")}`;
  return `\\U${hex.padStart(8, "0")}`;
}

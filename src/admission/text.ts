/**
 * Texts within the limits of the API server.
 *
 * @module
 */

/** Longest reason, message and warning, in characters. */
export const MAX_TEXT = 256;

/**
 * A text on one line, of at most so many UTF-16 units; what was left out shows as an ellipsis.
 *
 * Control characters, those that reorder what stands around them, and halves of surrogate pairs are written as escapes:
 * the text goes to terminals, to headers and to logs.
 */
export function shortText(text: string, max: number = MAX_TEXT): string {
  // Most texts are.
  if (text.length <= max && PRINTABLE_ASCII.test(text)) return text;
  // No more than can be needed: each character gives at least one.
  const line = text.slice(0, max + 1).replaceAll(UNPRINTABLE, escaped);
  if (line.length <= max && text.length <= max) return line;
  const cut = line.slice(0, max - 1);
  // Half of a surrogate pair must not stay behind.
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

const PRINTABLE_ASCII = /^[ -~]*$/;
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** `1 image`, `2 images`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

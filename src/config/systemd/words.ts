/**
 * Words of a command line in a unit, or in a variable.
 *
 * Words are parted by white space; quotes of both kinds keep it, and a backslash escapes as in C.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/257/systemd.syntax.html}
 * @module
 */

/** A word without its quotes, and where it begins. */
export interface UnitWord {
  readonly text: string;
  readonly index: number;
}

/** Options of {@link splitWords}. */
export interface SplitWordsOptions {
  /** Whether a backslash is a mark, as it is in units, or an ordinary character but for what follows it. */
  escapes: "c" | "plain";
}

const C_ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  s: " ",
  "\\": "\\",
  '"': '"',
  "'": "'",
};

/** The words of a text; undefined where a quote is not closed or an escape is none. */
export function splitWords(text: string, { escapes }: SplitWordsOptions): UnitWord[] | undefined {
  const words: UnitWord[] = [];
  let at = 0;
  for (;;) {
    while (isSpace(text[at])) at++;
    if (at >= text.length) return words;
    const index = at;
    let word = "";
    let quote = "";
    for (; at < text.length && (quote !== "" || !isSpace(text[at])); at++) {
      const character = text[at] ?? "";
      if (character === "\\") {
        const escaped = escapes === "c" ? cEscape(text, at + 1) : plainEscape(text, at + 1);
        if (!escaped) return undefined;
        word += escaped.text;
        at += escaped.length;
      } else if (quote === "" && (character === '"' || character === "'")) quote = character;
      else if (character === quote) quote = "";
      else word += character;
    }
    if (quote !== "") return undefined;
    words.push({ text: word, index });
  }
}

function isSpace(character: string | undefined): boolean {
  return character === " " || character === "\t" || character === "\n" || character === "\r";
}

/** What stands behind a backslash, and how long it is. */
function cEscape(text: string, at: number): { text: string; length: number } | undefined {
  const simple = C_ESCAPES[text[at] ?? ""];
  if (simple !== undefined) return { text: simple, length: 1 };
  // A separator of commands, and a mark of variables.
  if (text[at] === ";") return { text: "\\;", length: 1 };
  const match = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3}))/.exec(
    text.slice(at, at + 9),
  );
  if (!match) return undefined;
  const [all, two, four, eight, octal] = match;
  const code =
    octal === undefined ? Number.parseInt(two ?? four ?? eight ?? "", 16) : Number.parseInt(octal, 8);
  if (code === 0 || code > 0x10ffff) return undefined;
  return { text: String.fromCodePoint(code), length: all.length };
}

function plainEscape(text: string, at: number): { text: string; length: number } | undefined {
  return at < text.length ? { text: text[at] ?? "", length: 1 } : undefined;
}

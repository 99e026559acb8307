/**
 * Files of variables that a unit names with `EnvironmentFile=`.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/257/systemd.exec.html#EnvironmentFile=}
 * @module
 */
import { assertLength } from "../data/tree.ts";
import type { Origin } from "../origin.ts";

/** A variable's value, and where it is set. */
export interface UnitVariable {
  readonly value: string;
  readonly origin: Origin;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** In double quotes a backslash is kept before anything but these. */
const ESCAPED = '"\\`$';

type State = "before-key" | "key" | "before-value" | "value" | "single" | "double" | "comment";

/**
 * The variables of a file; of those set twice, the last value. Lines that set none are passed over.
 *
 * @param file What the origins name as the file; it is not read.
 * @throws {ConfigError} `ERR_CONFIG_TOO_LARGE` for more than 1048576 UTF-16 code units.
 */
export function parseEnvironmentFile(file: string, text: string): Map<string, UnitVariable> {
  assertLength(file, text);
  const variables = new Map<string, UnitVariable>();
  let state: State = "before-key";
  let line = 1;
  let keyLine = 1;
  let key = "";
  let value: string[] = [];
  /** Of `value`, how much is no white space at its end. */
  let kept = 0;
  const finish = (): void => {
    const name = key.trim();
    if (NAME.test(name)) {
      variables.set(name, {
        value: value.slice(0, kept).join(""),
        origin: { file, line: keyLine, column: 1 },
      });
    }
    key = "";
    value = [];
    kept = 0;
    state = "before-key";
  };
  const add = (character: string, isKept: boolean): void => {
    value.push(character);
    if (isKept) kept = value.length;
  };
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? "";
    const isEnd = character === "\n" || character === "\r";
    const isSpace = isEnd || character === " " || character === "\t";
    if (state === "before-key") {
      if (character === "#" || character === ";") state = "comment";
      else if (!isSpace) {
        state = "key";
        key = character;
        keyLine = line;
      }
    } else if (state === "key") {
      if (isEnd) state = "before-key";
      else if (character === "=") state = "before-value";
      else key += character;
    } else if (state === "comment") {
      if (isEnd) state = "before-key";
    } else if (state === "single") {
      if (character === "'") state = "before-value";
      else add(character, true);
    } else if (state === "double") {
      if (character === '"') state = "before-value";
      else if (character === "\\") {
        at++;
        const next = text[at] ?? "";
        if (next === "\n") line++;
        else if (ESCAPED.includes(next)) add(next, true);
        else add(`\\${next}`, true);
      } else add(character, true);
    } else if (isEnd) finish();
    else if (character === "\\") {
      state = "value";
      at++;
      const next = text[at] ?? "";
      if (next === "\n") line++;
      else add(next, true);
    } else if (state === "before-value" && character === "'") state = "single";
    else if (state === "before-value" && character === '"') state = "double";
    else if (state === "value" || !isSpace) {
      state = "value";
      add(character, !isSpace);
    }
    if (character === "\n") line++;
  }
  if (state === "before-value" || state === "value") finish();
  return variables;
}

/**
 * The keys that leave a terminal session while its command goes on.
 *
 * ```text
 * keys = key *("," key)
 * key  = character                        ; one of ASCII, but a comma
 *      / "ctrl-" ("a".."z" / "@" / "[" / "\" / "]" / "^" / "_")
 *      / "DEL"
 * ```
 *
 * @see {@link https://github.com/moby/term/blob/v0.5.2/ascii.go}
 * @module
 */
import { CriError } from "../errors.ts";

/**
 * The bytes that a terminal sends for the keys in a text, such as `ctrl-p,ctrl-q`.
 *
 * @throws {CriError} `ERR_CRI_CONFIG_INVALID` for a text outside the grammar.
 */
export function parseDetachKeys(text: string): Uint8Array {
  return Uint8Array.from(text.split(","), (key) => {
    if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
    if (key === "DEL") return 127;
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    throw new CriError(
      "ERR_CRI_CONFIG_INVALID",
      `${JSON.stringify(key.slice(0, 20))} is no key to detach with`,
    );
  });
}

/** What {@link createDetachFilter} makes of a piece of input. */
export interface FilteredInput {
  /** What is to be sent. */
  pass: Uint8Array;
  /** Whether the keys have been pressed; what follows them is dropped. */
  detached: boolean;
}

/** Looks for keys in input that comes in pieces. */
export interface DetachFilter {
  /** What to send of a piece. The beginning of the keys is held back until it is clear what it is. */
  push(input: Uint8Array): FilteredInput;
  /** What was held back, when the input ends. */
  end(): Uint8Array;
}

/** A filter for the keys, of which there is at least one. */
export function createDetachFilter(keys: Uint8Array): DetachFilter {
  const fallback = fallbacks(keys);
  let matched = 0;
  return {
    push(input) {
      const held = matched;
      for (const [at, byte] of input.entries()) {
        while (matched > 0 && keys[matched] !== byte) matched = fallback[matched - 1] ?? 0;
        if (keys[matched] === byte) matched++;
        if (matched === keys.length) {
          matched = 0;
          return { pass: before(held, input, at + 1 - keys.length), detached: true };
        }
      }
      return { pass: before(held, input, input.length - matched), detached: false };
    },
    end: () => {
      const rest = keys.slice(0, matched);
      matched = 0;
      return rest;
    },
  };

  /** What was held back and the input behind it, up to a place in the input, which may lie in what was held back. */
  function before(held: number, input: Uint8Array, end: number): Uint8Array {
    if (held === 0) return input.subarray(0, end);
    if (end <= 0) return keys.slice(0, held + end);
    return Buffer.concat([keys.subarray(0, held), input.subarray(0, end)]);
  }
}

/** For each beginning of the keys, the length of the longest shorter one that it ends with. */
function fallbacks(keys: Uint8Array): number[] {
  const lengths = [0];
  let length = 0;
  for (let at = 1; at < keys.length; at++) {
    while (length > 0 && keys[at] !== keys[length]) length = lengths[length - 1] ?? 0;
    if (keys[at] === keys[length]) length++;
    lengths.push(length);
  }
  return lengths;
}

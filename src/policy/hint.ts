/**
 * What an author may have meant by a word that is not known.
 *
 * @module
 */
import { quote } from "./quote.ts";

/** A word longer than this is no misspelling of any name that the format has. */
const MAX_WORD = 64;
/** More names than this are not listed: the hint would be longer than the documentation. */
const MAX_LISTED = 20;

/**
 * A hint for an unknown word: the known one that is spelled most like it, or else what is known.
 *
 * Nothing comes back where neither would help.
 */
export function hintFor(word: string, known: readonly string[]): string | undefined {
  const nearest = nearestWord(word, known);
  if (nearest !== undefined) return `did you mean ${quote(nearest)}?`;
  if (known.length === 0 || known.length > MAX_LISTED) return undefined;
  return `known here: ${known.map(quote).join(", ")}`;
}

/** The word of a list that differs from another by letter case only, or by few enough edits to be a misspelling. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  if (word === "" || word.length > MAX_WORD) return undefined;
  const folded = fold(word);
  let nearest: string | undefined;
  let least = Math.floor(word.length / 3) + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) > least) continue;
    const distance = editDistance(folded, fold(candidate));
    if (distance < least) {
      nearest = candidate;
      least = distance;
    }
  }
  return nearest;
}

/** Letter case, and the signs that separate words in other formats, make no other word. */
function fold(word: string): string {
  return word.toLowerCase().replaceAll(/[-_ ]/g, "");
}

/** How many letters must be added, removed, replaced or swapped with their neighbour to get from one word to another. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const isSame = from[row - 1] === to[column - 1];
      const isSwap = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (isSame ? 0 : 1),
        row > 1 && column > 1 && isSwap ? (beforeLast[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length] ?? 0;
}

/**
 * What the parts of the reader of regular expressions share.
 *
 * @module
 */
import { CriError } from "../errors.ts";

/** Whether a code point belongs to a set. */
export type CodePointTest = (codePoint: number) => boolean;

/** The reader of a pattern: its code points, and how far it has come. */
export interface PatternReader {
  readonly pattern: string;
  readonly points: readonly string[];
  at: number;
}

/** The error for a pattern. */
export function patternError({ pattern }: Pick<PatternReader, "pattern">, problem: string): CriError {
  const shown = JSON.stringify(pattern.length > 256 ? `${pattern.slice(0, 256)}…` : pattern);
  return new CriError("ERR_CRI_QUERY_INVALID", `regular expression ${shown}: ${problem}`);
}

/** Whether the rest of the pattern begins with a text; goes past it if so. */
export function take(reader: PatternReader, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (reader.points[reader.at + i] !== text[i]) return false;
  reader.at += text.length;
  return true;
}

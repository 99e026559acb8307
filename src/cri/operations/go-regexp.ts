/**
 * Matching by the regular expressions of Go, as crictl's filters do.
 *
 * They are RE2's: no pattern and no text makes them slow, as both can with `RegExp`.
 *
 * @module
 */
import { RE2JS, RE2JSException } from "re2js";
import { CriError } from "../errors.ts";

/**
 * A function that tells whether a text has a part that matches a pattern, as `regexp.MatchString` does.
 *
 * The pattern is not anchored: `web` matches `my-web-1`. Characters are code points.
 *
 * @throws {CriError} `ERR_CRI_QUERY_INVALID` for a pattern that Go refuses, with look-around or back-references
 * among others, or that is too large once its repetitions are written out.
 * @see {@link https://pkg.go.dev/regexp/syntax@go1.24.0}
 */
export function compileGoRegexp(pattern: string): (text: string) => boolean {
  try {
    const compiled = RE2JS.compile(pattern);
    return (text) => compiled.matcher(text).find();
  } catch (cause) {
    if (!(cause instanceof RE2JSException)) throw cause;
    const shown = JSON.stringify(pattern.length > 256 ? `${pattern.slice(0, 256)}…` : pattern);
    throw new CriError("ERR_CRI_QUERY_INVALID", `regular expression ${shown}: ${cause.message}`, { cause });
  }
}

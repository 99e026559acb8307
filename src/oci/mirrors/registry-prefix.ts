/**
 * Prefixes of `registries.conf`: which references they cover, and what takes their place.
 *
 * ```text
 * prefix   = host [ ":" port ] *( "/" component ) [ ":" tag / "@" digest ] / "*." host
 * ```
 *
 * @see {@link https://github.com/containers/image/blob/v5.36.0/docs/containers-registries.conf.5.md}
 * @module
 */
import { CoreError } from "../../core/errors.ts";
import { formatReference, parseFullReference, type Reference } from "../../core/reference.ts";
import { configError } from "./toml.ts";

/**
 * How much of a reference's full text a prefix covers, in characters; nothing if it does not cover it.
 *
 * A prefix ends at the end of the text or before `:`, `/` or `@`. `*.example.com` covers every host below
 * `example.com`; like in containers/image only the first place where `.example.com` stands is looked at, so
 * `a.example.com.example.com` is not covered.
 */
export function matchPrefix(reference: string, prefix: string): number | undefined {
  const end = prefix.startsWith("*.")
    ? subdomainEnd(reference, prefix.slice(1))
    : literalEnd(reference, prefix);
  if (end === undefined) return undefined;
  return end === reference.length || [":", "/", "@"].includes(reference[end] ?? "") ? end : undefined;
}

function literalEnd(reference: string, prefix: string): number | undefined {
  return reference.startsWith(prefix) ? prefix.length : undefined;
}

function subdomainEnd(reference: string, suffix: string): number | undefined {
  const start = reference.indexOf(suffix);
  if (start < 0 || reference.slice(0, start).includes("/")) return undefined;
  return start + suffix.length;
}

/**
 * The reference with a location in place of a prefix that covers it; with an empty location the reference itself.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID` if the prefix does not cover the reference, or the result is no reference
 * in full form.
 */
export function rewriteReference(reference: Reference, prefix: string, location: string): Reference {
  const text = formatReference(reference);
  const end = matchPrefix(text, prefix);
  if (end === undefined) throw configError("", `invalid prefix '${prefix}' for reference '${text}'`);
  if (location === "") {
    if (prefix.startsWith("*.")) return reference;
    throw configError(
      "",
      `invalid prefix '${prefix}' for empty location, should be in the format: *.example.com`,
    );
  }
  const rewritten = location + text.slice(end);
  try {
    return parseFullReference(rewritten, { lengthLimit: "name" });
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw configError("", `rewriting reference '${text}' to '${rewritten}': ${cause.message}`, cause);
  }
}

/**
 * A location or prefix without the slashes at its end.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID` for a URL, naming `where`.
 */
export function parseLocation(text: string, where = ""): string {
  if (text.startsWith("http://") || text.startsWith("https://")) {
    throw configError(where, `invalid location '${text.slice(0, 255)}': URI schemes are not supported`);
  }
  // Not by a regular expression: a text of slashes alone would take it quadratic time.
  let end = text.length;
  while (text[end - 1] === "/") end--;
  return text.slice(0, end);
}

/**
 * Image references as containers/image reads them, which differs from other readers in two ways:
 *
 * - the limit of 255 characters counts the domain too;
 * - an upper-case letter does not make the part before the first `/` a domain, so `UPPER/app` is no reference.
 *
 * A policy is evaluated with this grammar throughout: what a name means to the policy must be what it means to
 * the program that pulls.
 *
 * @module
 */
import { CoreError, isLadingError } from "../core/errors.ts";
import { formatReference, parseReference, type Reference } from "../core/reference.ts";

/** Image references count the domain too. */
export const LIMIT: { readonly lengthLimit: "name" } = { lengthLimit: "name" };

/**
 * The image reference that a text denotes, normalized; no tag is added.
 *
 * @throws {CoreError} `ERR_REFERENCE_INVALID`.
 */
export function parseImageReference(text: string): Reference {
  const slash = text.indexOf("/");
  const first = slash < 0 ? "" : text.slice(0, slash);
  if (first.toLowerCase() !== first && !/[.:]/.test(first)) {
    throw new CoreError(
      "ERR_REFERENCE_INVALID",
      "invalid reference format: repository name must be lowercase",
    );
  }
  return parseReference(text, LIMIT);
}

/** As {@link parseImageReference}, or nothing for a text that is no reference. */
export function tryParseImageReference(text: string): Reference | undefined {
  try {
    return parseImageReference(text);
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return undefined;
  }
}

/** The reference that a text spells out in full, or nothing if it is none or leaves something to complete. */
export function tryParseFullImageReference(text: string): Reference | undefined {
  const reference = tryParseImageReference(text);
  return reference && formatReference(reference) === text ? reference : undefined;
}

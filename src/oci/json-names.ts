/**
 * Member names as other readers see them.
 *
 * Go's decoder takes a member for a field without regard to case, so a document with `Layers` means something
 * to it that a reader of exact names does not see. Documents that two readers understand differently are
 * refused: a known name may appear in its exact spelling only.
 *
 * @module
 */
import { positionOf } from "../core/strict-json.ts";
import { OciError } from "./errors.ts";
import { below, type JsonAt, type JsonMembers, UnfitValue } from "./json-value.ts";

/** A name in the form in which Go compares it: U+017F and U+212A fold to ASCII letters too. */
export function foldName(name: string): string {
  return name.replaceAll("\u017f", "s").replaceAll("\u212a", "k").toLowerCase();
}

/** The known names of an object, as {@link refuseOtherSpellings} takes them. */
export interface KnownNames {
  readonly exact: ReadonlySet<string>;
  readonly folded: ReadonlyMap<string, string>;
}

/** Prepares the names of the members that an object may have. */
export function knownNames(...names: readonly string[]): KnownNames {
  return { exact: new Set(names), folded: new Map(names.map((name) => [foldName(name), name])) };
}

/**
 * Fails for a member whose name is a known one in another spelling.
 *
 * The error is an {@link OciError} `ERR_OCI_MANIFEST_AMBIGUOUS`.
 */
export function refuseOtherSpellings(members: JsonMembers, names: KnownNames, at: JsonAt): void {
  for (const key in members) refuseOtherSpelling(key, names, at);
}

/** As {@link refuseOtherSpellings}, for one member. */
export function refuseOtherSpelling(key: string, names: KnownNames, at: JsonAt): void {
  if (names.exact.has(key)) return;
  const known = names.folded.get(foldName(key));
  if (known === undefined) return;
  throw new UnfitValue(below(at, key), (node) => {
    const { path, line, column } = positionOf(node);
    return new OciError(
      "ERR_OCI_MANIFEST_AMBIGUOUS",
      `${path} at line ${line}, column ${column}: some readers take it for ${JSON.stringify(known)}`,
    );
  });
}

/**
 * Member names as other readers see them.
 *
 * Go's decoder takes a member for a field without regard to case, so a document with `Layers` means something
 * to it that a reader of exact names does not see. Documents that two readers understand differently are
 * refused: a known name may appear in its exact spelling only.
 *
 * @module
 */
import { type JsonNode, members, pathOf, positionOf } from "../core/strict-json.ts";
import { OciError } from "./errors.ts";

/** A name in the form in which Go compares it: U+017F and U+212A fold to ASCII letters too. */
export function foldName(name: string): string {
  return name.replaceAll("\u017f", "s").replaceAll("\u212a", "k").toLowerCase();
}

/**
 * Fails for a member whose name is one of `names` in another spelling.
 *
 * @throws {OciError} `ERR_OCI_MANIFEST_AMBIGUOUS`.
 * @throws {CoreError} `ERR_JSON_TYPE` for anything but an object.
 */
export function refuseOtherSpellings(node: JsonNode, names: readonly string[]): void {
  for (const { key, value } of members(node)) {
    if (names.includes(key)) continue;
    const folded = foldName(key);
    const known = names.find((name) => foldName(name) === folded);
    if (known === undefined) continue;
    const { line, column } = positionOf(value);
    throw new OciError(
      "ERR_OCI_MANIFEST_AMBIGUOUS",
      `${pathOf(value)} at line ${line}, column ${column}: some readers take it for ${JSON.stringify(known)}`,
    );
  }
}

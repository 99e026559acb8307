/** What a test of real programs needs: missing parts skip it, or fail it where all are required. */

/**
 * Options for a test or suite that needs parts of the machine: it is skipped with the reasons why they are missing.
 *
 * Throws instead, which fails the whole file, if the environment has `LADING_INTEROP=require`.
 *
 * @param reasons Why a part is missing, such as `whyNoContainerd()`; undefined for a part that is there.
 */
export function needs(...reasons: readonly (string | undefined)[]): { skip: string | false } {
  const missing = [...new Set(reasons.filter((reason) => reason !== undefined))].join("; ");
  if (missing === "") return { skip: false };
  const mode = process.env["LADING_INTEROP"] ?? "";
  if (mode === "require") throw new Error(`LADING_INTEROP=require, but: ${missing}`);
  // A word that is misspelt must not read as "skip".
  if (mode !== "")
    throw new RangeError(`LADING_INTEROP must be "require" or absent, got ${JSON.stringify(mode)}`);
  return { skip: missing };
}

/**
 * Versions of the CNI specification.
 *
 * @module
 */

/** The newest version that libcni 1.3 has. */
export const newestCniVersion = "1.1.0";

/** Below 0, 0 or above it, as versions go; undefined if one is none. An empty one is 0.1.0. */
export function compareCniVersions(a: string, b: string): number | undefined {
  const left = partsOf(a);
  const right = partsOf(b);
  if (!left || !right) return undefined;
  for (const [index, part] of left.entries()) {
    const other = right[index] ?? 0;
    if (part !== other) return part - other;
  }
  return 0;
}

function partsOf(version: string): number[] | undefined {
  if (version === "") return [0, 1, 0];
  if (!/^[0-9]{1,9}(?:\.[0-9]{1,9}){0,2}$/.test(version)) return undefined;
  const parts = version.split(".").map(Number);
  return [parts[0] ?? 0, parts[1] ?? 0, parts[2] ?? 0];
}

/**
 * Whiteouts: entries that hide what lower layers hold.
 *
 * ```text
 * marker  = [ parent "/" ] ".wh." hidden       ; hides one name
 *         / [ parent "/" ] ".wh..wh..opq"      ; hides everything that lower layers have in the parent
 * ```
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts}
 * @module
 */
import { OciError } from "../errors.ts";
import { shownPath } from "./entry.ts";

/** What a marker hides. */
export type Whiteout =
  /** One name of a directory, and all below it. */
  | { kind: "plain"; parent: string; name: string }
  /** All that lower layers have in a directory. */
  | { kind: "opaque"; parent: string };

const PREFIX = ".wh.";
const OPAQUE = ".wh..wh..opq";

/**
 * What an entry of this path hides, or nothing where it is no marker. Only the last component counts.
 *
 * @throws {OciError} `ERR_OCI_ENTRY_REFUSED` for a marker that names nothing, the directory itself or its parent.
 */
export function whiteoutOf(path: string): Whiteout | undefined {
  const slash = path.lastIndexOf("/");
  if (!path.startsWith(PREFIX, slash + 1)) return undefined;
  const parent = slash < 0 ? "" : path.slice(0, slash);
  const base = path.slice(slash + 1);
  if (base === OPAQUE) return { kind: "opaque", parent };
  const name = base.slice(PREFIX.length);
  if (name === "" || name === "." || name === "..") {
    throw new OciError("ERR_OCI_ENTRY_REFUSED", `invalid whiteout name: ${shownPath(path)}`);
  }
  return { kind: "plain", parent, name };
}

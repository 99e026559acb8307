/**
 * Removing files of a layout.
 *
 * @module
 */
import { realpath, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { OciError } from "../errors.ts";
import { isInside, systemCode, withFileErrors } from "./files.ts";

/** Removes a file below a directory, or the link in its place; false where there is none. */
export function removeBlob(root: string, relative: string): Promise<boolean> {
  return withFileErrors(async () => {
    const path = join(root, relative);
    try {
      if (!isInside(root, join(await realpath(dirname(path)), basename(path)))) {
        throw new OciError("ERR_OCI_LAYOUT_INVALID", `${dirname(path)} is a link that leads out of ${root}`);
      }
      await unlink(path);
      return true;
    } catch (error) {
      if (systemCode(error) === "ENOENT") return false;
      throw error;
    }
  });
}

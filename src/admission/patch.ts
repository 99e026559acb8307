/**
 * JSON patches that put digests into an object.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6902}
 * @see {@link https://www.rfc-editor.org/rfc/rfc6901}
 * @module
 */
import type { ImageAllowed } from "./decision.ts";
import type { ReviewedImage } from "./images.ts";

/** Puts a value in the place of another. */
export interface ReplaceOperation {
  op: "replace";
  /** A JSON pointer. */
  path: string;
  value: string;
}

/** The JSON pointer to a place. */
export function formatJsonPointer(path: readonly (string | number)[]): string {
  return path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** What to change so that each image is named by the digest that was decided on; nothing for those that are already. */
export function pinOperations(
  images: readonly (readonly [ReviewedImage, ImageAllowed])[],
): ReplaceOperation[] {
  return images
    .filter(([{ image }]) => !hasDigest(image))
    .map(([{ path }, { pinned }]) => ({ op: "replace", path: formatJsonPointer(path), value: pinned }));
}

/** Whether a reference that was decided on names its digest itself, so that nodes see that one. */
export function hasDigest(image: string): boolean {
  return image.includes("@");
}

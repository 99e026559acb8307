/**
 * Titles of an artifact's layers as paths: names from a registry, of which none may leave its directory.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md#pre-defined-annotation-keys}
 * @module
 */
import { OciError } from "../errors.ts";

/** Annotation with the digest of the uncompressed archive of a directory. */
export const CONTENT_DIGEST_ANNOTATION = "io.deis.oras.content.digest";
/** Annotation, `"true"` for a layer that is the archive of a directory and is to be unpacked. */
export const UNPACK_ANNOTATION = "io.deis.oras.content.unpack";

const MAX_TITLE_BYTES = 4096;
const MAX_NAME_BYTES = 255;

/**
 * The components of a title as a path below a directory.
 *
 * @throws {OciError} `ERR_OCI_ENTRY_REFUSED` for a title that is empty, absolute or too long, that has a component which
 * is empty, `.` or `..`, or that holds a backslash, a colon after one letter, or a control character.
 */
export function titlePath(title: string): string[] {
  const parts = title.split("/");
  const isSafe =
    Buffer.byteLength(title) <= MAX_TITLE_BYTES &&
    !/^[A-Za-z]:/.test(title) &&
    !/[\\\p{Cc}\p{Cs}]/u.test(title) &&
    parts.every(
      (part) => part !== "" && part !== "." && part !== ".." && Buffer.byteLength(part) <= MAX_NAME_BYTES,
    );
  if (isSafe) return parts;
  throw refusedTitle(title, "is no path below a directory");
}

/**
 * Fails unless every title is safe, and no two are for the same place or one below the other.
 *
 * @throws {OciError} `ERR_OCI_ENTRY_REFUSED`.
 */
export function checkTitles(titles: readonly string[]): void {
  const seen = new Set<string>();
  for (const title of titles) {
    titlePath(title);
    if (seen.has(title)) throw refusedTitle(title, "is a duplicate name");
    seen.add(title);
  }
  for (const title of titles) {
    for (let end = title.indexOf("/"); end >= 0; end = title.indexOf("/", end + 1)) {
      if (seen.has(title.slice(0, end))) throw refusedTitle(title, "lies below another one");
    }
  }
}

/** The error of a title or of an entry below it. */
export function refusedTitle(title: string, why: string): OciError {
  return new OciError("ERR_OCI_ENTRY_REFUSED", `${JSON.stringify(title.slice(0, 200))} ${why}`);
}

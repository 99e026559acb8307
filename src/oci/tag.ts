/**
 * Tags, and names as they go over the wire.
 *
 * ```text
 * tag       = word *127( word / "." / "-" )           ; word: letters, digits, "_"
 * name      = component *( "/" component )
 * component = 1*alnum *( separator 1*alnum )          ; alnum: a-z 0-9; separator: "." "_" "__" 1*"-"
 * ```
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests}
 * @module
 */
import { CoreError } from "../core/errors.ts";
import { isTag } from "../core/reference.ts";

const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const MAX_NAME_LENGTH = 255;

/**
 * Fails for a text that is no tag: such a one is never put into a URL or a file name.
 *
 * @throws {CoreError} `ERR_REFERENCE_INVALID`.
 */
export function assertTag(text: string): void {
  if (!isTag(text)) {
    throw new CoreError("ERR_REFERENCE_INVALID", `${JSON.stringify(text.slice(0, 160))} is not a tag`);
  }
}

/** Whether a text is a repository's name without its domain, of at most 255 characters. */
export function isRepositoryPath(text: string): boolean {
  return text.length <= MAX_NAME_LENGTH && text.split("/").every((component) => COMPONENT.test(component));
}

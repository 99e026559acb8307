/**
 * Short names, such as `fedora`, and what they are an alias of.
 *
 * @see {@link https://github.com/containers/image/blob/v5.36.0/docs/containers-registries.conf.5.md#short-name-aliasing}
 * @module
 */
import { CoreError } from "../../core/errors.ts";
import { parseRawReference, parseReference, type Reference, referenceName } from "../../core/reference.ts";
import { configError } from "./toml.ts";

/** What becomes of a short name that several registries may have: ask, take them in turn, or refuse. */
export type ShortNameMode = "enforcing" | "permissive" | "disabled";

const MODES: readonly string[] = ["enforcing", "permissive", "disabled"] satisfies ShortNameMode[];

/**
 * The mode of a text, which is its name in lower case.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID`.
 */
export function parseShortNameMode(text: string): ShortNameMode {
  if (!isMode(text)) throw configError("", `invalid short-name mode: ${JSON.stringify(text.slice(0, 64))}`);
  return text;
}

function isMode(text: string): text is ShortNameMode {
  return MODES.includes(text);
}

/**
 * Whether a reference has no host, so that it may mean images of several registries.
 *
 * @throws {CoreError} `ERR_REFERENCE_INVALID` for a text that is no reference at all.
 */
export function isShortName(text: string): boolean {
  parseReference(text, { lengthLimit: "name" });
  return !isHost(parseRawReference(text, { lengthLimit: "name" }).domain);
}

/** Whether the first part of a name is a host, and not a part of a path. */
function isHost(domain: string): boolean {
  return /[.:]/.test(domain) || domain === "localhost";
}

/**
 * Checks the name of an alias: without host, tag and digest.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID`.
 */
export function assertAliasName(name: string): void {
  const reference = readReference(name, () => parseRawReference(name, { lengthLimit: "name" }));
  if (!isBare(reference)) throw invalid(name, "an alias has no tag and no digest");
  if (isHost(reference.domain)) throw invalid(name, "an alias has no host");
}

/**
 * The full name that an alias stands for: `docker.io/library/fedora`.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID` for a name without host, or one with tag or digest.
 */
export function parseAliasValue(text: string): string {
  const raw = readReference(text, () => parseRawReference(text, { lengthLimit: "name" }));
  if (!isBare(raw)) throw invalid(text, "the target of an alias has no tag and no digest");
  if (!isHost(raw.domain)) throw invalid(text, "the target of an alias begins with a host");
  return referenceName(readReference(text, () => parseReference(text, { lengthLimit: "name" })));
}

function isBare({ tag, digest }: Reference): boolean {
  return tag === undefined && digest === undefined;
}

function readReference(text: string, read: () => Reference): Reference {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw configError(`aliases.${JSON.stringify(text.slice(0, 255))}`, cause.message, cause);
  }
}

function invalid(text: string, why: string): Error {
  return configError(`aliases.${JSON.stringify(text.slice(0, 255))}`, why);
}

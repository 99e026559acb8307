/**
 * Which kind of document a manifest is, and that it can be read as that kind only.
 *
 * A document that holds both `manifests` and `layers` is an index to one program and an image to another. What
 * a verdict was given for must be what runs, so such a document is refused by name.
 *
 * @see {@link https://github.com/opencontainers/image-spec/security/advisories/GHSA-77vh-xpmg-72qh}
 * @module
 */
import {
  DOCKER_CONFIG,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../core/media-types.ts";
import type { JsonNode } from "../core/strict-json.ts";
import { OciError } from "./errors.ts";
import { foldName } from "./json-names.ts";
import { type JsonMembers, membersOf, optional, optionalText, ROOT, readNode } from "./json-value.ts";

/** What a manifest's media type makes it. */
export type ManifestKind = "manifest" | "index" | "schema1";

/** Top-level members that tell the kinds apart, folded, with the kinds that may hold them. */
const TELLING: ReadonlyMap<string, readonly ManifestKind[]> = new Map([
  ["config", ["manifest"]],
  ["layers", ["manifest"]],
  ["manifests", ["index"]],
  ["fslayers", ["schema1"]],
  ["history", ["schema1"]],
]);

/** Names that need no folding, being in no way one of the above. */
const NEUTRAL: ReadonlySet<string> = new Set([
  "schemaVersion",
  "mediaType",
  "artifactType",
  "subject",
  "annotations",
]);

/** The kind that a media type stands for, or nothing for a type that is no manifest's. */
export function manifestKind(mediaType: string): ManifestKind | undefined {
  switch (mediaType) {
    case OCI_MANIFEST:
    case DOCKER_MANIFEST:
      return "manifest";
    case OCI_INDEX:
    case DOCKER_LIST:
      return "index";
    case DOCKER_SCHEMA1:
    case DOCKER_SCHEMA1_SIGNED:
      return "schema1";
    default:
      return undefined;
  }
}

/** Whether content of this type is a manifest or index: a registry keeps it apart from blobs. */
export function isManifestType(mediaType: string): boolean {
  return manifestKind(mediaType) !== undefined;
}

/**
 * The media type that a document without a Content-Type has, or nothing where none can be told.
 *
 * A known `mediaType` member wins; then schema version and config type decide, as in containers/image.
 */
export function guessMediaType(node: JsonNode): string | undefined {
  return readNode(node, guessTypeOf);
}

/** As {@link guessMediaType}, for a document as plain data. */
export function guessTypeOf(value: unknown): string | undefined {
  if (!isMembers(value)) return undefined;
  const declared = optional(value, "mediaType");
  if (typeof declared === "string" && isManifestType(declared)) return declared;
  const version = optional(value, "schemaVersion");
  if (version === 1) {
    return optional(value, "signatures") === undefined ? DOCKER_SCHEMA1 : DOCKER_SCHEMA1_SIGNED;
  }
  if (version !== 2) return undefined;
  const config = optional(value, "config");
  const configType = (isMembers(config) && optional(config, "mediaType")) || "";
  if (configType === OCI_CONFIG) return OCI_MANIFEST;
  if (configType === DOCKER_CONFIG) return DOCKER_MANIFEST;
  const manifests = optional(value, "manifests");
  const isText = typeof configType === "string" && configType !== "";
  return !isText && Array.isArray(manifests) && manifests.length > 0 ? OCI_INDEX : OCI_MANIFEST;
}

/** How closely a manifest must keep to the media type that it was delivered as. */
export interface OneKindOptions {
  /**
   * `"exact"` (the default): a `mediaType` member must equal the given type. `"kind"`: the OCI and the Docker
   * type of one kind are interchangeable, as in containerd.
   */
  mediaTypes?: "exact" | "kind" | undefined;
}

/**
 * Fails for a document that, delivered as `mediaType`, can be taken for something else.
 *
 * Names are compared without regard to case. A member that is null counts as absent.
 *
 * @throws {OciError} `ERR_OCI_MANIFEST_AMBIGUOUS` for members of another kind.
 * @throws {OciError} `ERR_OCI_MEDIA_TYPE_MISMATCH` if the document names another type.
 * @throws {OciError} `ERR_OCI_MEDIA_TYPE_UNSUPPORTED` if `mediaType` is no manifest's.
 * @throws {CoreError} `ERR_JSON_TYPE` for anything but an object.
 */
export function assertOneKind(node: JsonNode, mediaType: string, options: OneKindOptions = {}): void {
  readNode(node, (value) => checkOneKind(value, mediaType, options));
}

/** As {@link assertOneKind}, for a document as plain data; gives its kind. */
export function checkOneKind(
  value: unknown,
  mediaType: string,
  { mediaTypes = "exact" }: OneKindOptions = {},
): ManifestKind {
  const kind = manifestKind(mediaType);
  if (!kind) {
    throw new OciError(
      "ERR_OCI_MEDIA_TYPE_UNSUPPORTED",
      `not a manifest type: ${JSON.stringify(mediaType.slice(0, 128))}`,
    );
  }
  const members = membersOf(value, ROOT);
  const unexpected: string[] = [];
  for (const key in members) {
    if (NEUTRAL.has(key) || members[key] === null) continue;
    const holders = TELLING.get(key) ?? TELLING.get(foldName(key));
    if (holders && !holders.includes(kind)) unexpected.push(key);
  }
  if (unexpected.length > 0) {
    throw new OciError(
      "ERR_OCI_MANIFEST_AMBIGUOUS",
      `rejecting ambiguous manifest, unexpected fields ${JSON.stringify(unexpected)} in supposedly ${mediaType}`,
    );
  }
  const declared = optionalText(members, "mediaType", ROOT) ?? "";
  if (declared === "" || declared === mediaType) return kind;
  if (mediaTypes === "kind" && manifestKind(declared) === kind) return kind;
  throw new OciError(
    "ERR_OCI_MEDIA_TYPE_MISMATCH",
    `delivered as ${mediaType}, the document says ${JSON.stringify(declared.slice(0, 128))}`,
  );
}

function isMembers(value: unknown): value is JsonMembers {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

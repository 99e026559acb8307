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
import { type JsonNode, members, stringOf } from "../core/strict-json.ts";
import { OciError } from "./errors.ts";
import { foldName } from "./json-names.ts";

/** What a manifest's media type makes it. */
export type ManifestKind = "manifest" | "index" | "schema1";

/** Top-level members that tell the kinds apart, with the kinds that may hold them. */
const TELLING: Readonly<Record<string, readonly ManifestKind[]>> = {
  config: ["manifest"],
  layers: ["manifest"],
  manifests: ["index"],
  fsLayers: ["schema1"],
  history: ["schema1"],
};

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
  if (node.kind !== "object") return undefined;
  const declared = textMember(node, "mediaType");
  if (declared !== undefined && isManifestType(declared)) return declared;
  const version = member(node, "schemaVersion");
  if (version?.kind !== "number") return undefined;
  if (version.text === "1") {
    return isAbsent(member(node, "signatures")) ? DOCKER_SCHEMA1 : DOCKER_SCHEMA1_SIGNED;
  }
  if (version.text !== "2") return undefined;
  const config = member(node, "config");
  const configType = config?.kind === "object" ? (textMember(config, "mediaType") ?? "") : "";
  if (configType === OCI_CONFIG) return OCI_MANIFEST;
  if (configType === DOCKER_CONFIG) return DOCKER_MANIFEST;
  const manifests = member(node, "manifests");
  if (configType === "" && manifests?.kind === "array" && manifests.items.length > 0) return OCI_INDEX;
  return OCI_MANIFEST;
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
export function assertOneKind(
  node: JsonNode,
  mediaType: string,
  { mediaTypes = "exact" }: OneKindOptions = {},
): void {
  const kind = manifestKind(mediaType);
  if (!kind) {
    throw new OciError(
      "ERR_OCI_MEDIA_TYPE_UNSUPPORTED",
      `not a manifest type: ${JSON.stringify(mediaType.slice(0, 128))}`,
    );
  }
  const unexpected: string[] = [];
  for (const { key, value } of members(node)) {
    if (value.kind === "null") continue;
    const folded = foldName(key);
    const known = Object.keys(TELLING).find((name) => foldName(name) === folded);
    if (known !== undefined && !TELLING[known]?.includes(kind)) unexpected.push(key);
  }
  if (unexpected.length > 0) {
    throw new OciError(
      "ERR_OCI_MANIFEST_AMBIGUOUS",
      `rejecting ambiguous manifest, unexpected fields ${JSON.stringify(unexpected)} in supposedly ${mediaType}`,
    );
  }
  const declaredNode = member(node, "mediaType");
  const declared = declaredNode && !isAbsent(declaredNode) ? stringOf(declaredNode) : "";
  if (declared === "" || declared === mediaType) return;
  if (mediaTypes === "kind" && manifestKind(declared) === kind) return;
  throw new OciError(
    "ERR_OCI_MEDIA_TYPE_MISMATCH",
    `delivered as ${mediaType}, the document says ${JSON.stringify(declared.slice(0, 128))}`,
  );
}

function member(node: JsonNode, name: string): JsonNode | undefined {
  if (node.kind !== "object") return undefined;
  return node.members.findLast(({ key }) => key === name)?.value;
}

function textMember(node: JsonNode, name: string): string | undefined {
  const found = member(node, name);
  return found?.kind === "string" ? found.value : undefined;
}

function isAbsent(node: JsonNode | undefined): boolean {
  return node === undefined || node.kind === "null";
}

/**
 * Reads the manifest of a profile artifact, refusing whatever could be read in two ways.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md}
 * @module
 */
import { type Digest, parseDigest } from "../core/digest.ts";
import { CoreError } from "../core/errors.ts";
import {
  DOCKER_LIST,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../core/media-types.ts";
import {
  integerOf,
  items,
  type JsonNode,
  type JsonObject,
  jsonError,
  members,
  parseJson,
  stringOf,
} from "../core/strict-json.ts";
import type { ProfileLayer, ProfileManifest } from "./artifact-check.ts";
import { SeccompError } from "./errors.ts";

/** A layer whose content can be fetched. */
export interface FetchableLayer extends ProfileLayer {
  digest: Digest;
}

/** What a document is. */
export type ArtifactDocument =
  | { kind: "manifest"; manifest: ProfileManifest & { layers: FetchableLayer[] } }
  | { kind: "index" | "list" };

/**
 * The manifest or index in a document.
 *
 * @param mediaType What the registry said it is.
 * @throws {SeccompError} `ERR_SECCOMP_ARTIFACT` for a document that is malformed, repeats a member, has members
 *   of both a manifest and an index, says it is another type than the registry did, or is of no known type.
 */
export function readArtifactDocument(bytes: Uint8Array, mediaType: string): ArtifactDocument {
  try {
    return read(parseJson(bytes), mediaType);
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    throw new SeccompError("ERR_SECCOMP_ARTIFACT", `manifest: ${error.message}`, {
      cause: error,
      position: error.position,
    });
  }
}

function read(root: JsonNode, mediaType: string): ArtifactDocument {
  const list = members(root);
  const own = member(list, "mediaType");
  if (own && stringOf(own) !== mediaType) {
    throw jsonError(own, "ERR_JSON_TYPE", `document is ${stringOf(own)}, but was served as ${mediaType}`);
  }
  const [config, layers, manifests] = ["config", "layers", "manifests"].map((name) => member(list, name));
  const fsLayers = member(list, "fsLayers");
  if (mediaType === OCI_INDEX || mediaType === DOCKER_LIST) {
    const foreign = config ?? layers ?? fsLayers;
    if (foreign) throw jsonError(foreign, "ERR_JSON_UNKNOWN_KEY", "an index with members of a manifest");
    return { kind: mediaType === OCI_INDEX ? "index" : "list" };
  }
  if (manifests) throw jsonError(manifests, "ERR_JSON_UNKNOWN_KEY", "a manifest with members of an index");
  if (mediaType === DOCKER_SCHEMA1 || mediaType === DOCKER_SCHEMA1_SIGNED) {
    throw jsonError(root, "ERR_JSON_TYPE", "a schema 1 image has no profile");
  }
  if (mediaType !== OCI_MANIFEST && mediaType !== DOCKER_MANIFEST) {
    throw jsonError(root, "ERR_JSON_TYPE", `${JSON.stringify(mediaType.slice(0, 200))} is not a manifest`);
  }
  if (fsLayers) throw jsonError(fsLayers, "ERR_JSON_UNKNOWN_KEY", "a manifest with members of schema 1");
  if (!config) throw jsonError(root, "ERR_JSON_MISSING_KEY", "a manifest without config");
  const artifactType = member(list, "artifactType");
  return {
    kind: "manifest",
    manifest: {
      mediaType,
      configMediaType: optionalText(members(config), "mediaType") ?? "",
      ...(artifactType ? { artifactType: stringOf(artifactType) } : {}),
      layers: layers && layers.kind !== "null" ? items(layers).map(readLayer) : [],
    },
  };
}

function readLayer(node: JsonNode): FetchableLayer {
  const list = members(node);
  const [digest, size] = ["digest", "size"].map((name) => {
    const found = member(list, name);
    if (!found) throw jsonError(node, "ERR_JSON_MISSING_KEY", `a layer without ${name}`);
    return found;
  }) as [JsonNode, JsonNode];
  const annotations = member(list, "annotations");
  const title =
    annotations && annotations.kind !== "null"
      ? optionalText(members(annotations), "org.opencontainers.image.title")
      : undefined;
  return {
    mediaType: optionalText(list, "mediaType") ?? "",
    digest: parseDigest(stringOf(digest)),
    size: Number(integerOf(size, 0n, BigInt(Number.MAX_SAFE_INTEGER))),
    ...(title === undefined ? {} : { title }),
  };
}

/**
 * The member of a name. Go would take another letter case too, so such a member makes the document ambiguous.
 */
function member(list: JsonObject["members"], name: string): JsonNode | undefined {
  let found: JsonNode | undefined;
  for (const { key, value } of list) {
    if (key === name) found = value;
    else if (key.length === name.length && key.toLowerCase() === name.toLowerCase()) {
      throw jsonError(value, "ERR_JSON_UNKNOWN_KEY", `${JSON.stringify(key)} is not ${JSON.stringify(name)}`);
    }
  }
  return found;
}

function optionalText(list: JsonObject["members"], name: string): string | undefined {
  const node = member(list, name);
  return node && node.kind !== "null" ? stringOf(node) : undefined;
}

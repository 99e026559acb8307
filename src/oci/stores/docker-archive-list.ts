/**
 * The documents of an archive of `docker save`: its list of images, and what of a config concerns layers.
 *
 * @see {@link https://github.com/moby/docker-image-spec/blob/v1.3.1/v1.2.md#combined-image-json--filesystem-changeset-format}
 * @module
 */
import { type Digest, parseDigest } from "../../core/digest.ts";
import {
  items,
  type JsonNode,
  members,
  parseJson,
  positionOf,
  readObject,
  stringOf,
} from "../../core/strict-json.ts";
import { OciError } from "../errors.ts";
import { foldName } from "../json-names.ts";

/** One image of a `manifest.json`. */
export interface DockerArchiveImage {
  /** Path of the config within the archive. */
  config: string;
  /** Names with tag, as they are written. */
  repoTags: string[];
  /** Paths of the layers within the archive, bottom to top. */
  layers: string[];
}

/**
 * Reads the `manifest.json` of an archive. Members such as `Parent` and `LayerSources` are left out.
 *
 * @throws {CoreError} `ERR_JSON_…` with the position; `ERR_TOO_LARGE`.
 * @throws {OciError} `ERR_OCI_MANIFEST_AMBIGUOUS` for a member such as `layers`.
 */
export function parseDockerArchiveList(bytes: Uint8Array, maxBytes: number): DockerArchiveImage[] {
  return items(parseJson(bytes, { maxBytes })).map((node) => {
    refuseOtherSpellings(node, ["Config", "RepoTags", "Layers"]);
    const image: DockerArchiveImage = { config: "", repoTags: [], layers: [] };
    readObject(
      node,
      {
        Config: (value) => {
          image.config = stringOf(value);
        },
        RepoTags: optional((value) => {
          image.repoTags = items(value).map(stringOf);
        }),
        Layers: optional((value) => {
          image.layers = items(value).map(stringOf);
        }),
      },
      { required: ["Config"], unknownKeys: "ignore" },
    );
    return image;
  });
}

/**
 * The diff ids of an image's config, bottom to top.
 *
 * @throws {CoreError} `ERR_JSON_…`, `ERR_DIGEST_…`.
 * @throws {OciError} `ERR_OCI_ARCHIVE_INVALID` for a root file system of another type than layers;
 * `ERR_OCI_MANIFEST_AMBIGUOUS` for a member such as `Rootfs`.
 */
export function readDiffIds(config: Uint8Array, maxBytes: number): Digest[] {
  let diffIds: Digest[] = [];
  let type = "";
  const document = parseJson(config, { maxBytes });
  refuseOtherSpellings(document, ["rootfs"]);
  readObject(
    document,
    {
      rootfs: (node) => {
        refuseOtherSpellings(node, ["type", "diff_ids"]);
        readObject(
          node,
          {
            type: (value) => {
              type = stringOf(value);
            },
            diff_ids: optional((value) => {
              diffIds = items(value).map((each) => parseDigest(stringOf(each)));
            }),
          },
          { required: ["type"], unknownKeys: "ignore" },
        );
      },
    },
    { required: ["rootfs"], unknownKeys: "ignore" },
  );
  if (type === "layers") return diffIds;
  throw new OciError(
    "ERR_OCI_ARCHIVE_INVALID",
    `a root file system of type ${JSON.stringify(type.slice(0, 64))}`,
  );
}

/** A reader that takes null for an absent member. */
function optional(reader: (value: JsonNode) => void): (value: JsonNode) => void {
  return (value) => {
    if (value.kind !== "null") reader(value);
  };
}

/** Fails for a member that Go's decoder takes for one of these names, and a reader of exact names does not. */
function refuseOtherSpellings(node: JsonNode, names: readonly string[]): void {
  for (const { key, value } of members(node)) {
    const known = names.find((name) => foldName(name) === foldName(key));
    if (known === undefined || known === key) continue;
    throw new OciError(
      "ERR_OCI_MANIFEST_AMBIGUOUS",
      `${positionOf(value).path}: some readers take it for ${JSON.stringify(known)}`,
    );
  }
}

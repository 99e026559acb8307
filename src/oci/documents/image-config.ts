/**
 * The configuration of an image: what it is made of and how a container of it runs.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md}
 * @module
 */
import { type Digest, type DigestAlgorithm, digestOf } from "../../core/digest.ts";
import { OCI_CONFIG } from "../../core/media-types.ts";
import type { JsonValue } from "../../core/strict-json.ts";
import { type Descriptor, readDigest } from "../descriptor.ts";
import { OciError } from "../errors.ts";
import { knownNames, refuseOtherSpellings } from "../json-names.ts";
import {
  below,
  itemsOf,
  type JsonAt,
  membersOf,
  optional,
  optionalText,
  ROOT,
  readJson,
  required,
  textOf,
  textsOf,
  unfit,
} from "../json-value.ts";
import type { ImageManifest } from "../manifest.ts";
import { type ContainerConfig, optionalFlag, readContainerConfig } from "./container-config.ts";
import { isDateTime } from "./date-time.ts";

/** One step of the making of an image. */
export interface HistoryEntry {
  /** RFC 3339. */
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  /** True for a step that made no layer. */
  empty_layer?: boolean;
}

/** The configuration of an image. */
export interface ImageConfig {
  /** RFC 3339. */
  created?: string;
  author?: string;
  architecture: string;
  os: string;
  "os.version"?: string;
  "os.features"?: string[];
  variant?: string;
  /** How a container of the image runs. */
  config?: ContainerConfig;
  /** Digests of the uncompressed layers, bottom to top. */
  rootfs: { type: "layers"; diff_ids: Digest[] };
  /** Bottom to top. */
  history?: HistoryEntry[];
}

/** A configuration that was read. */
export interface ImageConfigDocument {
  /** The exact bytes: the digest is of these. */
  bytes: Uint8Array;
  /** Media type, digest and size of `bytes`; the digest is what Docker calls the image's ID. */
  descriptor: Descriptor;
  value: ImageConfig;
  /** The whole document as plain data, members that lading does not know included. */
  plain: { [key: string]: JsonValue };
}

/** Options of {@link parseImageConfig}. */
export interface ParseImageConfigOptions {
  /** Default the one of OCI. */
  mediaType?: string | undefined;
  /** Largest document accepted, in bytes. Default 4 MiB (4194304). */
  maxBytes?: number | undefined;
  /** Algorithm of the digest in the descriptor. Default sha256. */
  algorithm?: DigestAlgorithm | undefined;
}

const NAMES = knownNames(
  "created",
  "author",
  "architecture",
  "os",
  "os.version",
  "os.features",
  "variant",
  "config",
  "rootfs",
  "history",
);
const ROOTFS_NAMES = knownNames("type", "diff_ids");
const HISTORY_NAMES = knownNames("created", "created_by", "author", "comment", "empty_layer");

/**
 * Reads the configuration of an image.
 *
 * A member that is null counts as absent. Members that lading does not know are left to `plain`; a known one in another
 * spelling is refused, since programs in Go would read it. Whether it fits a manifest is not checked: see
 * {@link checkLayerCount}; nor what `validateDocument` finds beyond what is needed to read it.
 *
 * @throws {CoreError} `ERR_JSON_…` with the position, `ERR_DIGEST_…`, `ERR_TOO_LARGE`.
 * @throws {OciError} `ERR_OCI_MANIFEST_AMBIGUOUS` for a member such as `RootFS`.
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md}
 */
export function parseImageConfig(
  bytes: Uint8Array,
  { mediaType = OCI_CONFIG, maxBytes, algorithm }: ParseImageConfigOptions = {},
): ImageConfigDocument {
  const { value, plain } = readJson(bytes, readImageConfig, { maxBytes });
  const descriptor = { mediaType, digest: digestOf(bytes, algorithm), size: bytes.byteLength };
  return { bytes, descriptor, value, plain: plain as { [key: string]: JsonValue } };
}

/** Reads a configuration out of plain data; fails as {@link parseImageConfig} does. */
export function readImageConfig(value: unknown): ImageConfig {
  const members = membersOf(value, ROOT);
  refuseOtherSpellings(members, NAMES, ROOT);
  const config: ImageConfig = {
    architecture: textOf(required(members, "architecture", ROOT), ROOT, "architecture"),
    os: textOf(required(members, "os", ROOT), ROOT, "os"),
    rootfs: readRootfs(required(members, "rootfs", ROOT), below(ROOT, "rootfs")),
  };
  for (const name of ["author", "os.version", "variant"] as const) {
    const text = optionalText(members, name, ROOT);
    if (text !== undefined) config[name] = text;
  }
  const created = readTime(optionalText(members, "created", ROOT), ROOT);
  if (created !== undefined) config.created = created;
  const features = optional(members, "os.features");
  if (features !== undefined) config["os.features"] = textsOf(features, below(ROOT, "os.features"));
  const container = optional(members, "config");
  if (container !== undefined) config.config = readContainerConfig(container, below(ROOT, "config"));
  const history = optional(members, "history");
  const at = below(ROOT, "history");
  if (history !== undefined) {
    config.history = itemsOf(history, at).map((entry, index) => readHistoryEntry(entry, below(at, index)));
  }
  return config;
}

function readRootfs(value: unknown, at: JsonAt): ImageConfig["rootfs"] {
  const members = membersOf(value, at);
  refuseOtherSpellings(members, ROOTFS_NAMES, at);
  const type = textOf(required(members, "type", at), at, "type");
  if (type !== "layers") {
    throw unfit(below(at, "type"), "ERR_JSON_TYPE", `rootfs of type ${JSON.stringify(type.slice(0, 64))}`);
  }
  const list = below(at, "diff_ids");
  // Encoders of other languages write an empty list as null.
  const ids = itemsOf(required(members, "diff_ids", at) ?? [], list);
  return { type, diff_ids: ids.map((id, index) => readDigest(id, list, index)) };
}

function readHistoryEntry(value: unknown, at: JsonAt): HistoryEntry {
  const members = membersOf(value, at);
  refuseOtherSpellings(members, HISTORY_NAMES, at);
  const entry: HistoryEntry = {};
  const created = readTime(optionalText(members, "created", at), at);
  if (created !== undefined) entry.created = created;
  for (const name of ["created_by", "author", "comment"] as const) {
    const text = optionalText(members, name, at);
    if (text !== undefined) entry[name] = text;
  }
  const empty = optionalFlag(members, "empty_layer", at);
  if (empty !== undefined) entry.empty_layer = empty;
  return entry;
}

function readTime(text: string | undefined, at: JsonAt): string | undefined {
  if (text === undefined || isDateTime(text)) return text;
  throw unfit(below(at, "created"), "ERR_JSON_TYPE", `${JSON.stringify(text.slice(0, 64))} is not RFC 3339`);
}

/**
 * Fails for a configuration that names another number of layers than the manifest: neither can then be trusted to say
 * what a layer unpacks to.
 *
 * @throws {OciError} `ERR_OCI_DOCUMENT_INVALID`.
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties}
 */
export function checkLayerCount(
  manifest: Pick<ImageManifest, "layers">,
  config: Pick<ImageConfig, "rootfs">,
): void {
  const [layers, ids] = [manifest.layers.length, config.rootfs.diff_ids.length];
  if (layers === ids) return;
  throw new OciError(
    "ERR_OCI_DOCUMENT_INVALID",
    `the manifest has ${layers} layers, its configuration ${ids} diff_ids`,
  );
}

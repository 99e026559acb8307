/**
 * Descriptors: what content is, how long it is, and what it hashes to.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md}
 * @module
 */
import { type Digest, digestOf, isDigest, matchesDigestGrammar, verifyBytes } from "../core/digest.ts";
import {
  DOCKER_CONFIG,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
} from "../core/media-types.ts";
import { knownNames, refuseOtherSpelling, refuseOtherSpellings } from "./json-names.ts";
import {
  below,
  itemsOf,
  type JsonAt,
  type JsonMembers,
  membersOf,
  numberOf,
  optional,
  optionalText,
  ROOT,
  readJson,
  required,
  textMapOf,
  textOf,
  textsOf,
  unfit,
} from "./json-value.ts";

/** The platform that an entry of an index is for, as written there. */
export interface DescriptorPlatform {
  architecture: string;
  os: string;
  "os.version"?: string;
  "os.features"?: string[];
  variant?: string;
  features?: string[];
}

/** A checked reference to content. */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  /** Exact length of the content in bytes, 0 to 2^53-1. */
  size: number;
  urls?: string[];
  annotations?: Record<string, string>;
  /** The content itself in base64, as written; not checked against digest and size: see {@link embeddedContent}. */
  data?: string;
  artifactType?: string;
  platform?: DescriptorPlatform;
}

const MEDIA_TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const DESCRIPTOR_NAMES = knownNames(
  "mediaType",
  "digest",
  "size",
  "urls",
  "annotations",
  "data",
  "artifactType",
  "platform",
);
const PLATFORM_NAMES = knownNames("architecture", "os", "os.version", "os.features", "variant", "features");

/** Whether a text is a media type without parameters, as RFC 6838 limits it. */
export function isMediaType(text: string): boolean {
  return isCommonType(text) || MEDIA_TYPE.test(text);
}

/** Comparing is far quicker than the grammar, and than a set, which hashes the text first. */
function isCommonType(text: string): boolean {
  return (
    text === OCI_LAYER_GZIP ||
    text === DOCKER_LAYER_GZIP ||
    text === OCI_CONFIG ||
    text === DOCKER_CONFIG ||
    text === OCI_MANIFEST ||
    text === DOCKER_MANIFEST
  );
}

/**
 * The descriptor of bytes at hand, with sha256.
 *
 * @throws {TypeError} for a text that is no media type.
 */
export function describeContent(content: Uint8Array, mediaType: string): Descriptor {
  if (!isMediaType(mediaType)) throw new TypeError(`not a media type: ${JSON.stringify(mediaType)}`);
  return { mediaType, digest: digestOf(content), size: content.byteLength };
}

/**
 * Reads one descriptor, as a JSON text.
 *
 * Unknown members are left out: whoever stores a document keeps its bytes. The content of `data` is not
 * compared with digest and size: see {@link embeddedContent}.
 *
 * @throws {CoreError} `ERR_JSON_…` with the position; `ERR_DIGEST_INVALID`, `ERR_DIGEST_UNSUPPORTED`.
 * @throws {OciError} `ERR_OCI_MANIFEST_AMBIGUOUS` for a member such as `Digest`.
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md}
 */
export function parseDescriptor(input: Uint8Array | string): Descriptor {
  return readJson(input, (value) => readDescriptor(value, ROOT)).value;
}

/** Reads a descriptor out of a document; fails as {@link parseDescriptor} does. */
export function readDescriptor(value: unknown, at: JsonAt): Descriptor {
  const members = membersOf(value, at);
  // Named one by one: loads by a computed name are slow, and a manifest has many descriptors.
  const { mediaType, digest, size } = members;
  if (mediaType === undefined || digest === undefined || size === undefined) {
    for (const key of ["mediaType", "digest", "size"]) required(members, key, at);
  }
  const descriptor: Descriptor = {
    mediaType: readMediaType(mediaType, at, "mediaType"),
    digest: readDigest(digest, at, "digest"),
    size: numberOf(size, at, "size", 0, Number.MAX_SAFE_INTEGER),
  };
  for (const key in members) {
    if (key !== "mediaType" && key !== "digest" && key !== "size") readOptional(descriptor, members, key, at);
  }
  return descriptor;
}

/** Reads one of the members that most descriptors do not have. */
function readOptional(descriptor: Descriptor, members: JsonMembers, key: string, at: JsonAt): void {
  refuseOtherSpelling(key, DESCRIPTOR_NAMES, at);
  const found = optional(members, key);
  if (found === undefined) return;
  if (key === "urls") descriptor.urls = textsOf(found, below(at, key));
  else if (key === "annotations") descriptor.annotations = textMapOf(found, below(at, key));
  else if (key === "data") descriptor.data = readBase64(found, at);
  else if (key === "platform") descriptor.platform = readPlatform(found, below(at, key));
  else if (key === "artifactType" && found !== "") descriptor.artifactType = readMediaType(found, at, key);
}

/** Reads a list of descriptors; fails as {@link parseDescriptor} does. */
export function readDescriptors(value: unknown, at: JsonAt): Descriptor[] {
  return itemsOf(value, at).map((item, index) => readDescriptor(item, below(at, index)));
}

/** Reads a media type; throws `ERR_JSON_TYPE` for a text outside its grammar. */
export function readMediaType(value: unknown, parent: JsonAt, key: string): string {
  const text = textOf(value, parent, key);
  if (isMediaType(text)) return text;
  throw unfit(
    below(parent, key),
    "ERR_JSON_TYPE",
    `${JSON.stringify(text.slice(0, 128))} is not a media type`,
  );
}

/** Reads a digest; throws `ERR_DIGEST_INVALID`, `ERR_DIGEST_UNSUPPORTED`. */
export function readDigest(value: unknown, parent: JsonAt, key: string | number): Digest {
  const text = textOf(value, parent, key);
  if (isDigest(text)) return text;
  const shown = JSON.stringify(text.slice(0, 160));
  const registered = /^sha(?:256|384|512):/.test(text);
  if (!registered && matchesDigestGrammar(text)) {
    throw unfit(below(parent, key), "ERR_DIGEST_UNSUPPORTED", `unsupported digest algorithm in ${shown}`);
  }
  throw unfit(below(parent, key), "ERR_DIGEST_INVALID", `${shown} is not a digest`);
}

function readBase64(value: unknown, parent: JsonAt): string {
  const text = textOf(value, parent, "data");
  if (BASE64.test(text)) return text;
  throw unfit(below(parent, "data"), "ERR_JSON_TYPE", "data is not base64 with padding");
}

function readPlatform(value: unknown, at: JsonAt): DescriptorPlatform {
  const members = membersOf(value, at);
  refuseOtherSpellings(members, PLATFORM_NAMES, at);
  const platform: DescriptorPlatform = {
    architecture: textOf(required(members, "architecture", at), at, "architecture"),
    os: textOf(required(members, "os", at), at, "os"),
  };
  for (const name of ["os.version", "variant"] as const) {
    const found = optionalText(members, name, at);
    if (found !== undefined) platform[name] = found;
  }
  for (const name of ["os.features", "features"] as const) {
    const found = optional(members, name);
    if (found !== undefined) platform[name] = textsOf(found, below(at, name));
  }
  return platform;
}

/**
 * The content that a descriptor carries in `data`, verified, or nothing where it carries none.
 *
 * @throws {CoreError} `ERR_SIZE_MISMATCH` or `ERR_DIGEST_MISMATCH` for content that the descriptor does not
 * describe.
 */
export function embeddedContent(descriptor: Descriptor): Uint8Array | undefined {
  if (descriptor.data === undefined) return undefined;
  const content = Buffer.from(descriptor.data, "base64");
  verifyBytes(content, descriptor);
  return content;
}

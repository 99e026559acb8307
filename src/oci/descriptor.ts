/**
 * Descriptors: what content is, how long it is, and what it hashes to.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md}
 * @module
 */
import { type Digest, digestOf, isDigest, matchesDigestGrammar, verifyBytes } from "../core/digest.ts";
import {
  integerOf,
  items,
  type JsonNode,
  jsonError,
  members,
  parseJson,
  readObject,
  stringOf,
} from "../core/strict-json.ts";
import { refuseOtherSpellings } from "./json-names.ts";

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

const DESCRIPTOR_NAMES = [
  "mediaType",
  "digest",
  "size",
  "urls",
  "annotations",
  "data",
  "artifactType",
  "platform",
];
const PLATFORM_NAMES = ["architecture", "os", "os.version", "os.features", "variant", "features"];

/** Whether a text is a media type without parameters, as RFC 6838 limits it. */
export function isMediaType(text: string): boolean {
  return MEDIA_TYPE.test(text);
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
  return readDescriptor(parseJson(input));
}

/** Reads a descriptor from the tree of a document; fails as {@link parseDescriptor} does. */
export function readDescriptor(node: JsonNode): Descriptor {
  refuseOtherSpellings(node, DESCRIPTOR_NAMES);
  const found: Partial<Descriptor> = {};
  let mediaType = "";
  let digest: Digest | undefined;
  let size = 0;
  readObject(
    node,
    {
      mediaType: (value) => {
        mediaType = readMediaType(value);
      },
      digest: (value) => {
        digest = readDigest(value);
      },
      size: (value) => {
        size = Number(integerOf(value, 0n, BigInt(Number.MAX_SAFE_INTEGER)));
      },
      // Optional members may be null: encoders of other languages write an absent value so.
      urls: optional((value) => {
        found.urls = items(value).map(stringOf);
      }),
      annotations: optional((value) => {
        found.annotations = readAnnotations(value);
      }),
      data: optional((value) => {
        found.data = readBase64(value);
      }),
      artifactType: optional((value) => {
        const type = stringOf(value);
        if (type !== "") found.artifactType = readMediaType(value);
      }),
      platform: optional((value) => {
        found.platform = readPlatform(value);
      }),
    },
    { required: ["mediaType", "digest", "size"], unknownKeys: "ignore" },
  );
  if (!digest) throw jsonError(node, "ERR_JSON_MISSING_KEY", 'Key "digest" missing in a JSON object');
  return { mediaType, digest, size, ...found };
}

/** A reader that takes null for an absent member. */
export function optional(reader: (value: JsonNode) => void): (value: JsonNode) => void {
  return (value) => {
    if (value.kind !== "null") reader(value);
  };
}

/** Reads a media type; throws `ERR_JSON_TYPE` for a text outside its grammar. */
export function readMediaType(node: JsonNode): string {
  const text = stringOf(node);
  if (!isMediaType(text)) {
    throw jsonError(node, "ERR_JSON_TYPE", `${JSON.stringify(text.slice(0, 128))} is not a media type`);
  }
  return text;
}

/** Reads annotations: an object of strings. Throws `ERR_JSON_TYPE` for anything else. */
export function readAnnotations(node: JsonNode): Record<string, string> {
  return Object.fromEntries(members(node).map(({ key, value }) => [key, stringOf(value)]));
}

function readDigest(node: JsonNode): Digest {
  const text = stringOf(node);
  if (isDigest(text)) return text;
  const shown = JSON.stringify(text.slice(0, 160));
  const registered = /^sha(?:256|384|512):/.test(text);
  if (!registered && matchesDigestGrammar(text)) {
    throw jsonError(node, "ERR_DIGEST_UNSUPPORTED", `unsupported digest algorithm in ${shown}`);
  }
  throw jsonError(node, "ERR_DIGEST_INVALID", `${shown} is not a digest`);
}

function readBase64(node: JsonNode): string {
  const text = stringOf(node);
  if (!BASE64.test(text)) throw jsonError(node, "ERR_JSON_TYPE", "data is not base64 with padding");
  return text;
}

function readPlatform(node: JsonNode): DescriptorPlatform {
  refuseOtherSpellings(node, PLATFORM_NAMES);
  const platform: DescriptorPlatform = { architecture: "", os: "" };
  readObject(
    node,
    {
      architecture: (value) => {
        platform.architecture = stringOf(value);
      },
      os: (value) => {
        platform.os = stringOf(value);
      },
      "os.version": optional((value) => {
        platform["os.version"] = stringOf(value);
      }),
      "os.features": optional((value) => {
        platform["os.features"] = items(value).map(stringOf);
      }),
      variant: optional((value) => {
        platform.variant = stringOf(value);
      }),
      features: optional((value) => {
        platform.features = items(value).map(stringOf);
      }),
    },
    { required: ["architecture", "os"], unknownKeys: "ignore" },
  );
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

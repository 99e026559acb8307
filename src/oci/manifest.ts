/**
 * Image manifests and indexes: bytes and media type in, one checked reading out.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md}
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md}
 * @module
 */
import { type Digest, type DigestAlgorithm, digestOf } from "../core/digest.ts";
import { CoreError } from "../core/errors.ts";
import {
  integerOf,
  items,
  type JsonNode,
  type JsonValue,
  parseJson,
  readObject,
  stringOf,
  toPlain,
} from "../core/strict-json.ts";
import { type Descriptor, optional, readAnnotations, readDescriptor, readMediaType } from "./descriptor.ts";
import { OciError } from "./errors.ts";
import { refuseOtherSpellings } from "./json-names.ts";
import { assertOneKind, guessMediaType, manifestKind, type OneKindOptions } from "./manifest-kind.ts";

/** What manifests and indexes have in common. */
interface ManifestFields {
  schemaVersion: 2;
  /** As written in the document; the type that counts is the one beside `value`. */
  mediaType?: string;
  artifactType?: string;
  /** What this document is about: an image that a signature belongs to, say. */
  subject?: Descriptor;
  annotations?: Record<string, string>;
}

/** The fields of an image manifest. */
export interface ImageManifest extends ManifestFields {
  config: Descriptor;
  /** Bottom to top. May be empty. */
  layers: Descriptor[];
}

/** The fields of an index. */
export interface ImageIndex extends ManifestFields {
  /** In order of preference where several fit. May be empty. */
  manifests: Descriptor[];
}

interface ParsedDocument {
  /** The type under which the document was delivered, else the one that it declares or that was guessed. */
  mediaType: string;
  /** The exact bytes: the digest is of these, never of a re-serialisation. */
  bytes: Uint8Array;
  /** Media type, digest and size of `bytes`, and the artifact type where there is one. */
  descriptor: Descriptor;
  /** The whole document as plain data, members that lading does not know included. */
  plain: { [key: string]: JsonValue };
}

/** An image manifest that was read. */
export interface ManifestDocument extends ParsedDocument {
  kind: "manifest";
  value: ImageManifest;
}

/** An index that was read. */
export interface IndexDocument extends ParsedDocument {
  kind: "index";
  value: ImageIndex;
}

/** A manifest or an index. */
export type Manifest = ManifestDocument | IndexDocument;

/** Options of {@link parseManifest}. */
export interface ParseManifestOptions extends OneKindOptions {
  /** Largest document accepted, in bytes. Default 4 MiB (4194304). */
  maxBytes?: number | undefined;
  /** Algorithm of the digest in the descriptor. Default sha256. */
  algorithm?: DigestAlgorithm | undefined;
}

/** Largest manifest accepted unless the caller says otherwise, in bytes: 4 MiB. */
export const MAX_MANIFEST_BYTES: number = 4 * 1024 * 1024;

const COMMON_NAMES = ["schemaVersion", "mediaType", "artifactType", "subject", "annotations"];
const MANIFEST_NAMES = [...COMMON_NAMES, "config", "layers"];
const INDEX_NAMES = [...COMMON_NAMES, "manifests"];

/**
 * Reads a manifest or an index that can be read in one way only.
 *
 * `mediaType` is the type under which the document was delivered: a Content-Type (parameters are cut off) or
 * a descriptor's. Without it the document's own `mediaType` counts, and without that its structure.
 *
 * Whether config, layers and entries exist, are of known types or fit each other is not checked, nor the
 * document's digest: it is computed.
 *
 * @throws {OciError} `ERR_OCI_MANIFEST_AMBIGUOUS`, `ERR_OCI_MEDIA_TYPE_MISMATCH`,
 * `ERR_OCI_MEDIA_TYPE_UNSUPPORTED`, `ERR_OCI_SCHEMA1_UNSUPPORTED`, `ERR_OCI_MANIFEST_INVALID`.
 * @throws {CoreError} `ERR_JSON_…` with the position, `ERR_DIGEST_…`, `ERR_TOO_LARGE`.
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md}
 */
export function parseManifest(
  bytes: Uint8Array,
  mediaType?: string,
  { maxBytes = MAX_MANIFEST_BYTES, mediaTypes, algorithm }: ParseManifestOptions = {},
): Manifest {
  const node = parseJson(bytes, { maxBytes });
  const type = mediaType === undefined ? guessMediaType(node) : cutParameters(mediaType);
  if (type === undefined) {
    throw new OciError("ERR_OCI_MANIFEST_INVALID", "neither an image manifest nor an index");
  }
  assertOneKind(node, type, { mediaTypes });
  const kind = manifestKind(type);
  if (kind === "schema1") {
    throw new OciError(
      "ERR_OCI_SCHEMA1_UNSUPPORTED",
      `${type}: Docker schema 1 is not supported; push the image again with a current tool`,
    );
  }
  const digest = digestOf(bytes, algorithm);
  const plain = toPlain(node) as { [key: string]: JsonValue };
  if (kind === "index") {
    const value = readIndex(node);
    return { kind, mediaType: type, bytes, descriptor: describe(type, digest, bytes, value), value, plain };
  }
  const value = readImageManifest(node);
  const descriptor = describe(type, digest, bytes, value);
  return { kind: "manifest", mediaType: type, bytes, descriptor, value, plain };
}

/** A Content-Type without its parameters, in lower case of type and subtype as sent. */
export function cutParameters(contentType: string): string {
  return (contentType.split(";", 1)[0] ?? "").trim();
}

/**
 * What kind of artifact a document is: its `artifactType`, for an image manifest else its config's media type.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage}
 */
export function artifactTypeOf(manifest: Pick<Manifest, "kind" | "value">): string | undefined {
  const { value } = manifest;
  return value.artifactType ?? ("config" in value ? value.config.mediaType : undefined);
}

function describe(
  mediaType: string,
  digest: Digest,
  bytes: Uint8Array,
  { artifactType }: ManifestFields,
): Descriptor {
  const descriptor: Descriptor = { mediaType, digest, size: bytes.byteLength };
  if (artifactType !== undefined) descriptor.artifactType = artifactType;
  return descriptor;
}

function readImageManifest(node: JsonNode): ImageManifest {
  refuseOtherSpellings(node, MANIFEST_NAMES);
  const fields: ManifestFields = { schemaVersion: 2 };
  let config: Descriptor | undefined;
  let layers: Descriptor[] = [];
  readObject(
    node,
    {
      ...commonReaders(fields),
      config: (value) => {
        config = readDescriptor(value);
      },
      // Encoders of other languages write an empty list as null.
      layers: optional((value) => {
        layers = items(value).map(readDescriptor);
      }),
    },
    { required: ["schemaVersion", "config", "layers"], unknownKeys: "ignore" },
  );
  if (!config) throw new CoreError("ERR_JSON_MISSING_KEY", 'Key "config" missing in a JSON object');
  return { ...fields, config, layers };
}

function readIndex(node: JsonNode): ImageIndex {
  refuseOtherSpellings(node, INDEX_NAMES);
  const fields: ManifestFields = { schemaVersion: 2 };
  let manifests: Descriptor[] = [];
  readObject(
    node,
    {
      ...commonReaders(fields),
      manifests: optional((value) => {
        manifests = items(value).map(readDescriptor);
      }),
    },
    { required: ["schemaVersion", "manifests"], unknownKeys: "ignore" },
  );
  return { ...fields, manifests };
}

function commonReaders(fields: ManifestFields): Record<string, (value: JsonNode) => void> {
  return {
    schemaVersion: (value) => {
      integerOf(value, 2n, 2n);
    },
    mediaType: optional((value) => {
      const text = stringOf(value);
      if (text !== "") fields.mediaType = text;
    }),
    artifactType: optional((value) => {
      if (stringOf(value) !== "") fields.artifactType = readMediaType(value);
    }),
    subject: optional((value) => {
      fields.subject = readDescriptor(value);
    }),
    annotations: optional((value) => {
      fields.annotations = readAnnotations(value);
    }),
  };
}

/**
 * Image manifests and indexes: bytes and media type in, one checked reading out.
 *
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md}
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md}
 * @module
 */
import { type Digest, type DigestAlgorithm, digestOf } from "../core/digest.ts";
import type { JsonValue } from "../core/strict-json.ts";
import { type Descriptor, readDescriptor, readDescriptors, readMediaType } from "./descriptor.ts";
import { OciError } from "./errors.ts";
import { knownNames, refuseOtherSpellings } from "./json-names.ts";
import {
  below,
  type JsonMembers,
  membersOf,
  numberOf,
  optional,
  optionalText,
  ROOT,
  readJson,
  required,
  textMapOf,
} from "./json-value.ts";
import { checkOneKind, guessTypeOf, type OneKindOptions } from "./manifest-kind.ts";

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

/** A manifest or an index without its bytes. */
export type ReadManifest = { type: string } & (
  | { kind: "manifest"; value: ImageManifest }
  | { kind: "index"; value: ImageIndex }
);

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
const MANIFEST_NAMES = knownNames(...COMMON_NAMES, "config", "layers");
const INDEX_NAMES = knownNames(...COMMON_NAMES, "manifests");

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
  const { value: read, plain: json } = readJson(
    bytes,
    (document) => readManifest(document, mediaType, { mediaTypes }),
    { maxBytes },
  );
  const { kind, type, value } = read;
  const descriptor = describe(type, digestOf(bytes, algorithm), bytes, value);
  const plain = json as { [key: string]: JsonValue };
  return { kind, mediaType: type, bytes, descriptor, value, plain } as Manifest;
}

/** Reads a manifest or an index out of plain data; fails as {@link parseManifest} does. */
export function readManifest(
  document: unknown,
  mediaType: string | undefined,
  options: OneKindOptions,
): ReadManifest {
  const type = mediaType === undefined ? guessTypeOf(document) : cutParameters(mediaType);
  if (type === undefined) {
    throw new OciError("ERR_OCI_MANIFEST_INVALID", "neither an image manifest nor an index");
  }
  const kind = checkOneKind(document, type, options);
  if (kind === "schema1") {
    throw new OciError(
      "ERR_OCI_SCHEMA1_UNSUPPORTED",
      `${type}: Docker schema 1 is not supported; push the image again with a current tool`,
    );
  }
  const members = membersOf(document, ROOT);
  return kind === "index"
    ? { kind, type, value: readIndex(members) }
    : { kind, type, value: readImageManifest(members) };
}

/** A Content-Type without its parameters, in lower case of type and subtype as sent. */
export function cutParameters(contentType: string): string {
  const end = contentType.indexOf(";");
  return (end < 0 ? contentType : contentType.slice(0, end)).trim();
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

function readImageManifest(members: JsonMembers): ImageManifest {
  refuseOtherSpellings(members, MANIFEST_NAMES, ROOT);
  checkVersion(members);
  const config = readDescriptor(required(members, "config", ROOT), below(ROOT, "config"));
  // Encoders of other languages write an empty list as null.
  const layers = readDescriptors(required(members, "layers", ROOT) ?? [], below(ROOT, "layers"));
  const manifest: ImageManifest = { schemaVersion: 2, config, layers };
  readCommon(members, manifest);
  return manifest;
}

function readIndex(members: JsonMembers): ImageIndex {
  refuseOtherSpellings(members, INDEX_NAMES, ROOT);
  checkVersion(members);
  const manifests = readDescriptors(required(members, "manifests", ROOT) ?? [], below(ROOT, "manifests"));
  const index: ImageIndex = { schemaVersion: 2, manifests };
  readCommon(members, index);
  return index;
}

function checkVersion(members: JsonMembers): void {
  numberOf(required(members, "schemaVersion", ROOT), ROOT, "schemaVersion", 2, 2);
}

function readCommon(members: JsonMembers, fields: ManifestFields): void {
  const mediaType = optionalText(members, "mediaType", ROOT) ?? "";
  if (mediaType !== "") fields.mediaType = mediaType;
  const artifactType = optional(members, "artifactType") ?? "";
  if (artifactType !== "") fields.artifactType = readMediaType(artifactType, ROOT, "artifactType");
  const subject = optional(members, "subject");
  if (subject !== undefined) fields.subject = readDescriptor(subject, below(ROOT, "subject"));
  const annotations = optional(members, "annotations");
  if (annotations !== undefined) fields.annotations = textMapOf(annotations, below(ROOT, "annotations"));
}

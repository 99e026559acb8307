/**
 * The digest that signatures and references name a manifest by.
 *
 * That is the SHA-256 of its bytes, with one exception from before OCI: a signed Docker schema 1 manifest is
 * named by the digest of the payload that its signatures cover.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/internal/manifest/manifest.go}
 * @module
 */
import { type Digest, type DigestAlgorithm, digestOf } from "../core/digest.ts";
import { CoreError } from "../core/errors.ts";
import { DOCKER_SCHEMA1_SIGNED } from "../core/media-types.ts";
import { messageOf } from "../core/message-of.ts";
import { type JsonNode, members, parseJson, stringOf } from "../core/strict-json.ts";
import { guessMediaType } from "../oci/manifest-kind.ts";
import { decodeBase64Url } from "./base64.ts";
import { PolicyError } from "./errors.ts";

const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** The media type that the content of a manifest suggests, or nothing if it is not one. */
export function guessManifestType(manifest: Uint8Array): string | undefined {
  const node = tryParse(manifest);
  return node && guessMediaType(node);
}

/**
 * The digest of a manifest.
 *
 * The JSON web signatures of a schema 1 manifest are not verified: the digest alone is of interest.
 *
 * @throws {PolicyError} `ERR_POLICY_MANIFEST` for a signed schema 1 manifest whose signatures do not say what
 * they cover, do not agree on it, cover something other than the rest of the text, or are none.
 */
export function manifestDigest(manifest: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  if (!mayBeSigned(manifest)) return digestOf(manifest, algorithm);
  const node = tryParse(manifest);
  if (!node || guessMediaType(node) !== DOCKER_SCHEMA1_SIGNED) return digestOf(manifest, algorithm);
  return digestOf(signedPayload(node, manifest), algorithm);
}

/**
 * Whether a manifest can be a signed schema 1 manifest at all: one has a member or a media type that stands in it
 * letter for letter, or with an escape.
 */
function mayBeSigned(manifest: Uint8Array): boolean {
  const bytes = Buffer.from(manifest.buffer, manifest.byteOffset, manifest.byteLength);
  return SIGNED_MARKS.some((mark) => bytes.includes(mark));
}

const SIGNED_MARKS: readonly Buffer[] = ["signatures", DOCKER_SCHEMA1_SIGNED, "\\"].map((text) =>
  Buffer.from(text),
);

/**
 * Whether a manifest is the one that a digest names.
 *
 * Only SHA-256 digests ever match, as in the reference implementation.
 *
 * @throws {PolicyError} `ERR_POLICY_MANIFEST` as {@link manifestDigest}.
 */
export function manifestMatchesDigest(manifest: Uint8Array, digest: string): boolean {
  return manifestDigest(manifest) === digest;
}

function tryParse(manifest: Uint8Array): JsonNode | undefined {
  try {
    return parseJson(manifest, { maxBytes: MAX_MANIFEST_BYTES, duplicateKeys: "keep" });
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    return undefined;
  }
}

/**
 * The bytes that every signature of a schema 1 manifest covers: its text without the list of signatures, which
 * must be the last member. Whatever else a header rebuilds is another document, and its digest is not this one's.
 */
function signedPayload(node: JsonNode, manifest: Uint8Array): Uint8Array {
  const blocks = readBlocks(node);
  const [first, ...others] = blocks.map(readProtected);
  if (!first) throw broken("no signatures in a signed manifest");
  for (const other of others) {
    if (other.formatLength !== first.formatLength) throw broken("conflicting format length");
    if (!other.formatTail.equals(first.formatTail)) throw broken("conflicting format tail");
  }
  if (first.formatLength > manifest.byteLength) throw broken("invalid format length");
  const last = members(node).at(-1);
  const between = Buffer.from(manifest).toString("latin1", first.formatLength, last?.value.offset);
  const isWhole = last?.key === "signatures" && /^\s*,\s*"signatures"\s*:\s*$/.test(between);
  if (!isWhole || !/^\s*\}\s*$/.test(first.formatTail.toString("latin1"))) {
    throw broken("the signatures cover another document");
  }
  return Buffer.concat([manifest.subarray(0, first.formatLength), first.formatTail]);
}

function readBlocks(node: JsonNode): string[] {
  try {
    const signatures = member(node, "signatures");
    if (signatures?.kind !== "array") throw broken("not a list");
    return signatures.items.map((block) => {
      const protectedHeader = member(block, "protected");
      return protectedHeader && protectedHeader.kind !== "null" ? stringOf(protectedHeader) : "";
    });
  } catch (cause) {
    throw broken(`error unmarshalling signatures: ${messageOf(cause)}`, cause);
  }
}

function readProtected(encoded: string): { formatLength: number; formatTail: Buffer } {
  const header = decodeBase64Url(encoded);
  const node = header && tryParse(header);
  if (node?.kind !== "object") throw broken("error unmarshalling protected header");
  const length = member(node, "formatLength");
  const tail = member(node, "formatTail");
  if (!length) throw broken("missing formatted length");
  if (!tail) throw broken("missing formatted tail");
  const formatLength = length.kind === "number" ? Number(length.text) : Number.NaN;
  const formatTail = tail.kind === "string" ? decodeBase64Url(tail.value) : undefined;
  if (!Number.isSafeInteger(formatLength) || formatLength < 0) throw broken("invalid format length");
  if (!formatTail) throw broken("invalid format tail");
  return { formatLength, formatTail: Buffer.from(formatTail) };
}

function member(node: JsonNode, name: string): JsonNode | undefined {
  return members(node).findLast(({ key }) => key === name)?.value;
}

function broken(message: string, cause?: unknown): PolicyError {
  return new PolicyError("ERR_POLICY_MANIFEST", message, cause === undefined ? {} : { cause });
}

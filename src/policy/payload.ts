/**
 * What a signature says: "the manifest with this digest goes by this name".
 *
 * Sigstore and simple-signing signatures carry the same JSON, apart from the type and from `optional`, which
 * only sigstore may write as null.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-signature.5.md#json-data-format}
 * @module
 */
import { parseDigest } from "../core/digest.ts";
import { CoreError, isLadingError } from "../core/errors.ts";
import { messageOf } from "../core/message-of.ts";
import { type JsonNode, jsonError, members, parseJson, readObject, stringOf } from "../core/strict-json.ts";
import { invalidSignature, type PolicyError } from "./errors.ts";
import { quote } from "./quote.ts";

/** What a signature says. */
export interface SignedPayload {
  /** Digest of the manifest, of any algorithm that lading knows. */
  readonly dockerManifestDigest: string;
  /** The name of the image, of any content, empty included. */
  readonly dockerReference: string;
  /** The program that made the signature, by its own account. */
  readonly creator?: string;
  /** When the signature was made, by its own account, in seconds since 1970. */
  readonly timestamp?: bigint;
}

/** The two formats of signatures. */
export type PayloadFormat = "sigstore" | "simple-signing";

const TYPES: Readonly<Record<PayloadFormat, string>> = {
  sigstore: "cosign container image signature",
  "simple-signing": "atomic container signature",
};

const MAX_PAYLOAD_BYTES = 4 * 1024 * 1024;

/**
 * Reads a payload.
 *
 * Nothing that it says has been verified: check the signature over the bytes first, and then digest and name.
 *
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE` for whatever is not exactly such a payload.
 */
export function parsePayload(bytes: Uint8Array, format: PayloadFormat): SignedPayload {
  return (format === "sigstore" ? parsePlainPayload(bytes) : undefined) ?? parseAnyPayload(bytes, format);
}

const PLAIN =
  /^\{"critical":\{"identity":\{"docker-reference":"([ !#-[\]-~]*)"\},"image":\{"docker-manifest-digest":"(sha256:[0-9a-f]{64})"\},"type":"cosign container image signature"\},"optional":null\}$/;
/** Longer payloads are not looked at twice. */
const MAX_PLAIN_BYTES = 1024;

/**
 * What a payload says that is written to the letter as cosign writes it, without anything optional; nothing for any
 * other, whether or not it can be read.
 */
function parsePlainPayload(bytes: Uint8Array): SignedPayload | undefined {
  if (bytes.byteLength > MAX_PLAIN_BYTES) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  const [, dockerReference, dockerManifestDigest] = PLAIN.exec(text) ?? [];
  if (dockerReference === undefined || dockerManifestDigest === undefined) return undefined;
  return { dockerManifestDigest, dockerReference };
}

function parseAnyPayload(bytes: Uint8Array, format: PayloadFormat): SignedPayload {
  return invalidUnless(() => {
    const node = parseJson(bytes, { maxBytes: MAX_PAYLOAD_BYTES, duplicateKeys: "keep" });
    const [critical, optional] = readExactly(node, ["critical", "optional"]);
    const claims = format === "sigstore" && optional.kind === "null" ? {} : readOptional(optional);
    const [type, image, identity] = readExactly(critical, ["type", "image", "identity"]);
    const typeText = textOf(type);
    if (typeText !== TYPES[format]) {
      throw invalidSignature(`Unrecognized signature type ${quote(typeText).slice(1, -1)}`);
    }
    const [digest] = readExactly(image, ["docker-manifest-digest"]);
    const dockerManifestDigest = textOf(digest);
    const problem = digestProblem(dockerManifestDigest);
    if (problem !== undefined) {
      throw invalidSignature(
        `invalid docker-manifest-digest value ${quote(dockerManifestDigest)}: ${problem}`,
      );
    }
    const [reference] = readExactly(identity, ["docker-reference"]);
    return { dockerManifestDigest, dockerReference: textOf(reference), ...claims };
  });
}

/** Runs a reader of JSON; what it throws on purpose comes out as an invalid signature with the same text. */
export function invalidUnless<T>(read: () => T, prefix = ""): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw invalidSignature(prefix + messageOf(cause), cause);
  }
}

/** Reads an object that has exactly the named members, and gives their values in that order. */
export function readExactly<const N extends readonly string[]>(
  node: JsonNode,
  names: N,
): { [K in keyof N]: JsonNode } {
  const found: JsonNode[] = [];
  const readers: Record<string, (value: JsonNode) => void> = {};
  for (const [at, name] of names.entries()) {
    readers[name] = (value) => {
      found[at] = value;
    };
  }
  readObject(node, readers, { required: names });
  return names.map((_, at) => found[at] ?? node) as { [K in keyof N]: JsonNode };
}

/** A text; `null` is the empty text, as in Go. */
export function textOf(node: JsonNode): string {
  return node.kind === "null" ? "" : stringOf(node);
}

function readOptional(node: JsonNode): Pick<SignedPayload, "creator" | "timestamp"> {
  const claims: { creator?: string; timestamp?: bigint } = {};
  const seen = new Set<string>();
  for (const { key, value } of members(node)) {
    if (seen.has(key)) throw jsonError(value, "ERR_JSON_DUPLICATE_KEY", `Duplicate key ${quote(key)}`);
    seen.add(key);
    if (key === "creator") claims.creator = textOf(value);
    else if (key === "timestamp") claims.timestamp = readTimestamp(value);
  }
  return claims;
}

function readTimestamp(node: JsonNode): bigint {
  if (node.kind === "null") return 0n;
  if (node.kind !== "number") throw jsonError(node, "ERR_JSON_TYPE", "JSON number expected");
  // As in Go the number is a double first, so 1.5e9 is fine and 1.5 is not.
  const seconds = Number(node.text);
  if (!Number.isInteger(seconds) || seconds < -(2 ** 63) || seconds >= 2 ** 63) {
    throw notInteger();
  }
  return BigInt(seconds);
}

function notInteger(): PolicyError {
  return invalidSignature("Field optional.timestamp is not an integer");
}

/** Why a text is no digest, in the words of the reference implementation; nothing if it is one. */
function digestProblem(text: string): string | undefined {
  try {
    parseDigest(text);
    return undefined;
  } catch (error) {
    if (!isLadingError(error)) throw error;
    if (error.code === "ERR_DIGEST_UNSUPPORTED") return "unsupported digest algorithm";
    const [, algorithm = "", encoded = ""] = /^(sha256|sha384|sha512):(.+)$/s.exec(text) ?? [];
    const length = { sha256: 64, sha384: 96, sha512: 128 }[algorithm];
    return length !== undefined && encoded.length !== length
      ? "invalid checksum digest length"
      : "invalid checksum digest format";
  }
}

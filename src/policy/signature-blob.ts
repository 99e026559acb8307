/**
 * Signatures as files: what stands in a lookaside store, beside a `dir:` image and in containers-storage.
 *
 * ```text
 * blob         = %x00 format LF data / openpgp-message
 * format       = "simple-signing" / "sigstore-json"
 * ```
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/internal/signature/signature.go}
 * @module
 */
import { CoreError } from "../core/errors.ts";
import { type JsonNode, jsonError, members, parseJson, stringOf } from "../core/strict-json.ts";
import { decodeBase64 } from "./base64.ts";
import { unreadable } from "./errors.ts";
import { quote } from "./quote.ts";

/** A signature as it is stored. */
export type StoredSignature = SimpleSignature | SigstoreSignature;

/** An OpenPGP message around a simple-signing payload. */
export interface SimpleSignature {
  readonly format: "simple-signing";
  readonly content: Uint8Array;
}

/** A sigstore attachment: a signature if its media type says so, else something else. */
export interface SigstoreSignature {
  readonly format: "sigstore-json";
  readonly mediaType: string;
  readonly payload: Uint8Array;
  readonly annotations: ReadonlyMap<string, string>;
}

/** First bytes by which a bare OpenPGP message is told: the reference implementation's list, as it is. */
const OPENPGP_FIRST_BYTES = new Set([
  0xa0, 0xa1, 0xa2, 0xa3, 0xc8, 0x90, 0x91, 0x92, 0x3d, 0xc4, 0x88, 0x89, 0x8a, 0x8b, 0xc2,
]);

const MAX_BLOB_BYTES = 4 * 1024 * 1024;
const MAX_JSON_BYTES = 2 * MAX_BLOB_BYTES;

/**
 * Reads a stored signature.
 *
 * Nothing of it is verified. An OpenPGP message is told by its first byte only.
 *
 * @throws {PolicyError} `ERR_POLICY_SIGNATURES` for a blob of another format.
 */
export function parseSignatureBlob(blob: Uint8Array): StoredSignature {
  const [first] = blob;
  if (first === undefined) throw unreadable("empty signature blob");
  if (first === 0) return readFramed(Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength));
  if (OPENPGP_FIRST_BYTES.has(first)) return { format: "simple-signing", content: blob };
  throw unreadable(`unrecognized signature format, starting with binary 0x${hex(first)}`);
}

function readFramed(blob: Buffer): StoredSignature {
  const newline = blob.indexOf(0x0a);
  if (newline < 0) throw unreadable("invalid signature format, missing newline");
  const name = blob.subarray(1, newline);
  const foreign = name.find((octet) => octet < 0x20 || octet >= 0x7f);
  if (foreign !== undefined) throw unreadable(`invalid signature format, non-ASCII byte 0x${hex(foreign)}`);
  const data = blob.subarray(newline + 1);
  switch (name.toString("latin1")) {
    case "simple-signing":
      return { format: "simple-signing", content: data };
    case "sigstore-json":
      return readSigstore(data);
    default:
      throw unreadable(`unrecognized signature format ${quote(name.toString("latin1"))}`);
  }
}

function readSigstore(data: Uint8Array): SigstoreSignature {
  try {
    const node = parseJson(data, { maxBytes: MAX_JSON_BYTES, duplicateKeys: "keep" });
    const [mediaType, payload, annotations] = ["mimeType", "payload", "annotations"].map((name) =>
      member(node, name),
    );
    return {
      format: "sigstore-json",
      mediaType: mediaType ? textOf(mediaType) : "",
      payload: payload ? bytesOf(payload) : new Uint8Array(0),
      annotations: annotations ? mapOf(annotations) : new Map(),
    };
  } catch (cause) {
    if (!(cause instanceof CoreError)) throw cause;
    throw unreadable(`invalid sigstore-json signature: ${cause.message}`, cause);
  }
}

function member(node: JsonNode, name: string): JsonNode | undefined {
  const found = members(node).filter(({ key }) => key.toLowerCase() === name.toLowerCase());
  const [first, second] = found;
  if (second) throw jsonError(second.value, "ERR_JSON_DUPLICATE_KEY", `Duplicate key ${quote(second.key)}`);
  return first && first.value.kind !== "null" ? first.value : undefined;
}

function textOf(node: JsonNode): string {
  return node.kind === "null" ? "" : stringOf(node);
}

function bytesOf(node: JsonNode): Uint8Array {
  const bytes = decodeBase64(stringOf(node));
  if (!bytes) throw jsonError(node, "ERR_JSON_TYPE", "illegal base64 data");
  return bytes;
}

function mapOf(node: JsonNode): Map<string, string> {
  const map = new Map<string, string>();
  for (const { key, value } of members(node)) {
    if (map.has(key)) throw jsonError(value, "ERR_JSON_DUPLICATE_KEY", `Duplicate key ${quote(key)}`);
    map.set(key, textOf(value));
  }
  return map;
}

function hex(octet: number): string {
  return octet.toString(16).padStart(2, "0");
}

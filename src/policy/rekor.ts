/**
 * The promise of a transparency log (Rekor, version 1) to include an entry: the signed entry timestamp (SET) of
 * the annotation `dev.sigstore.cosign/bundle`.
 *
 * The log's signature says nothing by itself: it is over some entry. What binds it to the signature at hand is
 * that hash, key and signature in the entry are compared with the ones that are checked. Both happen in one
 * function here, and there is no other way to ask.
 *
 * @see {@link https://github.com/sigstore/rekor/blob/v1.4.2/pkg/types/hashedrekord/v0.0.1/hashedrekord_v0_0_1_schema.json}
 * @module
 */
import { digestHex, digestOf } from "../core/digest.ts";
import { integerOf, type JsonNode, parseJson, stringOf } from "../core/strict-json.ts";
import { decodeBase64 } from "./base64.ts";
import { canonicalJson } from "./canonical-json.ts";
import { invalidSignature, type PolicyError } from "./errors.ts";
import { invalidUnless, readExactly, textOf } from "./payload.ts";
import { nextPemBlock, pemText } from "./pem.ts";
import type { PublicKey } from "./public-key.ts";
import { quote } from "./quote.ts";
import { parseEntryBody } from "./rekor-entry.ts";
import { verifyEcdsaDer } from "./signature.ts";

/** The signature that an entry must be about. */
export interface LoggedSignature {
  /** PEM of the key or certificate that made the signature. */
  keyOrCertificatePem: string;
  /** The signature as it stands in its annotation. */
  signatureBase64: string;
  /** The signed bytes. */
  payload: Uint8Array;
}

const MAX_SET_BYTES = 4 * 1024 * 1024;
const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/**
 * When a log recorded a signature, in seconds since 1970.
 *
 * The time is the log's word. Log index and log ID are not compared with anything, and neither an inclusion
 * proof nor a checkpoint is looked at, as in the reference implementation.
 *
 * @param set The text of the annotation.
 * @param logKeys Any of these may have signed. All must be ECDSA.
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE`.
 */
export function verifyRekorSet(
  set: string,
  logKeys: readonly PublicKey[],
  { keyOrCertificatePem, signatureBase64, payload }: LoggedSignature,
): bigint {
  const { timestamp, canonical } = invalidUnless(() => parseSet(set));
  if (!logKeys.some((key) => verifyEcdsaDer(key, "sha256", canonical, timestamp))) {
    throw invalidSignature("cryptographic signature verification of Rekor SET failed");
  }
  const { body, integratedTime } = invalidUnless(
    () => parseSetPayload(canonical),
    "parsing Rekor SET payload: ",
  );
  const entry = parseEntryBody(body);
  const logged = onlyBlock(entry.publicKey, "publicKey in Rekor SET");
  const given = onlyBlock(
    keyOrCertificatePem,
    "public key or cert to be matched against publicKey in Rekor SET",
  );
  if (!sameBytes(logged, given)) throw invalidSignature("publicKey in Rekor SET does not match");
  const signature = decodeBase64(signatureBase64);
  if (!signature) throw invalidSignature("decoding signature base64: illegal base64 data");
  if (!sameBytes(entry.signature, signature)) {
    throw invalidSignature("signature in Rekor SET does not match");
  }
  checkHash(entry.hash, payload);
  return integratedTime;
}

function parseSet(set: string): { timestamp: Uint8Array; canonical: Buffer } {
  const node = parseJson(set, { maxBytes: MAX_SET_BYTES, duplicateKeys: "keep" });
  const [timestamp, payload] = readExactly(node, ["SignedEntryTimestamp", "Payload"]);
  const bytes = bytesOf(timestamp);
  const canonical = invalidUnless(() => {
    if (payload.kind !== "object" && payload.kind !== "array") {
      throw invalidSignature("canonicalizing Rekor SET JSON: neither an object nor an array");
    }
    return canonicalJson(payload);
  }, "canonicalizing Rekor SET JSON: ");
  return { timestamp: bytes, canonical: Buffer.from(canonical, "utf8") };
}

/** Reads what the log signed, from the very bytes that it signed. */
function parseSetPayload(canonical: Uint8Array): { body: Uint8Array; integratedTime: bigint } {
  const node = parseJson(canonical, { maxBytes: 2 * MAX_SET_BYTES, duplicateKeys: "keep" });
  const [body, time, index, id] = readExactly(node, ["body", "integratedTime", "logIndex", "logID"]);
  const bytes = bytesOf(body);
  const integratedTime = int64Of(time);
  int64Of(index);
  textOf(id);
  return { body: bytes, integratedTime };
}

function int64Of(node: JsonNode): bigint {
  return node.kind === "null" ? 0n : integerOf(node, INT64_MIN, INT64_MAX);
}

function bytesOf(node: JsonNode): Uint8Array {
  if (node.kind === "null") return new Uint8Array(0);
  const bytes = decodeBase64(stringOf(node));
  if (!bytes) throw invalidSignature("illegal base64 data");
  return bytes;
}

/** The bytes of a text that is one PEM block with nothing after it; its type and headers do not count. */
function onlyBlock(pem: string | Uint8Array, what: string): Uint8Array {
  const block = nextPemBlock(pemText(pem));
  if (!block) throw invalidSignature(`${what} is not in PEM format`);
  if (block.rest !== "") throw invalidSignature(`${what} has trailing data`);
  return block.bytes;
}

function checkHash(
  hash: { algorithm: string | undefined; value: string | undefined },
  payload: Uint8Array,
): void {
  const { algorithm, value } = hash;
  if (algorithm === undefined) throw missing("data.hash.algorithm");
  if (algorithm !== "sha256") {
    throw invalidSignature(`Unexpected "data.hash.algorithm" value ${quote(algorithm)}`);
  }
  if (value === undefined) throw missing("data.hash.value");
  if (value.length % 2 !== 0 || /[^0-9a-fA-F]/.test(value)) {
    throw invalidSignature('Invalid "data.hash.value" field in hashedrekord: not hexadecimal');
  }
  if (value.toLowerCase() !== digestHex(digestOf(payload))) {
    throw invalidSignature("payload in Rekor SET does not match");
  }
}

function missing(field: string): PolicyError {
  return invalidSignature(`Missing ${quote(field)} field in hashedrekord`);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

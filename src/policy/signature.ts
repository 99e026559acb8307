/**
 * Checking a signature over bytes with a public key.
 *
 * @module
 */
import { constants, verify } from "node:crypto";
import { type DerElement, derInteger, derReader, onlyElement, TAG } from "./der.ts";
import type { PublicKey } from "./public-key.ts";

/** Hashes that signatures are made over. */
export type SignatureHash = "sha256" | "sha384" | "sha512";

/** Longest raw ECDSA signature: two numbers of 521 bits, in whole bytes. */
const MAX_RAW_BYTES = 132;
/** RSA keys with fewer bits are no longer accepted by Go's verifier, whoever names them. */
const MIN_RSA_BITS = 1024;

/**
 * Why a key does not verify a sigstore signature over a payload, or nothing if it does.
 *
 * The hash is SHA-256 whatever the key. ECDSA signatures are DER, or two numbers of equal length one after the
 * other; RSA signatures PKCS #1 v1.5; Ed25519 signs the payload itself.
 */
export function payloadSignatureProblem(
  key: PublicKey,
  payload: Uint8Array,
  signature: Uint8Array,
): string | undefined {
  switch (key.kind) {
    case "ecdsa": {
      if (readEcdsa(signature)) {
        return verifyEcdsaDer(key, "sha256", payload, signature)
          ? undefined
          : "invalid signature when validating ASN.1 encoded signature";
      }
      const { length } = signature;
      if (length === 0 || length > MAX_RAW_BYTES || length % 2 !== 0) {
        return "ecdsa: Invalid IEEE_P1363 encoded bytes";
      }
      return verifyEcdsaDer(key, "sha256", payload, rawToDer(signature))
        ? undefined
        : "invalid signature when validating IEEE_P1363 encoded signature";
    }
    case "rsa":
      return verifyRsa(key, "sha256", payload, signature) ? undefined : "crypto/rsa: verification error";
    case "ed25519":
      return verifyEd25519(key, payload, signature) ? undefined : "failed to verify signature";
  }
}

/** Whether an ECDSA signature in DER, and in no other encoding, is good. */
export function verifyEcdsaDer(
  { kind, key }: PublicKey,
  hash: SignatureHash,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (kind !== "ecdsa" || !readEcdsa(signature)) return false;
  return holds(() => verify(hash, data, { key, dsaEncoding: "der" }, signature));
}

/** Whether an RSA signature is good; PKCS #1 v1.5, or PSS with a salt as long as the hash. */
export function verifyRsa(
  { kind, key }: PublicKey,
  hash: SignatureHash,
  data: Uint8Array,
  signature: Uint8Array,
  scheme: "pkcs1" | "pss" = "pkcs1",
): boolean {
  if (kind !== "rsa" || (key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS) return false;
  const padding =
    scheme === "pkcs1"
      ? { padding: constants.RSA_PKCS1_PADDING }
      : { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  return holds(() => verify(hash, data, { key, ...padding }, signature));
}

/** Whether an Ed25519 signature is good. */
export function verifyEd25519({ kind, key }: PublicKey, data: Uint8Array, signature: Uint8Array): boolean {
  return kind === "ed25519" && holds(() => verify(null, data, key, signature));
}

/** A check that fails in whatever way did not succeed. */
function holds(check: () => boolean): boolean {
  try {
    return check() === true;
  } catch {
    return false;
  }
}

/** The two numbers of a DER ECDSA signature, or nothing for other bytes. */
function readEcdsa(signature: Uint8Array): [r: DerElement, s: DerElement] | undefined {
  try {
    const what = "ECDSA signature";
    const reader = derReader(onlyElement(signature, TAG.SEQUENCE, what).content, what);
    const r = reader.next(TAG.INTEGER);
    const s = reader.next(TAG.INTEGER);
    reader.end();
    derInteger(r, what);
    derInteger(s, what);
    return [r, s];
  } catch {
    return undefined;
  }
}

function rawToDer(signature: Uint8Array): Buffer {
  const half = signature.length / 2;
  const numbers = [signature.subarray(0, half), signature.subarray(half)].map(derUnsigned);
  const content = Buffer.concat(numbers);
  return Buffer.concat([derHeader(TAG.SEQUENCE, content.length), content]);
}

function derUnsigned(octets: Uint8Array): Buffer {
  const first = octets.findIndex((octet) => octet !== 0);
  const trimmed = first < 0 ? Buffer.from([0]) : Buffer.from(octets.subarray(first));
  const content = (trimmed[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed;
  return Buffer.concat([derHeader(TAG.INTEGER, content.length), content]);
}

function derHeader(tag: number, length: number): Buffer {
  return Buffer.from(length < 0x80 ? [tag, length] : [tag, 0x81, length]);
}

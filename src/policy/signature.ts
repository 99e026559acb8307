/**
 * Checking a signature over bytes with a public key.
 *
 * @module
 */
import { constants, verify } from "node:crypto";
import { derInteger, derReader, onlyElement, TAG } from "./der.ts";
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
      if (isEcdsaDer(signature)) {
        return verifyReadEcdsa(key, "sha256", payload, signature)
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
  key: PublicKey,
  hash: SignatureHash,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  return isEcdsaDer(signature) && verifyReadEcdsa(key, hash, data, signature);
}

/** As {@link verifyEcdsaDer}, for a signature that is known to be DER. */
function verifyReadEcdsa(
  { kind, key }: PublicKey,
  hash: SignatureHash,
  data: Uint8Array,
  signature: Uint8Array,
): boolean {
  // DER is what a key by itself stands for, and a key by itself is quicker than one among options.
  return kind === "ecdsa" && holds(() => verify(hash, data, key, signature));
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
  // PKCS #1 v1.5 is what an RSA key by itself stands for.
  if (scheme === "pkcs1") return holds(() => verify(hash, data, key, signature));
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
  return holds(() => verify(hash, data, { key, padding, saltLength }, signature));
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

/** Whether bytes are the two numbers of an ECDSA signature in DER. */
function isEcdsaDer(signature: Uint8Array): boolean {
  if (isShortEcdsaDer(signature)) return true;
  try {
    const what = "ECDSA signature";
    const reader = derReader(onlyElement(signature, TAG.SEQUENCE, what).content, what);
    const r = reader.next(TAG.INTEGER);
    const s = reader.next(TAG.INTEGER);
    reader.end();
    derInteger(r, what);
    derInteger(s, what);
    return true;
  } catch {
    return false;
  }
}

/** As {@link isEcdsaDer}, for lengths of one octet; false says nothing. */
function isShortEcdsaDer(signature: Uint8Array): boolean {
  const { length } = signature;
  const lengthOfR = signature[3] ?? 0x80;
  const s = 4 + lengthOfR;
  return (
    length < 0x82 &&
    signature[0] === TAG.SEQUENCE &&
    signature[1] === length - 2 &&
    isShortInteger(signature, 2, lengthOfR) &&
    isShortInteger(signature, s, length - s - 2)
  );
}

/** Whether an integer in its shortest form, of so many octets, is at a place. */
function isShortInteger(bytes: Uint8Array, at: number, length: number): boolean {
  if (bytes[at] !== TAG.INTEGER || bytes[at + 1] !== length || length < 1) return false;
  const first = bytes[at + 2] ?? 0;
  const second = bytes[at + 3] ?? 0;
  return length === 1 || !((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
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

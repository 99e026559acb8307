/**
 * Public keys, of the kinds that sigstore signatures are made with: ECDSA on P-256, P-384 or P-521, RSA and
 * Ed25519.
 *
 * @module
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { PolicyError } from "./errors.ts";
import { nextPemBlock, pemText } from "./pem.ts";

/** A key of a supported kind. */
export interface PublicKey {
  readonly kind: "ecdsa" | "rsa" | "ed25519";
  readonly key: KeyObject;
}

const CURVES = ["prime256v1", "secp384r1", "secp521r1"];
/**
 * How the SubjectPublicKeyInfo of a key on P-256, named and with an uncompressed point, begins, and how long it is.
 * Asking for the details of a key takes as long as reading it.
 */
const P256_PREFIX = Buffer.from("3059301306072a8648ce3d020106082a8648ce3d03010703420004", "hex");
const P256_LENGTH = 91;
/** Go's limits for the public exponent of RSA: with 1 anyone can sign, and a longer one makes each check slow. */
const RSA_EXPONENTS = { min: 2n, max: 2n ** 31n - 1n };

/** The key of a DER SubjectPublicKeyInfo, or nothing if it is of no supported kind or malformed. */
export function publicKeyOf(spki: Uint8Array): PublicKey | undefined {
  const der = Buffer.from(spki.buffer, spki.byteOffset, spki.byteLength);
  const isP256 = der.length === P256_LENGTH && der.subarray(0, P256_PREFIX.length).equals(P256_PREFIX);
  return supported(() => createPublicKey({ key: der, format: "der", type: "spki" }), isP256);
}

/**
 * The key in a PEM file, of which only the first block is used.
 *
 * @throws {PolicyError} `ERR_POLICY_TRUST_ROOT` if there is no block, or none of a supported kind.
 */
export function parsePublicKeyPem(input: Uint8Array | string): PublicKey {
  const block = nextPemBlock(pemText(input));
  if (!block) throw new PolicyError("ERR_POLICY_TRUST_ROOT", "PEM decoding failed");
  const key = Buffer.from(block.bytes);
  let parsed: PublicKey | undefined;
  if (block.type === "PUBLIC KEY") parsed = publicKeyOf(key);
  else if (block.type === "RSA PUBLIC KEY") {
    parsed = supported(() => createPublicKey({ key, format: "der", type: "pkcs1" }));
  } else {
    throw new PolicyError("ERR_POLICY_TRUST_ROOT", `unknown Public key PEM file type: ${block.type}`);
  }
  if (parsed) return parsed;
  throw new PolicyError("ERR_POLICY_TRUST_ROOT", "malformed public key, or one of an unsupported kind");
}

/** The key as a PEM file with one `PUBLIC KEY` block. */
export function formatPublicKeyPem({ key }: PublicKey): string {
  return key.export({ format: "pem", type: "spki" }).toString();
}

function supported(read: () => KeyObject, isP256 = false): PublicKey | undefined {
  let key: KeyObject;
  try {
    key = read();
  } catch {
    // Whatever OpenSSL says about these bytes, they are no key.
    return undefined;
  }
  if (isP256) return { kind: "ecdsa", key };
  switch (key.asymmetricKeyType) {
    case "ec":
      return CURVES.includes(key.asymmetricKeyDetails?.namedCurve ?? "") ? { kind: "ecdsa", key } : undefined;
    case "rsa": {
      const exponent = key.asymmetricKeyDetails?.publicExponent ?? 0n;
      return exponent >= RSA_EXPONENTS.min && exponent <= RSA_EXPONENTS.max
        ? { kind: "rsa", key }
        : undefined;
    }
    case "ed25519":
      return { kind: "ed25519", key };
    default:
      return undefined;
  }
}

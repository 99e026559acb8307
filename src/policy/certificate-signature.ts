/**
 * Whether one certificate signed another.
 *
 * Accepted are the algorithms that Go's crypto/x509 verifies: RSA (PKCS #1 v1.5, and PSS in its three usual
 * parameter sets), ECDSA and Ed25519, with SHA-256 or longer. SHA-1 and MD5 are not.
 *
 * @module
 */
import type { AlgorithmIdentifier, Certificate } from "./certificate.ts";
import { type PublicKey, publicKeyOf } from "./public-key.ts";
import { type SignatureHash, verifyEcdsaDer, verifyEd25519, verifyRsa } from "./signature.ts";

interface Algorithm {
  kind: "ecdsa" | "rsa" | "ed25519";
  hash: SignatureHash;
  scheme: "pkcs1" | "pss";
}

const NAMED: Readonly<Record<string, Algorithm>> = {
  "1.2.840.113549.1.1.11": { kind: "rsa", hash: "sha256", scheme: "pkcs1" },
  "1.2.840.113549.1.1.12": { kind: "rsa", hash: "sha384", scheme: "pkcs1" },
  "1.2.840.113549.1.1.13": { kind: "rsa", hash: "sha512", scheme: "pkcs1" },
  "1.2.840.10045.4.3.2": { kind: "ecdsa", hash: "sha256", scheme: "pkcs1" },
  "1.2.840.10045.4.3.3": { kind: "ecdsa", hash: "sha384", scheme: "pkcs1" },
  "1.2.840.10045.4.3.4": { kind: "ecdsa", hash: "sha512", scheme: "pkcs1" },
  "1.3.101.112": { kind: "ed25519", hash: "sha512", scheme: "pkcs1" },
};

const RSASSA_PSS = "1.2.840.113549.1.1.10";

// RSASSA-PSS-params with one hash for both uses and a salt of its length: RFC 4055 section 3.1.
const PSS_HASHES: readonly [SignatureHash, hashArc: string, saltLength: string][] = [
  ["sha256", "01", "20"],
  ["sha384", "02", "30"],
  ["sha512", "03", "40"],
];

/**
 * Why a certificate is not signed by an issuer's key, or nothing if it is.
 *
 * The issuer must be a certificate authority by its basic constraints, and its key usage, if it has one, must
 * allow signing certificates. Names and validity are not compared here.
 */
export function issuerProblem(certificate: Certificate, issuer: Certificate): string | undefined {
  const known = outcomes.get(certificate)?.get(issuer);
  if (known) return known.problem;
  const problem = findIssuerProblem(certificate, issuer);
  const kept = outcomes.get(certificate) ?? new WeakMap<Certificate, { problem: string | undefined }>();
  outcomes.set(certificate, kept.set(issuer, { problem }));
  return problem;
}

/** What came out for two certificates does not change, and authorities are asked about again and again. */
const outcomes = new WeakMap<Certificate, WeakMap<Certificate, { problem: string | undefined }>>();
const keys = new WeakMap<Certificate, PublicKey | "unsupported">();

function keyOf(issuer: Certificate): PublicKey | undefined {
  const key = keys.get(issuer) ?? publicKeyOf(issuer.publicKeyInfo) ?? "unsupported";
  keys.set(issuer, key);
  return key === "unsupported" ? undefined : key;
}

function findIssuerProblem(certificate: Certificate, issuer: Certificate): string | undefined {
  const isCa = issuer.basicConstraints ? issuer.basicConstraints.isCa : issuer.version < 3;
  if (!isCa || !issuer.maySignCertificates) {
    return "x509: invalid signature: parent certificate cannot sign this kind of certificate";
  }
  const algorithm = algorithmOf(certificate.signatureAlgorithm);
  const key = keyOf(issuer);
  if (!algorithm || !key) return "x509: cannot verify signature: algorithm unimplemented";
  const { tbs, signature } = certificate;
  const isGood =
    algorithm.kind === "ecdsa"
      ? verifyEcdsaDer(key, algorithm.hash, tbs, signature)
      : algorithm.kind === "rsa"
        ? verifyRsa(key, algorithm.hash, tbs, signature, algorithm.scheme)
        : verifyEd25519(key, tbs, signature);
  return isGood ? undefined : "x509: signature verification failed";
}

function algorithmOf({ oid, parameters }: AlgorithmIdentifier): Algorithm | undefined {
  if (oid !== RSASSA_PSS) return Object.hasOwn(NAMED, oid) ? NAMED[oid] : undefined;
  const hex = parameters?.toString("hex");
  const found = PSS_HASHES.find(([, hashArc, salt]) => hex === pssParameters(hashArc, salt));
  return found && { kind: "rsa", hash: found[0], scheme: "pss" };
}

function pssParameters(hashArc: string, saltLength: string): string {
  const hash = `300d06096086480165030402${hashArc}0500`;
  return `3034a00f${hash}a11c301a06092a864886f70d010108${hash}a2030201${saltLength}`;
}

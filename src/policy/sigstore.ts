/**
 * One sigstore signature against one requirement, in the order of the reference implementation: trust root,
 * annotations, log, certificate, signature bytes, payload, digest, identity.
 *
 * @see {@link https://github.com/sigstore/cosign/blob/v2.6.1/specs/SIGNATURE_SPEC.md}
 * @module
 */
import type { Reference } from "../core/reference.ts";
import { decodeBase64 } from "./base64.ts";
import { type ChainBudget, imageBudget } from "./chain.ts";
import { invalidSignature, PolicyError } from "./errors.ts";
import { type CertificateEvidence, verifyFulcioCertificate } from "./fulcio.ts";
import { matchesIdentity } from "./identity.ts";
import { manifestMatchesDigest } from "./manifest-digest.ts";
import { parsePayload, type SignedPayload } from "./payload.ts";
import { verifyPkiCertificate } from "./pki.ts";
import { formatPublicKeyPem, type PublicKey } from "./public-key.ts";
import { quote } from "./quote.ts";
import { verifyRekorSet } from "./rekor.ts";
import { payloadSignatureProblem } from "./signature.ts";
import type { SigstoreSignature } from "./signature-blob.ts";
import type { KeyTrustRoot, TrustRoot } from "./trust-root.ts";
import type { SignedIdentity } from "./types.ts";

/** Annotations of a signature layer. */
export const ANNOTATIONS: {
  readonly signature: "dev.cosignproject.cosign/signature";
  readonly bundle: "dev.sigstore.cosign/bundle";
  readonly certificate: "dev.sigstore.cosign/certificate";
  readonly chain: "dev.sigstore.cosign/chain";
} = {
  signature: "dev.cosignproject.cosign/signature",
  bundle: "dev.sigstore.cosign/bundle",
  certificate: "dev.sigstore.cosign/certificate",
  chain: "dev.sigstore.cosign/chain",
};

/** The steps of checking a signature, in order. */
export type SignatureStep =
  | "trust-root"
  | "annotations"
  | "log"
  | "certificate"
  | "signature"
  | "payload"
  | "digest"
  | "identity";

/** What a signature is checked against. */
export interface SignatureSubject {
  /** The name of the image; absent for transports without such names. */
  readonly reference: Reference | undefined;
  /** The bytes of the single image's manifest. */
  readonly manifest: Uint8Array;
}

/** What was found in an accepted signature. */
export interface AcceptedSignature {
  readonly payload: SignedPayload;
  /** When the log recorded it, in seconds since 1970; absent where no log is required. */
  readonly loggedAt?: bigint;
  /** The last second, since 1970, at which it would be accepted; absent where that does not end by itself. */
  readonly validUntil?: number;
}

/** Options of {@link verifySigstoreSignature}. */
export interface VerifySigstoreOptions {
  /** The present time in seconds since 1970. Matters for PKI certificates only. */
  now: number;
  /** Work that is left for the certificates of one image; what is done is taken off. Default: enough for one. */
  budget?: ChainBudget | undefined;
  /** Called before each step. */
  onStep?: ((step: SignatureStep) => void) | undefined;
}

/**
 * Checks a signature completely; what comes back was accepted.
 *
 * @throws {PolicyError} The reason why it is not accepted, with the reference implementation's text and class.
 */
export function verifySigstoreSignature(
  signature: SigstoreSignature,
  trust: TrustRoot,
  identity: SignedIdentity,
  subject: SignatureSubject,
  { now, budget = imageBudget(), onStep = () => {} }: VerifySigstoreOptions,
): AcceptedSignature {
  onStep("annotations");
  const signatureBase64 = annotation(signature, ANNOTATIONS.signature);
  const { keys, loggedAt, validUntil } = acceptableKeys(signature, signatureBase64, trust, {
    now,
    budget,
    onStep,
  });
  onStep("signature");
  verifyPayloadSignature(keys, signature.payload, signatureBase64);
  onStep("payload");
  const payload = parsePayload(signature.payload, "sigstore");
  assertSubject(payload, identity, subject, onStep);
  return {
    payload,
    ...(loggedAt === undefined ? {} : { loggedAt }),
    ...(validUntil === undefined ? {} : { validUntil }),
  };
}

/**
 * Fails unless a verified payload is about this manifest, under a name that the policy accepts.
 *
 * @throws {PolicyError} `ERR_POLICY_REQUIREMENT`; `ERR_POLICY_MANIFEST` if the manifest has no digest.
 */
export function assertSubject(
  { dockerManifestDigest, dockerReference }: SignedPayload,
  identity: SignedIdentity,
  { reference, manifest }: SignatureSubject,
  onStep: (step: SignatureStep) => void,
): void {
  onStep("digest");
  if (!manifestMatchesDigest(manifest, dockerManifestDigest)) {
    const message = `Signature for digest ${dockerManifestDigest} does not match`;
    throw new PolicyError("ERR_POLICY_REQUIREMENT", message);
  }
  onStep("identity");
  if (!matchesIdentity(identity, reference, dockerReference)) {
    const message = `Signature for identity ${quote(dockerReference)} is not accepted`;
    throw new PolicyError("ERR_POLICY_REQUIREMENT", message);
  }
}

/**
 * Fails unless one of the keys made a signature over a payload.
 *
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE`; `ERR_POLICY_TRUST_ROOT` if there is no key.
 */
export function verifyPayloadSignature(
  keys: readonly PublicKey[],
  payload: Uint8Array,
  signatureBase64: string,
): void {
  if (keys.length === 0) {
    throw new PolicyError(
      "ERR_POLICY_TRUST_ROOT",
      "Need at least one public key to verify the sigstore payload, but got 0",
    );
  }
  const bytes = decodeBase64(signatureBase64);
  if (!bytes) throw invalidSignature("base64 decoding: illegal base64 data");
  const problems: string[] = [];
  for (const key of keys) {
    const problem = payloadSignatureProblem(key, payload, bytes);
    if (problem === undefined) return;
    problems.push(problem);
  }
  throw invalidSignature(`cryptographic signature verification failed: ${problems.join(", ")}`);
}

/** {@link VerifySigstoreOptions} with every default filled in. */
interface SignatureRun {
  now: number;
  budget: ChainBudget;
  onStep: (step: SignatureStep) => void;
}

interface AcceptableKeys {
  keys: readonly PublicKey[];
  loggedAt?: bigint | undefined;
  validUntil?: number | undefined;
}

/** The keys that may have made a signature, by trust root, log and certificate. */
function acceptableKeys(
  signature: SigstoreSignature,
  signatureBase64: string,
  trust: TrustRoot,
  { now, budget, onStep }: SignatureRun,
): AcceptableKeys {
  const { payload } = signature;
  switch (trust.kind) {
    case "keys":
      return trust.logKeys
        ? loggedKey(signature, signatureBase64, trust, trust.logKeys, onStep)
        : { keys: trust.keys };
    case "fulcio": {
      const set = annotation(signature, ANNOTATIONS.bundle);
      const certificate = certificateEvidence(signature);
      onStep("log");
      const { certificatePem } = certificate;
      const loggedAt = verifyRekorSet(set, trust.logKeys, {
        keyOrCertificatePem: certificatePem,
        signatureBase64,
        payload,
      });
      onStep("certificate");
      const key = verifyFulcioCertificate(trust, certificate, Number(loggedAt), budget);
      return { keys: [key], loggedAt };
    }
    case "pki": {
      const certificate = certificateEvidence(signature);
      onStep("certificate");
      const { key, validUntil } = verifyPkiCertificate(trust, certificate, now, budget);
      return { keys: [key], validUntil };
    }
  }
}

/** The first of the keys that the log recorded for the signature: only that one may have made it. */
function loggedKey(
  signature: SigstoreSignature,
  signatureBase64: string,
  { keys }: KeyTrustRoot,
  logKeys: readonly PublicKey[],
  onStep: (step: SignatureStep) => void,
): AcceptableKeys {
  const set = annotation(signature, ANNOTATIONS.bundle);
  onStep("log");
  const { payload } = signature;
  const problems: string[] = [];
  for (const key of keys) {
    const keyOrCertificatePem = formatPublicKeyPem(key);
    try {
      const loggedAt = verifyRekorSet(set, logKeys, { keyOrCertificatePem, signatureBase64, payload });
      return { keys: [key], loggedAt };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      problems.push(error.message);
    }
  }
  throw invalidSignature(`No public key verified against the RekorSET: ${problems.join(", ")}`);
}

function certificateEvidence(signature: SigstoreSignature): CertificateEvidence {
  return {
    certificatePem: annotation(signature, ANNOTATIONS.certificate),
    chainPem: signature.annotations.get(ANNOTATIONS.chain) ?? "",
  };
}

function annotation({ annotations }: SigstoreSignature, name: string): string {
  const text = annotations.get(name);
  if (text !== undefined) return text;
  throw new PolicyError("ERR_POLICY_MISSING_ANNOTATION", `missing ${name} annotation`);
}

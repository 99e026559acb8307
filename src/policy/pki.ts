/**
 * The certificate of a signature made with an organisation's own public key infrastructure.
 *
 * There is no trusted time: the chain must be valid now, and signatures stop counting when it expires.
 *
 * @module
 */
import type { Certificate } from "./certificate.ts";
import type { ChainBudget } from "./chain.ts";
import { invalidSignature } from "./errors.ts";
import type { CertificateEvidence } from "./fulcio.ts";
import { hostnameProblem } from "./hostname.ts";
import { assertChain, assertEmail, chainIntermediates, leafCertificate, leafKey } from "./leaf.ts";
import type { PublicKey } from "./public-key.ts";

/** Who must have been certified, by whom. At least one subject is there. */
export interface PkiRequirement {
  anchors: readonly Certificate[];
  intermediates: readonly Certificate[];
  subjectEmail?: string | undefined;
  subjectHostname?: string | undefined;
  /** Reads the intermediates of a chain annotation. Default {@link chainIntermediates}. */
  readChain?: ((chainPem: string) => readonly Certificate[]) | undefined;
}

/** A key that is certified at present. */
export interface CertifiedPublicKey {
  readonly key: PublicKey;
  /** The last second, since 1970, at which it still is. */
  readonly validUntil: number;
}

/**
 * The key of a certificate that meets the requirement, and until when it does.
 *
 * @param now Seconds since 1970, fractions allowed.
 * @param budget Work that is left for the chains of one image.
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE`.
 */
export function verifyPkiCertificate(
  { anchors, intermediates, subjectEmail, subjectHostname, readChain = chainIntermediates }: PkiRequirement,
  { certificatePem, chainPem }: CertificateEvidence,
  now: number,
  budget?: ChainBudget,
): CertifiedPublicKey {
  if (!subjectEmail && !subjectHostname) throw new TypeError("a PKI requirement needs a subject");
  const fromChain = readChain(chainPem);
  const leaf = leafCertificate(certificatePem);
  const pool = [...intermediates, ...fromChain];
  const validUntil = assertChain(leaf, { anchors, intermediates: pool, at: now, budget });
  if (subjectEmail) assertEmail(leaf, subjectEmail);
  if (subjectHostname) {
    const problem = hostnameProblem(leaf.subjectAltName, subjectHostname);
    if (problem !== undefined) throw invalidSignature(`Unexpected subject hostname: ${problem}`);
  }
  return { key: leafKey(leaf), validUntil };
}

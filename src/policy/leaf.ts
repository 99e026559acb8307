/**
 * What Fulcio and PKI certificates of a signature have in common: reading the two annotations, and the chain.
 *
 * @module
 */
import { messageOf } from "../core/message-of.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { type ChainOptions, verifyChain } from "./chain.ts";
import { invalidSignature } from "./errors.ts";
import { pemBlocks } from "./pem.ts";
import { type PublicKey, publicKeyOf } from "./public-key.ts";
import { quote, quoteList } from "./quote.ts";

/** More certificates than this in one annotation are not read. */
const MAX_CERTIFICATES = 64;

/**
 * The certificates of a PEM text of nothing but certificates, of whatever PEM type.
 *
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE`.
 */
export function parseCertificateList(pem: Uint8Array | string): Certificate[] {
  const blocks = pemBlocks(pem);
  if (!blocks) throw invalidSignature("error during PEM decoding");
  if (blocks.length > MAX_CERTIFICATES) throw invalidSignature(`more than ${MAX_CERTIFICATES} certificates`);
  return blocks.map(({ bytes }) => parseCertificate(bytes));
}

/**
 * The intermediates of a chain annotation: all but the last certificate, which is taken for a root and never
 * trusted from here.
 *
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE`.
 */
export function chainIntermediates(chainPem: string): Certificate[] {
  if (chainPem === "") return [];
  try {
    return parseCertificateList(chainPem).slice(0, -1);
  } catch (cause) {
    throw invalidSignature(`loading certificate chain: ${messageOf(cause)}`, cause);
  }
}

/**
 * The one certificate of a certificate annotation.
 *
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE`.
 */
export function leafCertificate(certificatePem: string): Certificate {
  let certificates: Certificate[];
  try {
    certificates = parseCertificateList(certificatePem);
  } catch (cause) {
    throw invalidSignature(`parsing leaf certificate: ${messageOf(cause)}`, cause);
  }
  const [leaf] = certificates;
  if (!leaf) throw invalidSignature("no certificate found in signature certificate data");
  if (certificates.length === 1) return leaf;
  throw invalidSignature("unexpected multiple certificates present in signature certificate data");
}

/**
 * Fails unless a leaf has a chain to an anchor, and gives the last second, since 1970, at which it still has
 * one. Throws `ERR_POLICY_INVALID_SIGNATURE`.
 */
export function assertChain(leaf: Certificate, options: ChainOptions): number {
  const outcome = verifyChain(leaf, options);
  if (outcome.kind === "chain") return outcome.validUntil;
  // The spelling is the one that users find in logs.
  throw invalidSignature(`veryfing leaf certificate failed: ${outcome.problem}`);
}

/** Fails unless an e-mail address is among the leaf's, letter for letter. */
export function assertEmail({ subjectAltName }: Certificate, wanted: string): void {
  const emails = subjectAltName?.emails ?? [];
  if (emails.includes(wanted)) return;
  throw invalidSignature(`Required email ${quote(wanted)} not found (got ${quoteList(emails)})`);
}

/** The key that a leaf certifies. Throws `ERR_POLICY_INVALID_SIGNATURE` for one of an unsupported kind. */
export function leafKey(leaf: Certificate): PublicKey {
  const key = publicKeyOf(leaf.publicKeyInfo);
  if (key) return key;
  throw invalidSignature("unsupported public key type in the certificate");
}

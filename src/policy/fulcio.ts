/**
 * The certificate of a keyless signature: issued by Fulcio for an e-mail address that an OIDC issuer vouches for.
 *
 * Certificate transparency (SCT) is not checked, as in the reference implementation.
 *
 * @see {@link https://github.com/sigstore/fulcio/blob/v1.7.1/docs/oid-info.md}
 * @module
 */
import type { Certificate } from "./certificate.ts";
import { SUBJECT_ALT_NAME } from "./certificate.ts";
import type { ChainBudget } from "./chain.ts";
import { derReader } from "./der.ts";
import { invalidSignature } from "./errors.ts";
import { assertChain, assertEmail, chainIntermediates, leafCertificate, leafKey } from "./leaf.ts";
import type { PublicKey } from "./public-key.ts";
import { quote } from "./quote.ts";

/** Who must have been certified, by whom. */
export interface FulcioRequirement {
  anchors: readonly Certificate[];
  oidcIssuer: string;
  subjectEmail: string;
  /** Reads the intermediates of a chain annotation. Default {@link chainIntermediates}. */
  readChain?: ((chainPem: string) => readonly Certificate[]) | undefined;
}

/** What a signature brings along. */
export interface CertificateEvidence {
  certificatePem: string;
  /** Empty where there is no chain annotation. */
  chainPem: string;
}

const ISSUER_V1 = "1.3.6.1.4.1.57264.1.1";
const ISSUER_V2 = "1.3.6.1.4.1.57264.1.8";

/**
 * The key of a Fulcio certificate that meets the requirement.
 *
 * @param at When the signature was made, by the log, in seconds since 1970: every certificate of the chain
 * must be valid then. The present time plays no role.
 * @param budget Work that is left for the chains of one image.
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE`.
 */
export function verifyFulcioCertificate(
  { anchors, oidcIssuer, subjectEmail, readChain = chainIntermediates }: FulcioRequirement,
  { certificatePem, chainPem }: CertificateEvidence,
  at: number,
  budget?: ChainBudget,
): PublicKey {
  if (!oidcIssuer || !subjectEmail) throw new TypeError("a Fulcio requirement needs issuer and subject");
  const intermediates = readChain(chainPem);
  const leaf = leafCertificate(certificatePem);
  // Fulcio marks alternative names as critical that hold only forms which are not understood. That is no
  // reason to fail by itself: such a certificate has no e-mail address and fails below.
  assertChain(leaf, { anchors, intermediates, at, toleratedLeafExtensions: [SUBJECT_ALT_NAME], budget });
  const issuer = issuerOf(leaf);
  if (!issuer.equals(Buffer.from(oidcIssuer, "utf8"))) {
    throw invalidSignature(`Unexpected Fulcio OIDC issuer ${quote(issuer.toString("utf8"))}`);
  }
  assertEmail(leaf, subjectEmail);
  return leafKey(leaf);
}

/** The OIDC issuer that a certificate names, as bytes. */
function issuerOf(leaf: Certificate): Buffer {
  const v1 = leaf.extensions.find(({ oid }) => oid === ISSUER_V1)?.value;
  const encoded = leaf.extensions.find(({ oid }) => oid === ISSUER_V2)?.value;
  const v2 = encoded && readString(encoded);
  if (v1 && v2 && !v1.equals(v2)) {
    const [old, current] = [v1, v2].map((issuer) => quote(issuer.toString("utf8")));
    throw invalidSignature(`inconsistent OIDC issuer extension values: v1 ${old}, v2 ${current}`);
  }
  const issuer = v2 ?? v1;
  if (issuer) return issuer;
  throw invalidSignature("Fulcio certificate is missing the issuer extension");
}

const UTF8_STRING = 0x0c;
const BMP_STRING = 0x1e;
/** Identifier octets of the one-byte string types, with what each may hold. */
const STRINGS: Readonly<Record<number, RegExp>> = {
  18: /^[0-9 ]*$/,
  19: /^[A-Za-z0-9 '()+,\-./:=?*&]*$/,
  // T61String and GeneralString, whose bytes are taken as they are.
  20: /^.*$/s,
  22: /^[\0-\x7f]*$/,
  27: /^.*$/s,
};

/** The text of a DER string of any type, as UTF-8. */
function readString(der: Buffer): Buffer {
  const what = "OIDC issuer v2 extension";
  let tag: number;
  let content: Buffer;
  let isAlone: boolean;
  try {
    const reader = derReader(der, what);
    ({ tag, content } = reader.next());
    isAlone = reader.done;
  } catch (cause) {
    throw invalidSignature(`invalid ASN.1 in ${what}`, cause);
  }
  const text = stringContent(tag, content);
  if (!text) throw invalidSignature(`invalid ASN.1 in ${what}: not a string`);
  if (!isAlone) throw invalidSignature(`invalid ASN.1 in ${what}, trailing data`);
  return text;
}

function stringContent(tag: number, content: Buffer): Buffer | undefined {
  if (tag === UTF8_STRING) {
    return Buffer.from(content.toString("utf8"), "utf8").equals(content) ? content : undefined;
  }
  if (tag === BMP_STRING) {
    if (content.length % 2 !== 0) return undefined;
    return Buffer.from(Buffer.from(content).swap16().toString("utf16le"), "utf8");
  }
  const allowed = Object.hasOwn(STRINGS, tag) ? STRINGS[tag] : undefined;
  return allowed?.test(content.toString("latin1")) ? content : undefined;
}

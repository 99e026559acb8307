/**
 * X.509 certificates: DER to what chain building and identity checks need.
 *
 * Reading follows Go's crypto/x509, which decides on a node: which extensions count as understood, what in
 * them makes the whole certificate unreadable. Signatures are not checked here.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc5280}
 * @module
 */
import {
  contextTag,
  type DerReader,
  derBitString,
  derBoolean,
  derInteger,
  derOid,
  derReader,
  derSmallInteger,
  derTime,
  malformed,
  onlyElement,
  TAG,
} from "./der.ts";
import { invalidSignature } from "./errors.ts";
import { type GeneralNames, readGeneralNames } from "./general-names.ts";
import { type NameConstraints, readNameConstraints } from "./name-constraints.ts";

/** A certificate. */
export interface Certificate {
  /** The whole DER. */
  readonly raw: Buffer;
  /** What the issuer signed. */
  readonly tbs: Buffer;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Buffer;
  /** DER of the names; compared byte by byte. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  /** Seconds since 1970, both inclusive. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** DER of the SubjectPublicKeyInfo. */
  readonly publicKeyInfo: Buffer;
  /** 1 to 3. */
  readonly version: number;
  /** In order; no two have one id. */
  readonly extensions: readonly CertificateExtension[];
  /** Ids of critical extensions that are not understood. */
  readonly unhandledCritical: readonly string[];
  readonly basicConstraints?: { readonly isCa: boolean; readonly maxPathLength?: number } | undefined;
  /** Whether a key usage, where there is one, lets the key sign certificates. */
  readonly maySignCertificates: boolean;
  /** Purposes, as object identifiers; empty where the extension is absent. */
  readonly extendedKeyUsage: readonly string[];
  readonly subjectAltName?: GeneralNames | undefined;
  readonly nameConstraints?: NameConstraints | undefined;
  readonly subjectKeyId?: Buffer | undefined;
  readonly authorityKeyId?: Buffer | undefined;
}

/** An algorithm with its parameters. */
export interface AlgorithmIdentifier {
  readonly oid: string;
  /** DER of the parameters; absent where there are none. */
  readonly parameters?: Buffer | undefined;
}

/** An extension as it stands in the certificate. */
export interface CertificateExtension {
  readonly oid: string;
  readonly critical: boolean;
  /** Content of the extension's octet string. */
  readonly value: Buffer;
}

/** Object identifier of the subject alternative name. */
export const SUBJECT_ALT_NAME = "2.5.29.17";

/**
 * Reads a certificate.
 *
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE` for anything that is not exactly one certificate.
 */
export function parseCertificate(der: Uint8Array): Certificate {
  const outer = onlyElement(der, TAG.SEQUENCE, "certificate");
  const parts = derReader(outer.content, "certificate");
  const tbs = parts.next(TAG.SEQUENCE);
  const outerAlgorithm = parts.next(TAG.SEQUENCE);
  const signature = derBitString(parts.next(TAG.BIT_STRING), "signature");
  parts.end();
  if (signature.unusedBits !== 0) throw malformed("signature");

  const body = derReader(tbs.content, "tbs certificate");
  const version = readVersion(body);
  derInteger(body.next(TAG.INTEGER), "serial number");
  const innerAlgorithm = body.next(TAG.SEQUENCE);
  if (!innerAlgorithm.raw.equals(outerAlgorithm.raw)) {
    throw invalidSignature("x509: inner and outer signature algorithm identifiers don't match");
  }
  const issuer = body.next(TAG.SEQUENCE);
  const validity = derReader(body.next(TAG.SEQUENCE).content, "validity");
  const notBefore = readTime(validity);
  const notAfter = readTime(validity);
  validity.end();
  const subject = body.next(TAG.SEQUENCE);
  const publicKeyInfo = body.next(TAG.SEQUENCE);
  if (version > 1) {
    body.optional(contextTag(1, false));
    body.optional(contextTag(2, false));
  }
  const wrapped = version === 3 ? body.optional(contextTag(3, true)) : undefined;
  body.end();
  return {
    raw: outer.raw,
    tbs: tbs.raw,
    signatureAlgorithm: readAlgorithm(innerAlgorithm.content),
    signature: signature.bytes,
    issuer: issuer.raw,
    subject: subject.raw,
    notBefore,
    notAfter,
    publicKeyInfo: publicKeyInfo.raw,
    version,
    ...readExtensions(wrapped?.content),
  };
}

/** Reads an AlgorithmIdentifier's content. */
export function readAlgorithm(content: Uint8Array): AlgorithmIdentifier {
  const reader = derReader(content, "algorithm identifier");
  const oid = derOid(reader.next(TAG.OID), "algorithm identifier");
  const parameters = reader.done ? undefined : reader.next().raw;
  reader.end();
  return { oid, parameters };
}

function readVersion(body: DerReader): number {
  const wrapped = body.optional(contextTag(0, true));
  if (!wrapped) return 1;
  const version = derSmallInteger(onlyElement(wrapped.content, TAG.INTEGER, "version"), "version");
  if (version > 2) throw invalidSignature("x509: invalid version");
  return version + 1;
}

function readTime(validity: DerReader): number {
  const element = validity.next();
  if (element.tag !== TAG.UTC_TIME && element.tag !== TAG.GENERALIZED_TIME) throw malformed("validity");
  return derTime(element, "validity");
}

type Understood = Pick<
  Certificate,
  | "basicConstraints"
  | "maySignCertificates"
  | "extendedKeyUsage"
  | "subjectAltName"
  | "nameConstraints"
  | "subjectKeyId"
  | "authorityKeyId"
>;

type Extensions = Understood & Pick<Certificate, "extensions" | "unhandledCritical">;

function readExtensions(wrapped: Buffer | undefined): Extensions {
  const extensions: CertificateExtension[] = [];
  const unhandledCritical: string[] = [];
  const understood: { -readonly [K in keyof Understood]: Understood[K] } = {
    maySignCertificates: true,
    extendedKeyUsage: [],
  };
  if (!wrapped) return { extensions, unhandledCritical, ...understood };
  const list = derReader(onlyElement(wrapped, TAG.SEQUENCE, "extensions").content, "extensions");
  const seen = new Set<string>();
  while (!list.done) {
    const extension = readExtension(list.next(TAG.SEQUENCE).content);
    if (seen.has(extension.oid)) {
      throw invalidSignature("x509: certificate contains duplicate extensions");
    }
    seen.add(extension.oid);
    extensions.push(extension);
    const isUnderstood = understand(extension, understood);
    if (extension.critical && !isUnderstood) unhandledCritical.push(extension.oid);
  }
  return { extensions, unhandledCritical, ...understood };
}

function readExtension(content: Buffer): CertificateExtension {
  const reader = derReader(content, "extension");
  const oid = derOid(reader.next(TAG.OID), "extension OID field");
  const flag = reader.optional(TAG.BOOLEAN);
  const critical = flag ? derBoolean(flag, "extension critical field") : false;
  const value = reader.next(TAG.OCTET_STRING).content;
  reader.end();
  return { oid, critical, value };
}

/** Extensions that are read, or that Go understands and that have no say here. */
function understand(
  { oid, value }: CertificateExtension,
  into: { -readonly [K in keyof Understood]: Understood[K] },
): boolean {
  switch (oid) {
    case "2.5.29.14":
      into.subjectKeyId = onlyElement(value, TAG.OCTET_STRING, "subject key identifier").content;
      return true;
    case "2.5.29.15":
      into.maySignCertificates = readKeyUsage(value);
      return true;
    case SUBJECT_ALT_NAME: {
      const names = readGeneralNames(value);
      into.subjectAltName = names;
      return names.emails.length + names.hosts.length + names.uris.length + names.addresses.length > 0;
    }
    case "2.5.29.19":
      into.basicConstraints = readBasicConstraints(value);
      return true;
    case "2.5.29.30": {
      const constraints = readNameConstraints(value);
      into.nameConstraints = constraints;
      return !constraints.hasUnknownForms;
    }
    case "2.5.29.35":
      into.authorityKeyId = derReader(
        onlyElement(value, TAG.SEQUENCE, "authority key identifier").content,
        "authority key identifier",
      ).optional(contextTag(0, false))?.content;
      return true;
    case "2.5.29.37":
      into.extendedKeyUsage = readExtendedKeyUsage(value);
      return true;
    // CRL distribution points, certificate policies, authority information access.
    case "2.5.29.31":
    case "2.5.29.32":
    case "1.3.6.1.5.5.7.1.1":
      return true;
    default:
      return false;
  }
}

/** Bit 5 of the key usage; a usage that grants nothing counts as none, as in Go. */
function readKeyUsage(value: Buffer): boolean {
  const { bytes } = derBitString(onlyElement(value, TAG.BIT_STRING, "key usage"), "key usage");
  const isEmpty = bytes.every((octet) => octet === 0);
  return isEmpty || ((bytes[0] ?? 0) & 0x04) !== 0;
}

function readBasicConstraints(value: Buffer): { isCa: boolean; maxPathLength?: number } {
  const reader = derReader(
    onlyElement(value, TAG.SEQUENCE, "basic constraints").content,
    "basic constraints",
  );
  const flag = reader.optional(TAG.BOOLEAN);
  const isCa = flag ? derBoolean(flag, "basic constraints") : false;
  const length = reader.optional(TAG.INTEGER);
  reader.end();
  return length ? { isCa, maxPathLength: derSmallInteger(length, "basic constraints") } : { isCa };
}

function readExtendedKeyUsage(value: Buffer): string[] {
  const reader = derReader(
    onlyElement(value, TAG.SEQUENCE, "extended key usages").content,
    "extended key usages",
  );
  const purposes: string[] = [];
  while (!reader.done) purposes.push(derOid(reader.next(TAG.OID), "extended key usages"));
  return purposes;
}

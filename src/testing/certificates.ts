/**
 * Certificates made at run time, of right and of wrong kinds, for tests of whatever reads certificates.
 *
 * Encoded by pkijs and signed by node:crypto: code that has no part in how lading reads certificates.
 *
 * @module
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { BitString, Integer, Utf8String } from "asn1js";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  BasicConstraints,
  Certificate,
  Extension,
  ExtKeyUsage,
  GeneralName,
  GeneralNames,
  GeneralSubtree,
  NameConstraints,
  PublicKeyInfo,
  Time,
  TimeType,
} from "pkijs";

/** A certificate with the key that it certifies. */
export interface MintedCertificate {
  /** The private key, or the public one where only that was given. */
  readonly key: KeyObject;
  readonly pem: string;
  readonly der: Uint8Array;
  /** The common name. */
  readonly subject: string;
}

/** An extension as it stands in a certificate. */
export interface MintedExtension {
  oid: string;
  critical?: boolean | undefined;
  /** DER, or whatever is to stand in its place. */
  value: Uint8Array;
}

/** Names that certificates below an authority may or must not carry. */
export interface MintedConstraints {
  permittedEmails?: readonly string[] | undefined;
  excludedEmails?: readonly string[] | undefined;
  permittedHosts?: readonly string[] | undefined;
  excludedHosts?: readonly string[] | undefined;
}

/** What a certificate is to say. */
export interface MintOptions {
  /** Common name. */
  subject: string;
  /** Milliseconds since 1970. */
  notBefore: number;
  /** Milliseconds since 1970. */
  notAfter: number;
  /** Who signs. Default: the certificate itself. */
  issuer?: MintedCertificate | undefined;
  /** The key to certify, private or, if somebody else signs, public. Default: a new one on P-256. */
  key?: KeyObject | undefined;
  /** Whether it is a certificate authority; absent: there are no basic constraints. */
  isCa?: boolean | undefined;
  /** How many intermediates may follow; only with `isCa`. */
  maxPathLength?: number | undefined;
  /** The key usage bits, such as `0x06` for signing certificates and revocation lists. Absent: no extension. */
  keyUsage?: number | undefined;
  /** Purposes, as object identifiers. Absent: no extension. */
  extendedKeyUsage?: readonly string[] | undefined;
  emails?: readonly string[] | undefined;
  hosts?: readonly string[] | undefined;
  uris?: readonly string[] | undefined;
  nameConstraints?: MintedConstraints | undefined;
  /** Put after those that the other options make, as they are. */
  extensions?: readonly MintedExtension[] | undefined;
}

/** The algorithm of every signature made here. */
export const ECDSA_SHA256 = "1.2.840.10045.4.3.2";
const EMAIL = 1;
const HOST = 2;
const URI = 6;

/** A new key on the curve P-256. */
export function mintKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

/** The public half of a key, as a PEM file. */
export function publicKeyPem(key: KeyObject): string {
  return publicHalf(key).export({ format: "pem", type: "spki" }).toString();
}

function publicHalf(key: KeyObject): KeyObject {
  return key.type === "public" ? key : createPublicKey(key);
}

/** A certificate that says what it is asked to say, sensible or not. Keys must be on P-256. */
export function mintCertificate(options: MintOptions): MintedCertificate {
  const { subject, notBefore, notAfter, issuer, key = mintKey() } = options;
  const certificate = new Certificate();
  certificate.version = 2;
  certificate.serialNumber = new Integer({ valueHex: toArrayBuffer(serialNumber()) });
  certificate.issuer.typesAndValues.push(commonName(issuer?.subject ?? subject));
  certificate.subject.typesAndValues.push(commonName(subject));
  certificate.notBefore = timeOf(notBefore);
  certificate.notAfter = timeOf(notAfter);
  const spki = publicHalf(key).export({ format: "der", type: "spki" });
  certificate.subjectPublicKeyInfo = PublicKeyInfo.fromBER(toArrayBuffer(spki));
  certificate.signature = new AlgorithmIdentifier({ algorithmId: ECDSA_SHA256 });
  certificate.signatureAlgorithm = new AlgorithmIdentifier({ algorithmId: ECDSA_SHA256 });
  const extensions = extensionsOf(options);
  if (extensions.length > 0) certificate.extensions = extensions;
  const tbs = Buffer.from(certificate.encodeTBS().toBER());
  const signature = sign("sha256", tbs, issuer?.key ?? key);
  certificate.signatureValue = new BitString({ valueHex: toArrayBuffer(signature) });
  const der = Buffer.from(certificate.toSchema(true).toBER());
  return { key, der, pem: toPem("CERTIFICATE", der), subject };
}

/** Bytes as a PEM block. */
export function toPem(type: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${type}-----\n${lines.join("\n")}\n-----END ${type}-----\n`;
}

/** The DER of a UTF8String. */
export function derUtf8(text: string): Uint8Array {
  return Buffer.from(new Utf8String({ value: text }).toBER());
}

/** A time in the form that its year calls for. */
function timeOf(milliseconds: number): Time {
  const value = new Date(milliseconds);
  const isShort = value.getUTCFullYear() >= 1950 && value.getUTCFullYear() < 2050;
  return new Time({ type: isShort ? TimeType.UTCTime : TimeType.GeneralizedTime, value });
}

function serialNumber(): Uint8Array {
  const bytes = randomBytes(16);
  // Positive, and in its shortest form.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes;
}

function commonName(text: string): AttributeTypeAndValue {
  return new AttributeTypeAndValue({ type: "2.5.4.3", value: new Utf8String({ value: text }) });
}

function extensionsOf(options: MintOptions): Extension[] {
  const { isCa, maxPathLength, keyUsage, extendedKeyUsage, nameConstraints, extensions = [] } = options;
  const made: Extension[] = [];
  if (isCa !== undefined) {
    const constraints = new BasicConstraints({
      ...(isCa ? { cA: true } : {}),
      ...(maxPathLength === undefined ? {} : { pathLenConstraint: maxPathLength }),
    });
    made.push(extension("2.5.29.19", true, constraints.toSchema().toBER()));
  }
  if (keyUsage !== undefined) {
    const bits = new BitString({ valueHex: Uint8Array.of(keyUsage).buffer, unusedBits: 1 });
    made.push(extension("2.5.29.15", true, bits.toBER()));
  }
  if (extendedKeyUsage) {
    const purposes = new ExtKeyUsage({ keyPurposes: [...extendedKeyUsage] });
    made.push(extension("2.5.29.37", false, purposes.toSchema().toBER()));
  }
  const names = namesOf(options);
  if (names.length > 0) {
    made.push(extension("2.5.29.17", true, new GeneralNames({ names }).toSchema().toBER()));
  }
  if (nameConstraints) made.push(extension("2.5.29.30", true, constraintsOf(nameConstraints)));
  for (const { oid, critical = false, value } of extensions) {
    made.push(extension(oid, critical, toArrayBuffer(value)));
  }
  return made;
}

function extension(extnID: string, critical: boolean, value: ArrayBuffer): Extension {
  return new Extension({ extnID, critical, extnValue: value });
}

function namesOf({ emails = [], hosts = [], uris = [] }: MintOptions): GeneralName[] {
  return [
    ...emails.map((value) => new GeneralName({ type: EMAIL, value })),
    ...hosts.map((value) => new GeneralName({ type: HOST, value })),
    ...uris.map((value) => new GeneralName({ type: URI, value })),
  ];
}

function constraintsOf(constraints: MintedConstraints): ArrayBuffer {
  const { permittedEmails = [], permittedHosts = [], excludedEmails = [], excludedHosts = [] } = constraints;
  const permitted = subtrees(permittedEmails, permittedHosts);
  const excluded = subtrees(excludedEmails, excludedHosts);
  return new NameConstraints({
    ...(permitted.length > 0 ? { permittedSubtrees: permitted } : {}),
    ...(excluded.length > 0 ? { excludedSubtrees: excluded } : {}),
  })
    .toSchema()
    .toBER();
}

function subtrees(emails: readonly string[], hosts: readonly string[]): GeneralSubtree[] {
  return namesOf({ subject: "", notBefore: 0, notAfter: 0, emails, hosts }).map(
    (base) => new GeneralSubtree({ base }),
  );
}

function toArrayBuffer(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}

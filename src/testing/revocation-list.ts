/**
 * Lists of revoked certificates, made at run time.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc5280#section-5}
 * @module
 */
import { sign } from "node:crypto";
import { BitString, Integer, Sequence, UTCTime } from "asn1js";
import { AlgorithmIdentifier, Certificate } from "pkijs";
import { ECDSA_SHA256, type MintedCertificate, toPem } from "./certificates.ts";

/** What a list is to say. */
export interface RevocationListOptions {
  /** Who signs the list. */
  issuer: MintedCertificate;
  /** PEM of the certificates on it. */
  certificates: readonly string[];
  /** When it was made, and they revoked, in milliseconds since 1970. It is good for a day. */
  at: number;
}

const DAY_MS = 24 * 3600 * 1000;

/** PEM of a list. */
export function mintRevocationList({ issuer, certificates, at }: RevocationListOptions): string {
  const algorithm = (): Sequence => new AlgorithmIdentifier({ algorithmId: ECDSA_SHA256 }).toSchema();
  const revoked = certificates.map(
    (pem) => new Sequence({ value: [Certificate.fromBER(derOf(pem)).serialNumber, timeOf(at)] }),
  );
  const list = new Sequence({
    value: [
      // Version 2.
      new Integer({ value: 1 }),
      algorithm(),
      Certificate.fromBER(Buffer.from(issuer.der)).subject.toSchema(),
      timeOf(at),
      timeOf(at + DAY_MS),
      ...(revoked.length > 0 ? [new Sequence({ value: revoked })] : []),
    ],
  });
  const signature = sign("sha256", Buffer.from(list.toBER()), issuer.key);
  const bits = new BitString({ valueHex: Uint8Array.from(signature).buffer });
  return toPem("X509 CRL", Buffer.from(new Sequence({ value: [list, algorithm(), bits] }).toBER()));
}

function timeOf(milliseconds: number): UTCTime {
  return new UTCTime({ valueDate: new Date(Math.floor(milliseconds / 1000) * 1000) });
}

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
}

/**
 * A certificate transparency log for tests: puts its signed certificate timestamp into certificates.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6962#section-3}
 * @module
 */
import { createPublicKey, sign } from "node:crypto";
import { BitString } from "asn1js";
import { Certificate, Extension } from "pkijs";
import { type MintedCertificate, mintKey, toPem } from "./certificates.ts";
import { derOctets } from "./der-write.ts";
import { sha256 } from "./sha256.ts";

/** A log of certificates. */
export interface CertificateLog {
  readonly baseUrl: string;
  readonly keyId: Buffer;
  /** DER of the public key. */
  readonly publicKey: Buffer;
  /**
   * The certificate with a timestamp of the log, signed anew by its issuer.
   *
   * @param at The time in milliseconds since 1970.
   */
  embed(
    certificate: Pick<MintedCertificate, "der">,
    issuer: MintedCertificate,
    at: number,
  ): { der: Uint8Array; pem: string };
}

const SCT_LIST = "1.3.6.1.4.1.11129.2.4.2";

/** A new log with a key of its own. */
export function createCertificateLog(): CertificateLog {
  const key = mintKey();
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" });
  const keyId = sha256(publicKey);
  return {
    baseUrl: "https://ct.example",
    keyId,
    publicKey,
    embed({ der }, issuer, at) {
      const certificate = Certificate.fromBER(Buffer.from(der));
      const tbs = Buffer.from(certificate.encodeTBS().toBER());
      const issuerSpki = createPublicKey(issuer.key).export({ format: "der", type: "spki" });
      const timestamp = Buffer.alloc(8);
      timestamp.writeBigUInt64BE(BigInt(at));
      const noExtensions = Buffer.of(0, 0);
      // Version 1, a certificate timestamp, over a certificate without it.
      const signed = Buffer.concat([
        Buffer.of(0, 0),
        timestamp,
        Buffer.of(0, 1),
        sha256(issuerSpki),
        uint24(tbs.length),
        tbs,
        noExtensions,
      ]);
      const signature = sign("sha256", signed, key);
      const timestampOfLog = Buffer.concat([
        Buffer.of(0),
        keyId,
        timestamp,
        noExtensions,
        // SHA-256 and ECDSA.
        Buffer.of(4, 3),
        withLength(signature),
      ]);
      const list = derOctets(withLength(withLength(timestampOfLog)));
      certificate.extensions ??= [];
      certificate.extensions.push(new Extension({ extnID: SCT_LIST, extnValue: toArrayBuffer(list) }));
      const body = Buffer.from(certificate.encodeTBS().toBER());
      const issued = sign("sha256", body, issuer.key);
      certificate.signatureValue = new BitString({ valueHex: toArrayBuffer(issued) });
      const whole = Buffer.from(certificate.toSchema(true).toBER());
      return { der: whole, pem: toPem("CERTIFICATE", whole) };
    },
  };
}

function withLength(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function uint24(value: number): Buffer {
  const octets = Buffer.alloc(3);
  octets.writeUIntBE(value, 0, 3);
  return octets;
}

function toArrayBuffer(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}

/**
 * Signing authorities for tests: a Fulcio-like certificate authority and a Rekor-like log, with keys made at run
 * time. What they sign is accepted by a policy that names them, and by nothing else.
 *
 * @module
 */
import { createHash, createPublicKey, type KeyObject, sign } from "node:crypto";
import {
  derUtf8,
  type MintedCertificate,
  type MintedExtension,
  type MintOptions,
  mintCertificate,
  mintKey,
  publicKeyPem,
} from "./certificates.ts";
import { mintRevocationList } from "./revocation-list.ts";

/** Options of {@link createAuthorities}. */
export interface AuthoritiesOptions {
  /** The present time in milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined;
  /** What is to be different about the root certificate. */
  root?: Partial<MintOptions> | undefined;
  /** What is to be different about the intermediate certificate; `false` for none. */
  intermediate?: Partial<MintOptions> | false | undefined;
}

/** A key with the certificate that Fulcio would issue for it. */
export interface CertifiedKey {
  readonly key: KeyObject;
  /** PEM of the leaf. */
  readonly certificatePem: string;
  /** PEM of the intermediate and the root, as in the chain annotation. */
  readonly chainPem: string;
}

/** What a leaf certificate is to say. */
export interface IssueOptions extends Partial<MintOptions> {
  /** The OIDC issuer that vouched for the address. Default {@link DEFAULT_OIDC_ISSUER}. */
  oidcIssuer?: string | undefined;
  /**
   * In which extensions the issuer stands: the old one (1.3.6.1.4.1.57264.1.1), the new one (….1.8), both with one
   * text, or both with different ones. Default `"both"`, as Fulcio writes it.
   */
  issuerExtensions?: "both" | "v1" | "v2" | "none" | "inconsistent" | undefined;
  /**
   * What is wrong with the certificate: it ended an hour ago, begins in an hour, or was signed by somebody who only
   * has the issuer's name. Default: nothing.
   */
  flaw?: "expired" | "not-yet-valid" | "wrong-chain" | undefined;
}

/** What a log entry records. */
export interface LogOptions {
  /** PEM of the key or certificate. */
  keyOrCertificatePem: string;
  /** The signature in base64. */
  signatureBase64: string;
  /** The signed bytes. */
  payload: Uint8Array;
  /** Seconds since 1970. Default: now. */
  integratedTime?: number | undefined;
  /** Changes the body of the entry before the log signs it. */
  changeBody?: ((body: HashedRekord) => unknown) | undefined;
}

/** An entry of the log, with the log's promise. */
export interface SignedLogEntry {
  /** The recorded body in base64. */
  readonly body: string;
  /** Seconds since 1970. */
  readonly integratedTime: number;
  /** SHA-256 of the log's public key, in hexadecimal. */
  readonly logID: string;
  readonly logIndex: number;
  /** The promise (SET) in base64. */
  readonly signedEntryTimestamp: string;
}

/** The body of a log entry. */
export interface HashedRekord {
  apiVersion: string;
  kind: string;
  spec: {
    data: { hash: { algorithm: string; value: string } };
    signature: { content: string; publicKey: { content: string } };
  };
}

/** Authorities that sign. */
export interface Authorities {
  /** The certificate authority: its root, and what signs leaves. */
  readonly root: MintedCertificate;
  readonly issuer: MintedCertificate;
  /** PEM of the root: what a policy names as `caPath` or `caData`. */
  readonly rootPem: string;
  /** PEM of the log's key: what a policy names as `rekorPublicKeyPath` or `rekorPublicKeyData`. */
  readonly logPublicKeyPem: string;
  /** A new key with a certificate for an e-mail address, valid from now for ten minutes. */
  issue(email: string, options?: IssueOptions): CertifiedKey;
  /** The text of the bundle annotation for a signature. */
  log(options: LogOptions): string;
  /**
   * An entry with any body.
   *
   * @param integratedTime Seconds since 1970. Default: now.
   */
  logEntry(body: unknown, integratedTime?: number): SignedLogEntry;
  /**
   * PEM of a list of revoked certificates, signed by the issuer of leaves. Verdicts by containers-policy.json do not
   * look at such lists.
   *
   * @param certificates PEM of the leaves that are on it.
   */
  revocationList(certificates: readonly string[]): string;
}

/** The issuer that certificates name unless told otherwise. */
export const DEFAULT_OIDC_ISSUER = "https://issuer.example/oauth";

const YEAR_MS = 365 * 24 * 3600 * 1000;
const LEAF_MS = 600_000;
const HOUR_MS = 3_600_000;
const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
const ISSUER_V1 = "1.3.6.1.4.1.57264.1.1";
const ISSUER_V2 = "1.3.6.1.4.1.57264.1.8";

/** New authorities with keys of their own. */
export function createAuthorities(options: AuthoritiesOptions = {}): Authorities {
  const { now = Date.now, intermediate = {} } = options;
  const root = mintCertificate({
    subject: "test root",
    notBefore: now() - YEAR_MS,
    notAfter: now() + YEAR_MS,
    isCa: true,
    keyUsage: 0x06,
    ...options.root,
  });
  const issuer =
    intermediate === false
      ? root
      : mintCertificate({
          subject: "test intermediate",
          issuer: root,
          notBefore: now() - YEAR_MS,
          notAfter: now() + YEAR_MS,
          isCa: true,
          maxPathLength: 0,
          keyUsage: 0x06,
          extendedKeyUsage: [CODE_SIGNING],
          ...intermediate,
        });
  const chainPem = issuer === root ? root.pem : issuer.pem + root.pem;
  const impostor = mintCertificate({
    subject: issuer.subject,
    notBefore: now() - YEAR_MS,
    notAfter: now() + YEAR_MS,
    isCa: true,
  });
  const logKey = mintKey();
  const logEntry = createLog(logKey, now);
  return {
    root,
    issuer,
    rootPem: root.pem,
    logPublicKeyPem: publicKeyPem(logKey),
    issue(email, { oidcIssuer = DEFAULT_OIDC_ISSUER, issuerExtensions = "both", flaw, ...rest } = {}) {
      const shift = flaw === "expired" ? -HOUR_MS - LEAF_MS : flaw === "not-yet-valid" ? HOUR_MS : 0;
      const notBefore = Math.floor((now() + shift) / 1000) * 1000;
      const leaf = mintCertificate({
        subject: "",
        issuer: flaw === "wrong-chain" ? impostor : issuer,
        notBefore,
        notAfter: notBefore + LEAF_MS,
        keyUsage: 0x80,
        extendedKeyUsage: [CODE_SIGNING],
        emails: [email],
        ...rest,
        extensions: [...issuerExtensionsOf(oidcIssuer, issuerExtensions), ...(rest.extensions ?? [])],
      });
      return { key: leaf.key, certificatePem: leaf.pem, chainPem };
    },
    log: (entry) => bundleOf(logEntry(bodyOf(entry), entry.integratedTime)),
    logEntry,
    revocationList: (certificates) => mintRevocationList({ issuer, certificates, at: now() }),
  };
}

function issuerExtensionsOf(
  oidcIssuer: string,
  which: NonNullable<IssueOptions["issuerExtensions"]>,
): MintedExtension[] {
  const v1 = { oid: ISSUER_V1, value: Buffer.from(oidcIssuer) };
  const v2 = { oid: ISSUER_V2, value: derUtf8(oidcIssuer) };
  const other = { oid: ISSUER_V1, value: Buffer.from(`${oidcIssuer}/other`) };
  return { both: [v1, v2], v1: [v1], v2: [v2], none: [], inconsistent: [other, v2] }[which];
}

function bodyOf({
  keyOrCertificatePem,
  signatureBase64,
  payload,
  changeBody = (body) => body,
}: LogOptions): unknown {
  return changeBody({
    apiVersion: "0.0.1",
    kind: "hashedrekord",
    spec: {
      data: { hash: { algorithm: "sha256", value: createHash("sha256").update(payload).digest("hex") } },
      signature: {
        content: signatureBase64,
        publicKey: { content: Buffer.from(keyOrCertificatePem).toString("base64") },
      },
    },
  });
}

/** A log that counts its entries and keeps none of them. */
function createLog(logKey: KeyObject, now: () => number): Authorities["logEntry"] {
  const spki = createPublicKey(logKey).export({ format: "der", type: "spki" });
  const logID = createHash("sha256").update(spki).digest("hex");
  let next = 1000;
  return (body, integratedTime = Math.floor(now() / 1000)) => {
    // Its text is the canonical form: members in order, no white space, nothing that needs an escape.
    const entry = {
      body: Buffer.from(JSON.stringify(body)).toString("base64"),
      integratedTime,
      logID,
      logIndex: next++,
    };
    const signed = sign("sha256", Buffer.from(JSON.stringify(entry)), logKey);
    return { ...entry, signedEntryTimestamp: signed.toString("base64") };
  };
}

function bundleOf({ signedEntryTimestamp, ...entry }: SignedLogEntry): string {
  return JSON.stringify({ SignedEntryTimestamp: signedEntryTimestamp, Payload: entry });
}

/**
 * Signing authorities for tests: a Fulcio-like certificate authority and a Rekor-like log, with keys made at run
 * time. What they sign is accepted by a policy that names them, and by nothing else.
 *
 * @module
 */
import { createHash, type KeyObject, sign } from "node:crypto";
import {
  derUtf8,
  type MintedCertificate,
  type MintOptions,
  mintCertificate,
  mintKey,
  publicKeyPem,
} from "./certificates.ts";

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
  /** In which extensions the issuer stands. Default `"both"`, as Fulcio writes it. */
  issuerExtensions?: "both" | "v1" | "v2" | "none" | undefined;
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
}

/** The issuer that certificates name unless told otherwise. */
export const DEFAULT_OIDC_ISSUER = "https://issuer.example/oauth";

const YEAR_MS = 365 * 24 * 3600 * 1000;
const LEAF_MS = 600_000;
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
  const logKey = mintKey();
  return {
    root,
    issuer,
    rootPem: root.pem,
    logPublicKeyPem: publicKeyPem(logKey),
    issue(email, { oidcIssuer = DEFAULT_OIDC_ISSUER, issuerExtensions = "both", ...rest } = {}) {
      const v1 = { oid: ISSUER_V1, value: Buffer.from(oidcIssuer) };
      const v2 = { oid: ISSUER_V2, value: derUtf8(oidcIssuer) };
      const vouched = { both: [v1, v2], v1: [v1], v2: [v2], none: [] }[issuerExtensions];
      const leaf = mintCertificate({
        subject: "",
        issuer,
        notBefore: Math.floor(now() / 1000) * 1000,
        notAfter: Math.floor(now() / 1000) * 1000 + LEAF_MS,
        keyUsage: 0x80,
        extendedKeyUsage: [CODE_SIGNING],
        emails: [email],
        ...rest,
        extensions: [...vouched, ...(rest.extensions ?? [])],
      });
      return { key: leaf.key, certificatePem: leaf.pem, chainPem };
    },
    log: (entry) => logEntry(logKey, entry, Math.floor(now() / 1000)),
  };
}

function logEntry(
  logKey: KeyObject,
  { keyOrCertificatePem, signatureBase64, payload, integratedTime, changeBody = (body) => body }: LogOptions,
  now: number,
): string {
  const body: HashedRekord = {
    apiVersion: "0.0.1",
    kind: "hashedrekord",
    spec: {
      data: { hash: { algorithm: "sha256", value: createHash("sha256").update(payload).digest("hex") } },
      signature: {
        content: signatureBase64,
        publicKey: { content: Buffer.from(keyOrCertificatePem).toString("base64") },
      },
    },
  };
  // Its text is the canonical form: members in order, no white space, nothing that needs an escape.
  const entry = {
    body: Buffer.from(JSON.stringify(changeBody(body))).toString("base64"),
    integratedTime: integratedTime ?? now,
    logID: createHash("sha256").update(publicKeyPem(logKey)).digest("hex"),
    logIndex: 1,
  };
  const canonical = JSON.stringify(entry);
  const timestamp = sign("sha256", Buffer.from(canonical), logKey).toString("base64");
  return JSON.stringify({ SignedEntryTimestamp: timestamp, Payload: entry });
}

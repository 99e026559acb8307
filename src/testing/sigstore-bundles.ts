/**
 * Sigstore bundles for tests, of any state: everything that signs them lives in this process.
 *
 * What comes out is plain JSON data, to be changed at will before it is written out.
 *
 * @module
 */
import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { OCI_MANIFEST } from "../core/media-types.ts";
import type { SignalOptions } from "../core/signal.ts";
import { emptyContent } from "../oci/artifact.ts";
import { type Descriptor, describeContent } from "../oci/descriptor.ts";
import type { Pusher } from "../oci/store.ts";
import { type Authorities, createAuthorities, type IssueOptions } from "./authorities.ts";
import { createCertificateLog } from "./certificate-log.ts";
import { publicKeyPem, toPem } from "./certificates.ts";
import { sha256 } from "./sha256.ts";
import { createTimestampAuthority, type TimestampAuthority } from "./timestamp-authority.ts";
import { createTransparencyLog, type LogEntryJson, type TestTransparencyLog } from "./transparency-log.ts";

/** Options of {@link createBundleAuthorities}. */
export interface BundleAuthoritiesOptions {
  /** The present time in milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined;
}

/** A window of time as a trusted root has it. */
export interface WindowJson {
  start?: string;
  end?: string;
}

/** A log as a trusted root has it. */
export interface LogInstanceJson {
  baseUrl: string;
  hashAlgorithm: string;
  publicKey: { rawBytes: string; keyDetails: string; validFor: WindowJson };
  logId: { keyId: string };
}

/** An authority as a trusted root has it. */
export interface AuthorityInstanceJson {
  subject: { organization: string; commonName: string };
  uri: string;
  certChain: { certificates: { rawBytes: string }[] };
  validFor: WindowJson;
}

/** A trusted root as JSON data. */
export interface TrustedRootJson {
  mediaType: string;
  tlogs: LogInstanceJson[];
  certificateAuthorities: AuthorityInstanceJson[];
  ctlogs: LogInstanceJson[];
  timestampAuthorities: AuthorityInstanceJson[];
}

/** A bundle as JSON data. */
export interface BundleJson {
  mediaType: string;
  verificationMaterial: {
    certificate?: { rawBytes: string };
    x509CertificateChain?: { certificates: { rawBytes: string }[] };
    publicKey?: { hint: string };
    tlogEntries: LogEntryJson[];
    timestampVerificationData: { rfc3161Timestamps: { signedTimestamp: string }[] };
  };
  messageSignature?: { messageDigest: { algorithm: string; digest: string }; signature: string };
  dsseEnvelope?: { payload: string; payloadType: string; signatures: { sig: string; keyid?: string }[] };
}

/** A key with the certificate that was issued for it. */
export interface CertifiedSigner {
  readonly key: KeyObject;
  /** DER of the leaf. */
  readonly certificate: Uint8Array;
}

/** What a certificate is to say. */
export interface CertifySignerOptions extends IssueOptions {
  /** Whether a certificate log has it. Default true. */
  certificateLog?: boolean | undefined;
}

/** An in-toto statement that is not about anything else than it says. */
export interface StatementJson {
  _type: string;
  subject: { name?: string; digest: Record<string, string> }[];
  predicateType: string;
  predicate?: unknown;
}

/** Options of {@link BundleAuthorities.sign}. */
export interface SignBundleOptions {
  /** Who signs: a certified signer, or somebody with a key alone. */
  signer: CertifiedSigner | KeyObject;
  /** What is signed: bytes themselves, a statement in an envelope, or any other payload in one. */
  content:
    | { readonly message: Uint8Array }
    | { readonly statement: StatementJson }
    | { readonly payload: Uint8Array; readonly payloadType: string };
  /** Version of the bundle. Default 0.3, in the newer form of the media type. */
  version?: "0.1" | "0.2" | "0.3" | undefined;
  /** Logs that get an entry. Default: that of version 1. */
  logs?: readonly TestTransparencyLog[] | undefined;
  /**
   * What is recorded of an envelope. Default `dsse` in logs of version 1, which also have `intoto`, and `hashedrekord`
   * in those of version 2, which also have `dsse`.
   */
  entry?: "dsse" | "intoto" | "hashedrekord" | undefined;
  /** Timestamp authorities that sign the time. Default: none, and one where only logs of version 2 are there. */
  timestampAuthorities?: readonly TimestampAuthority[] | undefined;
  /** When it is signed, in milliseconds since 1970. Default: now. */
  at?: number | undefined;
}

/** Authorities that make bundles. */
export interface BundleAuthorities {
  readonly authorities: Authorities;
  readonly logV1: TestTransparencyLog;
  readonly logV2: TestTransparencyLog;
  readonly timestampAuthority: TimestampAuthority;
  /** The root that names all of them, valid from a year ago on. */
  trustedRoot(): TrustedRootJson;
  /** A new key with a certificate: for an e-mail address, or for whatever other name the options give. */
  certify(email: string, options?: CertifySignerOptions): CertifiedSigner;
  /** A bundle. */
  sign(options: SignBundleOptions): BundleJson;
}

const YEAR_MS = 365 * 24 * 3600 * 1000;
const BUNDLE_V03 = "application/vnd.dev.sigstore.bundle.v0.3+json";
const STATEMENT_V1 = "https://in-toto.io/Statement/v1";
const IN_TOTO = "application/vnd.in-toto+json";
const COSIGN_SIGN = "https://sigstore.dev/cosign/sign/v1";

/** New authorities with keys of their own. */
export function createBundleAuthorities(options: BundleAuthoritiesOptions = {}): BundleAuthorities {
  const { now = Date.now } = options;
  const authorities = createAuthorities({ now });
  const certificateLog = createCertificateLog();
  const logV1 = createTransparencyLog({ version: 1, origin: "rekor.example", now });
  const logV2 = createTransparencyLog({ version: 2, origin: "log2025.rekor.example", now });
  const timestampAuthority = createTimestampAuthority({ now });
  const start = new Date(now() - YEAR_MS).toISOString();
  const logInstance = (
    log: Pick<TestTransparencyLog, "baseUrl" | "keyId" | "publicKey">,
    keyDetails: string,
  ) => ({
    baseUrl: log.baseUrl,
    hashAlgorithm: "SHA2_256",
    publicKey: { rawBytes: base64(log.publicKey), keyDetails, validFor: { start } },
    logId: { keyId: base64(log.keyId) },
  });
  const authority = (commonName: string, certificates: readonly { readonly der: Uint8Array }[]) => ({
    subject: { organization: "example", commonName },
    uri: `https://${commonName}.example`,
    certChain: { certificates: certificates.map(({ der }) => ({ rawBytes: base64(der) })) },
    validFor: { start },
  });
  return {
    authorities,
    logV1,
    logV2,
    timestampAuthority,
    trustedRoot: () => ({
      mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      tlogs: [logInstance(logV1, logV1.keyDetails), logInstance(logV2, logV2.keyDetails)],
      certificateAuthorities: [authority("fulcio", [authorities.issuer, authorities.root])],
      ctlogs: [logInstance(certificateLog, "PKIX_ECDSA_P256_SHA_256")],
      timestampAuthorities: [authority("tsa", [timestampAuthority.leaf, timestampAuthority.root])],
    }),
    certify(email, { certificateLog: isLogged = true, ...issue } = {}) {
      const { key, certificatePem } = authorities.issue(email, issue);
      const der = Buffer.from(certificatePem.replace(/-----[^-]+-----|\s/g, ""), "base64");
      if (!isLogged) return { key, certificate: der };
      return { key, certificate: certificateLog.embed({ der }, authorities.issuer, now()).der };
    },
    sign: (signing) => signBundle(signing, { logV1, timestampAuthority, now }),
  };
}

interface Defaults {
  logV1: TestTransparencyLog;
  timestampAuthority: TimestampAuthority;
  now: () => number;
}

function signBundle(options: SignBundleOptions, { logV1, timestampAuthority, now }: Defaults): BundleJson {
  const { signer, content, version = "0.3", logs = [logV1], at = now() } = options;
  const key = "certificate" in signer ? signer.key : signer;
  const certificate = "certificate" in signer ? signer.certificate : undefined;
  const isOnlyV2 = logs.length > 0 && logs.every(({ keyDetails }) => keyDetails === "PKIX_ED25519");
  const { timestampAuthorities = isOnlyV2 ? [timestampAuthority] : [] } = options;
  const payload =
    "statement" in content ? Buffer.from(JSON.stringify(content.statement)) : payloadOf(content);
  const payloadType = "payloadType" in content ? content.payloadType : IN_TOTO;
  const signed = "message" in content ? Buffer.from(content.message) : preAuthEncoding(payloadType, payload);
  const signature = sign(key.asymmetricKeyType === "ed25519" ? null : "sha256", signed, key);
  const { entry = "message" in content || isOnlyV2 ? "hashedrekord" : "dsse" } = options;
  const entryV2 = options.entry === "dsse" ? ("dsse" as const) : ("hashedrekord" as const);
  const record = { signed, payload, signature, key, certificate, entry, entryV2 };
  const rawBytes = certificate && base64(certificate);
  return {
    mediaType: version === "0.3" ? BUNDLE_V03 : `application/vnd.dev.sigstore.bundle+json;version=${version}`,
    verificationMaterial: {
      ...(rawBytes === undefined
        ? { publicKey: { hint: base64(sha256(spkiOf(key))) } }
        : version === "0.3"
          ? { certificate: { rawBytes } }
          : { x509CertificateChain: { certificates: [{ rawBytes }] } }),
      tlogEntries: logs.map((log) => log.append(entryBody(record, log), at)),
      timestampVerificationData: {
        rfc3161Timestamps: timestampAuthorities.map((authority) => ({
          signedTimestamp: base64(authority.timestamp(signature, { at })),
        })),
      },
    },
    ...("message" in content
      ? {
          messageSignature: {
            messageDigest: { algorithm: "SHA2_256", digest: base64(sha256(signed)) },
            signature: base64(signature),
          },
        }
      : {
          dsseEnvelope: {
            payload: base64(payload),
            payloadType,
            signatures: [{ sig: base64(signature), keyid: "" }],
          },
        }),
  };
}

function payloadOf(content: { readonly message: Uint8Array } | { readonly payload: Uint8Array }): Buffer {
  return Buffer.from("message" in content ? content.message : content.payload);
}

interface SignedRecord {
  signed: Buffer;
  payload: Buffer;
  signature: Buffer;
  key: KeyObject;
  certificate: Uint8Array | undefined;
  entry: "dsse" | "intoto" | "hashedrekord";
  entryV2: "dsse" | "hashedrekord";
}

/** What each version of Rekor records, its members in canonical order. */
function entryBody(
  { signed, payload, signature, key, certificate, entry, entryV2 }: SignedRecord,
  { keyDetails }: TestTransparencyLog,
): { kind: string; apiVersion: string; spec: unknown } {
  if (keyDetails === "PKIX_ED25519") {
    const holder = certificate
      ? { x509Certificate: { rawBytes: base64(certificate) } }
      : { publicKey: { rawBytes: base64(spkiOf(key)) } };
    const recorded = {
      content: base64(signature),
      verifier: { keyDetails: "PKIX_ECDSA_P256_SHA_256", ...holder },
    };
    const hashOf = (bytes: Uint8Array) => ({ algorithm: "SHA2_256", digest: base64(sha256(bytes)) });
    const spec =
      entryV2 === "dsse"
        ? { dsseV002: { payloadHash: hashOf(payload), signatures: [recorded] } }
        : { hashedRekordV002: { data: hashOf(signed), signature: recorded } };
    return { kind: entryV2, apiVersion: "0.0.2", spec };
  }
  const pem = base64(Buffer.from(certificate ? toPem("CERTIFICATE", certificate) : publicKeyPem(key)));
  const payloadHash = { algorithm: "sha256", value: sha256(payload).toString("hex") };
  if (entry === "dsse") {
    const signatures = [{ signature: base64(signature), verifier: pem }];
    return { kind: "dsse", apiVersion: "0.0.1", spec: { payloadHash, signatures } };
  }
  if (entry === "intoto") {
    const sig = base64(Buffer.from(base64(signature)));
    const envelope = { payloadType: IN_TOTO, signatures: [{ publicKey: pem, sig }] };
    return { kind: "intoto", apiVersion: "0.0.2", spec: { content: { envelope, payloadHash } } };
  }
  const hash = { algorithm: "sha256", value: sha256(signed).toString("hex") };
  const spec = { data: { hash }, signature: { content: base64(signature), publicKey: { content: pem } } };
  return { kind: "hashedrekord", apiVersion: "0.0.1", spec };
}

/** The statement that `cosign sign` makes about an image since version 3. */
export function signStatement(
  digest: string,
  { predicateType = COSIGN_SIGN, predicate = {} }: { predicateType?: string; predicate?: unknown } = {},
): StatementJson {
  const [algorithm = "", hex = ""] = digest.split(":");
  return { _type: STATEMENT_V1, subject: [{ digest: { [algorithm]: hex } }], predicateType, predicate };
}

/** Options of {@link attachBundle}. */
export interface AttachBundleOptions extends SignalOptions {
  /** The manifest's artifact type. Default: the bundle's media type. */
  artifactType?: string | undefined;
  /** Changes the manifest before it is stored. */
  changeManifest?: ((manifest: Record<string, unknown>) => unknown) | undefined;
}

/**
 * Stores a bundle as a referrer of a manifest, as cosign does since version 3, and gives the descriptor by which a list
 * of referrers would name it. Where the store keeps such lists by itself, as registries do, it is found there.
 */
export async function attachBundle(
  store: Pusher,
  subject: Descriptor,
  bundle: BundleJson | Uint8Array,
  options: AttachBundleOptions = {},
): Promise<Descriptor> {
  const { signal, changeManifest = (manifest) => manifest } = options;
  const mediaType = bundle instanceof Uint8Array ? BUNDLE_V03 : bundle.mediaType;
  const { artifactType = mediaType } = options;
  const content = bundle instanceof Uint8Array ? bundle : Buffer.from(JSON.stringify(bundle));
  const layer = describeContent(content, mediaType);
  const config = emptyContent();
  await store.push(layer, content, { signal });
  await store.push(config.descriptor, config.content, { signal });
  const manifest = changeManifest({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType,
    config: config.descriptor,
    layers: [layer],
    subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size },
  });
  const bytes = Buffer.from(JSON.stringify(manifest));
  const descriptor = describeContent(bytes, OCI_MANIFEST);
  await store.push(descriptor, bytes, { signal });
  return { ...descriptor, artifactType };
}

/** The encoding that a DSSE signature is made over. */
function preAuthEncoding(type: string, payload: Buffer): Buffer {
  const length = Buffer.byteLength(type);
  return Buffer.concat([Buffer.from(`DSSEv1 ${length} ${type} ${payload.length} `), payload]);
}

function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: "der", type: "spki" });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

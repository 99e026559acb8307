/**
 * Verifying a bundle: one function for all of it, since a bundle of which only a part was checked proves nothing.
 *
 * Certificate chains, timestamps, signed certificate timestamps and inclusion in logs are checked by @sigstore/verify;
 * what it leaves open is checked here: the artifact, the statement's subject, the identity, the purpose of the
 * certificate, that the log saw this certificate or key, and that the log's key counted at the time.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import type { Bundle } from "@sigstore/bundle";
import type { SignedEntity } from "@sigstore/verify";
import { type Digest, digestOf, isDigest } from "../../core/digest.ts";
import { messageOf } from "../../core/message-of.ts";
import { type Certificate, parseCertificate, SUBJECT_ALT_NAME } from "../certificate.ts";
import { invalidSignature, PolicyError } from "../errors.ts";
import { IN_TOTO_PAYLOAD, parseBundle, type SigstoreBundle } from "./bundle.ts";
import { fulcioIdentity } from "./fulcio-extensions.ts";
import { rememberEncoding } from "./known-certificate.ts";
import { assertEntryVerifier, assertLogWindow } from "./log-entry.ts";
import { type BundleArtifact, envelopeContent, messageContent } from "./signature-content.ts";
import {
  knownMembers,
  type OpenedSigner,
  openSigner,
  type SignerRequirement,
  type VerifiedSigner,
} from "./signer-requirement.ts";
import { readStatement, type VerifiedStatement } from "./statement.ts";
import { loadSigstore, rootMaterial, type SigstoreLibrary } from "./trust-material.ts";
import type { TrustedRoot } from "./trusted-root.ts";

/** What kind of signed content counts. */
export interface ContentRequirement {
  /** Types of predicate that count, compared exactly; `"any"` only where the caller looks at the statement. */
  readonly predicateTypes?: readonly string[] | "any" | undefined;
  /** Whether a signature over the artifact's bytes counts. Default false. */
  readonly messageSignature?: boolean | undefined;
}

/** Options of {@link verifyBundle}. */
export interface VerifyBundleOptions {
  /** The content that must have been signed, or that a signed statement must be about. */
  artifact: BundleArtifact;
  /** Who must have signed. */
  signer: SignerRequirement;
  /** What must have been signed. Without any, nothing counts. */
  content: ContentRequirement;
}

/** A time that somebody vouches for. */
export interface ObservedTime {
  readonly source: "transparency-log" | "timestamp-authority";
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** An entry of a log. */
export interface VerifiedLogEntry {
  /** Identifier of the log's key in hexadecimal digits. */
  readonly logId: string;
  /** As the bundle says; only the place in the tree of a proof is verified. */
  readonly logIndex: bigint;
  readonly kind: string;
}

/** A bundle that holds. */
export interface VerifiedBundle {
  /** SHA-256 digest of the bundle's text. */
  readonly digest: Digest;
  readonly signer: VerifiedSigner;
  readonly times: readonly ObservedTime[];
  readonly logEntries: readonly VerifiedLogEntry[];
  /** What was signed, where that is a statement about the artifact and not the artifact itself. */
  readonly statement?: VerifiedStatement;
}

/**
 * Verifies a bundle in full.
 *
 * No present time is needed: what counts is when the signature was made, by what logs and timestamp authorities say.
 * Nothing is fetched, and revocation is not asked for. What a statement's predicate says is the caller's to judge.
 *
 * @param bundle A bundle that was read, or its text.
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE` where anything in it does not hold;
 * `ERR_POLICY_REQUIREMENT` where it holds and is by somebody else, about other content, or of another kind;
 * `ERR_POLICY_UNSUPPORTED` for a signature that cannot be checked over a digest alone.
 * @throws {TypeError | RangeError} For options that ask for nothing or for what there is not.
 */
export async function verifyBundle(
  bundle: SigstoreBundle | Uint8Array | string,
  options: VerifyBundleOptions,
): Promise<VerifiedBundle> {
  knownMembers(options, ["artifact", "signer", "content"]);
  const { artifact } = options;
  assertArtifact(artifact);
  const content = openContent(options.content);
  const signer = await openSigner(options.signer);
  const library = await loadSigstore();
  const read = typeof bundle === "string" || bundle instanceof Uint8Array ? parseBundle(bundle) : bundle;
  const verified = verifySigned(library, read, artifact, signer);
  assertSigner(verified, signer);
  assertContent(verified, content);
  return verified;
}

function assertArtifact(artifact: BundleArtifact): void {
  knownMembers(artifact, ["bytes", "digest"]);
  const isBytes = "bytes" in artifact;
  if (isBytes === "digest" in artifact)
    throw new TypeError("an artifact is given by its bytes or by its digest");
  if (isBytes ? !(artifact.bytes instanceof Uint8Array) : !isDigest(artifact.digest)) {
    throw new TypeError("an artifact's bytes are a Uint8Array, its digest is one that was parsed");
  }
}

/** What counts as content, with defaults filled in. */
export interface OpenedContent {
  readonly predicateTypes: readonly string[] | "any";
  readonly messageSignature: boolean;
}

/** Checks what counts as content. Throws `TypeError` where nothing would. */
export function openContent(content: ContentRequirement): OpenedContent {
  knownMembers(content, ["predicateTypes", "messageSignature"]);
  const { predicateTypes = [], messageSignature = false } = content;
  const isList = Array.isArray(predicateTypes) && predicateTypes.every((type) => typeof type === "string");
  if (predicateTypes !== "any" && !isList) throw new TypeError("predicateTypes must be a list of texts");
  if (predicateTypes.length === 0 && !messageSignature) {
    throw new TypeError("neither a type of predicate nor a message signature would count");
  }
  return { predicateTypes, messageSignature };
}

/** Fails unless the signed content is of a kind that counts. */
export function assertContent(
  { statement }: VerifiedBundle,
  { predicateTypes, messageSignature }: OpenedContent,
): void {
  if (!statement) {
    if (messageSignature) return;
    throw new PolicyError("ERR_POLICY_REQUIREMENT", "a signature over the content itself does not count");
  }
  if (predicateTypes === "any" || predicateTypes.includes(statement.predicateType)) return;
  const { predicateType } = statement;
  throw new PolicyError("ERR_POLICY_REQUIREMENT", `a statement of type ${predicateType} does not count`);
}

/** Fails unless the one who signed is the one asked for. */
export function assertSigner({ signer }: VerifiedBundle, wanted: OpenedSigner): void {
  if (signer.kind === "keyless" && wanted.kind === "keyless") {
    const mismatch = wanted.mismatch(signer);
    if (mismatch === undefined) return;
    throw new PolicyError("ERR_POLICY_REQUIREMENT", `signed by somebody else: ${mismatch}`);
  }
  if (signer.kind === "key" && wanted.kind === "key" && signer.keyDigest === wanted.keyDigest) return;
  throw new PolicyError("ERR_POLICY_REQUIREMENT", "signed by somebody else");
}

/**
 * Checks everything about a bundle but who signed and which kind of content counts. Those two are the caller's next
 * steps; without them, anybody's signature would do.
 */
export function verifySigned(
  library: SigstoreLibrary,
  { message, digest }: SigstoreBundle,
  artifact: BundleArtifact,
  wanted: OpenedSigner,
): VerifiedBundle {
  const { content, verificationMaterial } = message;
  const isCertified = verificationMaterial.content.$case !== "publicKey";
  if (isCertified !== (wanted.kind === "keyless")) {
    const [has, needs] = isCertified ? ["a certificate", "a key"] : ["a key", "a certificate"];
    throw new PolicyError("ERR_POLICY_REQUIREMENT", `signed with ${has}, not with ${needs}`);
  }
  if (content.$case === "dsseEnvelope" && content.dsseEnvelope.payloadType !== IN_TOTO_PAYLOAD) {
    throw invalidSignature("an envelope with something other than an in-toto statement");
  }
  const leaf = wanted.kind === "keyless" ? leafOf(verificationMaterial) : undefined;
  const entity = entityOf(library, message, artifact, wanted.trustedRoot);
  const times = observedTimes(entity);
  runLibrary(library, entity, wanted);
  assertEvidence(entity, wanted, times, leaf);
  const statement =
    content.$case === "dsseEnvelope"
      ? readStatement(content.dsseEnvelope.payload, artifactDigest(artifact))
      : undefined;
  return {
    digest,
    signer: signerOf(wanted, leaf),
    times,
    logEntries: entity.tlogEntries.map(({ logId, logIndex, kindVersion }) => ({
      logId: logId.keyId.toString("hex"),
      logIndex: BigInt(logIndex),
      kind: `${kindVersion.kind} ${kindVersion.version}`,
    })),
    ...(statement ? { statement } : {}),
  };
}

function signerOf(wanted: OpenedSigner, leaf: Certificate | undefined): VerifiedSigner {
  if (wanted.kind === "key") return { kind: "key", keyDigest: wanted.keyDigest };
  if (!leaf) throw invalidSignature("there is no certificate");
  return { kind: "keyless", ...fulcioIdentity(leaf) };
}

function artifactDigest(artifact: BundleArtifact): Digest {
  return "bytes" in artifact ? digestOf(artifact.bytes) : artifact.digest;
}

/** The bundle in the library's form, without evidence where there is no root to check it against. */
function entityOf(
  { toSignedEntity }: SigstoreLibrary,
  bundle: Bundle,
  artifact: BundleArtifact,
  root: TrustedRoot | undefined,
): SignedEntity {
  const { content } = bundle;
  const signature =
    content.$case === "dsseEnvelope"
      ? envelopeContent(content.dsseEnvelope)
      : messageContent(content.messageSignature, artifact);
  const entity = orInvalid(() => toSignedEntity(bundle));
  const { key } = entity;
  if (key.$case === "certificate") orInvalid(() => rememberEncoding(key.certificate));
  if (root) return { ...entity, signature };
  return { ...entity, signature, tlogEntries: [], timestamps: [] };
}

/** Times that the library verifies: those of entries that the log signed, and those of timestamp authorities. */
function observedTimes({ timestamps }: SignedEntity): ObservedTime[] {
  return timestamps.flatMap((timestamp): ObservedTime[] => {
    if (timestamp.$case === "transparency-log") {
      const { inclusionPromise, integratedTime } = timestamp.tlogEntry;
      return inclusionPromise ? [{ source: "transparency-log", at: Number(integratedTime) * 1000 }] : [];
    }
    const at = orInvalid(() => timestamp.timestamp.signingTime.getTime());
    if (Number.isNaN(at)) throw invalidSignature("a timestamp without a time");
    return [{ source: "timestamp-authority", at }];
  });
}

function runLibrary(library: SigstoreLibrary, entity: SignedEntity, wanted: OpenedSigner): void {
  const { transparencyLogs, timestampAuthorities, certificateLogs } = wanted.evidence;
  const isKeyless = wanted.kind === "keyless";
  const windowed = !isKeyless && wanted.validFor !== undefined;
  const publicKey = (): { publicKey: KeyObject; validFor: (date: Date) => boolean } => {
    if (isKeyless) throw invalidSignature("a key where a certificate must be");
    const { key, validFor } = wanted;
    const within = (date: Date): boolean =>
      !validFor || (validFor.start <= date.getTime() && date.getTime() <= validFor.end);
    return { publicKey: key, validFor: within };
  };
  const material = { ...rootMaterial(library, wanted.trustedRoot), publicKey };
  const verifier = new library.Verifier(material, {
    tlogThreshold: transparencyLogs,
    ctlogThreshold: certificateLogs,
    // A certificate without any observed time would be checked against no time at all.
    timestampThreshold: Math.max(timestampAuthorities, isKeyless || windowed ? 1 : 0),
  });
  orInvalid(() => verifier.verify(entity));
}

/** What the library leaves open; see the top of this file. */
function assertEvidence(
  { tlogEntries, timestamps }: SignedEntity,
  wanted: OpenedSigner,
  times: readonly ObservedTime[],
  leaf: Certificate | undefined,
): void {
  const { trustedRoot, evidence } = wanted;
  const logs = new Set(tlogEntries.map(({ logId }) => logId.keyId.toString("hex")));
  if (logs.size < evidence.transparencyLogs) {
    throw invalidSignature(`entries of ${logs.size} logs, not of ${evidence.transparencyLogs}`);
  }
  const authorities = new Set(
    timestamps.flatMap((timestamp) => {
      if (timestamp.$case !== "timestamp-authority") return [];
      const { signerIssuer, signerSerialNumber } = timestamp.timestamp;
      return [`${signerIssuer.toString("hex")} ${signerSerialNumber.toString("hex")}`];
    }),
  );
  if (authorities.size < evidence.timestampAuthorities) {
    throw invalidSignature(
      `times of ${authorities.size} timestamp authorities, not of ${evidence.timestampAuthorities}`,
    );
  }
  const verifier = leaf ? leaf.raw : wanted.kind === "key" ? spkiOf(wanted.key) : undefined;
  for (const entry of tlogEntries) {
    if (!verifier || !trustedRoot) throw invalidSignature("a log entry that nothing can be compared with");
    assertEntryVerifier(entry, verifier);
    assertLogWindow(
      entry,
      trustedRoot,
      times.map(({ at }) => at),
    );
  }
}

function spkiOf(key: KeyObject): Buffer {
  return key.export({ format: "der", type: "spki" });
}

const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";

/** The certificate of the key that signed: for signing code, no authority, and with nothing in it that is unknown. */
function leafOf({ content }: Bundle["verificationMaterial"]): Certificate {
  const leaf = parseCertificate(certificatesOf(content)[0] ?? Buffer.alloc(0));
  if (leaf.basicConstraints?.isCa) throw invalidSignature("the certificate is one of an authority");
  // A name of Fulcio's own form is understood here, unlike on a node.
  const unknown = leaf.unhandledCritical.filter((oid) => oid !== SUBJECT_ALT_NAME);
  if (unknown.length > 0) {
    throw invalidSignature(`the certificate has critical extensions ${unknown.join(", ")}`);
  }
  if (!leaf.extendedKeyUsage.includes(CODE_SIGNING)) {
    throw invalidSignature("the certificate is not for signing code");
  }
  return leaf;
}

/** The certificates of a bundle, the leaf first. A root among them has no business there. */
function certificatesOf(content: Bundle["verificationMaterial"]["content"]): Buffer[] {
  if (content.$case === "certificate") return [content.certificate.rawBytes];
  if (content.$case === "publicKey") return [];
  const certificates = content.x509CertificateChain.certificates.map(({ rawBytes }) => rawBytes);
  for (const der of certificates) {
    const { subject, issuer } = parseCertificate(der);
    if (subject.equals(issuer)) throw invalidSignature("the certificates of the bundle hold a root");
  }
  return certificates;
}

/** Runs a part of the library. Whatever it throws means that the bundle does not hold. */
function orInvalid<T>(run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (cause instanceof PolicyError) throw cause;
    const detail = cause instanceof Error && cause.cause !== undefined ? `: ${messageOf(cause.cause)}` : "";
    throw invalidSignature(`sigstore bundle: ${messageOf(cause)}${detail}`, cause);
  }
}

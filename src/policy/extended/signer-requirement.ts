/**
 * Who must have signed: a certified identity or a key, written out by the caller and compared exactly.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { type Digest, digestOf } from "../../core/digest.ts";
import { parsePublicKeyPem } from "../public-key.ts";
import {
  FULCIO_EXTENSIONS,
  type FulcioExtension,
  type FulcioIdentity,
  type FulcioSubject,
  type SubjectKind,
} from "./fulcio-extensions.ts";
import type { TrustedRoot } from "./trusted-root.ts";

/**
 * A text that must be met: exactly, or by a pattern.
 *
 * Exactly means each code point: no folding of letter case, no wildcards. A pattern is an RE2 regular expression that
 * must match the whole text; it runs in linear time.
 */
export type TextRequirement = { readonly exact: string } | { readonly pattern: string };

/** Which name a certificate must have: of this form, and no other. */
export type SubjectRequirement = { readonly kind: SubjectKind } & TextRequirement;

/** How much a bundle must bring along besides its signature. */
export interface EvidenceRequirement {
  /** Logs, each counted once, that must have an entry. Default 1. */
  readonly transparencyLogs?: number | undefined;
  /** Timestamp authorities, each counted once, that must have signed a time. Default 0. */
  readonly timestampAuthorities?: number | undefined;
  /** Certificate transparency logs that must have the certificate. Default 1; of no account for a key. */
  readonly certificateLogs?: number | undefined;
}

/**
 * Somebody whom Fulcio certified.
 *
 * A certificate is valid for minutes only: besides the evidence asked for there must be at least one time that a log
 * or a timestamp authority vouches for, and the certificate must have been valid at each one.
 */
export interface KeylessIdentity {
  readonly kind: "keyless";
  /** The authorities that count. */
  readonly trustedRoot: TrustedRoot;
  /** The OIDC issuer; always exact, so that no pattern ranges over issuers. */
  readonly issuer: string;
  readonly subject: SubjectRequirement;
  /** Further extensions that must be there and hold what is asked for. */
  readonly extensions?: Readonly<Partial<Record<FulcioExtension, TextRequirement>>> | undefined;
  readonly evidence?: EvidenceRequirement | undefined;
}

/** Somebody who holds a key. */
export interface ManagedKey {
  readonly kind: "key";
  /** PEM of the public key. */
  readonly publicKey: Uint8Array | string;
  /** When the key counts, both inclusive, in milliseconds since 1970; a bundle without an observed time fails then. */
  readonly validFor?: { readonly start?: number | undefined; readonly end?: number | undefined } | undefined;
  /** The logs and timestamp authorities that count. Without one, no evidence can be asked for. */
  readonly trustedRoot?: TrustedRoot | undefined;
  readonly evidence?: EvidenceRequirement | undefined;
}

/** Who must have signed. */
export type SignerRequirement = KeylessIdentity | ManagedKey;

/** Who signed. */
export type VerifiedSigner =
  | ({ readonly kind: "keyless" } & FulcioIdentity)
  /** `keyDigest` is of the DER of the public key. */
  | { readonly kind: "key"; readonly keyDigest: Digest };

/** Evidence with every default filled in. */
export type Evidence = { readonly [K in keyof EvidenceRequirement]-?: number };

/** A requirement that was checked for mistakes, ready to be compared with signers. */
export type OpenedSigner = OpenedKeylessSigner | OpenedKeySigner;

/** A keyless signer, opened. */
export interface OpenedKeylessSigner {
  readonly kind: "keyless";
  readonly trustedRoot: TrustedRoot;
  readonly evidence: Evidence;
  /** Why an identity is not the one asked for, or nothing if it is. */
  readonly mismatch: (identity: FulcioIdentity) => string | undefined;
}

/** A key, opened. */
export interface OpenedKeySigner {
  readonly kind: "key";
  readonly key: KeyObject;
  readonly keyDigest: Digest;
  readonly validFor?: { readonly start: number; readonly end: number } | undefined;
  readonly trustedRoot: TrustedRoot | undefined;
  readonly evidence: Evidence;
}

const SUBJECT_KINDS: readonly string[] = ["email", "uri", "dns", "otherName"] satisfies SubjectKind[];
const MAX_PATTERN_LENGTH = 1024;
const MAX_EVIDENCE = 16;

/**
 * Checks a requirement, and compiles its patterns.
 *
 * @throws {TypeError} For a requirement that names nobody, or has members that do not exist: a misspelt one would
 * otherwise ask for nothing.
 * @throws {RangeError} For numbers that are none.
 * @throws {PolicyError} `ERR_POLICY_TRUST_ROOT` for a public key that cannot be read.
 */
export async function openSigner(signer: SignerRequirement): Promise<OpenedSigner> {
  if (signer?.kind === "keyless") return openKeyless(signer);
  if (signer?.kind === "key") return openKey(signer);
  throw new TypeError("a signer is either keyless or a key");
}

async function openKeyless(signer: KeylessIdentity): Promise<OpenedKeylessSigner> {
  knownMembers(signer, ["kind", "trustedRoot", "issuer", "subject", "extensions", "evidence"]);
  const { trustedRoot, issuer, subject, extensions = {} } = signer;
  if (!trustedRoot?.message) throw new TypeError("a keyless signer needs a trusted root");
  assertText(issuer, "issuer");
  if (!SUBJECT_KINDS.includes(subject?.kind)) throw new TypeError("a subject needs a kind");
  knownMembers(subject, ["kind", "exact", "pattern"]);
  const { kind } = subject;
  const matchesSubject = await textMatcher(subject, "subject");
  const matchers: [name: FulcioExtension, matches: TextMatcher][] = [];
  knownMembers(extensions, FULCIO_EXTENSIONS);
  for (const name of FULCIO_EXTENSIONS) {
    if (!Object.hasOwn(extensions, name)) continue;
    const wanted = extensions[name];
    // A value that was forgotten must not become an extension that is not asked for.
    if (wanted === undefined) throw new TypeError(`nothing is asked for of extension ${name}`);
    knownMembers(wanted, ["exact", "pattern"]);
    matchers.push([name, await textMatcher(wanted, name)]);
  }
  return {
    kind: "keyless",
    trustedRoot,
    evidence: evidenceOf(signer.evidence, 1),
    mismatch(identity) {
      if (identity.issuer !== issuer) return `issuer ${quoted(identity.issuer)} is not ${quoted(issuer)}`;
      const { subject: found } = identity;
      if (found.kind !== kind) return `${describeSubject(found)} is of another form than ${kind}`;
      if (!matchesSubject(found.value)) return `${describeSubject(found)} is not the one asked for`;
      for (const [name, matches] of matchers) {
        const value = identity.extensions[name];
        if (value === undefined) return `extension ${name} is missing`;
        if (!matches(value)) return `extension ${name} is ${quoted(value)}`;
      }
      return undefined;
    },
  };
}

function openKey(signer: ManagedKey): OpenedKeySigner {
  knownMembers(signer, ["kind", "publicKey", "validFor", "trustedRoot", "evidence"]);
  const { publicKey, validFor, trustedRoot } = signer;
  const { key } = parsePublicKeyPem(publicKey);
  const evidence = evidenceOf(signer.evidence, trustedRoot ? 1 : 0);
  const asked = evidence.transparencyLogs + evidence.timestampAuthorities;
  if (trustedRoot ? !trustedRoot.message : asked > 0) {
    throw new TypeError("evidence can only be asked for with a trusted root");
  }
  if (validFor && !trustedRoot) {
    throw new TypeError("when a key counts can only be told with a trusted root");
  }
  return {
    kind: "key",
    key,
    keyDigest: digestOf(key.export({ format: "der", type: "spki" })),
    ...(validFor ? { validFor: windowOf(validFor) } : {}),
    trustedRoot,
    evidence,
  };
}

function windowOf(window: NonNullable<ManagedKey["validFor"]>): { start: number; end: number } {
  knownMembers(window, ["start", "end"]);
  const { start = Number.NEGATIVE_INFINITY, end = Number.POSITIVE_INFINITY } = window;
  if (Number.isNaN(start) || Number.isNaN(end) || end < start) throw new RangeError("no window of time");
  return { start, end };
}

function evidenceOf(evidence: EvidenceRequirement = {}, logs: number): Evidence {
  knownMembers(evidence, ["transparencyLogs", "timestampAuthorities", "certificateLogs"]);
  const { transparencyLogs = logs, timestampAuthorities = 0, certificateLogs = 1 } = evidence;
  for (const [name, count] of Object.entries({ transparencyLogs, timestampAuthorities, certificateLogs })) {
    if (!Number.isInteger(count) || count < 0 || count > MAX_EVIDENCE) {
      throw new RangeError(`${name} must be a whole number from 0 to ${MAX_EVIDENCE}`);
    }
  }
  return { transparencyLogs, timestampAuthorities, certificateLogs };
}

type TextMatcher = (text: string) => boolean;

async function textMatcher(wanted: TextRequirement, what: string): Promise<TextMatcher> {
  if ("exact" in wanted && !("pattern" in wanted)) {
    const { exact } = wanted;
    assertText(exact, what);
    return (text) => text === exact;
  }
  if (!("pattern" in wanted) || "exact" in wanted)
    throw new TypeError(`${what}: exact or a pattern, not both`);
  const { pattern } = wanted;
  assertText(pattern, what);
  if (pattern.length > MAX_PATTERN_LENGTH) throw new RangeError(`${what}: a pattern that is too long`);
  const { RE2JS } = await import("re2js");
  let compiled: InstanceType<typeof RE2JS>;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (cause) {
    throw new TypeError(`${what}: not a regular expression of RE2`, { cause });
  }
  // Over the whole text: what merely contains a match is another name.
  return (text) => compiled.matches(text);
}

/** A text that somebody can have meant: not empty, without NUL, and well formed. */
function assertText(text: unknown, what: string): asserts text is string {
  if (typeof text !== "string" || text === "")
    throw new TypeError(`${what} must be a text that is not empty`);
  if (text.includes("\0")) throw new TypeError(`${what} must not hold NUL`);
  if (Buffer.from(text, "utf8").toString("utf8") !== text) throw new TypeError(`${what} is not well formed`);
}

/** Fails for a member that does not exist. */
export function knownMembers(object: object, known: readonly string[]): void {
  if (typeof object !== "object" || object === null) throw new TypeError("an object was expected");
  const unknown = Object.keys(object).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new TypeError(`there is no member ${quoted(unknown)}`);
}

/** What two signers have in common if and only if they are the same one. */
export function signerKey(signer: VerifiedSigner): string {
  if (signer.kind === "key") return JSON.stringify(["key", signer.keyDigest]);
  return JSON.stringify(["keyless", signer.issuer, signer.subject.kind, signer.subject.value]);
}

function describeSubject({ kind, value }: FulcioSubject): string {
  return `${kind} ${quoted(value)}`;
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 256 ? `${text.slice(0, 256)}…` : text);
}

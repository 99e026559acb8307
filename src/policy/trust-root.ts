/**
 * The keys and certificates that a `sigstoreSigned` requirement names, from bytes to parsed.
 *
 * One bad key fails the whole requirement, even if another one would do: the owner of the policy learns of a
 * broken fall-back key before it is needed.
 *
 * @module
 */
import { parseAnchors } from "./anchors.ts";
import type { Certificate } from "./certificate.ts";
import { invalidSignature, messageOf, PolicyError } from "./errors.ts";
import { parseCertificateList } from "./leaf.ts";
import { type PublicKey, parsePublicKeyPem } from "./public-key.ts";
import type { DataSource, FulcioTrust, KeySource, KeyTrust, PkiTrust, SigstoreTrust } from "./types.ts";

/** Gives the content of a file that was read before, or throws what reading it threw. */
export type FileContent = (path: string) => Uint8Array;

/** What a requirement trusts, ready to verify with. */
export type TrustRoot = KeyTrustRoot | FulcioTrustRoot | PkiTrustRoot;

/** Public keys, and the keys of a log if one is required. */
export interface KeyTrustRoot {
  readonly kind: "keys";
  readonly keys: readonly PublicKey[];
  readonly logKeys?: readonly PublicKey[];
}

/** A certificate authority, whom it must have certified, and the keys of the log. */
export interface FulcioTrustRoot extends Pick<FulcioTrust, "kind" | "oidcIssuer" | "subjectEmail"> {
  readonly anchors: readonly Certificate[];
  readonly logKeys: readonly PublicKey[];
}

/** A certificate authority and whom it must have certified. */
export interface PkiTrustRoot extends Pick<PkiTrust, "kind" | "subjectEmail" | "subjectHostname"> {
  readonly anchors: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
}

/** Every file that a source of keys or certificates names. */
export function sourcePaths(source: KeySource): readonly string[] {
  if (source.kind === "path") return [source.path];
  return source.kind === "paths" ? source.paths : [];
}

/** Every file that a requirement's trust names. */
export function trustPaths(trust: SigstoreTrust): string[] {
  switch (trust.kind) {
    case "keys":
      return [trust.keys, trust.rekor].flatMap((source) => (source ? sourcePaths(source) : []));
    case "fulcio":
      return [trust.ca, trust.rekor].flatMap(sourcePaths);
    case "pki":
      return [trust.caRoots, trust.caIntermediates].flatMap((source) => (source ? sourcePaths(source) : []));
  }
}

/**
 * Parses everything that a requirement trusts.
 *
 * @throws {PolicyError} `ERR_POLICY_TRUST_ROOT` for a file that cannot be read or holds no key or certificate;
 * `ERR_POLICY_INVALID_SIGNATURE` for broken intermediates, as the reference implementation classes it.
 */
export function openTrustRoot(trust: SigstoreTrust, file: FileContent): TrustRoot {
  switch (trust.kind) {
    case "keys":
      return openKeys(trust, file);
    case "fulcio": {
      const { kind, oidcIssuer, subjectEmail } = trust;
      const anchors = parseAnchors(contentOf(trust.ca, file), "error loading Fulcio CA certificates");
      return { kind, oidcIssuer, subjectEmail, anchors, logKeys: openLogKeys(trust.rekor, file) };
    }
    case "pki": {
      const { kind, subjectEmail, subjectHostname } = trust;
      return {
        kind,
        ...(subjectEmail !== undefined ? { subjectEmail } : {}),
        ...(subjectHostname !== undefined ? { subjectHostname } : {}),
        ...openAuthorities(trust, file),
      };
    }
  }
}

function openKeys({ kind, keys, rekor }: KeyTrust, file: FileContent): KeyTrustRoot {
  const opened = contentsOf(keys, file).map((content, index) => numbered("public key", index, content));
  if (!rekor) return { kind, keys: opened };
  return { kind, keys: opened, logKeys: openLogKeys(rekor, file) };
}

function openLogKeys(source: KeySource, file: FileContent): PublicKey[] {
  const keys = contentsOf(source, file).map((content, index) => numbered("Rekor public key", index, content));
  const other = keys.findIndex(({ kind }) => kind !== "ecdsa");
  if (other < 0) return keys;
  throw new PolicyError("ERR_POLICY_TRUST_ROOT", `Rekor public key ${other + 1} is not using ECDSA`);
}

function openAuthorities(
  { caRoots, caIntermediates }: PkiTrust,
  file: FileContent,
): Pick<PkiTrustRoot, "anchors" | "intermediates"> {
  const anchors = parseAnchors(contentOf(caRoots, file), "error loading PKI CA Roots certificates");
  if (!caIntermediates) return { anchors, intermediates: [] };
  const pem = contentOf(caIntermediates, file);
  try {
    return { anchors, intermediates: parseCertificateList(pem) };
  } catch (cause) {
    throw invalidSignature(`loading trusted intermediate certificates: ${messageOf(cause)}`, cause);
  }
}

function numbered(what: string, index: number, content: Uint8Array): PublicKey {
  try {
    return parsePublicKeyPem(content);
  } catch (cause) {
    const message = `parsing ${what} ${index + 1}: ${messageOf(cause)}`;
    throw new PolicyError("ERR_POLICY_TRUST_ROOT", message, { cause });
  }
}

/** The content of each key of a source, in order. */
export function contentsOf(source: KeySource, file: FileContent): Uint8Array[] {
  switch (source.kind) {
    case "paths":
      return source.paths.map(file);
    case "datas":
      return [...source.datas];
    default:
      return [contentOf(source, file)];
  }
}

function contentOf(source: DataSource, file: FileContent): Uint8Array {
  return source.kind === "path" ? file(source.path) : source.data;
}

/**
 * The keys and certificates that a `sigstoreSigned` requirement names, from bytes to parsed.
 *
 * One bad key fails the whole requirement, even if another one would do: the owner of the policy learns of a
 * broken fall-back key before it is needed.
 *
 * @module
 */
import { messageOf } from "../core/message-of.ts";
import { parseAnchors } from "./anchors.ts";
import type { Certificate } from "./certificate.ts";
import { type ChainReader, createChainReader } from "./chain-reader.ts";
import { invalidSignature, PolicyError } from "./errors.ts";
import { parseCertificateList } from "./leaf.ts";
import { type PublicKey, parsePublicKeyPem } from "./public-key.ts";
import type { TrustMemory } from "./trust-memory.ts";
import type {
  DataSource,
  FulcioTrust,
  KeySource,
  KeyTrust,
  PkiTrust,
  PolicyRequirement,
  SigstoreTrust,
} from "./types.ts";

/**
 * Gives the content of a file that a policy names. What it throws, or rejects with, is a {@link PolicyError}
 * `ERR_POLICY_TRUST_ROOT` where the requirement that needs the file is to count as not met.
 */
export type FileContent = (path: string) => Uint8Array | Promise<Uint8Array>;

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
  readonly readChain: ChainReader;
}

/** A certificate authority and whom it must have certified. */
export interface PkiTrustRoot extends Pick<PkiTrust, "kind" | "subjectEmail" | "subjectHostname"> {
  readonly anchors: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
  readonly readChain: ChainReader;
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

/** Every file that a requirement names. */
export function requirementPaths(requirement: PolicyRequirement): readonly string[] {
  if (requirement.type === "signedBy") return sourcePaths(requirement.keys);
  return requirement.type === "sigstoreSigned" ? trustPaths(requirement.trust) : [];
}

/** What was opened with a memory: the same objects for the same requirement. */
const opened = new WeakMap<TrustMemory, WeakMap<SigstoreTrust, TrustRoot>>();

/**
 * Reads and parses everything that a requirement trusts, in the order of the reference implementation; once for each
 * memory.
 *
 * @param memory What was parsed before is taken from here, and what is parsed now is kept here.
 * @throws {PolicyError} `ERR_POLICY_TRUST_ROOT` for a file that cannot be read or holds no key or certificate;
 * `ERR_POLICY_INVALID_SIGNATURE` for broken intermediates, as the reference implementation classes it.
 */
export async function openTrustRoot(
  trust: SigstoreTrust,
  file: FileContent,
  memory: TrustMemory,
): Promise<TrustRoot> {
  const roots = opened.get(memory) ?? new WeakMap<SigstoreTrust, TrustRoot>();
  opened.set(memory, roots);
  const root = roots.get(trust) ?? (await openAnew(trust, file, memory));
  roots.set(trust, root);
  return root;
}

async function openAnew(trust: SigstoreTrust, file: FileContent, memory: TrustMemory): Promise<TrustRoot> {
  switch (trust.kind) {
    case "keys":
      return openKeys(trust, file, memory);
    case "fulcio": {
      const { kind, oidcIssuer, subjectEmail } = trust;
      const anchors = memory.parsed(parseFulcioAnchors, await contentOf(trust.ca, file));
      const logKeys = await openLogKeys(trust.rekor, file, memory);
      return { kind, oidcIssuer, subjectEmail, anchors, logKeys, readChain: createChainReader() };
    }
    case "pki": {
      const { kind, subjectEmail, subjectHostname } = trust;
      return {
        kind,
        ...(subjectEmail !== undefined ? { subjectEmail } : {}),
        ...(subjectHostname !== undefined ? { subjectHostname } : {}),
        ...(await openAuthorities(trust, file, memory)),
        readChain: createChainReader(),
      };
    }
  }
}

async function openKeys(
  { kind, keys, rekor }: KeyTrust,
  file: FileContent,
  memory: TrustMemory,
): Promise<KeyTrustRoot> {
  const contents = await contentsOf(keys, file);
  const parsed = contents.map((content, index) => numbered("public key", index, content, memory));
  if (!rekor) return { kind, keys: parsed };
  return { kind, keys: parsed, logKeys: await openLogKeys(rekor, file, memory) };
}

async function openLogKeys(source: KeySource, file: FileContent, memory: TrustMemory): Promise<PublicKey[]> {
  const contents = await contentsOf(source, file);
  const keys = contents.map((content, index) => numbered("Rekor public key", index, content, memory));
  const other = keys.findIndex(({ kind }) => kind !== "ecdsa");
  if (other < 0) return keys;
  throw new PolicyError("ERR_POLICY_TRUST_ROOT", `Rekor public key ${other + 1} is not using ECDSA`);
}

async function openAuthorities(
  { caRoots, caIntermediates }: PkiTrust,
  file: FileContent,
  memory: TrustMemory,
): Promise<Pick<PkiTrustRoot, "anchors" | "intermediates">> {
  const anchors = memory.parsed(parsePkiAnchors, await contentOf(caRoots, file));
  if (!caIntermediates) return { anchors, intermediates: [] };
  const pem = await contentOf(caIntermediates, file);
  try {
    return { anchors, intermediates: memory.parsed(parseCertificateList, pem) };
  } catch (cause) {
    throw invalidSignature(`loading trusted intermediate certificates: ${messageOf(cause)}`, cause);
  }
}

function parseFulcioAnchors(pem: Uint8Array): Certificate[] {
  return parseAnchors(pem, "error loading Fulcio CA certificates");
}

function parsePkiAnchors(pem: Uint8Array): Certificate[] {
  return parseAnchors(pem, "error loading PKI CA Roots certificates");
}

function numbered(what: string, index: number, content: Uint8Array, memory: TrustMemory): PublicKey {
  try {
    return memory.parsed(parsePublicKeyPem, content);
  } catch (cause) {
    const message = `parsing ${what} ${index + 1}: ${messageOf(cause)}`;
    throw new PolicyError("ERR_POLICY_TRUST_ROOT", message, { cause });
  }
}

/** The content of each key of a source, in order; reading ends at the first file that cannot be read. */
export async function contentsOf(source: KeySource, file: FileContent): Promise<Uint8Array[]> {
  switch (source.kind) {
    case "paths": {
      const contents: Uint8Array[] = [];
      for (const path of source.paths) contents.push(await file(path));
      return contents;
    }
    case "datas":
      return [...source.datas];
    default:
      return [await contentOf(source, file)];
  }
}

async function contentOf(source: DataSource, file: FileContent): Promise<Uint8Array> {
  return source.kind === "path" ? file(source.path) : source.data;
}

/**
 * What authorities of sigstore's policy-controller demand, as a requirement; and what of it no requirement can say.
 *
 * @module
 */
import { messageOf } from "../../core/message-of.ts";
import { parseAnchors } from "../anchors.ts";
import { policyError } from "../members.ts";
import { parsePublicKeyPem } from "../public-key.ts";
import { quote } from "../quote.ts";
import type { KeySource, PolicyRequirement, SigstoreTrust } from "../types.ts";
import type { LossRecord } from "./loss.ts";
import type { Authority, Identity, Keyless, KeyReference } from "./policy-controller-object.ts";

/** Certificates and keys of a TrustRoot, or those that sigstore's public instance distributes. */
export interface ImportedTrustRoot {
  /** PEM: certificates of the authority. */
  readonly certificates?: string | Uint8Array | undefined;
  /** PEM, one file a key: keys of the transparency logs. */
  readonly logKeys?: readonly (string | Uint8Array)[] | undefined;
}

/** What authorities refer to and do not hold. */
export interface AuthorityMaterial {
  readonly trustRoots: ReadonlyMap<string, ImportedTrustRoot>;
  /** PEM of a key that is kept elsewhere. */
  readonly keyOf: (reference: KeyReference) => string | Uint8Array | undefined;
}

type Demand = { kind: "accept" } | { kind: "reject" } | { kind: "signed"; trust: SigstoreTrust };

/**
 * The requirement that stands for authorities of which any one is enough, or nothing if none does: the record then has
 * why.
 */
export function requirementOf(
  authorities: readonly Authority[],
  material: AuthorityMaterial,
  losses: LossRecord,
): PolicyRequirement | undefined {
  const demands = authorities.map((authority) => demandOf(authority, material, losses));
  if (demands.includes(undefined)) return undefined;
  if (demands.some((demand) => demand?.kind === "accept")) return { type: "insecureAcceptAnything" };
  const trusts = demands.flatMap((demand) => (demand?.kind === "signed" ? [demand.trust] : []));
  if (trusts.length === 0) return { type: "reject" };
  const trust = anyOf(trusts);
  if (trust) return { type: "sigstoreSigned", trust, signedIdentity: { type: "matchRepository" } };
  const [, second] = authorities;
  const message = "any one of several authorities is enough, which only keys with the same log can say";
  if (second) losses.add(second.node, "any-of-authorities", "not-imported", message);
  return undefined;
}

function demandOf(authority: Authority, material: AuthorityMaterial, losses: LossRecord): Demand | undefined {
  const { check, attestations, timestamp, signatureFormat, sources } = authority;
  if (check.kind === "static") {
    if (check.message)
      losses.add(check.message, "message", "accepts-less", "the message of a refusal is lost");
    return { kind: check.action === "pass" ? "accept" : "reject" };
  }
  if (attestations) {
    losses.add(attestations, "attestations", "not-imported", "attestations are not read by nodes");
    return undefined;
  }
  if (signatureFormat?.value === "bundle") {
    losses.add(
      signatureFormat.node,
      "signature-format",
      "not-imported",
      "nodes do not read sigstore bundles",
    );
    return undefined;
  }
  if (timestamp) {
    losses.add(timestamp, "timestamp", "accepts-more", "timestamps of an authority are not checked by nodes");
  }
  if (sources) {
    const message = "nodes look for signatures beside the image only, with their own credentials";
    losses.add(sources, "signature-source", "accepts-less", message);
  }
  const trust =
    check.kind === "key"
      ? trustOfKey(check.key, authority, material, losses)
      : trustOfKeyless(check.keyless, authority, material, losses);
  return trust && { kind: "signed", trust };
}

function trustOfKey(
  key: KeyReference,
  authority: Authority,
  material: AuthorityMaterial,
  losses: LossRecord,
): SigstoreTrust | undefined {
  const algorithm = key.hashAlgorithm.toLowerCase().replace("-", "");
  if (!["", "sha256"].includes(algorithm)) {
    const message = `signatures over ${key.hashAlgorithm}: nodes verify over SHA-256 only`;
    losses.add(key.node, "hash-algorithm", "not-imported", message);
    return undefined;
  }
  const data = pemOf(key, material, losses, (pem) => parsePublicKeyPem(pem));
  const { log } = authority;
  const isLogged = log?.url !== undefined || log?.trustRootRef !== undefined;
  const rekor = isLogged ? logKeysOf(authority, log.trustRootRef ?? "", material, losses) : undefined;
  if (!data || (isLogged && !rekor)) return undefined;
  return { kind: "keys", keys: { kind: "data", data }, ...(rekor ? { rekor } : {}) };
}

function trustOfKeyless(
  keyless: Keyless,
  authority: Authority,
  material: AuthorityMaterial,
  losses: LossRecord,
): SigstoreTrust | undefined {
  const identity = identityOf(keyless, losses);
  const { log } = authority;
  const isLogged = log?.url !== undefined || log?.trustRootRef !== undefined;
  // Without any word on logs and roots, the controller demands an entry of the public log, as nodes do.
  const isPublic = !log && keyless.trustRootRef === undefined;
  if (!isLogged && !isPublic) {
    const message = "the log is not asked for, and nodes demand an entry of it for every certificate";
    losses.add(log?.node ?? authority.node, "log-required", "accepts-less", message);
  }
  const rekor = logKeysOf(authority, log?.trustRootRef ?? keyless.trustRootRef ?? "", material, losses);
  const data = certificatesOf(keyless, material, losses);
  if (!keyless.ignoresSct) {
    const message = "nodes do not ask whether a certificate is in a certificate transparency log";
    losses.add(keyless.node, "sct", "accepts-more", message);
  }
  if (!identity || !rekor || !data) return undefined;
  return { kind: "fulcio", ca: { kind: "data", data }, ...identity, rekor };
}

function identityOf(
  { node, identities }: Keyless,
  losses: LossRecord,
): { oidcIssuer: string; subjectEmail: string } | undefined {
  const [identity, second] = identities;
  if (!identity) {
    losses.add(node, "any-identity", "not-imported", "certificates of any identity are enough");
    return undefined;
  }
  if (second) {
    const message = "any one of several identities is enough, which no requirement can say";
    losses.add(second.node, "any-of-identities", "not-imported", message);
    return undefined;
  }
  return exactIdentity(identity, losses);
}

function exactIdentity(
  identity: Identity,
  losses: LossRecord,
): { oidcIssuer: string; subjectEmail: string } | undefined {
  const { node, issuer, subject } = identity;
  if (identity.issuerRegExp !== undefined || identity.subjectRegExp !== undefined) {
    const message = "nodes compare issuer and subject exactly: regular expressions cannot be carried over";
    losses.add(node, "identity-pattern", "not-imported", message);
    return undefined;
  }
  if (issuer === undefined || subject === undefined) {
    const message = `any ${issuer === undefined ? "issuer" : "subject"} is enough, which no requirement can say`;
    losses.add(node, "any-identity", "not-imported", message);
    return undefined;
  }
  if (!isEmail(subject)) {
    const message = `the subject ${quote(subject)} is no e-mail address, and nodes know no other subjects`;
    losses.add(node, "subject-kind", "not-imported", message);
    return undefined;
  }
  return { oidcIssuer: issuer, subjectEmail: subject };
}

function isEmail(text: string): boolean {
  return /^[^\s@/:]+@[^\s@/:]+$/.test(text);
}

function certificatesOf(
  keyless: Keyless,
  material: AuthorityMaterial,
  losses: LossRecord,
): Uint8Array | undefined {
  const { certificates, trustRootRef, node } = keyless;
  const check = (pem: Uint8Array) => parseAnchors(pem, "no certificate in it");
  if (certificates && trustRootRef === undefined) return pemOf(certificates, material, losses, check);
  const given = material.trustRoots.get(trustRootRef ?? "")?.certificates;
  if (given !== undefined) return checked(given, node, check);
  const message = `the certificates of ${rootName(trustRootRef ?? "")} are not given`;
  losses.add(node, "trust-root", "not-imported", message);
  return undefined;
}

function logKeysOf(
  { node, log }: Authority,
  trustRootRef: string,
  { trustRoots }: AuthorityMaterial,
  losses: LossRecord,
): KeySource | undefined {
  const at = log?.node ?? node;
  const given = trustRoots.get(trustRootRef)?.logKeys ?? [];
  if (given.length === 0) {
    const message = `the keys of the logs of ${rootName(trustRootRef)} are not given`;
    losses.add(at, "trust-root", "not-imported", message);
    return undefined;
  }
  if (log?.url !== undefined) {
    const message = `nodes do not ask the log at ${log.url}: entries must come with the signature`;
    losses.add(at, "log-lookup", "accepts-less", message);
  }
  return { kind: "datas", datas: given.map((pem) => checked(pem, at, (bytes) => parsePublicKeyPem(bytes))) };
}

function rootName(trustRootRef: string): string {
  return trustRootRef === "" ? "sigstore's public instance" : `the TrustRoot ${quote(trustRootRef)}`;
}

function pemOf(
  key: KeyReference,
  { keyOf }: AuthorityMaterial,
  losses: LossRecord,
  check: (pem: Uint8Array) => unknown,
): Uint8Array | undefined {
  const pem = key.data ?? keyOf(key);
  if (pem !== undefined) return checked(pem, key.node, check);
  const where = key.kms === undefined ? `the secret ${quote(key.secret?.name ?? "")}` : key.kms;
  losses.add(key.node, "key-reference", "not-imported", `the key that ${where} holds is not given`);
  return undefined;
}

function checked(
  pem: string | Uint8Array,
  node: KeyReference["node"],
  check: (pem: Uint8Array) => unknown,
): Uint8Array {
  const bytes = typeof pem === "string" ? Buffer.from(pem) : pem;
  try {
    check(bytes);
  } catch (cause) {
    throw policyError(node, "ERR_POLICY_IMPORT", messageOf(cause), cause);
  }
  return bytes;
}

/** One trust of which any of several is enough, or nothing if no such trust can be written. */
function anyOf(trusts: readonly SigstoreTrust[]): SigstoreTrust | undefined {
  const [first, ...others] = trusts;
  if (!first || others.length === 0) return first;
  if (others.every((other) => textOf(other) === textOf(first))) return first;
  const datas: Uint8Array[] = [];
  for (const trust of trusts) {
    if (trust.kind !== "keys" || trust.keys.kind !== "data" || first.kind !== "keys") return undefined;
    if (textOf(trust.rekor ?? null) !== textOf(first.rekor ?? null)) return undefined;
    datas.push(trust.keys.data);
  }
  if (first.kind !== "keys") return undefined;
  return { kind: "keys", keys: { kind: "datas", datas }, ...(first.rekor ? { rekor: first.rekor } : {}) };
}

function textOf(value: object | null): string {
  return JSON.stringify(value, (_, part: unknown) =>
    part instanceof Uint8Array ? Buffer.from(part).toString("base64") : part,
  );
}

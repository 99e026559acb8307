/**
 * From a leaf certificate to a trust anchor, at a point in time.
 *
 * The rules are those of Go's crypto/x509, which decides on a node, and not those of the web: any certificate
 * that is given as an anchor ends a chain, whether or not it signed itself, and the leaf may be one. Every
 * certificate of the chain, anchor included, must be valid at the time, both bounds inclusive.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc5280#section-6}
 * @module
 */
import type { Certificate } from "./certificate.ts";
import { issuerProblem } from "./certificate-signature.ts";
import { type ComparisonBudget, MAX_COMPARISONS, nameConstraintViolation } from "./name-constraints.ts";
import { quote } from "./quote.ts";

/** What to verify a leaf with. */
export interface ChainOptions {
  /** Certificates that end a chain. */
  anchors: readonly Certificate[];
  /** Certificates that may stand between, from whatever source. */
  intermediates: readonly Certificate[];
  /** Seconds since 1970, fractions allowed. */
  at: number;
  /** Critical extensions of the leaf, by id, that may go unhandled because the caller looks at them. */
  toleratedLeafExtensions?: readonly string[] | undefined;
  /** What is left for all leaves of one image; what this leaf uses is taken off. Default: enough for one leaf. */
  budget?: ChainBudget | undefined;
}

/** More signatures than this are not checked for one leaf: enough for any honest chain. */
const MAX_SIGNATURE_CHECKS = 100;

/** The work that may still be done. */
export interface ChainBudget extends ComparisonBudget {
  /** Checks of a certificate's signature. */
  checks: number;
}

/** The work of ten leaves that use up all they may: far more than as many signatures as an image has need. */
export function imageBudget(): ChainBudget {
  return { checks: 10 * MAX_SIGNATURE_CHECKS, comparisons: 10 * MAX_COMPARISONS };
}

const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
const ANY_PURPOSE = "2.5.29.37.0";

/** What was found out about a leaf. */
export type ChainOutcome =
  | {
      readonly kind: "chain";
      /** The last second, since 1970, at which there still is a chain, if time alone passes. */
      readonly validUntil: number;
    }
  | { readonly kind: "none"; readonly problem: string };

/** Why a leaf has no chain for code signing to an anchor, or nothing if it has one; see {@link verifyChain}. */
export function chainProblem(leaf: Certificate, options: ChainOptions): string | undefined {
  const outcome = verifyChain(leaf, options);
  return outcome.kind === "none" ? outcome.problem : undefined;
}

/**
 * Whether a leaf has a chain for code signing to an anchor.
 *
 * The text of a problem is that of the reference implementation. Names in the leaf are not compared with
 * anything but the constraints of the authorities above it.
 */
export function verifyChain(leaf: Certificate, options: ChainOptions): ChainOutcome {
  const { budget: shared = imageBudget() } = options;
  const checks = Math.min(MAX_SIGNATURE_CHECKS, shared.checks);
  const comparisons = Math.min(MAX_COMPARISONS, shared.comparisons);
  const budget = { checks, comparisons };
  const outcome = chainOf(leaf, options, budget);
  shared.checks -= checks - Math.max(0, budget.checks);
  shared.comparisons -= comparisons - Math.max(0, budget.comparisons);
  return outcome;
}

function chainOf(leaf: Certificate, options: ChainOptions, budget: ChainBudget): ChainOutcome {
  const problem = certificateProblem(leaf, "leaf", [], options, budget);
  if (problem !== undefined) return { kind: "none", problem };
  const chains: Certificate[][] = [];
  if (options.anchors.some((anchor) => anchor.raw.equals(leaf.raw))) chains.push([leaf]);
  else {
    const failure = buildChains([leaf], options, budget, chains);
    if (chains.length === 0) {
      return { kind: "none", problem: failure ?? "x509: certificate signed by unknown authority" };
    }
  }
  const ends = chains.filter(allowsCodeSigning).map(endOf);
  if (ends.length > 0) return { kind: "chain", validUntil: Math.max(...ends) };
  return { kind: "none", problem: "x509: certificate specifies an incompatible key usage" };
}

function endOf(chain: readonly Certificate[]): number {
  return Math.min(...chain.map(({ notAfter }) => notAfter));
}

/** Adds every chain that begins with `chain` to `found`; says why there was none where it adds none. */
function buildChains(
  chain: readonly Certificate[],
  options: ChainOptions,
  budget: ChainBudget,
  found: Certificate[][],
): string | undefined {
  const last = chain.at(-1);
  if (!last) return undefined;
  const before = found.length;
  let failure: string | undefined;
  let hint = "";
  const consider = (issuer: Certificate, role: Role): void => {
    budget.checks--;
    if (budget.checks < 0) {
      failure = "x509: signature check attempts limit reached while verifying certificate chain";
      return;
    }
    if (chain.some((member) => isSame(member, issuer))) return;
    const unsigned = issuerProblem(last, issuer);
    if (unsigned !== undefined) {
      hint ||= ` (possibly because of ${quote(unsigned)} while trying to verify candidate authority certificate)`;
      return;
    }
    const problem = certificateProblem(issuer, role, chain, options, budget);
    if (problem !== undefined) {
      failure = problem;
      hint ||= ` (possibly because of ${quote(problem)} while trying to verify candidate authority certificate)`;
      return;
    }
    if (role === "anchor") found.push([...chain, issuer]);
    else failure = buildChains([...chain, issuer], options, budget, found);
  };
  for (const issuer of issuersOf(last, options.anchors)) consider(issuer, "anchor");
  for (const issuer of issuersOf(last, options.intermediates)) consider(issuer, "intermediate");
  if (found.length > before) return undefined;
  return failure ?? `x509: certificate signed by unknown authority${hint}`;
}

type Role = "leaf" | "intermediate" | "anchor";

/** What is wrong with one certificate at its place above `chain`. Its signature is not checked here. */
function certificateProblem(
  certificate: Certificate,
  role: Role,
  chain: readonly Certificate[],
  { at, toleratedLeafExtensions = [] }: ChainOptions,
  budget: ChainBudget,
): string | undefined {
  const tolerated = role === "leaf" ? toleratedLeafExtensions : [];
  if (certificate.unhandledCritical.some((oid) => !tolerated.includes(oid))) {
    return "x509: unhandled critical extension";
  }
  const expired = expiryProblem(certificate, at);
  if (expired !== undefined) return expired;
  if (role !== "leaf" && certificate.nameConstraints) {
    for (const { subjectAltName } of chain) {
      const violation =
        subjectAltName && nameConstraintViolation(certificate.nameConstraints, subjectAltName, budget);
      if (violation === undefined) continue;
      return `x509: a root or intermediate certificate is not authorized to sign for this name: ${violation}`;
    }
  }
  if (role === "intermediate" && !certificate.basicConstraints?.isCa) {
    return "x509: certificate is not authorized to sign other certificates";
  }
  const maxPathLength = certificate.basicConstraints?.maxPathLength;
  if (maxPathLength !== undefined && chain.length - 1 > maxPathLength) {
    return "x509: too many intermediates for path length constraint";
  }
  return undefined;
}

function expiryProblem({ notBefore, notAfter }: Certificate, at: number): string | undefined {
  const problem = "x509: certificate has expired or is not yet valid: current time";
  if (at >= notBefore && at <= notAfter) return undefined;
  if (at < notBefore) return `${problem} ${timeText(at)} is before ${timeText(notBefore)}`;
  // Also where the time is no number at all.
  return `${problem} ${timeText(at)} is after ${timeText(notAfter)}`;
}

function timeText(seconds: number): string {
  const date = new Date(Math.floor(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString().replace(".000Z", "Z");
}

/** Candidates with the right name, those whose key id fits first: the order in which Go tries them. */
function issuersOf(certificate: Certificate, pool: readonly Certificate[]): Certificate[] {
  const named = pool.filter((candidate) => candidate.subject.equals(certificate.issuer));
  const rank = (candidate: Certificate): number => {
    if (!certificate.authorityKeyId || !candidate.subjectKeyId) return 1;
    return candidate.subjectKeyId.equals(certificate.authorityKeyId) ? 0 : 2;
  };
  return named.sort((a, b) => rank(a) - rank(b));
}

/** Whether two certificates are one for the purpose of going in circles: same subject, key and names. */
function isSame(a: Certificate, b: Certificate): boolean {
  if (a.raw.equals(b.raw)) return true;
  if (!a.subject.equals(b.subject) || !a.publicKeyInfo.equals(b.publicKeyInfo)) return false;
  const [namesOfA, namesOfB] = [a, b].map(({ extensions }) => extensions.find(isAlternativeName)?.value);
  return namesOfA && namesOfB ? namesOfA.equals(namesOfB) : namesOfA === namesOfB;
}

function isAlternativeName({ oid }: { oid: string }): boolean {
  return oid === "2.5.29.17";
}

/** Whether every certificate that limits its purposes includes code signing or any purpose. */
function allowsCodeSigning(chain: readonly Certificate[]): boolean {
  return chain.every(
    ({ extendedKeyUsage: purposes }) =>
      purposes.length === 0 || purposes.includes(CODE_SIGNING) || purposes.includes(ANY_PURPOSE),
  );
}

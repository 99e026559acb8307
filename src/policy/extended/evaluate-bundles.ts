/**
 * Deciding by a requirement on the bundles of an image.
 *
 * @module
 */
import { setImmediate } from "node:timers/promises";
import type { Digest } from "../../core/digest.ts";
import { messageOf } from "../../core/message-of.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { PolicyError, type PolicyErrorClass } from "../errors.ts";
import type { SigstoreBundle } from "./bundle.ts";
import type { OpenedRequirement, OpenedSigned } from "./requirement.ts";
import type { BundleArtifact } from "./signature-content.ts";
import { type OpenedSigner, signerKey } from "./signer-requirement.ts";
import type { VerifiedStatement } from "./statement.ts";
import type { SigstoreLibrary } from "./trust-material.ts";
import { assertContent, assertSigner, type VerifiedBundle, verifySigned } from "./verify-bundle.ts";

/** A bundle of an image, or what stands in the place of one. */
export interface ImageBundle {
  /** Digest of the manifest or index that it refers to. */
  readonly subject: Digest;
  /** Digest of the manifest that brings it along. */
  readonly manifest: Digest;
  /** The bundle, or why there is none to read. */
  readonly content: SigstoreBundle | PolicyError;
  /** What the subject is. */
  readonly artifact: BundleArtifact;
}

/** How a requirement went. */
export type ExtendedResult = SignedResult | CombinedResult | AtLeastResult;

/** How a signature that is required went. */
export interface SignedResult {
  readonly kind: "met" | "failed";
  readonly type: "signed";
  readonly name?: string;
  /** Every bundle, in order; each is looked at, whatever the others are. */
  readonly bundles: readonly BundleResult[];
}

/** How requirements that stand together went; each of them is looked at. */
export interface CombinedResult {
  readonly kind: "met" | "failed";
  readonly type: "anyOf" | "allOf";
  readonly results: readonly ExtendedResult[];
}

/** How a number of requirements went. */
export interface AtLeastResult {
  readonly kind: "met" | "failed";
  readonly type: "atLeast";
  readonly count: number;
  /** How many requirements are met by different signers. */
  readonly distinct: number;
  readonly results: readonly SignedResult[];
}

/** The fate of one bundle. */
export type BundleResult = BundleAccepted | BundleRejected;

/** Which bundle it is. */
export interface BundleLabel {
  /** Digest of what it refers to: the image, or the index that names it. */
  readonly subject: Digest;
  /** Digest of the manifest that brings it along. */
  readonly manifest: Digest;
}

/** A bundle that meets a requirement. */
export interface BundleAccepted extends BundleLabel {
  readonly kind: "accepted";
  readonly verified: VerifiedBundle;
}

/** A bundle that does not. */
export interface BundleRejected extends BundleLabel {
  readonly kind: "rejected";
  readonly errorClass: PolicyErrorClass;
  readonly reason: string;
}

/**
 * Whether bundles meet a requirement, and why.
 *
 * Other work of the process gets its turn after each bundle that is verified. Rejects where something other than a bundle
 * is at fault.
 */
export async function evaluateBundles(
  library: SigstoreLibrary,
  requirement: OpenedRequirement,
  bundles: readonly ImageBundle[],
  { signal }: SignalOptions = {},
): Promise<ExtendedResult> {
  const known = new Map<ImageBundle, [trust: OpenedSigner, outcome: VerifiedBundle | PolicyError][]>();
  for (const bundle of bundles) {
    const outcomes: [OpenedSigner, VerifiedBundle | PolicyError][] = [];
    known.set(bundle, outcomes);
    // A bundle is checked once against the same authorities, however many identities are asked for.
    for (const { signer } of signedIn(requirement)) {
      if (outcomes.some(([trust]) => isSameTrust(trust, signer))) continue;
      outcomes.push([signer, outcomeOf(library, bundle, signer)]);
      await setImmediate();
      signal?.throwIfAborted();
    }
  }
  return evaluate(requirement);

  function evaluate(wanted: OpenedRequirement): ExtendedResult {
    if (wanted.kind === "signed") return evaluateSigned(wanted);
    if (wanted.kind === "atLeast") {
      const results = wanted.requirements.map(evaluateSigned);
      const distinct = countDistinct(results.map(signersOf));
      const kind = distinct >= wanted.count ? "met" : "failed";
      return { kind, type: "atLeast", count: wanted.count, distinct, results };
    }
    const results = wanted.requirements.map(evaluate);
    const isMet = ({ kind }: ExtendedResult): boolean => kind === "met";
    // A list is never empty here, so that "every" has something to say.
    const met = wanted.kind === "anyOf" ? results.some(isMet) : results.every(isMet);
    return { kind: met && results.length > 0 ? "met" : "failed", type: wanted.kind, results };
  }

  function evaluateSigned(wanted: OpenedSigned): SignedResult {
    const results = bundles.map((bundle) => judge(wanted, bundle));
    return {
      kind: results.some(({ kind }) => kind === "accepted") ? "met" : "failed",
      type: "signed",
      ...(wanted.name === undefined ? {} : { name: wanted.name }),
      bundles: results,
    };
  }

  function judge({ signer, content }: OpenedSigned, bundle: ImageBundle): BundleResult {
    const { subject, manifest } = bundle;
    try {
      const [, outcome] = known.get(bundle)?.find(([trust]) => isSameTrust(trust, signer)) ?? [];
      if (!outcome) throw new TypeError("a bundle that was not verified");
      if (outcome instanceof PolicyError) throw outcome;
      assertSigner(outcome, signer);
      assertContent(outcome, content);
      return { kind: "accepted", subject, manifest, verified: outcome };
    } catch (cause) {
      // Anything else is no judgement on this bundle, and must not look like one.
      if (!(cause instanceof PolicyError) || cause.code === "ERR_POLICY_TRUST_ROOT") throw cause;
      const { errorClass } = cause;
      return { kind: "rejected", subject, manifest, errorClass, reason: messageOf(cause) };
    }
  }
}

function signedIn(requirement: OpenedRequirement): readonly OpenedSigned[] {
  return requirement.kind === "signed" ? [requirement] : requirement.requirements.flatMap(signedIn);
}

function outcomeOf(
  library: SigstoreLibrary,
  { content, artifact }: ImageBundle,
  signer: OpenedSigner,
): VerifiedBundle | PolicyError {
  if (content instanceof PolicyError) return content;
  try {
    return verifySigned(library, content, artifact, signer);
  } catch (cause) {
    if (cause instanceof PolicyError) return cause;
    throw cause;
  }
}

/** Whether two signers differ in the identity alone, which is compared after the bundle is verified. */
function isSameTrust(a: OpenedSigner, b: OpenedSigner): boolean {
  if (a.trustedRoot !== b.trustedRoot) return false;
  const counts = ["transparencyLogs", "timestampAuthorities", "certificateLogs"] as const;
  if (counts.some((count) => a.evidence[count] !== b.evidence[count])) return false;
  if (a.kind === "keyless" || b.kind === "keyless") return a.kind === b.kind;
  const isSameWindow = a.validFor?.start === b.validFor?.start && a.validFor?.end === b.validFor?.end;
  return a.keyDigest === b.keyDigest && isSameWindow;
}

function signersOf({ bundles }: SignedResult): Set<string> {
  return new Set(
    bundles.flatMap((bundle) => (bundle.kind === "accepted" ? [signerKey(bundle.verified.signer)] : [])),
  );
}

/**
 * How many requirements can be met by signers that differ: the size of a largest matching between requirements and the
 * signers that meet them, found by augmenting paths.
 */
export function countDistinct(signersByRequirement: readonly ReadonlySet<string>[]): number {
  const takenBy = new Map<string, number>();
  let count = 0;
  for (const requirement of signersByRequirement.keys()) {
    if (assign(requirement, new Set())) count++;
  }
  return count;

  function assign(requirement: number, tried: Set<string>): boolean {
    for (const signer of signersByRequirement[requirement] ?? []) {
      if (tried.has(signer)) continue;
      tried.add(signer);
      const holder = takenBy.get(signer);
      if (holder === undefined || assign(holder, tried)) {
        takenBy.set(signer, requirement);
        return true;
      }
    }
    return false;
  }
}

/** The statements of every bundle that meets a requirement somewhere in the result, each once. */
export function acceptedStatements(result: ExtendedResult): VerifiedStatement[] {
  const found = new Map<string, VerifiedStatement>();
  const visit = (each: ExtendedResult): void => {
    if (each.type !== "signed") {
      for (const below of each.results) visit(below);
      return;
    }
    for (const bundle of each.bundles) {
      if (bundle.kind !== "accepted" || !bundle.verified.statement) continue;
      found.set(`${bundle.subject} ${bundle.verified.digest}`, bundle.verified.statement);
    }
  };
  visit(result);
  return [...found.values()];
}

/**
 * Evaluating a list of requirements on what is known about an image. Nothing is fetched or read here, so the
 * same evidence always gives the same outcome.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-policy.json.5.md}
 * @module
 */
import { digestOf } from "../core/digest.ts";
import { SIMPLE_SIGNING } from "../core/media-types.ts";
import { familiarReference, type Reference } from "../core/reference.ts";
import { imageBudget } from "./chain.ts";
import { PolicyError, type PolicyErrorClass } from "./errors.ts";
import { dockerLookup, type ScopeLookup, selectRequirements } from "./scope.ts";
import type { SigstoreSignature, SimpleSignature, StoredSignature } from "./signature-blob.ts";
import { openSignedByKeys, verifySimpleSignature } from "./signed-by.ts";
import { type AcceptedSignature, type SignatureStep, verifySigstoreSignature } from "./sigstore.ts";
import { createTrustMemory, type TrustMemory } from "./trust-memory.ts";
import { type FileContent, openTrustRoot } from "./trust-root.ts";
import type { Policy, PolicyRequirement, SignedBy, SigstoreSigned } from "./types.ts";
import type { Evaluation, RequirementResult, SignatureLabel, SignatureResult } from "./verdict.ts";

/** What a policy knows an image by. */
export interface PolicyImage {
  /** How the image is looked up in the policy. */
  readonly lookup: ScopeLookup;
  /** Its name, which signatures must claim; absent for transports without such names. */
  readonly reference?: Reference | undefined;
  /** The image in messages: `docker://busybox:latest`. */
  readonly displayName: string;
}

/** A signature with the place that it was found in. */
export interface CollectedSignature {
  /** Name of the place. */
  readonly source: string;
  readonly signature: StoredSignature;
}

/** What is known about an image. */
export interface Evidence {
  /** The bytes of the single image's manifest. */
  readonly manifest: Uint8Array;
  /** In the order in which they are tried. */
  readonly signatures: readonly CollectedSignature[];
  /**
   * Formats of which `signatures` holds all there are. A requirement for another format cannot be decided when
   * there is no signature.
   */
  readonly completeFormats: readonly StoredSignature["format"][];
  /** Files that requirements name. Asked for when the first signature that needs them is about to be tried. */
  readonly file: FileContent;
  /** Keys and certificates parsed before, with the same `file`. Default: nothing is kept from call to call. */
  readonly memory?: TrustMemory | undefined;
  /** The present time in seconds since 1970. Matters for PKI certificates, OpenPGP keys and their signatures. */
  readonly now: number;
}

/** Options of {@link evaluateRequirements}. */
export interface EvaluateOptions {
  /**
   * Whether a list that no requirement of which verifies a signature rejects even when it is met. Default
   * false, as everywhere upstream.
   */
  requireSignatureVerification?: boolean | undefined;
}

/**
 * How an image of the docker transport is known: the tag `latest` is added to a bare name.
 *
 * @throws {PolicyError} `ERR_POLICY_REFERENCE` for a reference with both tag and digest.
 */
export function dockerImage(reference: Reference): PolicyImage {
  return {
    lookup: dockerLookup(reference),
    reference,
    displayName: `docker://${familiarReference(reference)}`,
  };
}

/** Whether evaluation gets as far as a requirement that looks at signatures. */
export function needsSignatures(requirements: readonly PolicyRequirement[]): boolean {
  for (const { type } of requirements) {
    if (type === "signedBy" || type === "sigstoreSigned") return true;
    if (type !== "insecureAcceptAnything") return false;
  }
  return false;
}

/**
 * Whether an image meets the requirements that a policy has for it.
 *
 * Requirements are evaluated in order, and the first that is not met ends the evaluation. For each, the
 * relevant signatures are tried in order, and the first that is accepted ends the search. A promise, since
 * reading OpenPGP keys takes a library that is loaded when it is first needed.
 *
 * @throws {PolicyError} `ERR_POLICY_UNSUPPORTED` where signatures of the format needed were not looked for, or
 * cannot be checked here.
 */
export async function evaluateRequirements(
  policy: Policy,
  image: PolicyImage,
  evidence: Evidence,
  { requireSignatureVerification = false }: EvaluateOptions = {},
): Promise<Evaluation> {
  const { requirements, ...trace } = selectRequirements(policy, image.lookup);
  const results: RequirementResult[] = [];
  const reject = (reason: string, errorClass: PolicyErrorClass): Evaluation => ({
    kind: "rejected",
    errorClass,
    reason,
    ...trace,
    requirements: results,
  });
  if (requirements.length === 0) {
    return reject("List of verification policy requirements must not be empty", "policy-requirement");
  }
  const { memory = createTrustMemory() } = evidence;
  for (const requirement of requirements) {
    const result = await evaluateRequirement(requirement, image, { ...evidence, memory });
    results.push(result);
    if (result.kind !== "met") return reject(result.reason, result.errorClass);
  }
  const verifies = requirements.some(({ type }) => type === "signedBy" || type === "sigstoreSigned");
  if (requireSignatureVerification && !verifies) {
    const { transport, identity } = image.lookup;
    return reject(
      `No signature verification policy found for image ${transport}:${identity}`,
      "policy-requirement",
    );
  }
  const ends = results.flatMap(({ signatures }) => {
    const last = signatures.at(-1);
    return last?.kind === "accepted" && last.validUntil !== undefined ? [last.validUntil] : [];
  });
  const validUntil = ends.length > 0 ? { validUntil: Math.min(...ends) } : {};
  return { kind: "allowed", ...trace, ...validUntil, requirements: results };
}

async function evaluateRequirement(
  requirement: PolicyRequirement,
  image: PolicyImage,
  evidence: EvidenceWithMemory,
): Promise<RequirementResult> {
  const { type } = requirement;
  switch (type) {
    case "insecureAcceptAnything":
      return { kind: "met", type, signatures: [] };
    case "reject":
      return failed(type, `Running image ${image.displayName} is rejected by policy.`);
    case "signedBaseLayer":
      return failed(type, "signedBaseLayer not implemented yet!");
    case "signedBy":
      return evaluateSignedBy(requirement, image, evidence);
    case "sigstoreSigned":
      return evaluateSigstoreSigned(requirement, image, evidence);
    default:
      // A policy made by hand, outside what the types allow.
      throw new TypeError(`unknown policy requirement ${JSON.stringify(type satisfies never)}`);
  }
}

/** Evidence with a place for what is parsed. */
type EvidenceWithMemory = Evidence & { readonly memory: TrustMemory };

async function evaluateSigstoreSigned(
  requirement: SigstoreSigned,
  image: PolicyImage,
  evidence: EvidenceWithMemory,
): Promise<RequirementResult> {
  const { type } = requirement;
  let simple = 0;
  let others = 0;
  const relevant: (CollectedSignature & { signature: SigstoreSignature })[] = [];
  for (const { source, signature } of evidence.signatures) {
    if (signature.format === "simple-signing") simple++;
    else if (signature.mediaType === SIMPLE_SIGNING) relevant.push({ source, signature });
    else others++;
  }
  if (relevant.length === 0) {
    assertComplete(evidence, "sigstore-json");
    const found = `(${simple} non-sigstore signatures, ${others} sigstore non-signature attachments)`;
    return failed(type, simple + others > 0 ? `${NO_SIGNATURE} ${found}` : NO_SIGNATURE);
  }
  const results: SignatureResult[] = [];
  const budget = imageBudget();
  const root = await orPolicyError(openTrustRoot(requirement.trust, evidence.file, evidence.memory));
  for (const { source, signature } of relevant) {
    const label = { source, digest: digestOf(signature.payload) };
    const result = await trySignature(label, (onStep) => {
      if (root instanceof PolicyError) throw root;
      const subject = { reference: image.reference, manifest: evidence.manifest };
      const options = { now: evidence.now, budget, onStep };
      return verifySigstoreSignature(signature, root, requirement.signedIdentity, subject, options);
    });
    results.push(result);
    if (result.kind === "accepted") return { kind: "met", type, signatures: results };
  }
  return summary(type, results);
}

/**
 * Whether an error says something about keys or signatures. Anything else is a fault of ours, or of the
 * installation, and no verdict comes out.
 */
export function isReasonToReject(error: unknown): error is PolicyError {
  return error instanceof PolicyError && error.code !== "ERR_POLICY_UNSUPPORTED";
}

/** What a promise gives, or the reason not to accept a signature that it rejects with. */
async function orPolicyError<T>(promise: Promise<T>): Promise<T | PolicyError> {
  try {
    return await promise;
  } catch (error) {
    if (!isReasonToReject(error)) throw error;
    return error;
  }
}

const NO_SIGNATURE = "A signature was required, but no signature exists";

async function evaluateSignedBy(
  requirement: SignedBy,
  { reference }: PolicyImage,
  evidence: EvidenceWithMemory,
): Promise<RequirementResult> {
  const { type, signedIdentity } = requirement;
  const { manifest, now } = evidence;
  const relevant: { source: string; signature: SimpleSignature }[] = [];
  for (const { source, signature } of evidence.signatures) {
    if (signature.format === "simple-signing") relevant.push({ source, signature });
  }
  if (relevant.length === 0) {
    assertComplete(evidence, "simple-signing");
    return failed(type, NO_SIGNATURE);
  }
  const results: SignatureResult[] = [];
  const ring = await orPolicyError(openSignedByKeys(requirement, evidence.file, evidence.memory));
  for (const { source, signature } of relevant) {
    const label = { source, digest: digestOf(signature.content) };
    const result = await trySignature(label, async (onStep) => {
      if (ring instanceof PolicyError) throw ring;
      return verifySimpleSignature(signature, ring, signedIdentity, { reference, manifest }, { now, onStep });
    });
    results.push(result);
    if (result.kind === "accepted") return { kind: "met", type, signatures: results };
  }
  return summary(type, results);
}

/** What comes of checking a signature. */
async function trySignature(
  label: SignatureLabel,
  verify: (onStep: (step: SignatureStep) => void) => AcceptedSignature | Promise<AcceptedSignature>,
): Promise<SignatureResult> {
  let step: SignatureStep = "trust-root";
  try {
    const { payload, ...times } = await verify((next) => {
      step = next;
    });
    return { kind: "accepted", ...label, dockerReference: payload.dockerReference, ...times };
  } catch (error) {
    if (!isReasonToReject(error)) throw error;
    return { kind: "rejected", ...label, errorClass: error.errorClass, reason: error.message, step };
  }
}

/** The outcome where signatures were tried and none was accepted. */
function summary(type: PolicyRequirement["type"], signatures: readonly SignatureResult[]): RequirementResult {
  const rejected = signatures.filter((signature) => signature.kind === "rejected");
  const [first, ...others] = rejected;
  if (!first) throw new TypeError("a summary of no rejected signature");
  if (others.length === 0) {
    const { errorClass, reason } = first;
    return { kind: "failed", type, errorClass, reason, signatures };
  }
  const reasons = rejected.map(({ reason }) => reason).join("; ");
  return failed(type, `None of the signatures were accepted, reasons: ${reasons}`, signatures);
}

function failed(
  type: PolicyRequirement["type"],
  reason: string,
  signatures: readonly SignatureResult[] = [],
): RequirementResult {
  return { kind: "failed", type, errorClass: "policy-requirement", reason, signatures };
}

/** Fails where "no signature exists" would be a guess. */
export function assertComplete({ completeFormats }: Evidence, format: StoredSignature["format"]): void {
  if (completeFormats.includes(format)) return;
  throw new PolicyError(
    "ERR_POLICY_UNSUPPORTED",
    `signatures of format ${format} are needed, and no source of them is configured`,
  );
}

/**
 * What a policy says about an image, as a part of a trace.
 *
 * @module
 */
import type { Platform } from "../core/platform.ts";
import { formatReference, type Reference } from "../core/reference.ts";
import type { SignalOptions } from "../core/signal.ts";
import { createContainerMessage } from "../policy/messages.ts";
import type { ReadPolicyFile } from "../policy/trust-files.ts";
import type { RequirementResult, SignatureResult, Verdict } from "../policy/verdict.ts";
import { createVerifier, type Verifier } from "../policy/verifier.ts";
import type { NodeAnswers, PolicyAnswer } from "./answers.ts";
import { fails, RUNS } from "./failures.ts";
import type { PinnedSource } from "./pinned-source.ts";
import type {
  Outcome,
  PolicyExplanation,
  PolicyFile,
  RequirementExplanation,
  SignatureExplanation,
  Undecided,
} from "./trace.ts";

/** A policy that decides. */
export type DecidingPolicy = Extract<PolicyAnswer, { kind: "policy" }>;

/** What deciding takes besides the policy. */
export interface DecidingOptions extends SignalOptions {
  readonly answers: NodeAnswers;
  readonly platform: Platform;
  readonly now: () => number;
}

/** A verifier for images of a source, as the node has it. Nothing is kept from one explanation to another. */
export function verifierFor(
  { policy }: DecidingPolicy,
  source: PinnedSource,
  { answers, now }: Pick<DecidingOptions, "answers" | "now">,
): Verifier {
  const { signatureSources } = answers;
  return createVerifier(policy, {
    source,
    signatureSources,
    readFile: policyFiles(answers),
    now,
    cache: false,
  });
}

function policyFiles({ file }: NodeAnswers): ReadPolicyFile {
  return async (path, options) => {
    const content = await file(path, options);
    if (content) return content;
    // As the system says it, which is what the verifier's own reader would pass on.
    throw Object.assign(new Error(`open ${path}: no such file or directory`), { code: "ENOENT" });
  };
}

/**
 * What is not known of how a policy was chosen: of files that are a copy of some of a node's, a link to nowhere does not
 * say that the node has no other policy, which would go before this one.
 */
export function policyDoubt({ steps }: DecidingPolicy): Undecided | undefined {
  const dangling = steps.find(({ outcome }) => outcome === "dangling");
  if (!dangling) return undefined;
  const message = `whether the node has the policy ${dangling.what} is not known: a link on its way leads nowhere`;
  return { kind: "undecided", code: "ERR_EXPLAIN_DANGLING_LINK", message };
}

/** A verdict as a part of a trace. */
export function explainVerdict(verdict: Verdict, file: PolicyFile): PolicyExplanation {
  const { kind, reference, scope, candidates, overridden, sources, requirements } = verdict;
  return {
    kind,
    ...fileOf(file),
    reference,
    scope: scope.kind === "default" ? "default" : `${scope.transport} ${JSON.stringify(scope.scope)}`,
    candidates,
    overridden,
    lookedAt: sources.flatMap(({ lookedAt }) => lookedAt),
    requirements: requirements.map(explainRequirement),
    ...(verdict.kind === "rejected" ? { reason: verdict.reason } : {}),
  };
}

/** Which file decides. */
export function fileOf({ file, steps }: PolicyFile): PolicyFile {
  return { ...(file === undefined ? {} : { file }), steps };
}

function explainRequirement(result: RequirementResult): RequirementExplanation {
  const { type, kind } = result;
  const reason = result.kind === "failed" ? { reason: result.reason } : {};
  return { type, kind, ...reason, signatures: result.signatures.map(explainSignature) };
}

function explainSignature(result: SignatureResult): SignatureExplanation {
  const { source, digest } = result;
  if (result.kind === "rejected") {
    const { kind, step, reason, errorClass } = result;
    return { kind, source, digest, step, reason, errorClass };
  }
  const { kind, dockerReference, loggedAt, validUntil } = result;
  return {
    kind,
    source,
    digest,
    dockerReference,
    ...(loggedAt === undefined ? {} : { loggedAt: String(loggedAt) }),
    ...(validUntil === undefined ? {} : { validUntil }),
  };
}

/** Since then CRI-O tries an image that it cannot pull as an artifact, and tells both failures. */
const ARTIFACTS_SINCE = [1, 33] as const;

/**
 * How a pull ends by a verdict: with CRI-O's text, which from 1.33 on goes on with `; artifact err: ` and what came of
 * pulling the image as an artifact. A pull in a process of its own loses the mark that the kubelet goes by.
 */
export function pullOutcome(
  verdict: Verdict,
  { version, separatePulls }: Pick<NodeAnswers, "version" | "separatePulls">,
): Outcome {
  if (verdict.kind === "allowed") return RUNS;
  const isMarked = verdict.criError !== verdict.message && !separatePulls;
  const text = triesArtifacts(version)
    ? `unable to pull image or OCI artifact: pull image err: ${verdict.message}`
    : verdict.message;
  return isMarked
    ? fails("SignatureValidationFailed", `SignatureValidationFailed: ${text}`)
    : fails("ErrImagePull", text);
}

function triesArtifacts(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [since, sinceMinor] = ARTIFACTS_SINCE;
  return major > since || (major === since && minor >= sinceMinor);
}

/** How creating a container ends by a verdict, with CRI-O's text. */
export function createOutcome(verdict: Verdict, reference: Reference): Outcome {
  if (verdict.kind === "allowed") return RUNS;
  const message = createContainerMessage(formatReference(reference), verdict.reason, verdict.errorClass);
  return fails("CreateContainerError", message);
}

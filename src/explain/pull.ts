/**
 * Pulling one candidate of a name: where it is asked for, with which credentials, and what the policy says to it.
 *
 * @module
 */
import type { Digest } from "../core/digest.ts";
import { isLadingError } from "../core/errors.ts";
import type { Platform } from "../core/platform.ts";
import { formatReference, type Reference, referenceName, withDefaultTag } from "../core/reference.ts";
import { OciError } from "../oci/errors.ts";
import type { MirroredRepository } from "../oci/mirrors/mirrored.ts";
import type { PullAttempt, PullSources } from "../oci/mirrors/pull-sources.ts";
import { PolicyError } from "../policy/errors.ts";
import type { Verifier } from "../policy/verifier.ts";
import type { CredentialsPlace, DecryptionAnswer, PolicyAnswer } from "./answers.ts";
import { containerdImage } from "./containerd-image.ts";
import { explainDecryption, type KnownDecryption } from "./decryption.ts";
import { fails, pullFailure, RUNS, undecided, worst } from "./failures.ts";
import type { PinnedSource } from "./pinned-source.ts";
import type { PodSubject } from "./pod.ts";
import {
  type DecidingOptions,
  type DecidingPolicy,
  explainVerdict,
  fileOf,
  policyDoubt,
  pullOutcome,
  verifierFor,
} from "./policy-step.ts";
import type {
  AttemptExplanation,
  DecryptionExplanation,
  Outcome,
  PolicyExplanation,
  PullExplanation,
  SourcesExplanation,
  Step,
  Undecided,
} from "./trace.ts";

/** What pulling takes. */
export interface PullOptions extends DecidingOptions {
  readonly pod: PodSubject;
  readonly source: PinnedSource;
  readonly platform: Platform;
  /** The policy of the Pod's namespace, asked for once; rejects as `NodeAnswers.policy` does. */
  readonly policy: () => Promise<PolicyAnswer>;
  /** What the node has for encrypted layers, asked for once; rejects as `NodeAnswers.decryption` does. Default: not asked. */
  readonly decryption?: () => Promise<DecryptionAnswer>;
  /** One verifier for all images of a policy, so that keys are read once. */
  readonly verifiers: Map<PolicyAnswer, Verifier>;
}

/** An image that a node has after the pull, unless keys for its layers keep it from that. */
export interface PulledImage {
  readonly digest: Digest;
  readonly indexDigest?: Digest;
  readonly repository: MirroredRepository;
  /** The tag or digest that was asked for. */
  readonly target: string;
  readonly policy: PolicyAnswer;
}

/** A pull, and the image if there is one. */
export interface ExplainedPull {
  readonly explanation: PullExplanation;
  readonly pulled?: PulledImage;
}

/** What comes of pulling a candidate of an image's name, which is as the Pod has it. */
export async function explainPull(
  image: string,
  candidate: Reference,
  options: PullOptions,
): Promise<ExplainedPull> {
  const reference = byDigestAlone(withDefaultTag(candidate));
  const text = formatReference(reference);
  const { answers, signal } = options;
  let found: PullSources;
  try {
    found = await answers.sources(reference, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    const sources: SourcesExplanation = { kind: "undecided", steps: [], attempts: [] };
    return { explanation: { outcome: undecided(error), reference: text, sources, passedOver: [] } };
  }
  if (found.kind === "blocked") {
    const outcome = fails("ErrImagePull", `registry ${found.prefix} is blocked in ${found.origin}`);
    const sources = { kind: "blocked", steps: stepsOf(found), attempts: [] } as const;
    return { explanation: { outcome, reference: text, sources, passedOver: [] } };
  }
  const attempts: ExplainedAttempt[] = [];
  const named = { image, candidate: referenceName(reference) };
  for (const attempt of found.attempts) attempts.push(await explainAttempt(attempt, named, options));
  const sources: SourcesExplanation = {
    kind: "allowed",
    steps: stepsOf(found),
    attempts: attempts.map(({ explanation }) => explanation),
  };
  const [failure] = attempts.map((each) => each.failure);
  if (failure !== undefined && attempts.every((each) => each.failure !== undefined)) {
    const outcome = fails("ErrImagePull", failure);
    return { explanation: { outcome, reference: text, sources, passedOver: [] } };
  }
  const decided = await decide(reference, options);
  const asked = decided.answered ? await answerOf(reference, options) : { passedOver: [] };
  const decryption = await decrypt(decided.pulled, options);
  // Keys are read before anything is asked for.
  const unknown = attempts.flatMap((each) => each.unknown ?? []);
  const outcome = worst([decryption?.outcome ?? RUNS, decided.outcome, ...unknown]);
  const explanation = {
    outcome,
    reference: text,
    sources,
    ...asked,
    ...(decided.policy ? { policy: decided.policy } : {}),
    ...(decryption ? { decryption } : {}),
  };
  return decided.pulled && outcome.kind !== "fails"
    ? { explanation, pulled: decided.pulled }
    : { explanation };
}

/** Of a reference with tag and digest, runtimes pull the digest, and policies know no other form. */
function byDigestAlone(reference: Reference): Reference {
  if (reference.digest === undefined) return reference;
  const { tag: _, ...rest } = reference;
  return rest;
}

interface Decided {
  /** Whether a place gave the image. */
  readonly answered: boolean;
  readonly outcome: Outcome;
  readonly policy?: PolicyExplanation;
  readonly pulled?: PulledImage;
}

async function decide(reference: Reference, options: PullOptions): Promise<Decided> {
  const { signal, platform, source, answers } = options;
  let policy: PolicyAnswer;
  try {
    policy = await options.policy();
  } catch (error) {
    signal?.throwIfAborted();
    return policyFailure(error);
  }
  const repository = source.repository(referenceName(reference));
  const target = reference.digest ?? reference.tag ?? "latest";
  try {
    if (policy.kind !== "policy") {
      const found = await containerdImage(repository, reference, platform, { signal });
      const pulled = { ...found, repository, target, policy };
      const explained = { kind: "none", why: policy.why } as const;
      return { answered: true, outcome: outcomeWithout(policy), policy: explained, pulled };
    }
    const verifier = options.verifiers.get(policy) ?? verifierFor(policy, source, options);
    options.verifiers.set(policy, verifier);
    const verdict = await verifier.evaluate(reference, { signal, platform });
    const outcome = policyDoubt(policy) ?? pullOutcome(verdict, answers);
    const explained = explainVerdict(verdict, policy);
    if (verdict.kind !== "allowed") return { answered: true, outcome, policy: explained };
    const { digest, indexDigest } = verdict;
    const found = indexDigest === undefined ? { digest } : { digest, indexDigest };
    return { answered: true, outcome, policy: explained, pulled: { ...found, repository, target, policy } };
  } catch (error) {
    signal?.throwIfAborted();
    const outcome = pullFailure(error);
    if (outcome.kind === "runs" || policy.kind !== "policy") return { answered: false, outcome };
    const code = isLadingError(error) ? error.code : "";
    return {
      answered: false,
      outcome,
      policy: { kind: "undecided", code, message: outcome.message, ...fileOf(policy) },
    };
  }
}

/** How a pull ends that no policy decides about. */
function outcomeWithout({ kind, why }: Exclude<PolicyAnswer, DecidingPolicy>): Outcome {
  if (kind === "none") return RUNS;
  return { kind: "undecided", code: "ERR_EXPLAIN_IMAGE_VERIFIERS", message: why };
}

/** How the layers of an image are opened, if some are encrypted. */
async function decrypt(
  pulled: PulledImage | undefined,
  { decryption, answers, signal }: PullOptions,
): Promise<DecryptionExplanation | undefined> {
  if (!decryption) return undefined;
  let answer: KnownDecryption;
  try {
    answer = await decryption();
  } catch (error) {
    signal?.throwIfAborted();
    const unknown = undecided(error);
    // CRI-O reads its keys whatever is pulled.
    const everyPull = answers.runtime === "cri-o" ? { everyPull: unknown } : {};
    answer = { steps: [], means: [], unknown, ...everyPull };
  }
  try {
    const content = await pulled?.repository.readManifest(pulled.digest, { signal });
    return explainDecryption(answer, content);
  } catch (error) {
    signal?.throwIfAborted();
    const outcome = worst([answer.everyPull ?? RUNS, pullFailure(error)]);
    return { outcome, layers: [], steps: answer.steps };
  }
}

/** A policy that is no policy, or missing, fails every pull; one that cannot be read here may be a good one there. */
function policyFailure(error: unknown): Decided {
  if (!isLadingError(error)) throw error;
  const isCertain =
    error instanceof PolicyError &&
    (error.errorClass === "policy-format" || (error.code === "ERR_POLICY_FILE" && error.cause === undefined));
  const outcome = isCertain ? fails("ErrImagePull", error.message) : undecided(error);
  return {
    answered: false,
    outcome,
    policy: { kind: "undecided", code: error.code, message: error.message, steps: [] },
  };
}

function stepsOf({ trace }: PullSources): Step[] {
  return trace.map(({ what, outcome, why }) => ({ what, outcome, why }));
}

interface ExplainedAttempt {
  readonly explanation: AttemptExplanation;
  /** Why the runtime gets no further than its own credentials. */
  readonly failure?: string;
  /** Why what is sent could not be found out. */
  readonly unknown?: Undecided;
}

async function explainAttempt(
  { kind, url, reference, domain, reason: why }: PullAttempt,
  named: Pick<CredentialsPlace, "image" | "candidate">,
  { answers, pod, signal }: PullOptions,
): Promise<ExplainedAttempt> {
  const place = { kind, url: shownUrl(url), reference: formatReference(reference), why };
  try {
    const asked = { ...named, repository: `${domain}/${reference.path}` };
    const { steps, failure } = await answers.credentials(asked, pod, { signal });
    const explanation = { ...place, credentials: steps };
    return failure === undefined ? { explanation } : { explanation, failure };
  } catch (error) {
    signal?.throwIfAborted();
    const unknown = undecided(error);
    const step = { what: domain, outcome: "failed", why: `${unknown.code}: ${unknown.message}` };
    return { explanation: { ...place, credentials: [step] }, unknown };
  }
}

/** Who answered for a reference: what was found out when it was decided on is asked again of nobody. */
async function answerOf(
  reference: Reference,
  { source, signal }: PullOptions,
): Promise<Pick<PullExplanation, "answeredBy" | "passedOver">> {
  const repository = source.repository(referenceName(reference));
  try {
    const { attempt, failures } = await repository.resolveFrom(
      reference.digest ?? reference.tag ?? "latest",
      { signal },
    );
    return { answeredBy: shownUrl(attempt.url), passedOver: failures.map(passedOver) };
  } catch (error) {
    signal?.throwIfAborted();
    if (!isLadingError(error)) throw error;
    return { passedOver: [] };
  }
}

function passedOver({ attempt, error }: { attempt: PullAttempt; error: unknown }) {
  const { code, message } = undecided(error);
  return { url: shownUrl(attempt.url), code, message };
}

function shownUrl(text: string): string {
  if (!URL.canParse(text)) throw new OciError("ERR_OCI_CONFIG_INVALID", "no URL of a registry");
  const { protocol, host, pathname } = new URL(text);
  return `${protocol}//${host}${pathname}`;
}

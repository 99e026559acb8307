/**
 * Which system calls a container may make: the profile that it gets, where that is from, and what it does.
 *
 * @module
 */
import { digestOf } from "../core/digest.ts";
import { isLadingError } from "../core/errors.ts";
import { formatPlatform } from "../core/platform.ts";
import { formatReference } from "../core/reference.ts";
import { createArtifactSource } from "../oci/artifact-source.ts";
import { parseManifest } from "../oci/manifest.ts";
import { selectManifest } from "../oci/select.ts";
import { type ArtifactContent, fetchProfileArtifact, type ResolvedArtifact } from "../seccomp/artifact.ts";
import type { DefiniteSeccompChoice } from "../seccomp/choice.ts";
import { type ChosenFilter, filterOfChoice } from "../seccomp/choice-filter.ts";
import { SeccompError } from "../seccomp/errors.ts";
import { explainSyscall } from "../seccomp/explain/index.ts";
import { kubeletSeccompRequest, type SeccompContainer, type SeccompPod } from "../seccomp/pod.ts";
import { resolveSeccomp } from "../seccomp/resolve.ts";
import type { LinuxSeccomp } from "../seccomp/types.ts";
import type { SeccompAnswer } from "./answers.ts";
import { boundingSet } from "./capabilities.ts";
import { ExplainError } from "./errors.ts";
import { fails, pullFailure, RUNS, undecided } from "./failures.ts";
import type { SubjectContainer } from "./pod.ts";
import { explainVerdict, policyDoubt, verifierFor } from "./policy-step.ts";
import type { PullOptions } from "./pull.ts";
import type {
  CallExplanation,
  FailureReason,
  Outcome,
  PolicyExplanation,
  SeccompExplanation,
} from "./trace.ts";

/** What decides about the filter of a container. */
export interface SeccompOptions extends PullOptions {
  readonly seccomp: SeccompAnswer;
  /** Annotations of the image's manifest. */
  readonly imageAnnotations: Readonly<Record<string, string>>;
  /** The node's kernel release. */
  readonly kernel: string;
  /** Names of calls to be looked at. */
  readonly calls: readonly string[];
}

/** How making a container's filter ends. */
export interface ExplainedSeccomp {
  readonly outcome: Outcome;
  readonly explanation?: SeccompExplanation;
}

/** What came of the profile besides the filter. */
interface ProfileNotes {
  digest?: string;
  policy?: PolicyExplanation;
}

/** Which filter a container gets. */
export async function explainSeccomp(
  container: SubjectContainer,
  options: SeccompOptions,
): Promise<ExplainedSeccomp> {
  const { pod, seccomp, imageAnnotations } = options;
  const asked: SeccompContainer = {
    name: container.name,
    securityContext: {
      privileged: container.privileged,
      ...(container.seccompProfile ? { seccompProfile: container.seccompProfile } : {}),
    },
  };
  const inPod: SeccompPod = {
    metadata: { annotations: Object.fromEntries(pod.annotations) },
    spec: pod.seccompProfile ? { securityContext: { seccompProfile: pod.seccompProfile } } : {},
  };
  try {
    kubeletSeccompRequest(inPod, asked, seccomp.kubelet);
  } catch (error) {
    return { outcome: failure(error, "CreateContainerConfigError") };
  }
  let choice: ReturnType<typeof resolveSeccomp>;
  try {
    choice = resolveSeccomp({ pod: inPod, container: asked, imageAnnotations, ...seccomp });
  } catch (error) {
    return { outcome: failure(error, "CreateContainerError") };
  }
  const capabilities = boundingSet(container, seccomp.defaultCapabilities);
  if (choice.kind !== "ambiguous") return await explainChoice(choice, capabilities, options);
  const error = new ExplainError(
    "ERR_EXPLAIN_AMBIGUOUS",
    "several workloads of CRI-O are active, and it takes one of them at random",
  );
  const steps = choice.alternatives.flatMap(({ trace }) => trace);
  return { outcome: undecided(error), explanation: { kind: "ambiguous", steps, capabilities, calls: [] } };
}

async function explainChoice(
  choice: DefiniteSeccompChoice,
  capabilities: readonly string[],
  options: SeccompOptions,
): Promise<ExplainedSeccomp> {
  const { kind, trace: steps } = choice;
  const reason = kind === "none" ? { reason: choice.reason } : {};
  const profile = profileOf(choice);
  const about = { kind, ...reason, ...(profile === undefined ? {} : { profile }) };
  const notes: ProfileNotes = {};
  try {
    const filter = await filterOf(choice, capabilities, options, notes);
    const confinement = filter.kind === "filter" ? filter.confinement : "unconfined";
    const calls = explainCalls(filter, options);
    return { outcome: RUNS, explanation: { ...about, ...notes, steps, confinement, capabilities, calls } };
  } catch (error) {
    options.signal?.throwIfAborted();
    const outcome = kind === "artifact" ? artifactFailure(error) : failure(error, "CreateContainerError");
    return { outcome, explanation: { ...about, ...notes, steps, capabilities, calls: [] } };
  }
}

function profileOf(choice: DefiniteSeccompChoice): string | undefined {
  if (choice.kind === "localhost") return choice.path;
  if (choice.kind === "artifact") return choice.reference;
  return choice.kind === "runtime-default" && choice.profile.kind === "file"
    ? choice.profile.path
    : undefined;
}

async function filterOf(
  choice: DefiniteSeccompChoice,
  capabilities: readonly string[],
  options: SeccompOptions,
  notes: ProfileNotes,
): Promise<ChosenFilter> {
  const { answers, platform, kernel, signal } = options;
  const noted = (bytes: Uint8Array): Uint8Array => {
    notes.digest = digestOf(bytes);
    return bytes;
  };
  return await filterOfChoice(choice, {
    arch: platform.architecture,
    capabilities,
    kernel,
    signal,
    readFile: async (path, { signal: until }) => {
      const bytes = await answers.file(path, { signal: until });
      return bytes ? noted(bytes) : null;
    },
    fetchArtifact: async (reference) => noted(await fetchArtifact(reference, options, notes)),
  });
}

/** The first release whose pulls of profiles go by the node's policy. */
const POLICY_SINCE_MINOR = 33;

async function fetchArtifact(
  text: string,
  options: SeccompOptions,
  notes: ProfileNotes,
): Promise<Uint8Array> {
  const { answers, source, platform, signal } = options;
  const { version } = answers;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const checks = major > 1 || minor >= POLICY_SINCE_MINOR;
  const { profile } = await fetchProfileArtifact(text, {
    source: createArtifactSource(source),
    version,
    signal,
    selectManifest: (index) => instanceOf(index, options),
    ...(checks ? { check: (artifact: ResolvedArtifact) => checkArtifact(artifact, options, notes) } : {}),
  });
  if (!checks) notes.policy = { kind: "none", why: `CRI-O ${version} asks no policy about profiles` };
  return profile;

  function instanceOf({ bytes, mediaType }: ArtifactContent, of: SeccompOptions): string {
    const document = parseManifest(bytes, mediaType);
    if (document.kind !== "index") {
      throw new SeccompError("ERR_SECCOMP_ARTIFACT", `no index for ${formatPlatform(of.platform)}`);
    }
    return selectManifest(document.value, platform, { rule: "containers-image" }).digest;
  }
}

/** Profiles are pulled under the policy of the node as a whole, whatever the namespace. */
async function checkArtifact(
  { reference }: ResolvedArtifact,
  options: SeccompOptions,
  notes: ProfileNotes,
): Promise<void> {
  const { answers, source, platform, signal } = options;
  const policy = await answers.policy("", { signal });
  if (policy.kind !== "policy") return;
  const doubt = policyDoubt(policy);
  if (doubt) throw new ExplainError("ERR_EXPLAIN_DANGLING_LINK", doubt.message);
  const { tag, digest, ...name } = reference;
  const asked = digest === undefined ? { ...name, tag: tag ?? "latest" } : { ...name, digest };
  const verdict = await verifierFor(policy, source, options).evaluate(formatReference(asked), {
    signal,
    platform,
  });
  notes.policy = explainVerdict(verdict, policy);
  if (verdict.kind !== "allowed") throw new SeccompError("ERR_SECCOMP_ARTIFACT", verdict.message);
}

function explainCalls(filter: ChosenFilter, { calls, platform }: SeccompOptions): CallExplanation[] {
  const spec = filter.kind === "filter" ? filter.spec : null;
  return calls.map((name) => explainCall(spec, name, platform.architecture));
}

function explainCall(spec: LinuxSeccomp | null, name: string, architecture: string): CallExplanation {
  try {
    const { outcomes } = explainSyscall(spec, { arch: architecture, name });
    const texts = outcomes.map(({ text }) => text);
    const made = outcomes.filter(({ action }) => action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG");
    if (made.length === outcomes.length) return { name, kind: "allowed", texts };
    return { name, kind: made.length === 0 ? "blocked" : "depends", texts };
  } catch (error) {
    // Such as an architecture whose calls are not known: that says nothing about the filter.
    if (error instanceof SeccompError) return { name, kind: "unknown", texts: [error.message] };
    throw error;
  }
}

/** What an error at a pull of a profile means, with the words that CRI-O puts in front. */
function artifactFailure(error: unknown): Outcome {
  const outcome = error instanceof SeccompError ? failure(error, "CreateContainerError") : pullFailure(error);
  if (outcome.kind !== "fails") return outcome;
  const message = `setup seccomp: try to pull OCI artifact seccomp profile: ${outcome.message}`;
  return fails("CreateContainerError", message);
}

/** Errors that say what the node lacks to decide, and not what it decides. */
const NOT_DECIDED: readonly string[] = [
  "ERR_SECCOMP_UNSUPPORTED",
  "ERR_SECCOMP_ALLOWED_ANNOTATION",
  "ERR_SECCOMP_KERNEL_VERSION",
];

function failure(error: unknown, reason: FailureReason): Outcome {
  if (!isLadingError(error)) throw error;
  if (!(error instanceof SeccompError) || NOT_DECIDED.includes(error.code)) return undecided(error);
  return fails(reason, error.message);
}

/**
 * A node's answers, from its configuration.
 *
 * @module
 */
import type { CrioNode } from "../config/crio/load.ts";
import type { NodeCredentialsStep } from "../config/node/credential-steps.ts";
import {
  lookUpNodeCredentials,
  type NodeCredentialsLookup,
  type NodeCredentialsOptions,
} from "../config/node/credentials.ts";
import { nodeDecryption } from "../config/node/decryption.ts";
import { nodeCertificates, nodeProfiles } from "../config/node/file-access.ts";
import { type NodeHandler, nodeHandler } from "../config/node/handler.ts";
import { imageVerifierWarnings } from "../config/node/image-verifiers.ts";
import { nodePolicy, type PolicyCandidate } from "../config/node/policy.ts";
import { nodePullSources } from "../config/node/pull-sources.ts";
import { nodeSeccomp } from "../config/node/seccomp.ts";
import { nodeShortNames } from "../config/node/short-names.ts";
import { type NodeSignatureSourcesOptions, nodeSignatureSources } from "../config/node/signatures.ts";
import type { NodeConfig } from "../config/node.ts";
import type { NodeWarning } from "../config/node-warnings.ts";
import type { Origin } from "../config/origin.ts";
import { parseReference } from "../core/reference.ts";
import type { SignalOptions } from "../core/signal.ts";
import { hostOfKey } from "../oci/credentials/auth-key.ts";
import type {
  CredentialsAnswer,
  CredentialsPlace,
  HandlerAnswer,
  NodeAnswers,
  PolicyAnswer,
} from "./answers.ts";
import { CONTAINERD_CAPABILITIES } from "./capabilities.ts";
import { decryptionAnswer } from "./decryption-answer.ts";
import type { PodSubject } from "./pod.ts";
import type { Step } from "./trace.ts";

/** What answering for a node takes besides its configuration. */
export interface NodeAnswersOptions {
  /** Where credentials are found besides the node's files. Only their names are part of a trace. */
  credentials?: Pick<NodeCredentialsOptions, "pullSecrets" | "run"> | undefined;
  /** How web servers with signatures are asked. */
  signatures?: NodeSignatureSourcesOptions | undefined;
}

/** What a node answers; to be closed. */
export function nodeAnswers(
  node: NodeConfig,
  { credentials = {}, signatures = {} }: NodeAnswersOptions,
): NodeAnswers {
  const { runtime, kubelet } = node;
  const sources = nodePullSources(node);
  const signatureSources = nodeSignatureSources(node, signatures);
  const profiles = nodeProfiles(node);
  return {
    runtime: runtime.kind,
    version: runtime.kind === "cri-o" ? runtime.config.version : runtime.config.release,
    separatePulls: runtime.kind === "cri-o" && runtime.config.runtime.separate_pull_cgroup.value !== "",
    doubts: node.warnings.flatMap(doubtOf),
    featureGates: new Map([...kubelet.featureGates].map(([name, { value }]) => [name, value])),
    handler: async (pod) => handlerAnswer(node, pod),
    names: (image, { signal }) => nodeShortNames(node, image, { signal }),
    sources: async (reference, { signal }) => await sources(reference, { signal }),
    async credentials(place, { namespace, imagePullSecrets }, { signal }) {
      const { image, candidate, repository } = place;
      const options = { ...credentials, namespace, image, candidate, signal };
      const { steps, ...rest } = credentialsAnswer(
        await lookUpNodeCredentials(node, repository, options),
        place,
      );
      const isGiven = credentials.pullSecrets !== undefined || imagePullSecrets.length === 0;
      return { steps: isGiven ? steps : [secretsNotGiven(imagePullSecrets), ...steps], ...rest };
    },
    certificates: nodeCertificates(node),
    async policy(namespace, { signal }) {
      const found = await nodePolicy(node, namespace, { signal });
      if (found.kind === "none") return await withoutPolicy(node, { signal });
      const { path, policy, checkedAtCreate, candidates } = found;
      return { kind: "policy", file: path, policy, checkedAtCreate, steps: candidates.map(policyStep) };
    },
    signatureSources,
    async decryption({ signal }) {
      return decryptionAnswer(await nodeDecryption(node, { signal }));
    },
    async seccomp(handler) {
      const defaultCapabilities =
        runtime.kind === "cri-o" ? defaultCapabilitiesOf(runtime) : CONTAINERD_CAPABILITIES;
      return { ...nodeSeccomp(node, handler), defaultCapabilities };
    },
    async file(path, options) {
      return (await profiles(path, options)) ?? undefined;
    },
    async close() {
      await Promise.all(signatureSources.map((source) => source.close()));
    },
  };
}

/** What files do not tell of a daemon's start, and what is behind a link; not what stands there, which may be a secret. */
function doubtOf(warning: NodeWarning): string[] {
  if (warning.code === "dangling-link") return [`${warning.path}, behind a link to nowhere`];
  if (warning.code !== "not-exact") return [];
  const service = "service" in warning ? warning.service : "kubelet.service";
  return [`the start of ${service} ${placeOf(warning.origin, "")}`.trimEnd()];
}

/** What containerd goes by in the place of a policy: programs, or nothing. */
async function withoutPolicy(
  { runtime, files }: NodeConfig,
  { signal }: SignalOptions,
): Promise<PolicyAnswer> {
  const [verifiers] =
    runtime.kind === "containerd" ? await imageVerifierWarnings(runtime.config, files, { signal }) : [];
  if (verifiers?.code !== "image-verifiers") {
    return { kind: "none", why: `${runtime.kind} has no policy of signatures` };
  }
  const { folder, programs } = verifiers;
  return { kind: "programs", why: `the image verifiers of ${folder} decide: ${programs.join(", ")}` };
}

function defaultCapabilitiesOf({ config }: CrioNode): readonly string[] {
  return config.runtime.default_capabilities.value;
}

function handlerAnswer(node: NodeConfig, pod: PodSubject): HandlerAnswer {
  const { annotations, runtimeClassName, hostNetwork, hostPID, hostIPC } = pod;
  const found = nodeHandler(node, {
    metadata: { annotations: Object.fromEntries(annotations) },
    spec: { runtimeClassName, hostNetwork, hostPID, hostIPC },
  });
  const { runtimeClass, requested } = found;
  const steps: Step[] = [];
  if (runtimeClass === undefined) {
    steps.push({
      what: "spec.runtimeClassName",
      outcome: "not set",
      why: "the default handler is asked for",
    });
  } else {
    steps.push({ what: `runtime class ${quoted(runtimeClass)}`, ...classOutcome(found) });
  }
  if (found.kind === "unknown") return { kind: "unknown", message: found.message, steps };
  if (found.kind === "none") {
    steps.push({ what: "handler", outcome: found.reason, why: found.message });
    return { kind: "none", message: found.message, steps };
  }
  const { name, by, origin } = found;
  steps.push({ what: `handler ${quoted(name)}`, outcome: `by ${by}`, why: placeOf(origin, "built in") });
  return { kind: "handler", name, isDefault: requested === "", steps };
}

function classOutcome({ kind, requested }: NodeHandler): { outcome: string; why: string } {
  if (kind === "unknown") return { outcome: "unknown", why: "the classes of the cluster were not given" };
  if (requested === undefined) return { outcome: "missing", why: "the cluster has no such class" };
  return { outcome: "found", why: `its handler is ${quoted(requested)}` };
}

function policyStep({ path, by, origin, outcome }: PolicyCandidate): Step {
  return { what: path, outcome, why: origin ? `${by}, ${placeOf(origin, "")}` : by };
}

function secretsNotGiven(names: readonly string[]): Step {
  const what = `pull-secret ${names.map(quoted).join(", ")}`;
  return { what, outcome: "unknown", why: "what they hold was not given, and would be tried first" };
}

function credentialsAnswer(found: NodeCredentialsLookup, place: CredentialsPlace): CredentialsAnswer {
  const isElsewhere = found.kind === "found" && found.toOtherHost;
  const elsewhere = isElsewhere ? sentElsewhere(place) : "";
  const steps = found.steps.map((step) => credentialsStep(step, elsewhere));
  return found.kind === "failed" ? { steps, failure: found.error.message } : { steps };
}

/** What is for the host of the image, and goes to another one. */
function sentElsewhere({ image, repository }: CredentialsPlace): string {
  return `for ${parseReference(image).domain}, and sent to ${hostOfKey(repository)}`;
}

function credentialsStep(step: NodeCredentialsStep, elsewhere: string): Step {
  const { by, outcome } = step;
  const isGiven = (by === "pull-secret" || by === "kubelet-file") && outcome === "found";
  const has = "user" in step ? userText(step.user, isGiven) : "";
  const key = "key" in step && step.key !== undefined ? `the entry ${quoted(step.key)}` : "";
  const told = "message" in step ? `${step.code}: ${step.message}` : "";
  const where = isGiven && step.user ? elsewhere : "";
  const why = [key, has, where, told].filter((part) => part !== "").join(", ");
  return { what: `${by} ${whatOf(step)}`.trimEnd(), outcome, why };
}

function userText(user: boolean | undefined, isGiven: boolean): string {
  if (user === undefined) return "";
  if (user) return "with a user name";
  return isGiven ? "without a user name, which runtimes take for none" : "without a user name";
}

function whatOf(step: NodeCredentialsStep): string {
  if ("helper" in step) return `helper ${quoted(step.helper)} for ${step.server}`;
  if ("path" in step && step.path !== undefined) return step.path;
  return "what" in step ? step.what : "";
}

function placeOf(origin: Origin | undefined, otherwise: string): string {
  return origin ? `${origin.file}:${origin.line}` : otherwise;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}

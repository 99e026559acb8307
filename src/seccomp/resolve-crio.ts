/**
 * Which profile CRI-O gives a container.
 *
 * The order: seccomp off on the node; a privileged container; annotations, but only when the request is absent
 * or Unconfined; then the request itself.
 *
 * @see {@link https://github.com/cri-o/cri-o/blob/v1.36.0/internal/config/seccomp/seccomp.go}
 * @module
 */
import type { DefiniteSeccompChoice, SeccompCandidate, SeccompChoice, SeccompRequest } from "./choice.ts";
import {
  type Annotations,
  checkAllowedAnnotations,
  knownAnnotations,
  searchAnnotations,
} from "./crio-annotations.ts";
import { parseCrioVersion } from "./crio-version.ts";
import { SeccompError } from "./errors.ts";

/** What of a CRI-O node's configuration decides. Every field left out has CRI-O's own default. */
export interface CrioSeccompNode {
  kind: "cri-o";
  /** Version, such as `1.35` or `1.35.2`; 1.30 is the first. Default `"1.37"`. */
  version?: string | undefined;
  /** Whether kernel and CRI-O support seccomp. Default true. */
  seccompEnabled?: boolean | undefined;
  /** `seccomp_profile` of the node: a path; empty for the built-in profile. */
  seccompProfile?: string | undefined;
  /** `seccomp_profile` of the runtime handler in use, since 1.34: wins over the node's unless empty. */
  handlerSeccompProfile?: string | undefined;
  /** `privileged_seccomp_profile`: a path; empty for none. */
  privilegedSeccompProfile?: string | undefined;
  /** `allowed_annotations` of the runtime handler in use. */
  allowedAnnotations?: readonly string[] | undefined;
  /** `default_annotations` of the runtime handler in use. */
  defaultAnnotations?: Annotations | undefined;
  /** The node's workloads. */
  workloads?: readonly CrioWorkload[] | undefined;
}

/** A workload of CRI-O's configuration. */
export interface CrioWorkload {
  /** `activation_annotation`: its presence among the pod's annotations activates the workload. */
  activationAnnotation: string;
  /** `allowed_annotations`. */
  allowedAnnotations: readonly string[];
}

/** What CRI-O is asked for. */
export interface CrioSeccompInput {
  /** The profile in the request; `null` when it has none. */
  request: SeccompRequest | null;
  privileged: boolean;
  /** Name in the container's CRI metadata. */
  containerName: string;
  /** As the kubelet sends them; filtering is done here. */
  podAnnotations: Annotations;
  /** Annotations of the image's manifest; not labels of its config. */
  imageAnnotations: Annotations;
}

/**
 * The profile that CRI-O gives a container.
 *
 * Files and artifacts are not read: a choice of `localhost` or `artifact` still fails the container when that
 * cannot be loaded.
 *
 * @throws {SeccompError} `ERR_SECCOMP_ALLOWED_ANNOTATION` for a node configuration that CRI-O does not load.
 * @throws {SeccompError} `ERR_SECCOMP_PROFILE_REQUEST` for an unknown profile type or a Localhost without path.
 * @throws {SeccompError} `ERR_SECCOMP_UNSUPPORTED` for a version before 1.30 or no version at all.
 */
export function resolveCrioSeccomp(input: CrioSeccompInput, node: CrioSeccompNode): SeccompChoice {
  const { allowedAnnotations = [], workloads = [] } = node;
  const known = knownAnnotations({ v2: parseCrioVersion(node.version).v2 });
  checkAllowedAnnotations(allowedAnnotations, known);
  for (const workload of workloads) checkAllowedAnnotations(workload.allowedAnnotations, known);

  const active = workloads.filter(({ activationAnnotation }) =>
    Object.hasOwn(input.podAnnotations, activationAnnotation),
  );
  const lists = active.length === 0 ? [[]] : active.map((workload) => workload.allowedAnnotations);
  const choices = lists.map((list) => resolveWith(input, node, [...allowedAnnotations, ...list]));
  const distinct = [...new Map(choices.map((choice) => [outcomeOf(choice), choice])).values()];
  const [only] = distinct;
  return only && distinct.length === 1 ? only : { kind: "ambiguous", alternatives: distinct };
}

function outcomeOf({ trace: _, ...outcome }: DefiniteSeccompChoice): string {
  return JSON.stringify(outcome);
}

function resolveWith(
  input: CrioSeccompInput,
  node: CrioSeccompNode,
  allowed: readonly string[],
): DefiniteSeccompChoice {
  const { v2, handlerProfile } = parseCrioVersion(node.version);
  const { privilegedSeccompProfile = "", seccompEnabled = true } = node;
  const annotations = (notEvaluated?: string): SeccompCandidate[] =>
    searchAnnotations({
      containerName: input.containerName,
      pod: input.podAnnotations,
      image: input.imageAnnotations,
      handler: node.defaultAnnotations ?? {},
      allowed,
      v2,
      notEvaluated,
    });

  const runtime = "cri-o";
  if (!seccompEnabled) {
    const reason = "seccomp is off on the node";
    const trace = [nodeStep("seccomp-support", "off", "chosen", reason), ...annotations(reason)];
    return { kind: "none", reason: "seccomp-disabled", recordedRef: "Unconfined", runtime, trace };
  }
  const trace = [nodeStep("seccomp-support", "on", "passed", "seccomp is on")];
  if (input.privileged && privilegedSeccompProfile === "") {
    const reason = "the container is privileged and the node has no privileged_seccomp_profile";
    trace.push(nodeStep("privileged", "true", "chosen", reason), ...annotations(reason));
    return { kind: "none", reason: "privileged", recordedRef: "Unconfined", runtime, trace };
  }
  if (input.privileged) {
    const path = privilegedSeccompProfile;
    const reason = "the container is privileged, so this file replaces the requested profile";
    trace.push(nodeStep("privileged_seccomp_profile", path, "chosen", reason), ...annotations(reason));
    return { kind: "localhost", path, from: "privileged_seccomp_profile", recordedRef: path, runtime, trace };
  }
  trace.push(nodeStep("privileged", "false", "passed", "the container is not privileged"));

  const { request } = input;
  if (request === null || request.type === "Unconfined") {
    const searched = annotations();
    trace.push(...searched);
    const hit = searched.find(({ outcome }) => outcome === "chosen");
    const value = request?.type;
    if (hit?.kind === "annotation" && hit.value !== undefined) {
      trace.push(nodeStep("request", value, "not-evaluated", "an annotation names an artifact"));
      return {
        kind: "artifact",
        reference: hit.value,
        key: hit.key,
        slot: hit.slot,
        recordedRef: "",
        runtime,
        trace,
      };
    }
    trace.push(nodeStep("request", value, "chosen", "no annotation names an artifact"));
    return request === null
      ? { kind: "none", reason: "not-requested", recordedRef: "", runtime, trace }
      : { kind: "none", reason: "unconfined", recordedRef: "Unconfined", runtime, trace };
  }

  trace.push(
    ...annotations(`the requested profile is ${request.type}: annotations count for none or Unconfined`),
  );
  trace.push(nodeStep("request", request.type, "chosen", "the requested profile"));
  if (request.type === "RuntimeDefault") {
    return {
      kind: "runtime-default",
      profile: nodeProfile(node, handlerProfile),
      recordedRef: "RuntimeDefault",
      runtime,
      trace,
    };
  }
  if (request.type === "Localhost") {
    const path = localhostPath(request);
    return { kind: "localhost", path, from: "request", recordedRef: path, runtime, trace };
  }
  throw unknownType(request.type);
}

/** The profile that stands for RuntimeDefault on a node. */
function nodeProfile(
  { seccompProfile, handlerSeccompProfile }: CrioSeccompNode,
  ofHandlers: boolean,
): Extract<DefiniteSeccompChoice, { kind: "runtime-default" }>["profile"] {
  if (ofHandlers && handlerSeccompProfile) {
    return { kind: "file", path: handlerSeccompProfile, of: "runtime-handler" };
  }
  return seccompProfile ? { kind: "file", path: seccompProfile, of: "node" } : { kind: "built-in" };
}

/** One setting of the node, for the trace. */
export function nodeStep(
  setting: Extract<SeccompCandidate, { kind: "node" }>["setting"],
  value: string | undefined,
  outcome: Extract<SeccompCandidate, { kind: "node" }>["outcome"],
  reason: string,
): SeccompCandidate {
  return { kind: "node", setting, ...(value === undefined ? {} : { value }), outcome, reason };
}

/** The path of a Localhost request, which must be there. */
export function localhostPath({ localhostRef }: SeccompRequest): string {
  if (localhostRef) return localhostRef;
  throw new SeccompError("ERR_SECCOMP_PROFILE_REQUEST", "a Localhost profile needs a path");
}

/** A profile type that this version does not know: nothing may be concluded from it. */
export function unknownType(type: unknown): SeccompError {
  return new SeccompError(
    "ERR_SECCOMP_PROFILE_REQUEST",
    `unknown seccomp profile type ${JSON.stringify(type)}`,
  );
}

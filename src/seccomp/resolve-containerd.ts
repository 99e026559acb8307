/**
 * Which profile containerd gives a container.
 *
 * The order: a privileged container; the request; the deprecated path field; `unset_seccomp_profile`; nothing.
 * Annotations never count.
 *
 * @see {@link https://github.com/containerd/containerd/blob/v2.2.0/internal/cri/server/container_create.go}
 * @module
 */
import type { DefiniteSeccompChoice, SeccompCandidate, SeccompRequest } from "./choice.ts";
import { SeccompError } from "./errors.ts";
import { localhostPath, nodeStep, unknownType } from "./resolve-crio.ts";

/** What of a containerd node's configuration decides. */
export interface ContainerdSeccompNode {
  kind: "containerd";
  /** Whether kernel and containerd support seccomp. Default true. */
  seccompEnabled?: boolean | undefined;
  /** `unset_seccomp_profile`: empty, `runtime/default`, `docker/default`, `unconfined` or `localhost/PATH`. */
  unsetSeccompProfile?: string | undefined;
}

/** What containerd is asked for. */
export interface ContainerdSeccompInput {
  /** The profile in the request; `null` when it has none. */
  request: SeccompRequest | null;
  privileged: boolean;
  /** The deprecated `seccomp_profile_path` of the request. Kubelets no longer set it. */
  seccompProfilePath?: string | undefined;
}

const LOCALHOST_PREFIX = "localhost/";

/**
 * The profile that containerd gives a container.
 *
 * The file of a `localhost` choice is not read: the container still fails when that cannot be loaded.
 *
 * @throws {SeccompError} `ERR_SECCOMP_PROFILE_REQUEST` for an unknown profile, with containerd's text
 *   `invalid profile "x"`, for a Localhost without path, and, with containerd's text, for a path with another type.
 * @throws {SeccompError} `ERR_SECCOMP_DISABLED` when the node has no seccomp and the request needs it.
 */
export function resolveContainerdSeccomp(
  input: ContainerdSeccompInput,
  node: ContainerdSeccompNode,
): DefiniteSeccompChoice {
  const { seccompProfilePath = "" } = input;
  const { seccompEnabled = true, unsetSeccompProfile = "" } = node;
  const trace: SeccompCandidate[] = [];
  const settings: [
    "request" | "seccomp_profile_path" | "unset_seccomp_profile",
    string,
    SeccompRequest | null,
  ][] = [
    ["request", input.request?.type ?? "", input.request],
    ["seccomp_profile_path", seccompProfilePath, null],
    ["unset_seccomp_profile", unsetSeccompProfile, null],
  ];
  if (input.privileged) {
    trace.push(nodeStep("privileged", "true", "chosen", "a privileged container never has a filter"));
    for (const [setting, value] of settings) {
      trace.push(nodeStep(setting, value || undefined, "not-evaluated", "the container is privileged"));
    }
    return { kind: "none", reason: "privileged", runtime: "containerd", recordedRef: null, trace };
  }
  trace.push(nodeStep("privileged", "false", "passed", "the container is not privileged"));

  let decided: SeccompRequest | undefined;
  for (const [setting, value, request] of settings) {
    if (decided) {
      trace.push(nodeStep(setting, value || undefined, "not-evaluated", "decided before"));
    } else if (request === null && value === "") {
      trace.push(nodeStep(setting, undefined, "passed", "not set"));
    } else {
      decided = request ?? profileOfPath(value);
      trace.push(nodeStep(setting, value, "chosen", "the first that is set"));
    }
  }
  if (!seccompEnabled) {
    if (decided && decided.type !== "Unconfined") {
      throw new SeccompError("ERR_SECCOMP_DISABLED", "seccomp is not supported");
    }
    trace.push(nodeStep("seccomp-support", "off", "chosen", "seccomp is off on the node"));
    return { kind: "none", reason: "seccomp-disabled", runtime: "containerd", recordedRef: null, trace };
  }
  return choiceOf(decided, trace);
}

function choiceOf(request: SeccompRequest | undefined, trace: SeccompCandidate[]): DefiniteSeccompChoice {
  const base = { runtime: "containerd" as const, recordedRef: null, trace };
  if (!request) return { kind: "none", reason: "not-requested", ...base };
  if (request.type !== "Localhost" && request.localhostRef) {
    throw new SeccompError(
      "ERR_SECCOMP_PROFILE_REQUEST",
      "seccomp config invalid LocalhostRef must only be set if ProfileType is Localhost",
    );
  }
  if (request.type === "Unconfined") return { kind: "none", reason: "unconfined", ...base };
  if (request.type === "RuntimeDefault") {
    return { kind: "runtime-default", profile: { kind: "built-in" }, ...base };
  }
  if (request.type !== "Localhost") throw unknownType(request.type);
  const ref = localhostPath(request);
  const path = ref.startsWith(LOCALHOST_PREFIX) ? ref.slice(LOCALHOST_PREFIX.length) : ref;
  return {
    kind: "localhost",
    path: localhostPath({ ...request, localhostRef: path }),
    from: "request",
    ...base,
  };
}

function profileOfPath(profile: string): SeccompRequest {
  if (profile === "runtime/default" || profile === "docker/default") return { type: "RuntimeDefault" };
  if (profile === "unconfined") return { type: "Unconfined" };
  if (profile.startsWith(LOCALHOST_PREFIX)) {
    return { type: "Localhost", localhostRef: profile.slice(LOCALHOST_PREFIX.length) };
  }
  throw new SeccompError("ERR_SECCOMP_PROFILE_REQUEST", `invalid profile ${JSON.stringify(profile)}`);
}

/**
 * What a kubelet makes of a Pod's `securityContext`: the profile it asks the runtime for.
 *
 * @see {@link https://kubernetes.io/docs/reference/node/seccomp/}
 * @module
 */
import { posix } from "node:path";
import type { SeccompCandidate, SeccompRequest } from "./choice.ts";
import { SeccompError } from "./errors.ts";
import { unknownType } from "./resolve-crio.ts";

/** `securityContext.seccompProfile` of a Pod or a container. */
export interface PodSeccompProfile {
  /** `RuntimeDefault`, `Localhost` or `Unconfined`. Later releases may have more. */
  type: string;
  /** Path below the kubelet's seccomp folder, for `Localhost`. */
  localhostProfile?: string | undefined;
}

/** The part of a Pod that decides; a whole Pod object fits. */
export interface SeccompPod {
  metadata?: { annotations?: Readonly<Record<string, string>> | undefined } | undefined;
  spec?: { securityContext?: { seccompProfile?: PodSeccompProfile | undefined } | undefined } | undefined;
}

/** The part of a container that decides; an entry of a Pod's containers, of any kind, fits. */
export interface SeccompContainer {
  name: string;
  securityContext?:
    | { seccompProfile?: PodSeccompProfile | undefined; privileged?: boolean | undefined }
    | undefined;
}

/** What of a kubelet's configuration decides. */
export interface KubeletSeccomp {
  /** `seccompDefault`: ask for RuntimeDefault where a Pod says nothing. Default false. */
  seccompDefault?: boolean | undefined;
  /** Folder of Localhost profiles. Default `/var/lib/kubelet/seccomp`. */
  seccompRoot?: string | undefined;
}

/** What the kubelet asks for, and from which field that came. */
export interface KubeletRequest {
  request: SeccompRequest;
  privileged: boolean;
  trace: SeccompCandidate[];
}

const DEFAULT_ROOT = "/var/lib/kubelet/seccomp";

/**
 * The profile that a kubelet asks for.
 *
 * The container's field wins over the Pod's as a whole. Annotations of old releases
 * (`seccomp.security.alpha.kubernetes.io/pod`) are not read. Both fields are checked as the API server does,
 * also the one that loses.
 *
 * @throws {SeccompError} `ERR_SECCOMP_PROFILE_REQUEST` for an unknown type, a Localhost path that is missing,
 *   absolute or has a `..` element, and a path with another type.
 */
export function kubeletSeccompRequest(
  pod: SeccompPod,
  container: SeccompContainer,
  kubelet: KubeletSeccomp = {},
): KubeletRequest {
  const { seccompDefault = false, seccompRoot = DEFAULT_ROOT } = kubelet;
  const fallback: SeccompRequest = { type: seccompDefault ? "RuntimeDefault" : "Unconfined" };
  const fields: [
    source: "container" | "pod" | "kubelet",
    request: SeccompRequest | undefined,
    reason: string,
  ][] = [
    ["container", requestOf(container.securityContext?.seccompProfile, seccompRoot), "set on the container"],
    ["pod", requestOf(pod.spec?.securityContext?.seccompProfile, seccompRoot), "set on the Pod"],
    ["kubelet", fallback, `neither is set and seccompDefault is ${seccompDefault}`],
  ];
  let chosen: SeccompRequest | undefined;
  const trace = fields.map(([source, request, reason]): SeccompCandidate => {
    const value = request ? { value: request.type } : {};
    if (!request) return { kind: "field", source, outcome: "absent", reason: "not set" };
    if (chosen) return { kind: "field", source, ...value, outcome: "outranked", reason: "decided before" };
    chosen = request;
    return { kind: "field", source, ...value, outcome: "chosen", reason };
  });
  const privileged: unknown = container.securityContext?.privileged ?? false;
  if (typeof privileged !== "boolean") {
    throw new SeccompError("ERR_SECCOMP_PROFILE_REQUEST", "privileged is not a boolean");
  }
  return { request: chosen ?? fallback, privileged, trace };
}

function requestOf(profile: PodSeccompProfile | null | undefined, root: string): SeccompRequest | undefined {
  if (profile === undefined || profile === null) return undefined;
  const { type, localhostProfile } = profile;
  if (type !== "RuntimeDefault" && type !== "Unconfined" && type !== "Localhost") throw unknownType(type);
  if (type === "Localhost") return { type, localhostRef: posix.join(root, checkedPath(localhostProfile)) };
  if (localhostProfile !== undefined && localhostProfile !== null) {
    throw badRequest(`localhostProfile can only be set when the type is Localhost, not ${type}`);
  }
  return { type };
}

function checkedPath(path: unknown): string {
  if (typeof path !== "string" || path === "") throw badRequest("localhostProfile must be set for Localhost");
  if (path.startsWith("/"))
    throw badRequest(`localhostProfile ${JSON.stringify(path)} must be a relative path`);
  if (path.split("/").includes("..")) {
    throw badRequest(`localhostProfile ${JSON.stringify(path)} must not contain ".."`);
  }
  // No file name has one; Go's open refuses it too.
  if (path.includes("\0")) throw badRequest("localhostProfile has a NUL character");
  // Go's Join leaves no slash at the end.
  return path.replace(/\/+$/, "");
}

function badRequest(message: string): SeccompError {
  return new SeccompError("ERR_SECCOMP_PROFILE_REQUEST", message);
}

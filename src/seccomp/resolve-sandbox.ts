/**
 * Which profile the sandbox of a Pod gets: the container that holds its namespaces, where a runtime starts one.
 *
 * @see {@link https://github.com/kubernetes/kubernetes/issues/84623}
 * @module
 */
import type { DefiniteSeccompChoice, SeccompRequest } from "./choice.ts";
import { type ContainerdSeccompNode, resolveContainerdSeccomp } from "./resolve-containerd.ts";
import { type CrioSeccompNode, resolveCrioSeccomp } from "./resolve-crio.ts";

/** What {@link resolveSandboxSeccomp} decides from. */
export interface ResolveSandboxSeccompInput {
  /** Whether any container of the Pod is privileged: kubelets then ask for a privileged sandbox. */
  privileged: boolean;
  runtime: CrioSeccompNode | ContainerdSeccompNode;
  /** The profile in the request; `null` when it has none. Default RuntimeDefault, which kubelets ask for. */
  request?: SeccompRequest | null | undefined;
}

/**
 * The seccomp profile that the sandbox of a Pod gets.
 *
 * The Pod's own profile does not count, nor do annotations, of whatever kind: an artifact never applies to a sandbox.
 * Otherwise it is as for a container.
 *
 * @throws {SeccompError} As `resolveCrioSeccomp` and `resolveContainerdSeccomp`.
 */
export function resolveSandboxSeccomp(input: ResolveSandboxSeccompInput): DefiniteSeccompChoice {
  const { privileged, runtime, request = { type: "RuntimeDefault" } } = input;
  // From untyped code: what is not said must not read as "not privileged".
  if (typeof privileged !== "boolean") throw new TypeError("privileged must be a boolean");
  if (runtime.kind === "containerd") return resolveContainerdSeccomp({ request, privileged }, runtime);
  if (runtime.kind !== "cri-o") throw new TypeError("runtime.kind must be cri-o or containerd");
  const asked = { request, privileged, containerName: "", podAnnotations: {}, imageAnnotations: {} };
  const choice = resolveCrioSeccomp(asked, { ...runtime, defaultAnnotations: {} });
  // Reached by no input: without annotations no workload is active.
  if (choice.kind === "ambiguous") throw new TypeError("the choice depends on workloads");
  return { ...choice, trace: choice.trace.filter(({ kind }) => kind !== "annotation") };
}

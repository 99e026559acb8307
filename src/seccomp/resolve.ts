/**
 * Which profile a container of a Pod gets on a node, from the Pod to the runtime, with everything that was
 * looked at on the way.
 *
 * @module
 */
import type { SeccompCandidate, SeccompChoice } from "./choice.ts";
import { type KubeletSeccomp, kubeletSeccompRequest, type SeccompContainer, type SeccompPod } from "./pod.ts";
import { type ContainerdSeccompNode, resolveContainerdSeccomp } from "./resolve-containerd.ts";
import { type CrioSeccompNode, resolveCrioSeccomp } from "./resolve-crio.ts";

/** What {@link resolveSeccomp} decides from. */
export interface ResolveSeccompInput {
  pod: SeccompPod;
  /** A container of the Pod, of any kind. */
  container: SeccompContainer;
  /**
   * Annotations of the image's manifest, `{}` if it has none. Required, since CRI-O can take a profile from
   * them; other runtimes do not look at them.
   */
  imageAnnotations: Readonly<Record<string, string>>;
  runtime: CrioSeccompNode | ContainerdSeccompNode;
  kubelet?: KubeletSeccomp | undefined;
}

/**
 * The seccomp profile that a container gets.
 *
 * Nothing is read or pulled. The trace begins with the Pod's fields and goes on with what the runtime looks at.
 *
 * @throws {SeccompError} As {@link kubeletSeccompRequest}, {@link resolveCrioSeccomp} and
 *   {@link resolveContainerdSeccomp}: whatever keeps the container from being created.
 */
export function resolveSeccomp(input: ResolveSeccompInput): SeccompChoice {
  const { pod, container, imageAnnotations, runtime } = input;
  // From untyped code: a forgotten map must not read as "no annotation".
  if (typeof imageAnnotations !== "object" || imageAnnotations === null) {
    throw new TypeError("imageAnnotations must be a map");
  }
  const { request, privileged, trace } = kubeletSeccompRequest(pod, container, input.kubelet);
  if (runtime.kind === "containerd") {
    return prepend(trace, resolveContainerdSeccomp({ request, privileged }, runtime));
  }
  if (runtime.kind !== "cri-o") throw new TypeError("runtime.kind must be cri-o or containerd");
  const choice = resolveCrioSeccomp(
    {
      request,
      privileged,
      containerName: container.name,
      podAnnotations: pod.metadata?.annotations ?? {},
      imageAnnotations,
    },
    runtime,
  );
  return prepend(trace, choice);
}

function prepend(trace: SeccompCandidate[], choice: SeccompChoice): SeccompChoice {
  if (choice.kind !== "ambiguous") return { ...choice, trace: [...trace, ...choice.trace] };
  const alternatives = choice.alternatives.map((one) => ({ ...one, trace: [...trace, ...one.trace] }));
  return { kind: "ambiguous", alternatives };
}

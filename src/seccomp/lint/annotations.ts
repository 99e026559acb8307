/**
 * Checking what a Pod and its image say about profiles.
 *
 * @module
 */
import type { SeccompCandidate, SeccompChoice } from "../choice.ts";
import { type ResolveSeccompInput, resolveSeccomp } from "../resolve.ts";

/** Something about a Pod's or an image's annotations that their author should know. */
export interface AnnotationFinding {
  readonly code: AnnotationLintCode;
  /** `error`: the annotation, or the artifact it names, does not count or need not be the one that was meant. */
  readonly severity: "error" | "warning";
  readonly on: "pod" | "image" | "runtime-handler";
  readonly key: string;
  readonly value: string;
  /** For people; may change between versions. */
  readonly message: string;
}

/** What can be found in annotations. */
export type AnnotationLintCode =
  /** The node removes it: `allowed_annotations` has not its name, or only the other version's. */
  | "annotation-not-allowed"
  /** Annotations do not count for this container, such as one whose profile is RuntimeDefault. */
  | "annotation-ignored"
  /** An empty value ends the search: no artifact. */
  | "annotation-empty"
  /** The name without a container or `/POD`, which counts on images only. */
  | "annotation-plain-key"
  /** The runtime takes no profile from annotations. */
  | "annotation-unsupported"
  /** The artifact is named by a tag, which can be moved. */
  | "artifact-not-pinned";

const BASES = ["seccomp-profile.crio.io", "seccomp-profile.kubernetes.cri-o.io"];

/**
 * What does not do what it seems to among the annotations that name a profile, in the order in which the node looks.
 *
 * Nothing is pulled. Where the node's configuration leaves the choice open, what any alternative has is reported once.
 *
 * @throws {SeccompError} As `resolveSeccomp` does: for what keeps the container from being created.
 */
export function lintSeccompAnnotations(input: ResolveSeccompInput): AnnotationFinding[] {
  const findings = new Map<string, AnnotationFinding>();
  const add = (finding: AnnotationFinding): void => {
    const key = JSON.stringify([finding.code, finding.on, finding.key]);
    if (!findings.has(key)) findings.set(key, finding);
  };
  const pod = input.pod.metadata?.annotations ?? {};
  const places = [
    { on: "pod", map: pod },
    { on: "image", map: input.imageAnnotations },
  ] as const;
  for (const key of BASES) {
    const value = Object.hasOwn(pod, key) ? pod[key] : undefined;
    if (value === undefined) continue;
    const message = `on a pod the key needs a container's name or POD behind it: ${key}/POD`;
    add({ code: "annotation-plain-key", severity: "error", on: "pod", key, value, message });
  }
  const choice = resolveSeccomp(input);
  if (input.runtime.kind === "containerd") {
    for (const { on, map } of places) {
      for (const [key, value] of Object.entries(map)) {
        if (!BASES.some((base) => key === base || key.startsWith(`${base}/`))) continue;
        const message = "containerd takes no profile from annotations";
        add({ code: "annotation-unsupported", severity: "error", on, key, value, message });
      }
    }
  }
  for (const candidate of traceOf(choice)) {
    const finding = judged(candidate);
    if (finding) add(finding);
  }
  return [...findings.values()];
}

function traceOf(choice: SeccompChoice): SeccompCandidate[] {
  return choice.kind === "ambiguous" ? choice.alternatives.flatMap(({ trace }) => trace) : choice.trace;
}

function judged(candidate: SeccompCandidate): AnnotationFinding | undefined {
  if (candidate.kind !== "annotation") return undefined;
  const { key, value, origin, outcome, reason } = candidate;
  if (value === undefined || origin === undefined) return undefined;
  const place = { on: origin, key, value };
  if (outcome === "not-allowed") {
    return { code: "annotation-not-allowed", severity: "error", ...place, message: reason };
  }
  if (outcome === "not-evaluated") {
    return { code: "annotation-ignored", severity: "warning", ...place, message: reason };
  }
  if (outcome === "empty")
    return { code: "annotation-empty", severity: "warning", ...place, message: reason };
  if (outcome === "chosen" && !value.includes("@")) {
    const message = "the artifact is named by a tag, which can be moved";
    return { code: "artifact-not-pinned", severity: "warning", ...place, message };
  }
  return undefined;
}

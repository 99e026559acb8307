/**
 * CRI-O's annotations that name a seccomp profile: which keys there are, which are allowed, which one wins.
 *
 * ```text
 * key = base "/" container-name / base "/POD" / base      ; the plain key counts on images only
 * base = "seccomp-profile.crio.io"                        ; v2, since CRI-O 1.35
 *      / "seccomp-profile.kubernetes.cri-o.io"            ; v1
 * ```
 *
 * @see {@link https://github.com/cri-o/cri-o/blob/v1.36.0/pkg/annotations/v2/annotations.go}
 * @module
 */
import type { AnnotationSlot, SeccompCandidate } from "./choice.ts";
import { SeccompError } from "./errors.ts";

/** Annotations of a pod or an image. */
export type Annotations = Readonly<Record<string, string>>;

const V2_BASE = "seccomp-profile.crio.io";
const V1_BASE = "seccomp-profile.kubernetes.cri-o.io";

const EXTERNAL = [
  "io.kubernetes.cri.rdt-class",
  "bundle",
  "org.systemd.property.",
  "org.criu.config",
  "module.wasm.image/variant",
  "io.kubernetes.cri.container-type",
  "run.oci.",
];

const V2 = [
  ...[
    "cgroup2-mount-hierarchy-rw cpu-c-states cpu-freq-governor cpu-load-balancing cpu-quota cpu-shared devices",
    "disable-fips irq-load-balancing link-logs platform-runtime-path pod-linux-overhead pod-linux-resources",
    "seccomp-notifier-action seccomp-profile shm-size spoofed try-skip-volume-selinux-label umask",
    "unified-cgroup userns-mode",
  ]
    .flatMap((line) => line.split(" "))
    .map((name) => `${name}.crio.io`),
  "io.containers.trace-syscall",
  "org.opencontainers.image.stopSignal",
];

const V1 = [
  V1_BASE,
  ...[
    "cgroup2-mount-hierarchy-rw Devices DisableFIPS LinkLogs PlatformRuntimePath PodLinuxOverhead",
    "PodLinuxResources seccompNotifierAction ShmSize Spoofed TrySkipVolumeSELinuxLabel umask UnifiedCgroup",
    "userns-mode",
  ]
    .flatMap((line) => line.split(" "))
    .map((name) => `io.kubernetes.cri-o.${name}`),
];

/** Names without the v2 suffix that every version knows. */
const SINCE_V1 = ["io.containers.trace-syscall", "org.opencontainers.image.stopSignal"];

/** The key of an image's annotation that names a profile, for all of its containers or for one. */
export function profileAnnotation(names: "v1" | "v2", container?: string): string {
  const base = names === "v1" ? V1_BASE : V2_BASE;
  return container === undefined ? base : `${base}/${container}`;
}

/** Annotations that a version of CRI-O knows: an allow list may name these only, and filters these only. */
export function knownAnnotations({ v2 }: { v2: boolean }): string[] {
  return v2 ? [...EXTERNAL, ...V2, ...V1] : [...EXTERNAL, ...SINCE_V1, ...V1];
}

/**
 * Checks an `allowed_annotations` list.
 *
 * @throws {SeccompError} `ERR_SECCOMP_ALLOWED_ANNOTATION` with CRI-O's text, for an entry that is not literally
 *   a known annotation: `seccomp-profile.crio.io/POD` is none.
 */
export function checkAllowedAnnotations(allowed: readonly string[], known: readonly string[]): void {
  for (const entry of allowed) {
    if (known.includes(entry)) continue;
    throw new SeccompError("ERR_SECCOMP_ALLOWED_ANNOTATION", `invalid allowed_annotation: ${entry}`);
  }
}

/** Whether a key stays: every known annotation that is not allowed is removed, with all keys it begins. */
export function isAllowedKey(key: string, allowed: readonly string[], known: readonly string[]): boolean {
  return !known.some((prefix) => !allowed.includes(prefix) && key.startsWith(prefix));
}

/** What a search looks through. */
export interface AnnotationSearch {
  containerName: string;
  pod: Annotations;
  image: Annotations;
  /** `default_annotations` of the runtime handler: merged below the pod's, and never filtered. */
  handler: Annotations;
  allowed: readonly string[];
  /** Whether this version has the v2 names. */
  v2: boolean;
  /** Why annotations do not count; absent when they do. */
  notEvaluated?: string | undefined;
}

/** Every key that can name a profile, in CRI-O's order, with what became of it. At most one is `chosen`. */
export function searchAnnotations(
  search: AnnotationSearch,
): Extract<SeccompCandidate, { kind: "annotation" }>[] {
  const known = knownAnnotations(search);
  const bases = search.v2 ? [V2_BASE, V1_BASE] : [V1_BASE];
  const { containerName } = search;
  const slots: [slot: AnnotationSlot, suffix: string][] = [
    ["pod-container", `/${containerName}`],
    ["pod", "/POD"],
    ["image", ""],
    ["image-container", `/${containerName}`],
    ["image-pod", "/POD"],
  ];
  let ended = false;
  return slots.flatMap(([slot, suffix]) =>
    bases.map((base) => {
      const key = base + suffix;
      const found = look(search, slot, key, known);
      const entry = { kind: "annotation", slot, key, ...found.entry } as const;
      if (search.notEvaluated !== undefined) {
        return { ...entry, outcome: "not-evaluated", reason: search.notEvaluated } as const;
      }
      if (found.entry.value === undefined) return { ...entry, outcome: "absent", reason: "not set" } as const;
      if (!found.allowed) {
        const reason = `the node's allowed_annotations do not have ${base}`;
        return { ...entry, outcome: "not-allowed", reason } as const;
      }
      if (ended) {
        return { ...entry, outcome: "outranked", reason: "an earlier annotation ended the search" } as const;
      }
      ended = true;
      if (found.entry.value === "") {
        return { ...entry, outcome: "empty", reason: "an empty value means no artifact" } as const;
      }
      return { ...entry, outcome: "chosen", reason: "first annotation that exists" } as const;
    }),
  );
}

interface Found {
  entry: { value?: string; origin?: "pod" | "image" | "runtime-handler" };
  allowed: boolean;
}

function look(search: AnnotationSearch, slot: AnnotationSlot, key: string, known: readonly string[]): Found {
  const allowed = isAllowedKey(key, search.allowed, known);
  const onImage = slot === "image" || slot === "image-container" || slot === "image-pod";
  const own = ownValue(onImage ? search.image : search.pod, key);
  if (own !== undefined && (allowed || onImage)) {
    return { entry: { value: own, origin: onImage ? "image" : "pod" }, allowed };
  }
  const fallback = onImage ? undefined : ownValue(search.handler, key);
  if (fallback !== undefined) return { entry: { value: fallback, origin: "runtime-handler" }, allowed: true };
  return { entry: own === undefined ? {} : { value: own, origin: "pod" }, allowed };
}

function ownValue(annotations: Annotations, key: string): string | undefined {
  return Object.hasOwn(annotations, key) ? annotations[key] : undefined;
}

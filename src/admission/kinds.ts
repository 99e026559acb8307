/**
 * Which objects bring images into a cluster, and where in them the Pod is.
 *
 * @module
 */
import type { GroupVersionKind } from "./types.ts";

/** A resource with Pods in it. */
export interface PodResource {
  readonly group: "" | "apps" | "batch";
  readonly version: "v1";
  readonly kind: string;
  /** Names for the rules of a webhook. */
  readonly resources: readonly string[];
  /** Members that lead to the Pod's spec. */
  readonly path: readonly string[];
}

const TEMPLATE = ["spec", "template", "spec"];

/** Every built-in kind with a Pod in it. */
export const POD_RESOURCES: readonly PodResource[] = [
  { group: "", version: "v1", kind: "Pod", resources: ["pods", "pods/ephemeralcontainers"], path: ["spec"] },
  { group: "", version: "v1", kind: "PodTemplate", resources: ["podtemplates"], path: ["template", "spec"] },
  {
    group: "",
    version: "v1",
    kind: "ReplicationController",
    resources: ["replicationcontrollers"],
    path: TEMPLATE,
  },
  { group: "apps", version: "v1", kind: "Deployment", resources: ["deployments"], path: TEMPLATE },
  { group: "apps", version: "v1", kind: "ReplicaSet", resources: ["replicasets"], path: TEMPLATE },
  { group: "apps", version: "v1", kind: "StatefulSet", resources: ["statefulsets"], path: TEMPLATE },
  { group: "apps", version: "v1", kind: "DaemonSet", resources: ["daemonsets"], path: TEMPLATE },
  { group: "batch", version: "v1", kind: "Job", resources: ["jobs"], path: TEMPLATE },
  {
    group: "batch",
    version: "v1",
    kind: "CronJob",
    resources: ["cronjobs"],
    path: ["spec", "jobTemplate", ...TEMPLATE],
  },
];

/** Kinds of subresources that wide rules send along, and that hold no image. */
const WITHOUT_IMAGES: ReadonlySet<string> = new Set([
  "autoscaling/v1/Scale",
  "/v1/Binding",
  "policy/v1/Eviction",
]);

/** What a kind is: one with a Pod, one that is known to have none, or one that is not known. */
export type KindClass =
  | { readonly kind: "pod"; readonly resource: PodResource }
  | { readonly kind: "without-images" }
  | { readonly kind: "unknown" };

/** Sorts a kind. */
export function classifyKind({ group, version, kind }: Readonly<GroupVersionKind>): KindClass {
  const resource = POD_RESOURCES.find(
    (each) => each.group === group && each.version === version && each.kind === kind,
  );
  if (resource) return { kind: "pod", resource };
  return { kind: WITHOUT_IMAGES.has(`${group}/${version}/${kind}`) ? "without-images" : "unknown" };
}

/** `apps/v1 Deployment`, `v1 Pod`. */
export function kindText({ group, version, kind }: Readonly<GroupVersionKind>): string {
  return `${group === "" ? "" : `${group}/`}${version} ${kind}`;
}

/**
 * Which release of the interface brought which RPC.
 *
 * @see {@link https://github.com/kubernetes/cri-api/tree/v0.36.0}
 * @module
 */
import type { RuntimeFlavor } from "./options.ts";

/** A release of the interface, as `0.N` for Kubernetes 1.N. `"0.37"` has what was on its main branch in July 2026. */
export type CriRelease =
  | "0.20"
  | "0.21"
  | "0.22"
  | "0.23"
  | "0.24"
  | "0.25"
  | "0.26"
  | "0.27"
  | "0.28"
  | "0.29"
  | "0.30"
  | "0.31"
  | "0.32"
  | "0.33"
  | "0.34"
  | "0.35"
  | "0.36"
  | "0.37";

/** The newest release that the in-process runtime knows. */
export const NEWEST_RELEASE: CriRelease = "0.37";

/**
 * From which minor release of the interface on the runtimes have the RPCs that `runtime.v1` did not have from the
 * start: containerd and CRI-O took most of them later than the interface.
 */
const SINCE: Readonly<Record<string, Readonly<Record<RuntimeFlavor, number>>>> = {
  "RuntimeService/PodSandboxStats": { containerd: 23, "cri-o": 23 },
  "RuntimeService/ListPodSandboxStats": { containerd: 23, "cri-o": 23 },
  "RuntimeService/CheckpointContainer": { containerd: 31, "cri-o": 25 },
  "RuntimeService/GetContainerEvents": { containerd: 26, "cri-o": 25 },
  "RuntimeService/ListMetricDescriptors": { containerd: 34, "cri-o": 30 },
  "RuntimeService/ListPodSandboxMetrics": { containerd: 34, "cri-o": 30 },
  "RuntimeService/RuntimeConfig": { containerd: 31, "cri-o": 28 },
  "RuntimeService/UpdatePodSandboxResources": { containerd: 34, "cri-o": 33 },
  "RuntimeService/StreamPodSandboxes": { containerd: 37, "cri-o": 36 },
  "RuntimeService/StreamContainers": { containerd: 37, "cri-o": 36 },
  "RuntimeService/StreamContainerStats": { containerd: 37, "cri-o": 36 },
  "RuntimeService/StreamPodSandboxStats": { containerd: 37, "cri-o": 36 },
  "RuntimeService/StreamPodSandboxMetrics": { containerd: 37, "cri-o": 36 },
  "ImageService/StreamImages": { containerd: 37, "cri-o": 36 },
  "RuntimeService/CheckpointPod": { containerd: 37, "cri-o": 37 },
  "RuntimeService/RestorePod": { containerd: 37, "cri-o": 37 },
};

/** Whether a release is at least another. */
export function isAtLeast(release: CriRelease, other: CriRelease): boolean {
  return minorOf(release) >= minorOf(other);
}

/** Whether a runtime that was built against a release has an RPC, such as `RuntimeService/Version`. */
export function hasRpc(flavor: RuntimeFlavor, release: CriRelease, method: string): boolean {
  return minorOf(release) >= (SINCE[method]?.[flavor] ?? 0);
}

function minorOf(release: CriRelease): number {
  return Number(release.slice(2));
}

/**
 * Which release of the interface brought which RPC.
 *
 * @see {@link https://github.com/kubernetes/cri-api/tree/v0.36.0}
 * @module
 */

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

/** RPCs that `runtime.v1` did not have from its first release on, by minor version. */
const SINCE: ReadonlyMap<string, number> = new Map([
  ["RuntimeService/PodSandboxStats", 23],
  ["RuntimeService/ListPodSandboxStats", 23],
  ["RuntimeService/CheckpointContainer", 25],
  ["RuntimeService/GetContainerEvents", 25],
  ["RuntimeService/ListMetricDescriptors", 26],
  ["RuntimeService/ListPodSandboxMetrics", 26],
  ["RuntimeService/RuntimeConfig", 28],
  ["RuntimeService/UpdatePodSandboxResources", 33],
  ["RuntimeService/StreamPodSandboxes", 36],
  ["RuntimeService/StreamContainers", 36],
  ["RuntimeService/StreamContainerStats", 36],
  ["RuntimeService/StreamPodSandboxStats", 36],
  ["RuntimeService/StreamPodSandboxMetrics", 36],
  ["ImageService/StreamImages", 36],
  ["RuntimeService/CheckpointPod", 37],
  ["RuntimeService/RestorePod", 37],
]);

/** Whether a release is at least another. */
export function isAtLeast(release: CriRelease, other: CriRelease): boolean {
  return minorOf(release) >= minorOf(other);
}

/** Whether an RPC, such as `RuntimeService/Version`, is part of a release. */
export function hasRpc(release: CriRelease, method: string): boolean {
  return minorOf(release) >= (SINCE.get(method) ?? 0);
}

function minorOf(release: CriRelease): number {
  return Number(release.slice(2));
}

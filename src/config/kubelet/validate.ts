/**
 * Values that a kubelet refuses to start with.
 *
 * What depends on the machine is not checked, nor are topology, reserved memory, processors, logging and tracing.
 *
 * @see {@link https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/kubelet/apis/config/validation/validation.go}
 * @module
 */
import { parseDuration } from "../../oci/mirrors/duration.ts";
import { type DataNode, type DataObject, memberAt } from "../data/tree.ts";
import { ConfigError } from "../errors.ts";
import type { Origin } from "../origin.ts";
import type { KubeletConfig, KubeletSetting } from "./types.ts";

const POLICIES = [
  "NeverVerify",
  "NeverVerifyPreloadedImages",
  "NeverVerifyAllowlistedImages",
  "AlwaysVerify",
];
/** User ids of a Pod come in parts of this size. */
const USER_NAMESPACE_PART = 65_536n;

interface Range {
  readonly key: string;
  readonly min: number;
  readonly max?: number;
  readonly orZero?: boolean;
  readonly flag?: string;
}

const PORT = { min: 1, max: 65_535 };
const NOT_NEGATIVE = { min: 0 };

/** Of values that a file sets; where it sets none, or 0 for a value that then has its default, all is well. */
const RANGES: readonly Range[] = [
  { key: "nodeLeaseDurationSeconds", min: 1, orZero: true },
  { key: "eventBurst", ...NOT_NEGATIVE, flag: "event-burst" },
  { key: "eventRecordQPS", ...NOT_NEGATIVE, flag: "event-qps" },
  { key: "healthzPort", ...PORT, orZero: true, flag: "healthz-port" },
  { key: "imageGCHighThresholdPercent", min: 0, max: 100, flag: "image-gc-high-threshold" },
  { key: "imageGCLowThresholdPercent", min: 0, max: 100, flag: "image-gc-low-threshold" },
  { key: "iptablesDropBit", min: 0, max: 31, flag: "iptables-drop-bit" },
  { key: "iptablesMasqueradeBit", min: 0, max: 31, flag: "iptables-masquerade-bit" },
  { key: "kubeAPIBurst", ...NOT_NEGATIVE, flag: "kube-api-burst" },
  { key: "kubeAPIQPS", ...NOT_NEGATIVE, flag: "kube-api-qps" },
  { key: "nodeStatusMaxImages", min: -1, flag: "node-status-max-images" },
  { key: "maxOpenFiles", ...NOT_NEGATIVE, flag: "max-open-files" },
  { key: "oomScoreAdj", min: -1000, max: 1000, flag: "oom-score-adj" },
  { key: "podsPerCore", ...NOT_NEGATIVE, flag: "pods-per-core" },
  { key: "port", ...PORT, orZero: true, flag: "port" },
  { key: "readOnlyPort", ...PORT, orZero: true, flag: "read-only-port" },
  { key: "containerLogMaxWorkers", min: 1 },
  { key: "containerLogMaxFiles", min: 2 },
  { key: "maxParallelImagePulls", min: 1 },
];

/** Least durations, in milliseconds. */
const DURATIONS: readonly (readonly [key: string, least: number])[] = [
  ["imageMinimumGCAge", 0],
  ["imageMaximumGCAge", 0],
  ["containerLogMonitorInterval", 3000],
];

const WORDS: readonly (readonly [key: string, words: readonly string[]])[] = [
  ["topologyManagerPolicy", ["", "none", "best-effort", "restricted", "single-numa-node"]],
  ["topologyManagerScope", ["", "container", "pod"]],
  ["hairpinMode", ["", "none", "hairpin-veth", "promiscuous-bridge"]],
];

/**
 * Checks what a file says, by keys that no field of a configuration has.
 *
 * @throws {ConfigError} `ERR_CONFIG_INVALID`.
 */
export function validateFile(file: DataObject): void {
  for (const range of RANGES) {
    const node = memberAt(file, range.key);
    if (node?.kind !== "number" || isWithin(Number(node.value), range)) continue;
    const flag = range.flag === undefined ? "" : ` (--${range.flag})`;
    throw invalid(range.key, `${range.key}${flag} ${node.value} ${boundsOf(range)}`, node.origin);
  }
  for (const [key, least] of DURATIONS) {
    const node = memberAt(file, key);
    if (node?.kind !== "string" || (parseDuration(node.value) ?? 0) >= least) continue;
    throw invalid(key, `${key} ${node.value} must not be less than ${least} ms`, node.origin);
  }
  for (const [key, words] of WORDS) {
    const node = memberAt(file, key);
    if (node?.kind !== "string" || words.includes(node.value)) continue;
    const given = JSON.stringify(node.value.slice(0, 256));
    throw invalid(key, `option ${given} specified for ${key} is not known`, node.origin);
  }
  const high = numberOf(memberAt(file, "imageGCHighThresholdPercent"), 85);
  const low = numberOf(memberAt(file, "imageGCLowThresholdPercent"), 80);
  if (low >= high) {
    const { origin } =
      memberAt(file, "imageGCLowThresholdPercent") ?? memberAt(file, "imageGCHighThresholdPercent") ?? file;
    const why = `imageGCLowThresholdPercent (--image-gc-low-threshold) ${low} must be less than imageGCHighThresholdPercent (--image-gc-high-threshold) ${high}`;
    throw invalid("imageGCLowThresholdPercent", why, origin);
  }
  const runOnce = memberAt(file, "runOnce");
  if (runOnce?.kind === "boolean" && runOnce.value) {
    throw invalid("runOnce", "runOnce (--runOnce) true, Runonce mode has been deprecated", runOnce.origin);
  }
  const logs = memberAt(file, "podLogsDir");
  if (logs?.kind === "string" && logs.value !== "" && !logs.value.startsWith("/")) {
    const why = `pod logs path ${JSON.stringify(logs.value.slice(0, 256))} must be absolute path`;
    throw invalid("podLogsDir", why, logs.origin);
  }
}

/**
 * Checks what is in effect.
 *
 * @param verifies Whether the gate `KubeletEnsureSecretPulledImages` is on.
 * @throws {ConfigError} `ERR_CONFIG_INVALID`; where a text of the kubelet begins with `invalid configuration`, so does
 * the message.
 */
export function validateKubelet(config: KubeletConfig, verifies: boolean): void {
  for (const [key, flag] of [
    ["maxPods", "max-pods"],
    ["registryBurst", "registry-burst"],
    ["registryPullQPS", "registry-qps"],
  ] as const) {
    const { value, origin } = config[key];
    if (value < 0) throw invalid(key, `${key} (--${flag}) ${value} must not be a negative number`, origin);
  }
  const endpoint = config.containerRuntimeEndpoint;
  if (endpoint.value === "") {
    const why = "the containerRuntimeEndpoint was not specified or empty";
    throw invalid("containerRuntimeEndpoint", why, endpoint.origin);
  }
  const parallel = config.maxParallelImagePulls;
  if (config.serializeImagePulls.value && (parallel.value ?? 1) > 1) {
    const why =
      "maxParallelImagePulls cannot be larger than 1 unless SerializeImagePulls (--serialize-image-pulls) is set to false";
    throw invalid("maxParallelImagePulls", why, parallel.origin ?? config.serializeImagePulls.origin);
  }
  const { value: ids, origin } = config.userNamespacesIdsPerPod;
  if (ids <= 0n || ids % USER_NAMESPACE_PART !== 0n || ids >= 2n ** 32n) {
    const why = `userNamespaces.idsPerPod ${ids} must be a multiple of ${USER_NAMESPACE_PART}`;
    throw invalid("userNamespaces.idsPerPod", why, origin);
  }
  validateVerification(config, verifies);
}

function validateVerification(config: KubeletConfig, verifies: boolean): void {
  const key = "imagePullCredentialsVerificationPolicy";
  const policy: KubeletSetting<string> = config[key];
  const [listed] = config.preloadedImagesVerificationAllowlist;
  if (!verifies) {
    const why = (name: string): string =>
      `\`${name}\` must not be set if KubeletEnsureSecretPulledImages feature gate is not enabled`;
    if (policy.value !== "") throw invalid(key, why(key), policy.origin);
    const list = "preloadedImagesVerificationAllowlist";
    if (listed) throw invalid(list, why(list), listed.origin);
    return;
  }
  if (!POLICIES.includes(policy.value)) {
    const given = JSON.stringify(policy.value.slice(0, 256));
    const why = `option ${given} specified for ${key}. Valid options are ${POLICIES.join(", ")}`;
    throw invalid(key, why, policy.origin);
  }
  if (listed && policy.value !== "NeverVerifyAllowlistedImages") {
    const why =
      'can\'t set `preloadedImagesVerificationAllowlist` if `imagePullCredentialsVertificationPolicy` is not "NeverVerifyAllowlistedImages"';
    throw invalid("preloadedImagesVerificationAllowlist", why, listed.origin);
  }
}

function isWithin(value: number, { min, max = Number.POSITIVE_INFINITY, orZero }: Range): boolean {
  return (orZero === true && value === 0) || (value >= min && value <= max);
}

function boundsOf({ min, max }: Range): string {
  if (max !== undefined) return `must be between ${min} and ${max}, inclusive`;
  return min === 0 ? "must not be a negative number" : `must be ${min} or greater`;
}

function numberOf(node: DataNode | undefined, otherwise: number): number {
  return node?.kind === "number" ? Number(node.value) : otherwise;
}

function invalid(key: string, why: string, origin: Origin | undefined): ConfigError {
  return new ConfigError("ERR_CONFIG_INVALID", `invalid configuration: ${why}`, { key, origin });
}

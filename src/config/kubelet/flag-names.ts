/**
 * Flags of a kubelet and what their values are.
 *
 * @see {@link https://kubernetes.io/docs/reference/command-line-tools-reference/kubelet/}
 * @module
 */

/** What a flag's value must be; `other` is not looked at. */
export type KubeletFlagType = "text" | "flag" | "int32" | "int64" | "texts" | "gates" | "other";

/** Flags that set a key of the configuration, by that key. */
export const CONFIGURATION_FLAGS = {
  staticPodPath: "pod-manifest-path",
  staticPodURL: "manifest-url",
  containerRuntimeEndpoint: "container-runtime-endpoint",
  imageServiceEndpoint: "image-service-endpoint",
  registryPullQPS: "registry-qps",
  registryBurst: "registry-burst",
  clusterDomain: "cluster-domain",
  clusterDNS: "cluster-dns",
  featureGates: "feature-gates",
  cgroupDriver: "cgroup-driver",
  cgroupRoot: "cgroup-root",
  maxPods: "max-pods",
  podCIDR: "pod-cidr",
  podPidsLimit: "pod-max-pids",
  resolvConf: "resolv-conf",
  serializeImagePulls: "serialize-image-pulls",
  allowedUnsafeSysctls: "allowed-unsafe-sysctls",
} as const;

const TYPED: Readonly<Record<string, KubeletFlagType>> = {
  config: "text",
  "config-dir": "text",
  "root-dir": "text",
  "hostname-override": "text",
  "image-credential-provider-config": "text",
  "image-credential-provider-bin-dir": "text",
  "pod-manifest-path": "text",
  "manifest-url": "text",
  "container-runtime-endpoint": "text",
  "image-service-endpoint": "text",
  "cluster-domain": "text",
  "cgroup-driver": "text",
  "cgroup-root": "text",
  "pod-cidr": "text",
  "resolv-conf": "text",
  "registry-qps": "int32",
  "registry-burst": "int32",
  "max-pods": "int32",
  "pod-max-pids": "int64",
  "cluster-dns": "texts",
  "allowed-unsafe-sysctls": "texts",
  "feature-gates": "gates",
};

const FLAGS =
  "seccomp-default serialize-image-pulls anonymous-auth authentication-token-webhook cgroups-per-qos " +
  "contention-profiling cpu-cfs-quota enable-controller-attach-detach enable-debugging-handlers enable-server " +
  "exit-on-lock-contention experimental-allocatable-ignore-eviction fail-swap-on help keep-terminated-pod-volumes " +
  "kernel-memcg-notification local-storage-capacity-isolation log-json-split-stream log-text-split-stream " +
  "logtostderr alsologtostderr one-output skip-headers skip-log-headers add-dir-header make-iptables-util-chains " +
  "protect-kernel-defaults register-node register-schedulable rotate-certificates rotate-server-certificates " +
  "runonce windows-service";

const OTHERS =
  "address authentication-token-webhook-cache-ttl authorization-mode authorization-webhook-cache-authorized-ttl " +
  "authorization-webhook-cache-unauthorized-ttl bootstrap-kubeconfig cert-dir client-ca-file cloud-config " +
  "cloud-provider container-log-max-files container-log-max-size container-runtime cpu-cfs-quota-period " +
  "cpu-manager-policy cpu-manager-policy-options cpu-manager-reconcile-period enforce-node-allocatable event-burst " +
  "event-qps eviction-hard eviction-max-pod-grace-period eviction-minimum-reclaim " +
  "eviction-pressure-transition-period eviction-soft eviction-soft-grace-period experimental-mounter-path " +
  "file-check-frequency hairpin-mode healthz-bind-address healthz-port http-check-frequency " +
  "image-gc-high-threshold image-gc-low-threshold iptables-drop-bit iptables-masquerade-bit kube-api-burst " +
  "kube-api-content-type kube-api-qps kube-reserved kube-reserved-cgroup kubeconfig kubelet-cgroups lock-file " +
  "log-backtrace-at log-dir log-file log-file-max-size log-flush-frequency log-json-info-buffer-size " +
  "log-text-info-buffer-size logging-format manifest-url-header max-open-files maximum-dead-containers " +
  "maximum-dead-containers-per-container memory-manager-policy minimum-container-ttl-duration " +
  "minimum-image-ttl-duration node-ip node-labels node-status-max-images node-status-update-frequency oom-score-adj " +
  "pod-infra-container-image pods-per-core port provider-id qos-reserved read-only-port register-with-taints " +
  "reserved-cpus reserved-memory runtime-cgroups runtime-request-timeout show-hidden-metrics-for-version " +
  "stderrthreshold streaming-connection-idle-timeout sync-frequency system-cgroups system-reserved " +
  "system-reserved-cgroup tls-cert-file tls-cipher-suites tls-curve-preferences tls-min-version " +
  "tls-private-key-file topology-manager-policy topology-manager-policy-options topology-manager-scope v " +
  "vmodule volume-plugin-dir volume-stats-agg-period windows-priorityclass";

/** Every flag of the releases from 1.30 on, by its name with dashes. */
export const KUBELET_FLAGS: ReadonlyMap<string, KubeletFlagType> = new Map<string, KubeletFlagType>([
  ...OTHERS.split(" ").map((name) => [name, "other"] as const),
  ...FLAGS.split(" ").map((name) => [name, "flag"] as const),
  ["version", "other"],
  ...Object.entries(TYPED),
]);

/** Flags whose value may be left out, and then is not the next word. */
export function hasOptionalValue(name: string, type: KubeletFlagType): boolean {
  return type === "flag" || name === "version";
}

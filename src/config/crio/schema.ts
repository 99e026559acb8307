/**
 * The keys of crio.conf, table by table, each with the type of its value.
 *
 * @see {@link https://github.com/cri-o/cri-o/blob/v1.36.0/docs/crio.conf.5.md}
 * @module
 */

/**
 * The types of values.
 *
 * `integer` is a signed number of 64 bits; `duration` a number of nanoseconds, or a text such as `1m30s`.
 */
export type SettingType = "text" | "flag" | "integer" | "duration" | "texts" | "text-map";

/** Keys of a table with their types. */
export type SettingTypes = Readonly<Record<string, SettingType>>;

/** `[crio]` itself. */
export const ROOT_KEYS = {
  root: "text",
  runroot: "text",
  imagestore: "text",
  storage_driver: "text",
  storage_option: "texts",
  log_dir: "text",
  version_file: "text",
  version_file_persist: "text",
  clean_shutdown_file: "text",
  internal_wipe: "flag",
  internal_repair: "flag",
} as const;

/** `[crio.api]`. */
export const API_KEYS = {
  grpc_max_send_msg_size: "integer",
  grpc_max_recv_msg_size: "integer",
  listen: "text",
  stream_address: "text",
  stream_port: "text",
  stream_enable_tls: "flag",
  stream_tls_cert: "text",
  stream_tls_key: "text",
  stream_tls_ca: "text",
  stream_idle_timeout: "text",
} as const;

/** `[crio.runtime]`, without the tables of handlers and workloads. */
export const RUNTIME_KEYS = {
  no_pivot: "flag",
  selinux: "flag",
  log_to_journald: "flag",
  drop_infra_ctr: "flag",
  read_only: "flag",
  conmon_env: "texts",
  hooks_dir: "texts",
  default_capabilities: "texts",
  add_inheritable_capabilities: "flag",
  default_env: "texts",
  default_sysctls: "texts",
  default_ulimits: "texts",
  allowed_devices: "texts",
  additional_devices: "texts",
  cdi_spec_dirs: "texts",
  device_ownership_from_security_context: "flag",
  default_runtime: "text",
  decryption_keys_path: "text",
  conmon: "text",
  conmon_cgroup: "text",
  seccomp_profile: "text",
  privileged_seccomp_profile: "text",
  apparmor_profile: "text",
  blockio_config_file: "text",
  blockio_reload: "flag",
  irqbalance_config_file: "text",
  rdt_config_file: "text",
  cgroup_manager: "text",
  default_mounts_file: "text",
  container_exits_dir: "text",
  container_attach_socket_dir: "text",
  bind_mount_prefix: "text",
  uid_mappings: "text",
  minimum_mappable_uid: "integer",
  gid_mappings: "text",
  minimum_mappable_gid: "integer",
  log_level: "text",
  log_filter: "text",
  namespaces_dir: "text",
  pinns_path: "text",
  enable_criu_support: "flag",
  pids_limit: "integer",
  log_size_max: "integer",
  ctr_stop_timeout: "integer",
  separate_pull_cgroup: "text",
  infra_ctr_cpuset: "text",
  shared_cpuset: "text",
  absent_mount_sources_to_reject: "texts",
  enable_pod_events: "flag",
  irqbalance_config_restore_file: "text",
  hostnetwork_disable_selinux: "flag",
  disable_hostport_mapping: "flag",
  timezone: "text",
  additional_artifact_stores: "texts",
} as const;

/** `[crio.runtime.runtimes.NAME]`. */
export const HANDLER_KEYS = {
  runtime_config_path: "text",
  runtime_path: "text",
  runtime_type: "text",
  runtime_root: "text",
  privileged_without_host_devices: "flag",
  allowed_annotations: "texts",
  monitor_path: "text",
  monitor_cgroup: "text",
  monitor_env: "texts",
  monitor_exec_cgroup: "text",
  platform_runtime_paths: "text-map",
  runtime_pull_image: "flag",
  container_min_memory: "text",
  no_sync_log: "flag",
  inherit_default_runtime: "flag",
  default_annotations: "text-map",
  stream_websockets: "flag",
  exec_cpu_affinity: "text",
  seccomp_profile: "text",
  container_create_timeout: "integer",
} as const;

/** `[crio.runtime.workloads.NAME]`, without its table of resources. */
export const WORKLOAD_KEYS = {
  activation_annotation: "text",
  annotation_prefix: "text",
  allowed_annotations: "texts",
} as const;

/** `[crio.runtime.workloads.NAME.resources]`. */
export const RESOURCE_KEYS = {
  cpushares: "integer",
  cpuquota: "integer",
  cpuperiod: "integer",
  cpuset: "text",
  cpulimit: "integer",
} as const;

/** `[crio.image]`. */
export const IMAGE_KEYS = {
  default_transport: "text",
  global_auth_file: "text",
  namespaced_auth_dir: "text",
  pause_image: "text",
  pause_image_auth_file: "text",
  pause_command: "text",
  pinned_images: "texts",
  signature_policy: "text",
  signature_policy_dir: "text",
  insecure_registries: "texts",
  image_volumes: "text",
  big_files_temporary_dir: "text",
  auto_reload_registries: "flag",
  pull_progress_timeout: "duration",
  oci_artifact_mount_support: "flag",
  short_name_mode: "text",
} as const;

/** `[crio.network]`. */
export const NETWORK_KEYS = {
  cni_default_network: "text",
  network_dir: "text",
  plugin_dir: "text",
  plugin_dirs: "texts",
} as const;

/** `[crio.metrics]`. */
export const METRICS_KEYS = {
  enable_metrics: "flag",
  metrics_collectors: "texts",
  metrics_host: "text",
  metrics_port: "integer",
  metrics_socket: "text",
  metrics_cert: "text",
  metrics_key: "text",
} as const;

/** `[crio.tracing]`. */
export const TRACING_KEYS = {
  enable_tracing: "flag",
  tracing_endpoint: "text",
  tracing_sampling_rate_per_million: "integer",
} as const;

/** `[crio.stats]`. */
export const STATS_KEYS = {
  stats_collection_period: "integer",
  collection_period: "integer",
  included_pod_metrics: "texts",
} as const;

/** The tables below `[crio]`, besides those that this reader leaves to CRI-O. */
export const TABLE_KEYS: {
  readonly api: typeof API_KEYS;
  readonly runtime: typeof RUNTIME_KEYS;
  readonly image: typeof IMAGE_KEYS;
  readonly network: typeof NETWORK_KEYS;
  readonly metrics: typeof METRICS_KEYS;
  readonly tracing: typeof TRACING_KEYS;
  readonly stats: typeof STATS_KEYS;
} = {
  api: API_KEYS,
  runtime: RUNTIME_KEYS,
  image: IMAGE_KEYS,
  network: NETWORK_KEYS,
  metrics: METRICS_KEYS,
  tracing: TRACING_KEYS,
  stats: STATS_KEYS,
};

/** Tables that CRI-O knows and this reader does not read. */
export const UNREAD_TABLES: readonly string[] = ["nri", "checkpoint_restore"];

/** The minor version that first knows a key, for keys by dotted name that not every version from 1.30 has. */
export const KEY_SINCE: Readonly<Record<string, number>> = {
  "crio.runtime.runtimes.*.seccomp_profile": 34,
  "crio.runtime.additional_artifact_stores": 36,
};

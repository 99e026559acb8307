/**
 * The keys that containerd knows, and the types of their values.
 *
 * Tables of plugins other than the CRI's and the server's are left alone.
 *
 * @see {@link https://github.com/containerd/containerd/blob/v2.2.0/docs/man/containerd-config.toml.5.md}
 * @see {@link https://github.com/containerd/containerd/blob/v2.2.0/docs/cri/config.md}
 * @module
 */

/** What a value may be. */
export type Shape =
  | "text"
  | "flag"
  | "integer"
  | "texts"
  | "any"
  | FieldsShape
  /** A table with any keys. */
  | { kind: "entries"; each: Shape };

/** A table with these keys. */
export interface FieldsShape {
  kind: "fields";
  fields: Readonly<Record<string, Shape>>;
}

function fields(shape: Readonly<Record<string, Shape>>): FieldsShape {
  return { kind: "fields", fields: shape };
}

function entries(each: Shape): Shape {
  return { kind: "entries", each };
}

/** The tables of the CRI, split as by version 3. */
export const CRI_IMAGES = "io.containerd.cri.v1.images";
export const CRI_RUNTIME = "io.containerd.cri.v1.runtime";
/** The CRI's one table of version 2, and its server's of later ones. */
export const CRI_SERVICE = "io.containerd.grpc.v1.cri";
/** The sockets' tables of version 4. */
export const GRPC_SERVER = "io.containerd.server.v1.grpc";
export const GRPC_TCP_SERVER = "io.containerd.server.v1.grpc-tcp";
export const TTRPC_SERVER = "io.containerd.server.v1.ttrpc";
export const DEBUG_SERVER = "io.containerd.server.v1.debug";
export const METRICS_SERVER = "io.containerd.server.v1.metrics";

/** The top of a file. */
export const TOP: FieldsShape = fields({
  version: "integer",
  root: "text",
  state: "text",
  temp: "text",
  plugin_dir: "text",
  oom_score: "integer",
  disabled_plugins: "texts",
  required_plugins: "texts",
  imports: "texts",
  plugins: entries("any"),
  cgroup: fields({ path: "text" }),
  debug: fields({ address: "text", uid: "integer", gid: "integer", level: "text", format: "text" }),
  grpc: fields({
    address: "text",
    tcp_address: "text",
    tcp_tls_ca: "text",
    tcp_tls_cert: "text",
    tcp_tls_key: "text",
    tcp_tls_common_name: "text",
    uid: "integer",
    gid: "integer",
    max_recv_message_size: "integer",
    max_send_message_size: "integer",
  }),
  ttrpc: fields({ address: "text", uid: "integer", gid: "integer" }),
  metrics: fields({ address: "text", grpc_histogram: "flag" }),
  timeouts: entries("text"),
  proxy_plugins: entries(
    fields({
      type: "text",
      address: "text",
      platform: "text",
      exports: entries("text"),
      capabilities: "texts",
    }),
  ),
  stream_processors: entries(
    fields({ accepts: "texts", returns: "text", path: "text", args: "texts", env: "texts" }),
  ),
});

const RUNTIME = fields({
  runtime_type: "text",
  runtime_path: "text",
  pod_annotations: "texts",
  container_annotations: "texts",
  options: entries("any"),
  privileged_without_host_devices: "flag",
  privileged_without_host_devices_all_devices_allowed: "flag",
  cgroup_writable: "flag",
  base_runtime_spec: "text",
  cni_conf_dir: "text",
  cni_max_conf_num: "integer",
  snapshotter: "text",
  sandboxer: "text",
  io_type: "text",
});

const OLD_RUNTIME = fields({
  ...RUNTIME.fields,
  runtime_engine: "text",
  runtime_root: "text",
  sandbox_mode: "text",
});

const CONTAINERD = {
  default_runtime_name: "text",
  ignore_blockio_not_enabled_errors: "flag",
  ignore_rdt_not_enabled_errors: "flag",
} as const satisfies Record<string, Shape>;

const AUTH = fields({ username: "text", password: "text", auth: "text", identitytoken: "text" });

const IMAGES = fields({
  snapshotter: "text",
  disable_snapshot_annotations: "flag",
  discard_unpacked_layers: "flag",
  pinned_images: entries("text"),
  runtime_platforms: entries(fields({ platform: "text", snapshotter: "text" })),
  registry: fields({
    config_path: "text",
    mirrors: entries(fields({ endpoint: "texts" })),
    configs: entries(
      fields({
        auth: AUTH,
        tls: fields({ insecure_skip_verify: "flag", ca_file: "text", cert_file: "text", key_file: "text" }),
      }),
    ),
    auths: entries(AUTH),
    headers: entries("texts"),
  }),
  image_decryption: fields({ key_model: "text" }),
  max_concurrent_downloads: "integer",
  concurrent_layer_fetch_buffer: "integer",
  image_pull_progress_timeout: "text",
  image_pull_with_sync_fs: "flag",
  stats_collect_period: "integer",
  use_local_image_pull: "flag",
  disable_image_pull_with_transfer_service: "flag",
});

const CNI = {
  bin_dir: "text",
  bin_dirs: "texts",
  conf_dir: "text",
  max_conf_num: "integer",
  setup_serially: "flag",
  conf_template: "text",
  ip_pref: "text",
  use_internal_loopback: "flag",
} as const satisfies Record<string, Shape>;

const RUNTIME_PLUGIN = {
  cni: fields(CNI),
  enable_selinux: "flag",
  selinux_category_range: "integer",
  max_container_log_line_size: "integer",
  disable_apparmor: "flag",
  restrict_oom_score_adj: "flag",
  disable_proc_mount: "flag",
  unset_seccomp_profile: "text",
  tolerate_missing_hugetlb_controller: "flag",
  disable_hugetlb_controller: "flag",
  device_ownership_from_security_context: "flag",
  ignore_image_defined_volumes: "flag",
  netns_mounts_under_state_dir: "flag",
  enable_unprivileged_ports: "flag",
  enable_unprivileged_icmp: "flag",
  enable_cdi: "flag",
  cdi_spec_dirs: "texts",
  drain_exec_sync_io_timeout: "text",
  ignore_deprecation_warnings: "texts",
} as const satisfies Record<string, Shape>;

const SERVICE = fields({
  disable_tcp_service: "flag",
  stream_server_address: "text",
  stream_server_port: "text",
  stream_idle_timeout: "text",
  enable_tls_streaming: "flag",
  x509_key_pair_streaming: fields({ tls_cert_file: "text", tls_key_file: "text" }),
});

const SERVER = fields({
  address: "text",
  uid: "integer",
  gid: "integer",
  max_recv_message_size: "integer",
  max_send_message_size: "integer",
});

const SERVERS: Readonly<Record<string, FieldsShape>> = {
  [GRPC_SERVER]: SERVER,
  [GRPC_TCP_SERVER]: fields({
    address: "text",
    tls_ca: "text",
    tls_cert: "text",
    tls_key: "text",
    tls_common_name: "text",
    max_recv_message_size: "integer",
    max_send_message_size: "integer",
  }),
  [TTRPC_SERVER]: SERVER,
  [DEBUG_SERVER]: fields({ address: "text", uid: "integer", gid: "integer" }),
  [METRICS_SERVER]: fields({ address: "text" }),
};

/** Tables of plugins by 2.x. */
const PLUGINS: Readonly<Record<string, FieldsShape>> = {
  ...SERVERS,
  [CRI_IMAGES]: IMAGES,
  [CRI_RUNTIME]: fields({
    ...RUNTIME_PLUGIN,
    containerd: fields({ ...CONTAINERD, runtimes: entries(RUNTIME) }),
  }),
  [CRI_SERVICE]: SERVICE,
};

/** Tables of plugins by 1.x, split as by version 3. */
const OLD_PLUGINS: Readonly<Record<string, FieldsShape>> = {
  ...SERVERS,
  [CRI_IMAGES]: IMAGES,
  [CRI_RUNTIME]: fields({
    ...RUNTIME_PLUGIN,
    disable_cgroup: "flag",
    systemd_cgroup: "flag",
    containerd: fields({
      ...CONTAINERD,
      no_pivot: "flag",
      default_runtime: OLD_RUNTIME,
      untrusted_workload_runtime: OLD_RUNTIME,
      runtimes: entries(OLD_RUNTIME),
    }),
  }),
  [CRI_SERVICE]: SERVICE,
};

/** The tables of a release's plugins, and for hints the keys by which its files have them. */
export function pluginTables({ oldRuntimeTables }: { oldRuntimeTables: boolean }): readonly {
  name: string;
  /** Of 1.x, which has all of the CRI in one table, that one. */
  key: string;
  shape: FieldsShape;
}[] {
  const shapes = Object.entries(oldRuntimeTables ? OLD_PLUGINS : PLUGINS);
  return shapes.map(([name, shape]) => {
    const written = oldRuntimeTables && (name === CRI_IMAGES || name === CRI_RUNTIME) ? CRI_SERVICE : name;
    return { name, key: `plugins.${JSON.stringify(written)}`, shape };
  });
}

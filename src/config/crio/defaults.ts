/**
 * What CRI-O is set to without any file.
 *
 * @see {@link https://github.com/cri-o/cri-o/blob/v1.36.0/pkg/config/config.go}
 * @module
 */
import type { Origin } from "../origin.ts";
import { HANDLER_KEYS, ROOT_KEYS, type SettingType, type SettingTypes, TABLE_KEYS } from "./schema.ts";
import type { Setting } from "./types.ts";

/** Storage as containers-storage.conf sets it, which crio.conf goes on top of. */
export interface CrioStorageDefaults {
  /** `graphroot`. Default `/var/lib/containers/storage`. */
  root?: string | undefined;
  /** Default `/run/containers/storage`. */
  runroot?: string | undefined;
  /** Default none: with the rest of what is stored. */
  imagestore?: string | undefined;
  /** `driver`. Default none, which is found out by CRI-O. */
  driver?: string | undefined;
  /** Options of the driver. Default none. */
  options?: readonly string[] | undefined;
  /** Where the values stand, of options the first one. Default nowhere. */
  origins?: CrioStorageOrigins | undefined;
}

/** Places of {@link CrioStorageDefaults}. */
export type CrioStorageOrigins = {
  readonly [Key in "root" | "runroot" | "imagestore" | "driver" | "options"]?: Origin | undefined;
};

/** The keys of `[crio]` that storage sets. */
const STORAGE_KEYS = {
  root: "root",
  runroot: "runroot",
  imagestore: "imagestore",
  driver: "storage_driver",
  options: "storage_option",
} as const;

/** A table while it is put together. */
export type MutableTable = Map<string, Setting<unknown>>;

/** Values that are not the zero value of their type. */
const VALUES: Readonly<Record<string, unknown>> = {
  "root.log_dir": "/var/log/crio/pods",
  "root.version_file": "/var/run/crio/version",
  "root.clean_shutdown_file": "/var/lib/crio/clean.shutdown",
  "root.internal_wipe": true,
  "root.internal_repair": true,
  "api.listen": "/var/run/crio/crio.sock",
  "api.stream_address": "127.0.0.1",
  "api.stream_port": "0",
  "api.grpc_max_send_msg_size": 83_886_080n,
  "api.grpc_max_recv_msg_size": 83_886_080n,
  "runtime.drop_infra_ctr": true,
  "runtime.hooks_dir": ["/usr/share/containers/oci/hooks.d"],
  "runtime.default_capabilities": [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "KILL",
  ],
  "runtime.allowed_devices": ["/dev/fuse", "/dev/net/tun"],
  "runtime.cdi_spec_dirs": ["/etc/cdi", "/var/run/cdi"],
  "runtime.decryption_keys_path": "/etc/crio/keys/",
  "runtime.apparmor_profile": "crio-default",
  "runtime.irqbalance_config_file": "/etc/sysconfig/irqbalance",
  "runtime.irqbalance_config_restore_file": "/etc/sysconfig/orig_irq_banned_cpus",
  "runtime.cgroup_manager": "systemd",
  "runtime.container_exits_dir": "/var/run/crio/exits",
  "runtime.container_attach_socket_dir": "/var/run/crio",
  "runtime.minimum_mappable_uid": -1n,
  "runtime.minimum_mappable_gid": -1n,
  "runtime.log_level": "info",
  "runtime.namespaces_dir": "/var/run",
  "runtime.enable_criu_support": true,
  "runtime.pids_limit": -1n,
  "runtime.log_size_max": -1n,
  "runtime.ctr_stop_timeout": 30n,
  "runtime.hostnetwork_disable_selinux": true,
  "image.default_transport": "docker://",
  "image.namespaced_auth_dir": "/etc/crio/auth",
  "image.pause_command": "/pause",
  "image.signature_policy_dir": "/etc/crio/policies",
  "image.image_volumes": "mkdir",
  "image.oci_artifact_mount_support": true,
  "image.short_name_mode": "enforcing",
  "network.network_dir": "/etc/cni/net.d/",
  "network.plugin_dirs": ["/opt/cni/bin/"],
  "metrics.metrics_host": "127.0.0.1",
  "metrics.metrics_port": 9090n,
  "tracing.tracing_endpoint": "127.0.0.1:4317",
};

/** The handler that is built in: `crun`, before 1.31 `runc`. */
export function defaultRuntimeName(minor: number): string {
  return minor >= 31 ? "crun" : "runc";
}

function pauseImage(minor: number): string {
  if (minor < 31) return "registry.k8s.io/pause:3.9";
  return minor < 34 ? "registry.k8s.io/pause:3.10" : "registry.k8s.io/pause:3.10.1";
}

/** Every table but those of handlers and workloads, by name; `[crio]` itself is `root`. */
export function defaultTables(minor: number, storage: CrioStorageDefaults): Map<string, MutableTable> {
  const own: Readonly<Record<string, unknown>> = {
    "root.root": "/var/lib/containers/storage",
    "root.runroot": "/run/containers/storage",
    "runtime.default_runtime": defaultRuntimeName(minor),
    "image.pause_image": pauseImage(minor),
  };
  const tables = new Map(
    Object.entries<SettingTypes>({ root: ROOT_KEYS, ...TABLE_KEYS }).map(([table, keys]) => [
      table,
      tableOf(keys, (key) => own[`${table}.${key}`] ?? VALUES[`${table}.${key}`]),
    ]),
  );
  setStorage(tables.get("root"), storage);
  return tables;
}

function setStorage(root: MutableTable | undefined, storage: CrioStorageDefaults): void {
  for (const [name, key] of Object.entries(STORAGE_KEYS)) {
    const value = storage[name as keyof typeof STORAGE_KEYS];
    const origin = storage.origins?.[name as keyof typeof STORAGE_KEYS];
    if (value === undefined) continue;
    root?.set(key, origin ? { value, from: "file", origin } : { value, from: "default" });
  }
}

/** What a handler starts from that a file defines: the zero value of each key. */
export function emptyTable(keys: SettingTypes): MutableTable {
  return tableOf(keys, () => undefined);
}

/** The settings of the handler that is built in. */
export function defaultHandler(minor: number): MutableTable {
  const name = defaultRuntimeName(minor);
  const values: Readonly<Record<string, unknown>> = {
    runtime_type: "oci",
    runtime_root: `/run/${name}`,
    allowed_annotations: [
      "io.containers.trace-syscall",
      minor >= 35 ? "devices.crio.io" : "io.kubernetes.cri-o.Devices",
    ],
    monitor_env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    monitor_cgroup: "system.slice",
    container_min_memory: name === "crun" ? "500KiB" : "12MiB",
    container_create_timeout: 240n,
  };
  return tableOf(HANDLER_KEYS, (key) => values[key]);
}

function tableOf(keys: SettingTypes, initial: (key: string) => unknown): MutableTable {
  return new Map(
    Object.entries(keys).map(([key, type]) => {
      return [key, { value: initial(key) ?? zeroOf(type), from: "default" }];
    }),
  );
}

/** The value that Go gives a variable of a type. */
export function zeroOf(type: SettingType): unknown {
  switch (type) {
    case "text":
      return "";
    case "flag":
      return false;
    case "integer":
    case "duration":
      return 0n;
    case "texts":
      return [];
    case "text-map":
      return new Map();
  }
}

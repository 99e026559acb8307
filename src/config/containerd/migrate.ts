/**
 * Files of older versions brought to the newest one, as containerd does it when it starts.
 *
 * @see {@link https://github.com/containerd/containerd/blob/v2.2.0/docs/cri/config.md}
 * @module
 */
import {
  CRI_IMAGES,
  CRI_RUNTIME,
  CRI_SERVICE,
  DEBUG_SERVER,
  GRPC_SERVER,
  GRPC_TCP_SERVER,
  METRICS_SERVER,
  TTRPC_SERVER,
} from "./keys.ts";
import {
  type ConfigNode,
  type ConfigTable,
  EMPTY_TABLE,
  nodeAt,
  tableAt,
  typeError,
  withEntry,
} from "./tree.ts";

/** Plugins of version 1 whose names do not follow from a rule. */
const NAMES: Readonly<Record<string, string>> = {
  cri: CRI_SERVICE,
  cgroups: "io.containerd.monitor.v1.cgroups",
  linux: "io.containerd.runtime.v1.linux",
  scheduler: "io.containerd.gc.v1.scheduler",
  bolt: "io.containerd.metadata.v1.bolt",
  task: "io.containerd.runtime.v2.task",
  opt: "io.containerd.internal.v1.opt",
  restart: "io.containerd.internal.v1.restart",
  tracing: "io.containerd.internal.v1.tracing",
  otlp: "io.containerd.tracing.processor.v1.otlp",
  ...Object.fromEntries(
    ["aufs", "btrfs", "devmapper", "native", "overlayfs", "zfs", "windows", "windows-lcow"].map((name) => [
      name,
      `io.containerd.snapshotter.v1.${name}`,
    ]),
  ),
};

/** A plugin's name of version 1 as later versions have it; one with a dot stays. */
export function pluginName(name: string): string {
  if (name.includes(".")) return name;
  if (Object.hasOwn(NAMES, name)) return NAMES[name] ?? name;
  return name.endsWith("-service") ? `io.containerd.service.v1.${name}` : `io.containerd.grpc.v1.${name}`;
}

/** Version 1 to 2: the names of plugins, in their tables and in the lists of them. */
export function renamePlugins(tree: ConfigTable): ConfigTable {
  let renamed = tree;
  const plugins = nodeAt(tree, "plugins");
  if (plugins?.kind === "table") {
    const entries = [...plugins.entries].map(([name, node]) => [pluginName(name), node] as const);
    renamed = withEntry(renamed, "plugins", { ...plugins, entries: new Map(entries) });
  }
  for (const key of ["disabled_plugins", "required_plugins"]) {
    const list = nodeAt(tree, key);
    if (list?.kind !== "list") continue;
    const items = list.items.map((item) =>
      item.kind === "scalar" ? { ...item, value: pluginName(String(item.value)) } : item,
    );
    renamed = withEntry(renamed, key, { ...list, items });
  }
  return renamed;
}

const TO_IMAGES = [
  "registry",
  "image_decryption",
  "max_concurrent_downloads",
  "image_pull_progress_timeout",
  "image_pull_with_sync_fs",
  "stats_collect_period",
];
const CONTAINERD_TO_IMAGES = ["snapshotter", "disable_snapshot_annotations", "discard_unpacked_layers"];
const STAY = [
  "disable_tcp_service",
  "stream_server_address",
  "stream_server_port",
  "stream_idle_timeout",
  "enable_tls_streaming",
  "x509_key_pair_streaming",
];

/**
 * Version 2 to 3: the CRI's table split into those of images, runtime and server.
 *
 * What is about images replaces what the new table says; what is about the runtime does not.
 *
 * @throws {ConfigError} `ERR_CONFIG_TYPE` where one of the tables is none.
 */
export function splitCri(tree: ConfigTable): ConfigTable {
  const plugins = tableAt(tree, "plugins");
  if (!plugins.entries.has(CRI_SERVICE)) return tree;
  const old = asTable(plugins.entries.get(CRI_SERVICE), CRI_SERVICE);
  const images = imagesOf(old, asTable(plugins.entries.get(CRI_IMAGES), CRI_IMAGES));
  const runtime = runtimeOf(old, asTable(plugins.entries.get(CRI_RUNTIME), CRI_RUNTIME));
  const service = { ...old, entries: new Map([...old.entries].filter(([key]) => STAY.includes(key))) };
  let split = withEntry(plugins, CRI_SERVICE, service.entries.size === 0 ? undefined : service);
  split = withEntry(split, CRI_IMAGES, images);
  split = withEntry(split, CRI_RUNTIME, runtime);
  return withEntry(tree, "plugins", split);
}

function imagesOf(old: ConfigTable, before: ConfigTable): ConfigTable {
  let images = before;
  const sandbox = old.entries.get("sandbox_image");
  if (sandbox) {
    const pinned = asTable(images.entries.get("pinned_images"), CRI_IMAGES, "pinned_images");
    images = withEntry(images, "pinned_images", withEntry(pinned, "sandbox", sandbox));
  }
  const containerd = asTable(old.entries.get("containerd"), CRI_SERVICE, "containerd");
  const moved = [
    ...CONTAINERD_TO_IMAGES.map((key) => [key, containerd.entries.get(key)] as const),
    ...TO_IMAGES.map((key) => [key, old.entries.get(key)] as const),
  ];
  for (const [key, node] of moved) if (node) images = withEntry(images, key, node);
  return images;
}

function runtimeOf(old: ConfigTable, before: ConfigTable): ConfigTable {
  const elsewhere = ["cni", "containerd", "sandbox_image", ...TO_IMAGES, ...STAY];
  let runtime = withMissing(before, old, elsewhere);
  if (old.entries.has("cni")) {
    const cni = asTable(old.entries.get("cni"), CRI_SERVICE, "cni");
    runtime = withEntry(runtime, "cni", cniOf(cni, asTable(before.entries.get("cni"), CRI_RUNTIME, "cni")));
  }
  if (!old.entries.has("containerd")) return runtime;
  const containerd = withMissing(
    asTable(before.entries.get("containerd"), CRI_RUNTIME, "containerd"),
    asTable(old.entries.get("containerd"), CRI_SERVICE, "containerd"),
    CONTAINERD_TO_IMAGES,
  );
  return withEntry(runtime, "containerd", withSandboxers(containerd));
}

function cniOf(old: ConfigTable, before: ConfigTable): ConfigTable {
  const cni = withMissing(before, old, ["bin_dir"]);
  const folder = old.entries.get("bin_dir");
  const folders = cni.entries.get("bin_dirs");
  if (!folder || (folders?.kind === "list" && folders.items.length > 0)) return cni;
  return withEntry(cni, "bin_dirs", { kind: "list", items: [folder], origin: folder.origin });
}

/** `sandbox_mode` of runtimes under its later name. */
function withSandboxers(containerd: ConfigTable): ConfigTable {
  const runtimes = containerd.entries.get("runtimes");
  if (!runtimes) return containerd;
  const entries = [...asTable(runtimes, "containerd", "runtimes").entries].map(([name, node]) => {
    const runtime = asTable(node, "runtimes", name);
    const mode = runtime.entries.get("sandbox_mode");
    if (!mode || runtime.entries.has("sandboxer")) return [name, node] as const;
    return [name, withEntry(withEntry(runtime, "sandbox_mode", undefined), "sandboxer", mode)] as const;
  });
  return withEntry(containerd, "runtimes", {
    kind: "table",
    entries: new Map(entries),
    origin: runtimes.origin,
  });
}

/** A table with those entries of another that it does not have. */
function withMissing(table: ConfigTable, other: ConfigTable, except: readonly string[]): ConfigTable {
  const added = [...other.entries].filter(([key]) => !table.entries.has(key) && !except.includes(key));
  return { ...table, entries: new Map([...table.entries, ...added]), origin: table.origin ?? other.origin };
}

/** Version 3 to 4: the sockets as plugins. A plugin's table that is there already stays as it is. */
export function moveServers(tree: ConfigTable): ConfigTable {
  let plugins = tableAt(tree, "plugins");
  const add = (name: string, table: ConfigTable): void => {
    if (!plugins.entries.has(name)) plugins = withEntry(plugins, name, table);
  };
  const [debug, grpc, ttrpc, metrics] = ["debug", "grpc", "ttrpc", "metrics"].map((key) =>
    tableAt(tree, key),
  );
  if (!debug || !grpc || !ttrpc || !metrics) return tree;
  const address = textOf(grpc, "address");
  if (textOf(debug, "address") !== "") add(DEBUG_SERVER, picked(debug, ["address", "uid", "gid"]));
  if (address !== "") {
    add(
      GRPC_SERVER,
      picked(grpc, ["address", "uid", "gid", "max_recv_message_size", "max_send_message_size"]),
    );
  }
  if (textOf(grpc, "tcp_address") !== "") add(GRPC_TCP_SERVER, tcpServer(grpc));
  if (textOf(ttrpc, "address") !== "") add(TTRPC_SERVER, picked(ttrpc, ["address", "uid", "gid"]));
  else if (address !== "") {
    const origin = grpc.entries.get("address")?.origin;
    const derived = withEntry(ttrpc, "address", { kind: "scalar", value: `${address}.ttrpc`, origin });
    add(TTRPC_SERVER, derived);
  }
  if (textOf(metrics, "address") !== "") add(METRICS_SERVER, picked(metrics, ["address"]));
  return plugins.entries.size === 0 ? tree : withEntry(tree, "plugins", plugins);
}

function tcpServer(grpc: ConfigTable): ConfigTable {
  const names: readonly [string, string][] = [
    ["tcp_address", "address"],
    ["tcp_tls_ca", "tls_ca"],
    ["tcp_tls_cert", "tls_cert"],
    ["tcp_tls_key", "tls_key"],
    ["tcp_tls_common_name", "tls_common_name"],
    ["max_recv_message_size", "max_recv_message_size"],
    ["max_send_message_size", "max_send_message_size"],
  ];
  const entries = names.flatMap(([from, to]) => {
    const node = grpc.entries.get(from);
    return node ? [[to, node] as const] : [];
  });
  return { ...grpc, entries: new Map(entries) };
}

function picked(table: ConfigTable, keys: readonly string[]): ConfigTable {
  return { ...table, entries: new Map([...table.entries].filter(([key]) => keys.includes(key))) };
}

function textOf(table: ConfigTable, key: string): string {
  const node = table.entries.get(key);
  return node?.kind === "scalar" && typeof node.value === "string" ? node.value : "";
}

function asTable(node: ConfigNode | undefined, ...path: string[]): ConfigTable {
  if (!node) return EMPTY_TABLE;
  if (node.kind !== "table") throw typeError(path, "must be a table", node);
  return node;
}

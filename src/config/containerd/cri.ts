/**
 * What the CRI of a containerd works with.
 *
 * @module
 */
import type { CriRegistryTable } from "../../oci/mirrors/cri-registry.ts";
import { CRI_IMAGES, CRI_RUNTIME, CRI_SERVICE } from "./keys.ts";
import { mergeDeep } from "./merge.ts";
import type { ContainerdRules } from "./release.ts";
import {
  type ConfigTable,
  EMPTY_TABLE,
  flagAt,
  integerAt,
  nodeAt,
  plainOf,
  type Sourced,
  sourced,
  tableAt,
  textAt,
  textsAt,
  withEntry,
} from "./tree.ts";
import { assertCri, assertRuntime, refused } from "./validate.ts";
import type { ContainerdConfigWarning } from "./warnings.ts";

/** The part of a containerd's configuration that is about the CRI. */
export interface ContainerdCri {
  /** Whether a kubelet can use this containerd at all. Where it cannot, the rest is not checked. */
  readonly criEnabled: boolean;
  /** Handler of Pods that name none; one of `runtimes`. */
  readonly defaultRuntime: Sourced<string>;
  /** By name of the handler. */
  readonly runtimes: ReadonlyMap<string, ContainerdRuntime>;
  /** Image of the container that holds a Pod's namespaces. */
  readonly sandboxImage: Sourced<string>;
  /** Profile where a request has none: empty, `runtime/default`, `unconfined`, `localhost/PATH` or a mistake. */
  readonly unsetSeccompProfile: Sourced<string>;
  readonly snapshotter: Sourced<string>;
  /** As written, several joined by `:`; empty for none. */
  readonly registryConfigPath: Sourced<string>;
  /** The folders of `hosts.toml` that count, for `loadHosts`: not empty where `registryConfigPath` is, from 2.2 on. */
  readonly registryFolders: readonly string[];
  /** The `registry` table, for `resolveCriMirrors`. It holds passwords where the files do. */
  readonly registry: CriRegistryTable;
  /** `node`: encrypted layers are opened with keys of the node. Empty: not at all. */
  readonly decryptionKeyModel: Sourced<string>;
  readonly cni: ContainerdCni;
}

/** A runtime handler. */
export interface ContainerdRuntime {
  /** Such as `io.containerd.runc.v2`. Empty: Pods with this handler fail. */
  readonly type: Sourced<string>;
  /** The handler's table; absent for the built-in one. */
  readonly origin?: NonNullable<Sourced<string>["origin"]>;
  /** Path of the shim; empty: found by `type`. */
  readonly path: Sourced<string>;
  /** Whether cgroups are systemd's, as the kubelet's `cgroupDriver` must say too. */
  readonly systemdCgroup: Sourced<boolean>;
  /** Patterns of the Pod's annotations that the runtime gets. */
  readonly podAnnotations: readonly Sourced<string>[];
  /** Patterns of annotations that reach containers. */
  readonly containerAnnotations: readonly Sourced<string>[];
  /** Path of the runtime-spec document that containers begin with; empty for containerd's own. */
  readonly baseRuntimeSpec: Sourced<string>;
  /** Whether a privileged container does not get the devices of the machine. */
  readonly privilegedWithoutHostDevices: Sourced<boolean>;
  /** Empty: that of the CRI. */
  readonly snapshotter: Sourced<string>;
  /** Folder of its own CNI configuration; empty: that of the CRI. */
  readonly cniConfDir: Sourced<string>;
  /** Options of the shim, with their places. */
  readonly options: ConfigTable;
}

/** The CNI of a containerd. */
export interface ContainerdCni {
  readonly binDirs: readonly Sourced<string>[];
  readonly confDir: Sourced<string>;
  /** Most files read from `confDir`; 0: all. */
  readonly maxConfNum: Sourced<number>;
  /** Path of a template that makes the configuration; empty for none. */
  readonly confTemplate: Sourced<string>;
  /** `ipv4`, `ipv6` or `cni`; empty: `ipv4`. */
  readonly ipPreference: Sourced<string>;
}

interface CriOptions {
  rules: ContainerdRules;
  /** Full names of disabled plugins. */
  disabled: readonly Sourced<string>[];
  warn: (warning: ContainerdConfigWarning) => void;
}

const NONE: Sourced<string> = { value: "" };

/** The CRI's part of the tables of plugins, which have been checked against their keys. */
export function criOf(plugins: ConfigTable, { rules, disabled, warn }: CriOptions): ContainerdCri {
  const off = disabled.find(({ value }) => [CRI_SERVICE, CRI_IMAGES, CRI_RUNTIME].includes(value));
  if (off) {
    const placed = off.origin ? { origin: off.origin } : {};
    warn({ code: "cri-disabled", key: "disabled_plugins", plugin: off.value, ...placed });
  } else {
    assertCri(plugins);
  }
  const images = tableAt(plugins, CRI_IMAGES);
  const runtime = tableAt(plugins, CRI_RUNTIME);
  const registry = tableAt(images, "registry");
  const registryConfigPath = textAt(registry, "config_path") ?? NONE;
  const hasMirrors = tableAt(registry, "mirrors").entries.size > 0;
  const folders = registryConfigPath.value || (hasMirrors ? "" : rules.registryConfigPath);
  return {
    criEnabled: !off,
    ...runtimesOf(tableAt(runtime, "containerd"), rules, !off),
    sandboxImage: textAt(images, "pinned_images", "sandbox") ?? { value: rules.sandboxImage },
    unsetSeccompProfile: textAt(runtime, "unset_seccomp_profile") ?? NONE,
    snapshotter: textAt(images, "snapshotter") ?? { value: "overlayfs" },
    registryConfigPath,
    registryFolders: folders === "" ? [] : folders.split(":"),
    registry: plainOf(registry) as CriRegistryTable,
    decryptionKeyModel: textAt(images, "image_decryption", "key_model") ?? { value: "node" },
    cni: cniOf(tableAt(runtime, "cni")),
  };
}

function runtimesOf(
  containerd: ConfigTable,
  rules: ContainerdRules,
  isChecked: boolean,
): Pick<ContainerdCri, "defaultRuntime" | "runtimes"> {
  const path = ["plugins", CRI_RUNTIME, "containerd"];
  let tables = writtenRuntimes(containerd, rules);
  let defaultRuntime = textAt(containerd, "default_runtime_name") ?? { value: "runc" };
  if (rules.oldRuntimeTables) {
    const old = tableAt(containerd, "default_runtime");
    const untrusted = tableAt(containerd, "untrusted_workload_runtime");
    if ((textAt(untrusted, "runtime_type")?.value ?? "") !== "") {
      if (isChecked && tables.entries.has("untrusted")) {
        const message =
          'conflicting definitions: configuration includes both `untrusted_workload_runtime` and `runtimes["untrusted"]`';
        throw refused(message, [...path, "untrusted_workload_runtime"], untrusted.origin);
      }
      tables = withEntry(tables, "untrusted", untrusted);
    }
    if ((textAt(old, "runtime_type")?.value ?? "") !== "") {
      tables = withEntry(tables, "default", old);
      defaultRuntime = sourced("default", old.origin);
    }
  }
  const key = [...path, "default_runtime_name"];
  const { value, origin } = defaultRuntime;
  if (isChecked && value === "") throw refused("`default_runtime_name` is empty", key, origin);
  if (isChecked && !tables.entries.has(value)) {
    const message = `no corresponding runtime configured in \`containerd.runtimes\` for \`containerd\` \`default_runtime_name = "${value}"`;
    throw refused(message, key, origin);
  }
  const runtimes = new Map<string, ContainerdRuntime>();
  for (const name of tables.entries.keys()) {
    const table = tableAt(tables, name);
    if (isChecked) assertRuntime(table, [...path, "runtimes", name]);
    runtimes.set(name, runtimeOf(table));
  }
  return { defaultRuntime, runtimes };
}

/** The built-in runtime stays below what files say, or is gone with the first runtime that one names. */
function writtenRuntimes(containerd: ConfigTable, { keepsDefaultRuntime }: ContainerdRules): ConfigTable {
  const type = { kind: "scalar", value: "io.containerd.runc.v2", origin: undefined } as const;
  const runc = withEntry(EMPTY_TABLE, "runtime_type", type);
  const builtIn = withEntry(EMPTY_TABLE, "runc", runc);
  const written = nodeAt(containerd, "runtimes");
  if (written?.kind !== "table") return builtIn;
  return keepsDefaultRuntime ? mergeDeep(builtIn, written) : written;
}

function runtimeOf(table: ConfigTable): ContainerdRuntime {
  const systemd = nodeAt(table, "options", "SystemdCgroup");
  const systemdCgroup =
    systemd?.kind === "scalar" && systemd.value === true
      ? sourced(true, systemd.origin)
      : sourced(false, systemd?.origin);
  return {
    type: textAt(table, "runtime_type") ?? NONE,
    ...(table.origin ? { origin: table.origin } : {}),
    path: textAt(table, "runtime_path") ?? NONE,
    systemdCgroup,
    podAnnotations: textsAt(table, "pod_annotations") ?? [],
    containerAnnotations: textsAt(table, "container_annotations") ?? [],
    baseRuntimeSpec: textAt(table, "base_runtime_spec") ?? NONE,
    privilegedWithoutHostDevices: flagAt(table, "privileged_without_host_devices") ?? { value: false },
    snapshotter: textAt(table, "snapshotter") ?? NONE,
    cniConfDir: textAt(table, "cni_conf_dir") ?? NONE,
    options: tableAt(table, "options"),
  };
}

function cniOf(cni: ConfigTable): ContainerdCni {
  const folder = textAt(cni, "bin_dir");
  const written = textsAt(cni, "bin_dirs") ?? [];
  const folders = written.length > 0 ? written : folder && folder.value !== "" ? [folder] : undefined;
  return {
    binDirs: folders ?? [{ value: "/opt/cni/bin" }],
    confDir: textAt(cni, "conf_dir") ?? { value: "/etc/cni/net.d" },
    maxConfNum: integerAt(cni, "max_conf_num") ?? { value: 1 },
    confTemplate: textAt(cni, "conf_template") ?? NONE,
    ipPreference: textAt(cni, "ip_pref") ?? NONE,
  };
}

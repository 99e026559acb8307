/**
 * What a node runs with: the one value that everything about a node's decisions goes by.
 *
 * @module
 */
import type { HostsToml } from "../oci/mirrors/hosts-toml.ts";
import type { RegistriesConf } from "../oci/mirrors/registries.ts";
import type { LoadedRegistriesD } from "../policy/sources/load-registries-d.ts";
import type { ContainerdConfig } from "./containerd/parse.ts";
import type { CrioNode } from "./crio/load.ts";
import type { KubeletConfig } from "./kubelet/types.ts";
import type { NodeFiles } from "./node-files.ts";
import type { NodeWarning } from "./node-warnings.ts";
import type { Origin } from "./origin.ts";
import type { RuntimeClasses } from "./runtime-class.ts";

/** The variables of a daemon's environment. */
export type DaemonEnvironment = Readonly<Record<string, string | undefined>>;

/** Where the parts of `registries.conf` stand that count. */
export interface RegistriesOrigins {
  /** By prefix. */
  readonly registries: ReadonlyMap<string, Origin>;
  /** By short name. */
  readonly aliases: ReadonlyMap<string, Origin>;
  /** `unqualified-search-registries`, `short-name-mode` and `credential-helpers`. */
  readonly keys: ReadonlyMap<string, Origin>;
}

/** A node with CRI-O. */
export interface CrioRuntime extends CrioNode {
  readonly kind: "cri-o";
  /** `registries.conf` with its drop-ins. */
  readonly registries: RegistriesConf;
  /** Its lines; absent where a caller did not say. */
  readonly registriesOrigins?: RegistriesOrigins;
  /** Where signatures are looked for. */
  readonly signatures: LoadedRegistriesD;
  /** Variables of CRI-O, which runs as root; without `HOME` its home folder is `/root`. */
  readonly env: DaemonEnvironment;
}

/** A namespace's folder of containerd's registry configuration. */
export interface HostsFolder {
  /** Such as `/etc/containerd/certs.d/docker.io`. */
  readonly path: string;
  /** The file in it as containerd reads it; absent where there is none, it is empty, or containerd passes it over. */
  readonly hosts?: HostsToml;
  /** Where the tables of hosts stand, by URL, and `server`. */
  readonly origins: ReadonlyMap<string, Origin>;
}

/** A node with containerd, which has no containers-policy.json. */
export interface ContainerdNodeRuntime {
  readonly kind: "containerd";
  readonly config: ContainerdConfig;
  /** Folders below `config.registryFolders`, as they were when the node was loaded; pulls read them anew. */
  readonly hosts: readonly HostsFolder[];
}

/** The runtime of a node. */
export type NodeRuntime = CrioRuntime | ContainerdNodeRuntime;

/**
 * A node, as `loadNode` reads it or as a caller puts it together.
 *
 * Hosts of containerd, policies, signing keys, credentials and profiles are read through `files` when they are asked
 * for, as the daemons do.
 */
export interface NodeConfig {
  readonly runtime: NodeRuntime;
  readonly kubelet: KubeletConfig;
  /** Variables of the kubelet; its service usually has no `HOME`. Default none. */
  readonly kubeletEnv?: DaemonEnvironment;
  /** Of the cluster; a node's files do not have them. Absent: they are not known, which is not the same as none. */
  readonly runtimeClasses?: RuntimeClasses;
  /** Everything that is read later: by the node's own absolute paths, and nothing outside its root. */
  readonly files: NodeFiles;
  readonly warnings: readonly NodeWarning[];
}

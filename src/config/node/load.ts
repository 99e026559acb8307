/**
 * A node from its files. This file reads the disk.
 *
 * @module
 */
import type { SignalOptions } from "../../core/signal.ts";
import { loadRegistriesConf } from "../../oci/mirrors/load-registries.ts";
import { loadRegistriesD } from "../../policy/sources/load-registries-d.ts";
import { type LoadContainerdConfigOptions, loadContainerdConfig } from "../containerd/load.ts";
import { type LoadCrioNodeOptions, loadCrioNode } from "../crio/load.ts";
import { type LoadKubeletConfigOptions, loadKubeletConfig } from "../kubelet/load.ts";
import type { ContainerdNodeRuntime, CrioRuntime, DaemonEnvironment, NodeConfig } from "../node.ts";
import { type NodeFiles, nodeFiles } from "../node-files.ts";
import type { NodeWarning } from "../node-warnings.ts";
import type { RuntimeClasses } from "../runtime-class.ts";
import { chooseRuntime, otherSocket } from "./choose-runtime.ts";
import { rootUser } from "./crio-user.ts";
import { readExisting } from "./file-access.ts";
import { loadHostsFolders } from "./hosts-folders.ts";
import { imageVerifierWarnings } from "./image-verifiers.ts";
import { registriesOrigins } from "./registries-origins.ts";

/** Options of {@link loadNode}. */
export interface LoadNodeOptions extends SignalOptions {
  /** The folder that stands for the node's `/`: `/` for this machine. Links are followed below it. */
  root: string;
  /** Reads the files, by absolute paths on the node. Default: from disk below `root`. */
  files?: NodeFiles | undefined;
  /** The node's runtime. Default: the one that the kubelet's endpoint or the node's files tell. */
  runtime?: "cri-o" | "containerd" | undefined;
  /** Version and command of CRI-O. */
  crio?: Omit<LoadCrioNodeOptions, "root" | "files" | "signal" | "env"> | undefined;
  /** Release and command of containerd. */
  containerd?: Omit<LoadContainerdConfigOptions, "root" | "files" | "signal"> | undefined;
  /** Release and command of the kubelet. */
  kubelet?: Omit<LoadKubeletConfigOptions, "root" | "files" | "signal"> | undefined;
  /** Variables of the runtime's daemon, which runs as root. Default none; those of this process never count. */
  env?: DaemonEnvironment | undefined;
  /** Variables of the kubelet, likewise. */
  kubeletEnv?: DaemonEnvironment | undefined;
  /** Runtime classes of the cluster, which a node's files do not have. Default none. */
  runtimeClasses?: RuntimeClasses | undefined;
}

/**
 * What a node runs with, from its files below a root: a mounted disk, a copied `/etc`, or this machine.
 *
 * Every path that a file names is one of the node, and is looked for below the root with all its links. What daemons
 * read only when they need it (policies, keys, credentials, profiles, hosts of registries) is read through `files` of
 * the result by the functions that take it.
 *
 * @throws {ConfigError} As `loadCrioNode`, `loadContainerdConfig` and `loadKubeletConfig`; `ERR_CONFIG_FILE` where
 * neither option nor files tell the runtime.
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID` for a `registries.conf` that is none.
 * @throws {PolicyError} `ERR_POLICY_REGISTRIES_D` for files of registries.d that are none.
 */
export async function loadNode(options: LoadNodeOptions): Promise<NodeConfig> {
  const {
    root,
    files = nodeFiles({ root }),
    env = {},
    kubeletEnv,
    runtimeClasses = new Map(),
    signal,
  } = options;
  signal?.throwIfAborted();
  const kubelet = await loadKubeletConfig({ ...options.kubelet, root, files, signal });
  const chosen = await chooseRuntime(kubelet, files, {
    runtime: options.runtime,
    crioConfig: options.crio?.config ?? env["CONTAINER_CONFIG"],
    crioConfigDir: options.crio?.configDir ?? env["CONTAINER_CONFIG_DIR"],
    containerdConfig: options.containerd?.path,
    signal,
  });
  const loaded =
    chosen.runtime === "cri-o"
      ? await loadCrioRuntime({ ...options.crio, root, files, env, signal })
      : await loadContainerdRuntime({ ...options.containerd, root, files, signal });
  const agreement = [...chosen.warnings, ...otherSocket(kubelet, loaded.socket)];
  return {
    runtime: loaded.runtime,
    kubelet,
    ...(kubeletEnv ? { kubeletEnv } : {}),
    runtimeClasses,
    files,
    warnings: [
      ...kubelet.warnings.map((warning) => ({ source: "kubelet", ...warning }) as const),
      ...loaded.warnings,
      ...agreement.map((warning) => ({ source: "node", ...warning }) as const),
    ],
  };
}

interface LoadedRuntime {
  readonly runtime: CrioRuntime | ContainerdNodeRuntime;
  readonly socket: string;
  readonly warnings: readonly NodeWarning[];
}

async function loadCrioRuntime(
  options: LoadCrioNodeOptions & { files: NodeFiles; env: DaemonEnvironment },
): Promise<LoadedRuntime> {
  const { files, env, signal } = options;
  const crio = await loadCrioNode(options);
  const user = { ...rootUser(env), files, signal };
  const registries = await loadRegistriesConf({ ...user, lenient: true });
  const { origins, warnings } = await registriesOrigins(registries, files, { signal });
  const reader = {
    read: readExisting(files),
    list: async (path: string) => (await files.list(path, { signal })) ?? [],
  };
  const signatures = await loadRegistriesD({ ...rootUser(env), reader, signal });
  return {
    runtime: { kind: "cri-o", ...crio, registries, registriesOrigins: origins, signatures, env },
    socket: crio.config.api.listen.value,
    warnings: [
      ...crio.config.warnings.map((warning) => ({ source: "cri-o", ...warning }) as const),
      ...warnings.map((warning) => ({ source: "registries.conf", ...warning }) as const),
      ...signatures.config.warnings.map(
        ({ kind: code, key, file, line }) =>
          ({ source: "registries.d", code, key, origin: { file, line, column: 1 } }) as const,
      ),
    ],
  };
}

async function loadContainerdRuntime(
  options: LoadContainerdConfigOptions & { files: NodeFiles },
): Promise<LoadedRuntime> {
  const { files, signal } = options;
  const config = await loadContainerdConfig(options);
  const { folders, warnings } = await loadHostsFolders(config.registryFolders, files, { signal });
  const verifiers = await imageVerifierWarnings(config, files, { signal });
  return {
    runtime: { kind: "containerd", config, hosts: folders },
    socket: config.socket.value,
    warnings: [
      ...config.warnings.map((warning) => ({ source: "containerd", ...warning }) as const),
      ...warnings.map((warning) => ({ source: "hosts.toml", ...warning }) as const),
      ...verifiers.map((warning) => ({ source: "node", ...warning }) as const),
    ],
  };
}

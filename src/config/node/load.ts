/**
 * A node from its files. This file reads the disk.
 *
 * @module
 */
import type { SignalOptions } from "../../core/signal.ts";
import type { LoadContainerdConfigOptions } from "../containerd/load.ts";
import type { LoadCrioNodeOptions } from "../crio/load.ts";
import { type LoadKubeletConfigOptions, loadKubeletConfig } from "../kubelet/load.ts";
import type { DaemonEnvironment, NodeConfig } from "../node.ts";
import { type NodeFiles, nodeFiles } from "../node-files.ts";
import type { RuntimeClasses } from "../runtime-class.ts";
import { loadService } from "../systemd/load.ts";
import { cgroupDriverWarnings } from "./cgroup-driver.ts";
import { chooseRuntime, otherSocket } from "./choose-runtime.ts";
import { type DaemonService, loadDaemonService, variablesOf } from "./daemon-service.ts";
import { daemonPath } from "./file-access.ts";
import { type LoadCrioRuntimeOptions, loadContainerdRuntime, loadCrioRuntime } from "./load-runtime.ts";

/** Options of {@link loadNode}. */
export interface LoadNodeOptions extends SignalOptions {
  /** The folder that stands for the node's `/`: `/` for this machine. Links are followed below it. */
  root: string;
  /**
   * Reads the files, by absolute paths on the node. Default: from disk below `root`, with warnings of links that lead
   * nowhere.
   */
  files?: NodeFiles | undefined;
  /** The node's runtime. Default: the one that the kubelet's endpoint or the node's files tell. */
  runtime?: "cri-o" | "containerd" | undefined;
  /** Version and command of CRI-O; the command of its unit counts where this does not say another one. */
  crio?: Omit<LoadCrioNodeOptions, "root" | "files" | "signal" | "env"> | undefined;
  /** Release and command of containerd, likewise. */
  containerd?: Omit<LoadContainerdConfigOptions, "root" | "files" | "signal"> | undefined;
  /** Release and command of the kubelet, likewise. */
  kubelet?: Omit<LoadKubeletConfigOptions, "root" | "files" | "signal"> | undefined;
  /** Variables of the runtime's daemon, on top of its unit's. It runs as root. Those of this process never count. */
  env?: DaemonEnvironment | undefined;
  /** Variables of the kubelet, likewise. */
  kubeletEnv?: DaemonEnvironment | undefined;
  /**
   * Runtime classes of the cluster, which a node's files do not have. Without them the handler of a Pod that names a class
   * is not known; an empty map says that there are none.
   */
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
  const { root, runtimeClasses, signal } = options;
  signal?.throwIfAborted();
  const dangling = new Set<string>();
  const files = options.files ?? nodeFiles({ root, onDanglingLink: (path) => dangling.add(path) });
  const kubelet = await loadKubeletConfig({ ...options.kubelet, root, files, signal });
  const kubeletService = await loadService("kubelet.service", { files, signal });
  const crio = await crioCommand(options, files);
  const containerd = await containerdCommand(options, files);
  const chosen = await chooseRuntime(kubelet, files, {
    runtime: options.runtime,
    crioConfig: crio.options.config ?? crio.options.env["CONTAINER_CONFIG"],
    crioConfigDir: crio.options.configDir ?? crio.options.env["CONTAINER_CONFIG_DIR"],
    containerdConfig: containerd.options.path,
    signal,
  });
  const loaded =
    chosen.runtime === "cri-o"
      ? await loadCrioRuntime({ ...crio.options, root, files, signal })
      : await loadContainerdRuntime({ ...containerd.options, root, files, signal });
  const { service } = chosen.runtime === "cri-o" ? crio : containerd;
  const agreement = [
    ...service.warnings,
    ...chosen.warnings,
    ...otherSocket(kubelet, loaded.socket),
    ...cgroupDriverWarnings(kubelet, loaded.runtime),
    ...[...dangling].sort().map((path) => ({ code: "dangling-link", path }) as const),
  ];
  return {
    runtime: loaded.runtime,
    kubelet,
    kubeletEnv: { ...variablesOf(kubeletService), ...options.kubeletEnv },
    ...(runtimeClasses ? { runtimeClasses } : {}),
    files,
    warnings: [
      ...kubelet.warnings.map((warning) => ({ source: "kubelet", ...warning }) as const),
      ...loaded.warnings,
      ...agreement.map((warning) => ({ source: "node", ...warning }) as const),
    ],
  };
}

/** CRI-O's command: that of its unit, and on top of it what the caller says. */
async function crioCommand(
  { crio = {}, env = {}, signal }: LoadNodeOptions,
  files: NodeFiles,
): Promise<{ service: DaemonService; options: Omit<LoadCrioRuntimeOptions, "root" | "files"> }> {
  const service = await loadDaemonService("crio", { files, signal });
  const { config, "config-dir": configDir, ...flags } = service.flags;
  return {
    service,
    options: {
      ...(config === undefined ? {} : { config: config === "" ? "" : daemonPath(config) }),
      ...(configDir === undefined ? {} : { configDir: daemonPath(configDir) }),
      ...crio,
      flags: { ...flags, ...crio.flags },
      env: { ...service.env, ...env },
    },
  };
}

async function containerdCommand(
  { containerd = {}, signal }: LoadNodeOptions,
  files: NodeFiles,
): Promise<{ service: DaemonService; options: NonNullable<LoadNodeOptions["containerd"]> }> {
  const service = await loadDaemonService("containerd", { files, signal });
  const { config, address, root, state, "log-level": logLevel } = service.flags;
  return {
    service,
    options: {
      ...(config === undefined ? {} : { path: daemonPath(config) }),
      ...containerd,
      flags: { address, root, state, logLevel, ...containerd.flags },
    },
  };
}

/**
 * The networks that a node's Pods are put into, from disk. This file reads the disk.
 *
 * @module
 */
import { posix } from "node:path";
import type { SignalOptions } from "../../core/signal.ts";
import { ConfigError } from "../errors.ts";
import { type NodeFiles, nodeFiles } from "../node-files.ts";
import { type CniNetwork, parseCniList, parseCniPlugin } from "./network.ts";

/** How a runtime chooses networks. */
export type CniChoice =
  | {
      readonly runtime: "containerd";
      /** `max_conf_num`: most networks; 0 for all. */
      readonly maxConfNum: number;
    }
  | {
      readonly runtime: "cri-o";
      /** `cni_default_network`; empty for the first one. */
      readonly defaultNetwork: string;
    };

/** Options of {@link loadCniNetworks}. */
export interface LoadCniNetworksOptions extends SignalOptions {
  /** The folder that stands for the node's `/`: `/` for this machine. Links are followed below it. */
  root: string;
  /** Reads the files, by absolute paths on the node. Default: from disk below `root`. */
  files?: NodeFiles | undefined;
  /** The folder of the configurations. Default `/etc/cni/net.d`. */
  folder?: string | undefined;
  choice: CniChoice;
  /**
   * Whether plugins are looked for in a folder called as their network too, as by libcni 1.3. Default true; containerd
   * before 2.1 has an older one.
   */
  pluginFolders?: boolean | undefined;
}

/** A file of the folder, and what comes of it. */
export interface CniFile {
  readonly path: string;
  /** Absent for a file that is refused, or was not come to. */
  readonly network?: CniNetwork;
  /** Why the file is refused. */
  readonly error?: ConfigError;
}

/** What Pods get. */
export interface CniNetworks {
  /** Configurations by name, also those that do not count. */
  readonly files: readonly CniFile[];
  /** What each Pod is put into, in this order; none where {@link problem} says why. */
  readonly networks: readonly CniNetwork[];
  /** Why the node has no network: its runtime is not ready, and runs no Pods but those of the host's network. */
  readonly problem?: string;
}

const EXTENSIONS: readonly string[] = [".conf", ".conflist", ".json"];
const MAX_FILES = 1000;

/**
 * The networks of a node, as containerd or CRI-O chooses them among the files of a folder.
 *
 * containerd takes the first files by name, and none at all if one of them is broken. CRI-O passes over what is broken.
 * Whether the programs of plugins are there is not checked, which CRI-O asks for too.
 *
 * @throws {ConfigError} `ERR_CONFIG_FILE` for a folder that cannot be read, `ERR_CONFIG_TOO_LARGE` for more than 1000
 * files. Broken files are told in the result.
 */
export async function loadCniNetworks(options: LoadCniNetworksOptions): Promise<CniNetworks> {
  const { root, files = nodeFiles({ root }), folder = "/etc/cni/net.d", choice, signal } = options;
  const reading: Reading = { files, signal, pluginFolders: options.pluginFolders ?? true };
  const paths = await configurationPaths(folder, EXTENSIONS, reading);
  if (paths.length === 0) return { files: [], networks: [], problem: `no network config found in ${folder}` };
  return choice.runtime === "containerd"
    ? await ofContainerd(paths, choice.maxConfNum, reading)
    : await ofCrio(paths, choice.defaultNetwork, folder, reading);
}

interface Reading extends SignalOptions {
  files: NodeFiles;
  pluginFolders: boolean;
}

async function configurationPaths(
  folder: string,
  extensions: readonly string[],
  { files, signal }: Reading,
): Promise<string[]> {
  const found: string[] = [];
  for (const name of (await files.list(folder, { signal })) ?? []) {
    const path = posix.join(folder, name);
    if (!extensions.includes(/\.[^.]*$/.exec(name)?.[0] ?? "")) continue;
    // A link to a folder is taken for a file, and cannot be read.
    const isFolder =
      !(await files.isLink(path, { signal })) && (await files.list(path, { signal })) !== undefined;
    if (isFolder) continue;
    found.push(path);
    if (found.length > MAX_FILES) {
      throw new ConfigError("ERR_CONFIG_TOO_LARGE", `${folder}: more than ${MAX_FILES} files`);
    }
  }
  return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

async function ofContainerd(
  paths: readonly string[],
  maxConfNum: number,
  reading: Reading,
): Promise<CniNetworks> {
  const networks: CniNetwork[] = [];
  const files: CniFile[] = [];
  let problem: string | undefined;
  for (const path of paths) {
    const isDone = problem !== undefined || (maxConfNum > 0 && networks.length >= maxConfNum);
    const file = isDone ? { path } : await readFile(path, reading);
    files.push(file);
    if (file.network) networks.push(file.network);
    else if (file.error) problem = `failed to load CNI config file ${path}: ${file.error.message}`;
  }
  return problem === undefined ? { files, networks } : { files, networks: [], problem };
}

async function ofCrio(
  paths: readonly string[],
  defaultNetwork: string,
  folder: string,
  reading: Reading,
): Promise<CniNetworks> {
  const byName = new Map<string, CniNetwork>();
  const files: CniFile[] = [];
  for (const path of paths) {
    const { network, error } = await readFile(path, reading);
    if (!network) {
      files.push({ path, ...(error ? { error } : {}) });
      continue;
    }
    const named = network.name === "" ? { ...network, name: posix.basename(path) } : network;
    files.push({ path, network: named });
    // Of networks with one name the first counts.
    if (!byName.has(named.name)) byName.set(named.name, named);
  }
  const [first] = byName.values();
  const chosen = defaultNetwork === "" ? first : byName.get(defaultNetwork);
  if (chosen) return { files, networks: [chosen] };
  const wanted = defaultNetwork === "" ? "" : ` ${JSON.stringify(defaultNetwork)}`;
  return { files, networks: [], problem: `no CNI configuration file${wanted} in ${folder}` };
}

async function readFile(path: string, reading: Reading): Promise<CniFile> {
  const { files, signal } = reading;
  try {
    const text = await files.read(path, { signal });
    if (text === undefined) throw fileError(path);
    if (!path.endsWith(".conflist")) return { path, network: parseCniPlugin(path, text) };
    const { loadOnlyInlinedPlugins, ...list } = parseCniList(path, text, {
      allowsFolder: reading.pluginFolders,
    });
    if (!reading.pluginFolders || loadOnlyInlinedPlugins) return { path, network: list };
    const plugins = [...list.plugins];
    const folder = posix.join(posix.dirname(path), list.name);
    for (const each of await configurationPaths(folder, [".conf"], reading)) {
      const own = await files.read(each, { signal });
      if (own === undefined) throw fileError(each);
      plugins.push(...parseCniPlugin(each, own).plugins);
    }
    if (plugins.length > 0) return { path, network: { ...list, plugins } };
    const message = `${path}: no plugin configs found`;
    throw new ConfigError("ERR_CONFIG_INVALID", message, { key: "plugins", origin: list.origin });
  } catch (error) {
    if (error instanceof ConfigError) return { path, error };
    throw error;
  }
}

function fileError(path: string): ConfigError {
  return new ConfigError("ERR_CONFIG_FILE", `error reading ${path}: it does not exist`, {
    origin: { file: path, line: 1, column: 1 },
  });
}

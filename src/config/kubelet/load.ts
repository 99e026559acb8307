/**
 * A node's kubelet configuration from disk. This file reads the disk.
 *
 * @module
 */
import { posix } from "node:path";
import type { SignalOptions } from "../../core/signal.ts";
import { ConfigError } from "../errors.ts";
import { type NodeFiles, nodeFiles } from "../node-files.ts";
import { parseEnvironmentFile } from "../systemd/environment.ts";
import { loadService } from "../systemd/load.ts";
import { splitWords } from "../systemd/words.ts";
import type { KubeletFile } from "./document.ts";
import { type CommandWord, parseKubeletFlags } from "./flags.ts";
import { type ParseKubeletConfigOptions, parseKubeletConfig } from "./parse.ts";
import type { KubeletConfig, KubeletSetting, KubeletWarning } from "./types.ts";

/** Options of {@link loadKubeletConfig}. */
export interface LoadKubeletConfigOptions extends ParseKubeletConfigOptions, SignalOptions {
  /** The folder that stands for the node's `/`: `/` for this machine. Links are followed below it. */
  root: string;
  /** Reads the files, by absolute paths on the node. Default: from disk below `root`. */
  files?: NodeFiles | undefined;
  /** The folder that relative paths of flags begin at. Default the unit's `WorkingDirectory=`, else `/`. */
  directory?: string | undefined;
}

/** Where kubeadm puts its files, for a node whose unit is not at hand. */
const KUBEADM_CONFIG = "/var/lib/kubelet/config.yaml";
const KUBEADM_VARIABLES: readonly (readonly [path: string, name: string])[] = [
  ["/var/lib/kubelet/kubeadm-flags.env", "KUBELET_KUBEADM_ARGS"],
  ["/etc/default/kubelet", "KUBELET_EXTRA_ARGS"],
  ["/etc/sysconfig/kubelet", "KUBELET_EXTRA_ARGS"],
];

const MAX_FILES = 1000;
const MAX_DEPTH = 32;

/**
 * The configuration of a node's kubelet: its command line, the file that `--config` names and the drop-ins of
 * `--config-dir`.
 *
 * Unless `command` is given, the command line is that of the unit `kubelet.service` with its drop-ins and files of
 * variables. Where the node has no such unit, as in a copy of its `/etc`, the files are taken that kubeadm writes. What
 * cannot be told from files is a warning, `not-exact`.
 *
 * @throws {ConfigError} As {@link parseKubeletConfig}; `ERR_CONFIG_FILE` for a file or folder that must be there, or
 * cannot be read; `ERR_CONFIG_TOO_LARGE` for more than 1000 drop-ins or folders 32 levels deep.
 * @throws {RangeError} For a release before 1.30, or what is no release.
 */
export async function loadKubeletConfig(options: LoadKubeletConfigOptions): Promise<KubeletConfig> {
  const { root, files = nodeFiles({ root }), signal, release } = options;
  const reading: Reading = { files, signal, warnings: [], read: [] };
  const { words, directory } = await commandOf(options, reading);
  const flags = parseKubeletFlags(words);
  const main = await readMain(flags.texts.get("config"), directory, reading);
  const folder = flags.texts.get("config-dir");
  const dropIns =
    folder && folder.value !== ""
      ? await readDropIns(posix.resolve(directory, folder.value), folder, reading)
      : undefined;
  const config = await parseKubeletConfig({ main, dropIns }, { command: words, release });
  return {
    ...config,
    files: [...reading.read, ...config.files],
    warnings: [...reading.warnings, ...config.warnings],
  };
}

interface Reading extends SignalOptions {
  files: NodeFiles;
  warnings: KubeletWarning[];
  /** Files of the command line. */
  read: string[];
}

async function commandOf(
  { command, directory }: LoadKubeletConfigOptions,
  reading: Reading,
): Promise<{ words: readonly CommandWord[]; directory: string }> {
  if (command) return { words: command, directory: directory ?? "/" };
  const service = await loadService("kubelet.service", reading);
  if (!service || service.words.length === 0) {
    return { words: await kubeadmWords(reading), directory: directory ?? "/" };
  }
  reading.read.push(...service.files);
  for (const doubt of service.doubts) reading.warnings.push({ code: "not-exact", ...doubt });
  const at = directory ?? (posix.isAbsolute(service.directory) ? service.directory : "/");
  const [program, ...words] = service.words;
  if (!program || posix.basename(program.text) === "kubelet") return { words, directory: at };
  reading.warnings.push({
    code: "not-exact",
    reason: `${program.text} is started, which may start the kubelet with any flags`,
    origin: program.origin,
  });
  return { words: await kubeadmWords(reading), directory: at };
}

async function kubeadmWords({ files, signal, warnings, read }: Reading): Promise<CommandWord[]> {
  warnings.push({
    code: "not-exact",
    reason: "no unit says how the kubelet is started: the files of kubeadm are taken, and no other flags",
  });
  const words: CommandWord[] = [];
  if ((await files.read(KUBEADM_CONFIG, { signal })) !== undefined) {
    words.push({ text: `--config=${KUBEADM_CONFIG}` });
  }
  const variables = new Map<
    string,
    { value: string; origin: { file: string; line: number; column: number } }
  >();
  for (const [path, name] of KUBEADM_VARIABLES) {
    const text = await files.read(path, { signal });
    if (text === undefined) continue;
    read.push(path);
    const variable = parseEnvironmentFile(path, text).get(name);
    if (variable) variables.set(name, variable);
  }
  for (const [name, { value, origin }] of variables) {
    const split = splitWords(value, { escapes: "plain" });
    if (!split) {
      warnings.push({ code: "not-exact", reason: `the variable ${name} has a broken quote`, origin });
    }
    for (const { text } of split ?? []) words.push({ text, origin });
  }
  return words;
}

async function readMain(
  flag: KubeletSetting<string> | undefined,
  directory: string,
  { files, signal }: Reading,
): Promise<KubeletFile | undefined> {
  if (!flag || flag.value === "") return undefined;
  const path = posix.resolve(directory, flag.value);
  const text = await files.read(path, { signal });
  if (text !== undefined) return { path, text };
  throw new ConfigError("ERR_CONFIG_FILE", `failed to read kubelet config file ${JSON.stringify(path)}`, {
    origin: flag.origin,
  });
}

/** Every file below a folder whose name ends in `.conf`, by the bytes of names, a folder in the place of its own. */
async function readDropIns(
  folder: string,
  flag: KubeletSetting<string>,
  reading: Reading,
): Promise<KubeletFile[]> {
  const { files, signal, warnings } = reading;
  if (await files.isLink(folder, { signal })) {
    // A walk begins at no link: kubelets take it for a file that is no drop-in.
    warnings.push({ code: "not-read", file: folder, reason: "a folder of drop-ins that is itself a link" });
    return [];
  }
  if ((await files.list(folder, { signal })) === undefined) {
    const message = `failed to walk through kubelet dropin directory ${JSON.stringify(folder)}`;
    throw new ConfigError("ERR_CONFIG_FILE", message, { origin: flag.origin });
  }
  const found: KubeletFile[] = [];
  await walk(folder, 0, found, reading);
  return found;
}

async function walk(folder: string, depth: number, found: KubeletFile[], reading: Reading): Promise<void> {
  const { files, signal, warnings } = reading;
  const tooLarge = (why: string): ConfigError =>
    new ConfigError("ERR_CONFIG_TOO_LARGE", `${folder}: ${why}`, {
      origin: { file: folder, line: 1, column: 1 },
    });
  if (depth > MAX_DEPTH) throw tooLarge("folders are too deep");
  const names = (await files.list(folder, { signal })) ?? [];
  names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const name of names) {
    const path = posix.join(folder, name);
    const isFolder =
      !(await files.isLink(path, { signal })) && (await files.list(path, { signal })) !== undefined;
    if (isFolder) {
      await walk(path, depth + 1, found, reading);
      continue;
    }
    if (!name.endsWith(".conf")) {
      warnings.push({ code: "not-read", file: path, reason: "its name does not end in .conf" });
      continue;
    }
    const text = await files.read(path, { signal });
    if (text === undefined) {
      throw new ConfigError("ERR_CONFIG_FILE", `failed to load kubelet dropin file, path: ${path}`, {
        origin: { file: path, line: 1, column: 1 },
      });
    }
    found.push({ path, text });
    if (found.length > MAX_FILES) throw tooLarge("too many drop-ins");
  }
}

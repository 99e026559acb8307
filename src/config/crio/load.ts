/**
 * The configuration of a node's CRI-O, from its files. This file reads the disk.
 *
 * @module
 */
import { posix } from "node:path";
import { isLadingError } from "../../core/errors.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { parseProfile } from "../../seccomp/parse.ts";
import type { SeccompProfile } from "../../seccomp/types.ts";
import { ConfigError } from "../errors.ts";
import { type NodeFiles, nodeFiles } from "../node-files.ts";
import { loadStorageConf } from "../storage/load.ts";
import type { StorageConf } from "../storage/parse.ts";
import type { CrioState } from "./apply.ts";
import { dropHandler } from "./check.ts";
import type { CrioStorageDefaults } from "./defaults.ts";
import { type CrioFile, crioConfig, crioState, inOrder, type ParseCrioConfigOptions } from "./parse.ts";
import type { CrioConfig } from "./types.ts";

/** Options of {@link loadCrioNode}. */
export interface LoadCrioNodeOptions extends ParseCrioConfigOptions, SignalOptions {
  /** The folder that stands for the node's `/`: `/` for this machine. Links are followed below it. */
  root: string;
  /** Reads the files, by absolute paths on the node. Default: from disk below `root`. */
  files?: NodeFiles | undefined;
  /**
   * `--config`: absolute; it must exist, and empty means that no such file is read. Default what `CONTAINER_CONFIG` of
   * `env` says, else `/etc/crio/crio.conf` if it exists.
   */
  config?: string | undefined;
  /** `--config-dir`: absolute. Default what `CONTAINER_CONFIG_DIR` of `env` says, else `/etc/crio/crio.conf.d`. */
  configDir?: string | undefined;
}

/** A profile that CRI-O uses where `RuntimeDefault` is asked for. */
export type CrioProfile =
  /** The one built in, since none is set or the file does not exist. */
  | { readonly kind: "internal"; readonly reason: "not-set" | "missing" }
  | { readonly kind: "file"; readonly path: string; readonly profile: SeccompProfile };

/** A configuration with the profiles that it names. */
export interface CrioNode {
  readonly config: CrioConfig;
  /** For every handler that has none of its own. */
  readonly profile: CrioProfile;
  /** Of handlers with a profile of their own, by name of the handler. */
  readonly handlerProfiles: ReadonlyMap<string, SeccompProfile>;
  /** The node's `storage.conf`; absent where a caller gave `storage`. */
  readonly storage?: StorageConf;
}

const MAX_FILES = 1000;
const MAX_DEPTH = 32;

/**
 * The configuration of CRI-O as it starts on a node, with the profiles in use. Unless `storage` is given, it is that of
 * the node's `storage.conf`.
 *
 * The variables of this process are not looked at: a node's are given as `env`.
 *
 * @throws {ConfigError} As {@link parseCrioConfig}; `ERR_CONFIG_FILE` for a file that must be there, cannot be read or
 * is a link to a folder; `ERR_CONFIG_TOO_LARGE` for more than 1000 drop-ins or folders 32 levels deep;
 * `ERR_CONFIG_INVALID` for a profile that is none.
 */
export async function loadCrioNode(options: LoadCrioNodeOptions): Promise<CrioNode> {
  const { root, files = nodeFiles({ root }), signal } = options;
  const main = await readMain(options, files);
  const folder = absolute(
    options.configDir ?? options.env?.["CONTAINER_CONFIG_DIR"] ?? "/etc/crio/crio.conf.d",
  );
  const dropIns: CrioFile[] = [];
  await walk(folder, 0, dropIns, files, { signal });
  const texts = [...main, ...inOrder(dropIns)];
  const storage = options.storage
    ? undefined
    : await loadStorageConf({ root, files, env: options.env, signal });
  const state = crioState(texts, storage ? { ...options, storage: defaultsOf(storage) } : options);
  const handlerProfiles = await readHandlerProfiles(state, files, { signal });
  const profile = await readProfile(state, files, { signal });
  const paths = texts.map(({ path }) => path);
  return {
    config: crioConfig(state, paths, options),
    profile,
    handlerProfiles,
    ...(storage ? { storage } : {}),
  };
}

async function readMain({ config, env, signal }: LoadCrioNodeOptions, files: NodeFiles): Promise<CrioFile[]> {
  const named = config ?? env?.["CONTAINER_CONFIG"];
  if (named === "") return [];
  const path = absolute(named ?? "/etc/crio/crio.conf");
  const text = await files.read(path, { signal });
  if (text !== undefined) return [{ path, text }];
  if (named === undefined) return [];
  throw fileError(path, "update config from file: it does not exist");
}

function defaultsOf({ driver, graphroot, runroot, imagestore, options }: StorageConf): CrioStorageDefaults {
  return {
    root: graphroot.value,
    runroot: runroot.value,
    imagestore: imagestore.value,
    driver: driver.value,
    options: options.map(({ value }) => value),
    origins: {
      root: graphroot.origin,
      runroot: runroot.origin,
      imagestore: imagestore.origin,
      driver: driver.origin,
      options: options.find(({ origin }) => origin)?.origin,
    },
  };
}

/** Every file below a folder, of any name. */
async function walk(
  path: string,
  depth: number,
  found: CrioFile[],
  files: NodeFiles,
  options: SignalOptions,
): Promise<void> {
  if (depth > MAX_DEPTH) throw fileError(path, "folders are too deep", "ERR_CONFIG_TOO_LARGE");
  const names = await files.list(path, options);
  if (names) {
    if (await files.isLink(path, options)) throw fileError(path, "it is a link to a folder");
    for (const name of names) await walk(posix.join(path, name), depth + 1, found, files, options);
    return;
  }
  const text = await files.read(path, options);
  if (text !== undefined) found.push({ path, text });
  else if (depth > 0) throw fileError(path, "it does not exist");
  if (found.length > MAX_FILES) throw fileError(path, "too many drop-ins", "ERR_CONFIG_TOO_LARGE");
}

async function readProfile(
  state: CrioState,
  files: NodeFiles,
  { signal }: SignalOptions,
): Promise<CrioProfile> {
  const key = "seccomp_profile";
  const setting = state.tables.get("runtime")?.get(key);
  const path = String(setting?.value ?? "");
  if (path === "") return { kind: "internal", reason: "not-set" };
  const text = await files.read(posix.resolve("/", path), { signal });
  const origin = setting?.origin;
  if (text === undefined) {
    const reason = `${path} does not exist: the internal profile is used`;
    state.warnings.push({
      code: "replaced-value",
      key: `crio.runtime.${key}`,
      ...(origin ? { origin } : {}),
      reason,
    });
    return { kind: "internal", reason: "missing" };
  }
  try {
    return { kind: "file", path, profile: parseProfile(text) };
  } catch (cause) {
    if (!isLadingError(cause)) throw cause;
    const message = `unable to load seccomp profile: ${cause.message}`;
    throw new ConfigError("ERR_CONFIG_INVALID", message, { key: `crio.runtime.${key}`, origin, cause });
  }
}

/** Reads the profiles of handlers; a handler whose profile cannot be read is dropped. */
async function readHandlerProfiles(
  state: CrioState,
  files: NodeFiles,
  { signal }: SignalOptions,
): Promise<Map<string, SeccompProfile>> {
  const profiles = new Map<string, SeccompProfile>();
  for (const [name, { table }] of [...state.runtimes]) {
    const path = String(table.get("seccomp_profile")?.value ?? "");
    if (path === "") continue;
    const text = await files.read(posix.resolve("/", path), { signal });
    const why = "unable to load runtime handler seccomp profile:";
    if (text === undefined) {
      dropHandler(state, name, "seccomp_profile", `${why} ${path} does not exist`);
      continue;
    }
    try {
      profiles.set(name, parseProfile(text));
    } catch (cause) {
      if (!isLadingError(cause)) throw cause;
      dropHandler(state, name, "seccomp_profile", `${why} ${cause.message}`, cause);
    }
  }
  return profiles;
}

function absolute(path: string): string {
  if (!posix.isAbsolute(path)) throw new TypeError(`not an absolute path: ${JSON.stringify(path)}`);
  return posix.normalize(path);
}

function fileError(
  path: string,
  why: string,
  code: "ERR_CONFIG_FILE" | "ERR_CONFIG_TOO_LARGE" = "ERR_CONFIG_FILE",
): ConfigError {
  return new ConfigError(code, `${path}: ${why}`, { origin: { file: path, line: 1, column: 1 } });
}

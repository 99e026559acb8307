/**
 * A node's `storage.conf` from disk. This file reads the disk.
 *
 * @module
 */
import { posix } from "node:path";
import type { SignalOptions } from "../../core/signal.ts";
import { type NodeFiles, nodeFiles } from "../node-files.ts";
import { type ParseStorageConfOptions, parseStorageConf, type StorageConf } from "./parse.ts";

/** Options of {@link loadStorageConf}. */
export interface LoadStorageConfOptions extends ParseStorageConfOptions, SignalOptions {
  /** The folder that stands for the node's `/`: `/` for this machine. Links are followed below it. */
  root: string;
  /** Reads the files, by absolute paths on the node. Default: from disk below `root`. */
  files?: NodeFiles | undefined;
}

/** The administrator's file, which goes before that of the distribution as a whole. */
const PATHS: readonly string[] = ["/etc/containers/storage.conf", "/usr/share/containers/storage.conf"];

/**
 * The storage of a daemon that runs as root: what `CONTAINERS_STORAGE_CONF` of `env` names, else
 * `/etc/containers/storage.conf`, else `/usr/share/containers/storage.conf`. Without any of them what an empty file
 * says.
 *
 * @throws {ConfigError} As {@link parseStorageConf}, and `ERR_CONFIG_FILE` and `ERR_CONFIG_TOO_LARGE` for a file that is
 * there and cannot be read.
 */
export async function loadStorageConf(options: LoadStorageConfOptions): Promise<StorageConf> {
  const { root, files = nodeFiles({ root }), env, signal } = options;
  const named = env?.["CONTAINERS_STORAGE_CONF"];
  const paths = named === undefined ? PATHS : [posix.resolve("/", named)];
  for (const path of paths) {
    const text = await files.read(path, { signal });
    if (text !== undefined) return parseStorageConf(path, text, { env });
  }
  return parseStorageConf(paths.at(-1) ?? "", "", { env });
}

/**
 * The file that a node's crictl is set by. This file reads the disk.
 *
 * @see {@link https://github.com/kubernetes-sigs/cri-tools/blob/v1.36.0/docs/crictl.md}
 * @module
 */
import { posix } from "node:path";
import type { SignalOptions } from "../core/signal.ts";
import { ConfigError } from "./errors.ts";
import { type NodeFiles, nodeFiles } from "./node-files.ts";

/** Options of {@link loadCrictlFile}. */
export interface LoadCrictlFileOptions<T> extends SignalOptions {
  /** The folder that stands for the node's `/`: `/` for this machine. Links are followed below it. */
  root: string;
  /** Reads the files, by absolute paths on the node. Default: from disk below `root`. */
  files?: NodeFiles | undefined;
  /** Reads the text: `parseCrictlConfig` of `lading/cri`. */
  parse: (text: string) => T;
  /** `--config`: it must exist. Default what `CRI_CONFIG_FILE` of `env` says, else `/etc/crictl.yaml` if it exists. */
  config?: string | undefined;
  /** Variables of crictl. Default none. */
  env?: Readonly<Record<string, string | undefined>> | undefined;
}

/** A file of crictl. */
export interface CrictlFile<T> {
  readonly path: string;
  readonly config: T;
}

/**
 * The configuration that crictl has on a node; undefined where it has none.
 *
 * @throws {ConfigError} `ERR_CONFIG_FILE` for a file that is named and is not there, or cannot be read;
 * `ERR_CONFIG_TOO_LARGE`. What `parse` throws comes as it is.
 */
export async function loadCrictlFile<T>(
  options: LoadCrictlFileOptions<T>,
): Promise<CrictlFile<T> | undefined> {
  const { root, files = nodeFiles({ root }), parse, config, env = {}, signal } = options;
  // An empty variable is none.
  const named = config ?? (env["CRI_CONFIG_FILE"] || undefined);
  const path = posix.resolve("/", named ?? "/etc/crictl.yaml");
  const text = await files.read(path, { signal });
  if (text !== undefined) return { path, config: parse(text) };
  if (named === undefined) return undefined;
  throw new ConfigError("ERR_CONFIG_FILE", `${path}: crictl cannot start without it`, {
    origin: { file: path, line: 1, column: 1 },
  });
}

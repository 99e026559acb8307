/**
 * The hosts of a namespace from the folders that containerd reads (`config_path`). This file reads the disk.
 *
 * @module
 */
import { posix } from "node:path";
import type { SignalOptions } from "../../core/signal.ts";
import { OciError } from "../errors.ts";
import { type CertificateFiles, certificateFiles } from "./certificate-files.ts";
import { type ConfigFiles, configFiles } from "./config-files.ts";
import { hostDirectoryNames } from "./default-host.ts";
import {
  type HostsToml,
  parseHostsToml,
  type ResolvedHost,
  type ResolveHostsOptions,
  resolveHosts,
} from "./hosts-toml.ts";
import type { PullSourcesFunction } from "./mirrored.ts";
import { resolvePullSources } from "./pull-sources.ts";

/** Options of {@link loadHosts} and {@link loadHostsSources}. */
export interface LoadHostsOptions extends ResolveHostsOptions, SignalOptions {
  /**
   * Folders such as `/etc/containerd/certs.d`, below which namespaces have theirs; of several the first that has one
   * for the namespace counts. No default: it is a setting of containerd.
   */
  configPath: string | readonly string[];
  /**
   * Whether a broken `hosts.toml` is passed over, so that only certificates next to it count, and keys that mean
   * nothing too: as by containerd. Default: it is an error.
   */
  lenient?: boolean | undefined;
  /** Put in front of every path that is read here, not of those in the result. Default none. */
  rootPrefix?: string | undefined;
  /** Reads the files. Default: from disk below `rootPrefix`. */
  files?: ConfigFiles | undefined;
}

/** What {@link loadHosts} finds. */
export interface LoadedHosts {
  /** In the order in which they are asked; never empty. */
  hosts: readonly ResolvedHost[];
  /** Folder of the namespace; absent where there is none. */
  folder?: string;
  /** Why the file in it was passed over; only with `lenient`. */
  broken?: OciError;
}

/**
 * The hosts that containerd asks for a namespace such as `docker.io`. Certificates are found, not read.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID` for a file that cannot be read, or, unless `lenient`, is broken.
 */
export async function loadHosts(namespace: string, options: LoadHostsOptions): Promise<LoadedHosts> {
  const { configPath, lenient = false, signal } = options;
  signal?.throwIfAborted();
  const files = options.files ?? configFiles(options);
  for (const root of typeof configPath === "string" ? [configPath] : configPath) {
    for (const name of hostDirectoryNames(namespace)) {
      const folder = posix.join(root, name);
      const names = await files.list(folder, { signal });
      if (!names) continue;
      const text = (await files.read(posix.join(folder, "hosts.toml"), { signal })) ?? "";
      const { config, broken } = read(text, names, { baseDir: folder, lenient });
      return { hosts: resolveHosts(namespace, config, options), folder, ...(broken ? { broken } : {}) };
    }
  }
  return { hosts: resolveHosts(namespace, undefined, options) };
}

/** The file, or the certificates where there is none or it is empty. */
function read(
  text: string,
  names: readonly string[],
  { baseDir, lenient }: { baseDir: string; lenient: boolean },
): { config: HostsToml | CertificateFiles; broken?: OciError } {
  const certificates = (): CertificateFiles => {
    const { ca, client } = certificateFiles(names, { rules: "containerd" });
    const path = (name: string): string => (name === "" ? "" : posix.join(baseDir, name));
    return { ca: ca.map(path), client: client.map(([cert, key]) => [path(cert), path(key)] as const) };
  };
  if (text === "") return { config: certificates() };
  try {
    return { config: parseHostsToml(text, { baseDir, lenient }) };
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    const broken = new OciError(error.code, `${posix.join(baseDir, "hosts.toml")}: ${error.message}`, {
      cause: error,
    });
    if (!lenient) throw broken;
    return { config: certificates(), broken };
  }
}

/**
 * Where references are pulled from as containerd does it: for `createMirroredRegistry`. Files are read anew for each
 * reference, as containerd does.
 */
export function loadHostsSources(options: LoadHostsOptions): PullSourcesFunction {
  return async (reference, { signal }) => {
    const { hosts } = await loadHosts(reference.domain, { ...options, signal });
    return resolvePullSources(reference, { kind: "hosts", hosts });
  };
}

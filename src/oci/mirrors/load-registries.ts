/**
 * The configuration of registries of this user, as Podman and CRI-O find it. This file reads the environment, the home
 * folder and the disk.
 *
 * @module
 */
import { homedir } from "node:os";
import { posix } from "node:path";
import type { SignalOptions } from "../../core/signal.ts";
import { type CertificateFiles, certificateFiles } from "./certificate-files.ts";
import { type ConfigFiles, configFiles } from "./config-files.ts";
import {
  type ContainersUser,
  certsFolders,
  dropInFiles,
  registriesConfPaths,
  registriesDropInFolders,
} from "./config-paths.ts";
import type { PullSourcesFunction } from "./mirrored.ts";
import { type PullAttempt, type PullSources, resolvePullSources } from "./pull-sources.ts";
import { parseRegistriesConf, type RegistriesConf, type RegistriesText } from "./registries.ts";
import { configError } from "./toml.ts";

/** Options of {@link loadRegistriesConf} and {@link loadRegistriesSources}. */
export interface LoadRegistriesOptions extends SignalOptions {
  /** The main file; it must exist, and there are no drop-ins but those of `dropInFolder`. */
  path?: string | undefined;
  /** The only folder of drop-ins. */
  dropInFolder?: string | undefined;
  /** Whether keys that mean nothing are passed over. Default: they are refused. */
  lenient?: boolean | undefined;
  /** Environment. Default `process.env`. */
  env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Home folder. Default that of the environment, else that of the user. */
  home?: string | undefined;
  /** Number of the user. Default that of the process; 0 where users have none. */
  uid?: number | undefined;
  /** Put in front of every path that is read here, not of those in the result. Default none. */
  rootPrefix?: string | undefined;
  /** Reads the files. Default: from disk below `rootPrefix`. */
  files?: ConfigFiles | undefined;
}

/**
 * The configuration of registries of this user.
 *
 * A file that `path`, `CONTAINERS_REGISTRIES_CONF` or `CONTAINERS_REGISTRIES_CONF_OVERRIDE` names must exist; without
 * any file at all the configuration is empty.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID` for a file that cannot be read as one.
 */
export async function loadRegistriesConf(options: LoadRegistriesOptions = {}): Promise<RegistriesConf> {
  const { lenient, signal } = options;
  const user = userOf(options);
  const files = options.files ?? configFiles(options);
  const required = async (path: string): Promise<RegistriesText> => {
    const text = await files.read(path, { signal });
    if (text === undefined) throw configError(path, "does not exist");
    return { name: path, text };
  };
  const named = options.path ?? (user.env["CONTAINERS_REGISTRIES_CONF"] || undefined);
  const texts: RegistriesText[] = [];
  if (named === undefined) texts.push(...(await firstExisting(registriesConfPaths(user), files, { signal })));
  else texts.push(await required(named));
  const folders =
    options.dropInFolder !== undefined
      ? [options.dropInFolder]
      : named === undefined
        ? registriesDropInFolders(user)
        : [];
  const listed = [];
  for (const folder of folders) {
    listed.push({ folder, names: (await files.list(folder, { signal })) ?? [] });
  }
  for (const path of dropInFiles(listed)) texts.push(await required(path));
  const last = user.env["CONTAINERS_REGISTRIES_CONF_OVERRIDE"] ?? "";
  if (last !== "") texts.push(await required(last));
  return parseRegistriesConf(texts, { lenient });
}

async function firstExisting(
  paths: readonly string[],
  files: ConfigFiles,
  { signal }: SignalOptions,
): Promise<RegistriesText[]> {
  for (const name of paths) {
    const text = await files.read(name, { signal });
    if (text !== undefined) return [{ name, text }];
  }
  return [];
}

/** Certificates of a host, and the folder that they are in. */
export interface HostCertificates extends CertificateFiles {
  folder: string;
}

/**
 * The certificates that this user has for a host such as `quay.io` or `localhost:5000`, as paths.
 *
 * The first folder that exists counts alone, even when it is empty. The files are not read.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID` for half a pair of certificate and key.
 */
export async function discoverCertificates(
  host: string,
  options: LoadRegistriesOptions = {},
): Promise<HostCertificates | undefined> {
  const { signal } = options;
  // The host becomes a part of paths.
  if (/[/\\\0]/.test(host) || /^\.*$/.test(host)) return undefined;
  const files = options.files ?? configFiles(options);
  for (const parent of certsFolders(userOf(options))) {
    const folder = posix.join(parent, host);
    const names = await files.list(folder, { signal });
    if (!names) continue;
    const { ca, client } = certificateFiles(names, { rules: "containers" });
    const path = (name: string): string => posix.join(folder, name);
    return {
      folder,
      ca: ca.map(path),
      client: client.map(([cert, key]) => [path(cert), path(key)] as const),
    };
  }
  return undefined;
}

/**
 * Where references are pulled from by the configuration of this user, certificates included: for
 * `createMirroredRegistry`. The configuration is read now, certificates when a host is asked.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID`, now or when a reference is asked for.
 */
export async function loadRegistriesSources(
  options: LoadRegistriesOptions = {},
): Promise<PullSourcesFunction> {
  return registriesSources(await loadRegistriesConf(options), options);
}

/**
 * Where references are pulled from by a configuration that was read before, with the certificates of this user or of
 * the one in `options`, which are looked for when a host is asked.
 *
 * It rejects with an `OciError` `ERR_OCI_CONFIG_INVALID`, and with what `files` of `options` rejects with.
 */
export function registriesSources(
  config: RegistriesConf,
  options: LoadRegistriesOptions = {},
): PullSourcesFunction {
  return async (reference, { signal }): Promise<PullSources> => {
    const found = resolvePullSources(reference, { kind: "registries-conf", config });
    if (found.kind === "blocked") return found;
    const [first, ...rest] = found.attempts;
    const certified = async (attempt: PullAttempt): Promise<PullAttempt> => {
      const certificates = await discoverCertificates(attempt.domain, { ...options, signal });
      if (!certificates) return attempt;
      const { ca, client } = certificates;
      return { ...attempt, tls: { ...attempt.tls, ca, client } };
    };
    return { ...found, attempts: [await certified(first), ...(await Promise.all(rest.map(certified)))] };
  };
}

function userOf({ env = process.env, home, uid }: LoadRegistriesOptions): ContainersUser {
  return { env, home: home ?? (env["HOME"] || homedir()), uid: uid ?? process.getuid?.() ?? 0 };
}

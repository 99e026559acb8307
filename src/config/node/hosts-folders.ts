/**
 * The folders in which containerd finds hosts of registries, all of them, with what is wrong in them.
 *
 * @see {@link https://github.com/containerd/containerd/blob/v2.1.0/docs/hosts.md}
 * @module
 */
import { posix } from "node:path";
import type { SignalOptions } from "../../core/signal.ts";
import { OciError } from "../../oci/errors.ts";
import { type HostsToml, parseHostsToml } from "../../oci/mirrors/hosts-toml.ts";
import { ConfigError } from "../errors.ts";
import type { HostsFolder } from "../node.ts";
import type { NodeFiles } from "../node-files.ts";
import type { MirrorWarning } from "../node-warnings.ts";
import { type Origin, parseTomlDocument } from "../origin.ts";
import { daemonPath } from "./file-access.ts";
import { keyPlace } from "./key-place.ts";

/** What {@link loadHostsFolders} finds. */
export interface LoadedHostsFolders {
  readonly folders: readonly HostsFolder[];
  readonly warnings: readonly MirrorWarning[];
}

/** Most folders of namespaces. */
const MAX_FOLDERS = 10_000;

/**
 * The folders of namespaces below those that `config_path` names, in their order and then by name.
 *
 * @throws {ConfigError} `ERR_CONFIG_FILE` for what is there and cannot be read; `ERR_CONFIG_TOO_LARGE` for more than
 * 10000 folders.
 */
export async function loadHostsFolders(
  registryFolders: readonly string[],
  files: NodeFiles,
  { signal }: SignalOptions,
): Promise<LoadedHostsFolders> {
  const folders: HostsFolder[] = [];
  const warnings: MirrorWarning[] = [];
  for (const registryFolder of registryFolders.map(daemonPath)) {
    const names = (await files.list(registryFolder, { signal })) ?? [];
    for (const name of names.sort()) {
      const path = posix.join(registryFolder, name);
      if (!(await files.list(path, { signal }))) continue;
      if (folders.length === MAX_FOLDERS) {
        throw new ConfigError("ERR_CONFIG_TOO_LARGE", `${registryFolder}: more than ${MAX_FOLDERS} folders`);
      }
      const file = posix.join(path, "hosts.toml");
      const text = (await files.read(file, { signal })) ?? "";
      const { hosts, origins, warnings: own } = readHosts(file, text, path);
      folders.push({ path, origins, ...(hosts ? { hosts } : {}) });
      warnings.push(...own);
    }
  }
  return { folders, warnings };
}

function readHosts(
  file: string,
  text: string,
  baseDir: string,
): { hosts?: HostsToml; origins: ReadonlyMap<string, Origin>; warnings: MirrorWarning[] } {
  const origins = new Map<string, Origin>();
  if (text === "") return { origins, warnings: [] };
  try {
    const document = parseTomlDocument(file, text);
    const hosts = parseHostsToml(text, { baseDir, lenient: true });
    const tables = document.root["host"];
    for (const url of typeof tables === "object" && tables !== null ? Object.keys(tables) : []) {
      const origin = document.keyOrigin(["host", url]);
      if (origin) origins.set(url, origin);
    }
    const server = document.keyOrigin(["server"]);
    if (server) origins.set("server", server);
    const warnings = hosts.ignored.map(
      (key): MirrorWarning => ({ code: "unknown-key", key, origin: keyPlace(document, key) }),
    );
    return { hosts, origins, warnings };
  } catch (error) {
    if (!(error instanceof OciError) && !(error instanceof ConfigError)) throw error;
    const origin = (error instanceof ConfigError ? error.origin : undefined) ?? { file, line: 1, column: 1 };
    const { message } = error;
    const reason = message.startsWith(`${file}: `) ? message.slice(file.length + 2) : message;
    return { origins, warnings: [{ code: "broken-file", origin, reason }] };
  }
}

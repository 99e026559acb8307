/**
 * The runtime of a node from its files. This file reads the disk.
 *
 * @module
 */
import { loadRegistriesConf } from "../../oci/mirrors/load-registries.ts";
import { loadRegistriesD } from "../../policy/sources/load-registries-d.ts";
import { type LoadContainerdConfigOptions, loadContainerdConfig } from "../containerd/load.ts";
import { type LoadCrioNodeOptions, loadCrioNode } from "../crio/load.ts";
import type { ContainerdNodeRuntime, CrioRuntime, DaemonEnvironment } from "../node.ts";
import type { NodeFiles } from "../node-files.ts";
import type { NodeWarning } from "../node-warnings.ts";
import { rootUser } from "./crio-user.ts";
import { readExisting } from "./file-access.ts";
import { loadHostsFolders } from "./hosts-folders.ts";
import { imageVerifierWarnings } from "./image-verifiers.ts";
import { registriesOrigins } from "./registries-origins.ts";

/** A runtime, and what was found on the way. */
export interface LoadedRuntime {
  readonly runtime: CrioRuntime | ContainerdNodeRuntime;
  readonly socket: string;
  readonly warnings: readonly NodeWarning[];
}

/** Options of {@link loadCrioRuntime}. */
export interface LoadCrioRuntimeOptions extends LoadCrioNodeOptions {
  files: NodeFiles;
  env: DaemonEnvironment;
}

/** CRI-O, with the files of its library that it reads at its start. */
export async function loadCrioRuntime(options: LoadCrioRuntimeOptions): Promise<LoadedRuntime> {
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
      ...(crio.storage?.warnings ?? []).map((warning) => ({ source: "storage.conf", ...warning }) as const),
      ...warnings.map((warning) => ({ source: "registries.conf", ...warning }) as const),
      ...signatures.config.warnings.map(
        ({ kind: code, key, file, line }) =>
          ({ source: "registries.d", code, key, origin: { file, line, column: 1 } }) as const,
      ),
    ],
  };
}

/** containerd, with its folders of hosts. */
export async function loadContainerdRuntime(
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

/**
 * Where a node pulls images from.
 *
 * @module
 */

import { resolveCriMirrors } from "../../oci/mirrors/cri-registry.ts";
import { loadHostsSources } from "../../oci/mirrors/load-hosts.ts";
import { registriesSources } from "../../oci/mirrors/load-registries.ts";
import type { PullSourcesFunction } from "../../oci/mirrors/mirrored.ts";
import { resolvePullSources } from "../../oci/mirrors/pull-sources.ts";
import type { NodeConfig } from "../node.ts";
import { crioUser } from "./crio-user.ts";
import { daemonPath } from "./file-access.ts";

/**
 * Where references are pulled from as the node's runtime does it: what `createMirroredRegistry` takes as `sources`,
 * with `nodeCertificates` as its `readCertificate`.
 *
 * CRI-O goes by `registries.conf` as it was loaded, and by certificates that are looked for when a host is asked.
 * containerd reads the folders of `config_path` anew for each reference and passes over a broken `hosts.toml`; without
 * such folders it goes by `registry.mirrors`.
 *
 * It rejects with an `OciError` `ERR_OCI_CONFIG_INVALID`, and with a `ConfigError` for a file that is there and cannot
 * be read.
 */
export function nodePullSources({ runtime, files }: NodeConfig): PullSourcesFunction {
  if (runtime.kind === "cri-o") {
    return registriesSources(runtime.registries, { ...crioUser(runtime), files });
  }
  const { registryFolders, registry } = runtime.config;
  if (registryFolders.length > 0) {
    return loadHostsSources({ configPath: registryFolders.map(daemonPath), lenient: true, files });
  }
  return async (reference, { signal }) => {
    signal?.throwIfAborted();
    return resolvePullSources(reference, {
      kind: "hosts",
      hosts: resolveCriMirrors(reference.domain, registry),
    });
  };
}

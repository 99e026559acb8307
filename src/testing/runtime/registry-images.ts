/**
 * Images of a real registry, such as the one of `startRegistry`, for the in-process runtime.
 *
 * @module
 */

import { parseJson } from "../../core/json-parse.ts";
import { items, members, stringOf } from "../../core/json-read.ts";
import type { JsonNode } from "../../core/json-tree.ts";
import type { Platform } from "../../core/platform.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { fetchBlob, fetchManifest, OciError, type Registry, selectManifest } from "../../oci/index.ts";
import type { KnownImage } from "./image-types.ts";

/** Options of {@link imageFromRegistry}. */
export interface ImageFromRegistryOptions extends SignalOptions {
  /** Which image of an index. Default `linux/amd64`. */
  platform?: Platform | undefined;
}

/** Largest configuration read, in bytes. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/**
 * What a registry has under a reference, as the in-process runtime wants to know it.
 *
 * Manifest and configuration are fetched and verified; layers are not, and count with the size they are said to have.
 *
 * @throws {OciError} `ERR_OCI_NOT_FOUND`, `ERR_OCI_PLATFORM_NOT_FOUND`, and as `fetchManifest` and `fetchBlob` do.
 * @throws {CoreError} `ERR_JSON_…` for a configuration that is none.
 */
export async function imageFromRegistry(
  registry: Registry,
  reference: string,
  { platform = { os: "linux", architecture: "amd64" }, signal }: ImageFromRegistryOptions = {},
): Promise<KnownImage> {
  const { descriptor, repository } = await registry.resolve(reference, { signal });
  const first = await fetchManifest(repository, descriptor, { signal });
  const manifest =
    first.kind === "index"
      ? await fetchManifest(repository, selectManifest(first.value, platform), { signal })
      : first;
  if (manifest.kind === "index") {
    throw new OciError("ERR_OCI_MANIFEST_INVALID", `${reference} is an index of indexes`);
  }
  const { config, layers } = manifest.value;
  const bytes = await fetchBlob(repository, config, { maxBytes: MAX_CONFIG_BYTES, signal });
  return {
    name: reference,
    digest: descriptor.digest,
    id: config.digest,
    size: [config, ...layers].reduce((sum, { size }) => sum + BigInt(size), 0n),
    ...startOf(parseJson(bytes)),
  };
}

/** What a configuration says of how its image starts. */
function startOf(document: JsonNode): Partial<KnownImage> {
  const config = memberOf(document, "config");
  const texts = (name: string) => {
    const node = memberOf(config, name);
    return node && node.kind !== "null" ? items(node).map(stringOf) : undefined;
  };
  const text = (name: string) => {
    const node = memberOf(config, name);
    return node && node.kind !== "null" ? stringOf(node) : undefined;
  };
  return {
    entrypoint: texts("Entrypoint"),
    cmd: texts("Cmd"),
    env: texts("Env"),
    workingDir: text("WorkingDir"),
    user: text("User"),
    stopSignal: text("StopSignal"),
  };
}

function memberOf(node: JsonNode | undefined, name: string): JsonNode | undefined {
  if (!node || node.kind === "null") return undefined;
  return members(node).find(({ key }) => key === name)?.value;
}

/**
 * A node's files in the forms in which other modules read: each path stays below the node's root.
 *
 * @module
 */
import { posix } from "node:path";
import type { SignalOptions } from "../../core/signal.ts";
import { OciError } from "../../oci/errors.ts";
import type { ReadCertificate } from "../../oci/mirrors/attempt-endpoint.ts";
import type { ReadPolicyFile } from "../../policy/trust-files.ts";
import type { FilterOfChoiceOptions } from "../../seccomp/choice-filter.ts";
import { isConfigError } from "../errors.ts";
import type { NodeConfig } from "../node.ts";
import type { NodeFiles } from "../node-files.ts";

/** A path as a daemon sees it, whose working directory is `/`. */
export function daemonPath(path: string): string {
  return posix.resolve("/", path);
}

/**
 * Reads the files that a policy names, and policies themselves: what `createVerifier` takes as `readFile`.
 *
 * Its result rejects with an error of `code` `ENOENT` for what does not exist, else with a `ConfigError`
 * `ERR_CONFIG_FILE` or `ERR_CONFIG_TOO_LARGE` (4 MiB, 4194304 bytes).
 */
export function nodePolicyFiles({ files }: Pick<NodeConfig, "files">): ReadPolicyFile {
  return readExisting(files);
}

/** Reads files, and rejects with the system's code where there is none. */
export function readExisting(files: NodeFiles): ReadPolicyFile {
  return async (path, options) => {
    const bytes = await files.readBytes(daemonPath(path), options);
    if (bytes) return bytes;
    throw Object.assign(new Error(`open ${path}: no such file or directory`), { code: "ENOENT" });
  };
}

/**
 * Reads the certificates and keys that places to pull from name: what `createMirroredRegistry` takes as
 * `readCertificate`.
 *
 * Its result rejects with an `OciError` `ERR_OCI_CONFIG_INVALID` for what cannot be read.
 */
export function nodeCertificates({ files }: Pick<NodeConfig, "files">): ReadCertificate {
  const read = readExisting(files);
  return async (path, options) => {
    try {
      return await read(path, options);
    } catch (cause) {
      if (!isConfigError(cause) && !isMissing(cause)) throw cause;
      throw new OciError("ERR_OCI_CONFIG_INVALID", `${path}: cannot be read: ${cause.message}`, { cause });
    }
  };
}

/** Reads seccomp profiles: what `filterOfChoice` takes as `readFile`. */
export function nodeProfiles({
  files,
}: Pick<NodeConfig, "files">): NonNullable<FilterOfChoiceOptions["readFile"]> {
  return async (path, options) => (await files.readBytes(daemonPath(path), options)) ?? null;
}

/**
 * The first link on the way to a path that leads nowhere; undefined where there is none. On the node itself nothing is
 * there; in a copy of a part of its files it may be.
 */
export async function danglingLink(
  files: NodeFiles,
  path: string,
  options: SignalOptions,
): Promise<string | undefined> {
  const parts = daemonPath(path).split("/");
  for (let length = 2; length <= parts.length; length++) {
    const each = parts.slice(0, length).join("/");
    if (!(await files.isLink(each, options))) continue;
    const isThere = (await files.list(each, options)) ?? (await files.readBytes(each, options));
    if (isThere === undefined) return each;
  }
  return undefined;
}

function isMissing(error: unknown): error is Error {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

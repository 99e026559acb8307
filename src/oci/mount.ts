/**
 * Names of repositories that blobs are mounted from.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#mounting-a-blob-from-another-repository}
 * @module
 */
import { CoreError } from "../core/errors.ts";
import type { RepositoryPlace } from "./pull.ts";
import { isRepositoryPath } from "./tag.ts";

/**
 * The path of a repository that is named by path or, with the domain of the registry, in full.
 *
 * @throws {CoreError} `ERR_REFERENCE_INVALID` for a text that is neither.
 */
export function mountableName({ domain, endpoint }: RepositoryPlace, name: string): string {
  const host = `${endpoint?.namespace ?? domain}/`;
  const path = name.startsWith(host) ? name.slice(host.length) : name;
  if (isRepositoryPath(path)) return path;
  throw new CoreError("ERR_REFERENCE_INVALID", `${JSON.stringify(name.slice(0, 512))} is no repository`);
}

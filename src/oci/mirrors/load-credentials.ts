/**
 * The credentials of this user in the order that `registries.conf` gives. This file reads the environment, the home folder
 * and the disk.
 *
 * @module
 */
import { type LoadCredentialsOptions, loadCredentials } from "../credentials/load.ts";
import type { CredentialsFunction } from "../credentials.ts";
import { type LoadRegistriesOptions, loadRegistriesConf } from "./load-registries.ts";

/** Options of {@link loadRegistriesCredentials}: where the configuration is, and where credentials are. */
export interface LoadRegistriesCredentialsOptions
  extends LoadRegistriesOptions,
    Omit<LoadCredentialsOptions, "credentialHelpers" | keyof LoadRegistriesOptions> {}

/**
 * The credentials of this user as Podman and CRI-O look for them, as a function for `createRegistry`: the helpers and files
 * that `credential-helpers` of `registries.conf` names are asked in its order.
 *
 * The configuration is read now; credentials are as with {@link loadCredentials}, which knows nothing of it.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID` for a configuration that cannot be read as one.
 * @see {@link https://github.com/containers/image/blob/v5.36.0/docs/containers-registries.conf.5.md}
 */
export async function loadRegistriesCredentials(
  options: LoadRegistriesCredentialsOptions = {},
): Promise<CredentialsFunction> {
  const { credentialHelpers } = await loadRegistriesConf(options);
  const { env, home, uid, rootPrefix } = options;
  return loadCredentials({
    ...options,
    env,
    home,
    uid,
    rootPrefix,
    credentialHelpers: credentialHelpers.value,
  });
}

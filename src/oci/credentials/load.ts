/**
 * The credentials of this user on this machine. This file reads the environment, the home folder and the disk, unlike
 * the others.
 *
 * @module
 */
import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import type { Credentials, CredentialsFunction } from "../credentials.ts";
import { singleFlight } from "../flight.ts";
import type { CredentialRules } from "./auth-entry.ts";
import { type AuthFilePath, authFilePaths } from "./auth-paths.ts";
import { credentialHelperPrograms } from "./helper-program.ts";
import type { CredentialHelperResult, RunCredentialHelper } from "./helper-protocol.ts";
import { type CredentialsLookup, lookUpCredentials, type ReadAuthFile } from "./lookup.ts";
import { authFileReader } from "./read-file.ts";

/** Options of {@link loadCredentials} and {@link discoverCredentials}. */
export interface LoadCredentialsOptions {
  /** A file that is used alone. Default: the one that `REGISTRY_AUTH_FILE` names. */
  authFile?: string | undefined;
  /** A file in the form of `.dockercfg` that is used alone. */
  legacyAuthFile?: string | undefined;
  /** Whose reading of the files counts. Default `"both"`. */
  rules?: CredentialRules | undefined;
  /** `credential-helpers` of `registries.conf`. Default: the files alone, with the helpers that they name. */
  credentialHelpers?: readonly string[] | undefined;
  /** Runs helpers. Default: programs of this machine, 30 seconds at most. */
  run?: RunCredentialHelper | undefined;
  /** Credentials that go before everything else, for every host. */
  explicit?: Credentials | undefined;
  /**
   * Whether a file that others than its owner may read, or that belongs to neither this user nor root, is an error.
   * Default false, as with Docker and Podman. Without effect on Windows.
   */
  requirePrivate?: boolean | undefined;
  /** Environment. Default `process.env`. */
  env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Home folder. Default that of the environment, else that of the user. */
  home?: string | undefined;
  /** Number of the user. Default that of the process; 0 where users have none. */
  uid?: number | undefined;
  /** Default `process.platform`. */
  os?: NodeJS.Platform | undefined;
  /** Put in front of `/run`, on Linux. Default none. */
  rootPrefix?: string | undefined;
  /** Reads the files. Default: from disk, each again only when it has changed. */
  readAuthFile?: ReadAuthFile | undefined;
}

/**
 * The credentials of this user as a function for `createRegistry`, out of the files of Podman and Docker and the
 * helpers that they name.
 *
 * Nothing is read before it is called; then files are read again when they have changed, and helpers are asked each
 * time, once for all who want the same at the same time. Repositories of one host can have different credentials.
 *
 * It rejects with an `OciError` `ERR_OCI_AUTH_FILE_INVALID` or `ERR_OCI_CREDENTIAL_HELPER` as
 * {@link lookUpCredentials} does: nobody becomes anonymous because a file is broken.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-auth.json.5.md}
 */
export function loadCredentials(options: LoadCredentialsOptions = {}): CredentialsFunction {
  const run = sharedRuns(options.run ?? credentialHelperPrograms({ env: options.env ?? process.env }));
  const readAuthFile = options.readAuthFile ?? authFileReader(options);
  return async (host, { repository, signal }) => {
    const key = repository === "" ? host : `${host}/${repository}`;
    const { credentials } = await discoverCredentials(key, { ...options, run, readAuthFile, signal });
    return credentials;
  };
}

/**
 * The credentials of this user for a repository, namespace or host such as `docker.io/library/busybox`, and what was
 * looked at to find them.
 *
 * @throws {OciError} `ERR_OCI_AUTH_FILE_INVALID`, `ERR_OCI_CREDENTIAL_HELPER`.
 * @throws {TypeError} for a key that is a URL or has a tag or digest.
 */
export async function discoverCredentials(
  key: string,
  options: LoadCredentialsOptions & SignalOptions = {},
): Promise<CredentialsLookup> {
  const { env = process.env, rules = "both", credentialHelpers, explicit, signal } = options;
  return lookUpCredentials(key, {
    files: await discoverAuthFiles({ ...options, rules }),
    readAuthFile: options.readAuthFile ?? authFileReader(options),
    run: options.run ?? credentialHelperPrograms({ env }),
    rules,
    credentialHelpers,
    explicit,
    signal,
  });
}

/** The credential files of this user, in the order in which they count. They need not exist. */
export async function discoverAuthFiles(
  options: Omit<LoadCredentialsOptions, "run" | "credentialHelpers" | "explicit"> & SignalOptions = {},
): Promise<AuthFilePath[]> {
  const {
    env = process.env,
    os = process.platform,
    legacyAuthFile,
    rootPrefix,
    rules = "both",
    signal,
  } = options;
  signal?.throwIfAborted();
  const named = legacyAuthFile ? undefined : env["REGISTRY_AUTH_FILE"];
  const runtimeDir = env["XDG_RUNTIME_DIR"] || undefined;
  return authFilePaths({
    env,
    os,
    home: options.home ?? (env[os === "win32" ? "USERPROFILE" : "HOME"] || homedir()),
    uid: options.uid ?? process.getuid?.() ?? 0,
    authFile: options.authFile ?? named,
    legacyAuthFile,
    rootPrefix,
    rules,
    runtimeDirMissing:
      os === "linux" && runtimeDir !== undefined && (await raceSignal(isMissing(runtimeDir), signal)),
  });
}

/** Only a folder that is known not to exist counts as missing. */
async function isMissing(path: string): Promise<boolean> {
  try {
    await stat(path);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ENOENT";
  }
}

/** Asks a helper once for all who ask it the same at the same time. */
function sharedRuns(run: RunCredentialHelper): RunCredentialHelper {
  const flights = singleFlight<CredentialHelperResult>();
  return (request) => {
    const { name, action, input, signal } = request;
    const key = JSON.stringify([name, action, input]);
    return flights.run(key, (shared) => run({ name, action, input, signal: shared }), signal);
  };
}

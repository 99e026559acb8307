/**
 * Logging in and out: changing credential files and the stores of helpers.
 *
 * @module
 */
import { type FileHandle, mkdir, open, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { delay, type SignalOptions } from "../../core/signal.ts";
import type { Credentials } from "../credentials.ts";
import { OciError } from "../errors.ts";
import type { CredentialRules } from "./auth-entry.ts";
import { parseAuthFile } from "./auth-file.ts";
import { putEntry, removeCredentials, setCredentials } from "./auth-file-edit.ts";
import { findInAuthFile } from "./auth-file-lookup.ts";
import { checkAuthKey, dockerServerAddress, hostOfKey } from "./auth-key.ts";
import { eraseFromHelper, storeInHelper } from "./helper.ts";
import type { RunCredentialHelper } from "./helper-protocol.ts";
import { readTextIfExists, versionOf } from "./read-file.ts";

/** Options of {@link saveCredentials} and {@link eraseCredentials}. */
export interface WriteCredentialsOptions extends SignalOptions {
  /**
   * Whose file it is: `"containers"` (the default) takes repositories, namespaces and hosts as keys, `"docker"` hosts
   * only, and Docker Hub under its URL; a helper in `credsStore` is used by Docker only.
   */
  rules?: Exclude<CredentialRules, "both"> | undefined;
  /** Runs the helper that the file names for the host, if it names one. Without it that is an error. */
  run?: RunCredentialHelper | undefined;
}

/** Where credentials were put. */
export type SavedCredentials =
  | { kind: "file"; path: string; key: string }
  | { kind: "helper"; helper: string; server: string };

/** What was taken away. */
export interface ErasedCredentials {
  /** Keys of the entries of the file that are gone. */
  keys: string[];
  /** Name of the helper that forgot them; absent if none is named, or it had none. */
  helper?: string;
}

/**
 * Keeps credentials for a repository, namespace or host in a credential file, or with the helper that the file names
 * for the host.
 *
 * The file is replaced in one step and is for its owner only (mode 0600), as is the folder if it has to be made; if
 * the path is a link its target is replaced. Everything else in the file stays. Whether the credentials are good is not
 * checked.
 *
 * @throws {OciError} `ERR_OCI_AUTH_FILE_INVALID` if the file cannot be read or written, or is no credential file: it
 * is left as it is. `ERR_OCI_CONFLICT` if others change it again and again, or for ten seconds.
 * @throws {OciError} `ERR_OCI_CREDENTIAL_HELPER` if the helper fails.
 * @throws {TypeError} for a key that nothing is looked up by, for a namespace where a helper or Docker knows hosts
 * only, and for credentials that cannot be kept there.
 */
export async function saveCredentials(
  path: string,
  key: string,
  credentials: Credentials,
  options: WriteCredentialsOptions = {},
): Promise<SavedCredentials> {
  const { rules = "containers", signal } = options;
  const fileKey = fileKeyOf(key, rules);
  return rewrite<SavedCredentials>(path, signal, async (before) => {
    const helper = helperFor(before, key, rules);
    if (!helper) {
      return {
        text: setCredentials(before, fileKey, credentials),
        result: { kind: "file", path, key: fileKey },
      };
    }
    if (key.includes("/")) throw new TypeError(`${helper.helper} keeps credentials of hosts only`);
    await storeInHelper(helper.helper, helper.server, credentials, { run: runOf(options), signal });
    // Docker leaves an empty entry behind for what it gave to a helper.
    const text = rules === "docker" ? putEntry(before, fileKey, {}) : undefined;
    return { text, result: { kind: "helper", ...helper } };
  });
}

/**
 * Takes the credentials for a repository, namespace or host out of a credential file, and out of the store of the
 * helper that the file names for the host. Nothing is written if there are none.
 *
 * @throws {OciError} as {@link saveCredentials}.
 * @throws {TypeError} for a key that nothing is looked up by.
 */
export async function eraseCredentials(
  path: string,
  key: string,
  options: WriteCredentialsOptions = {},
): Promise<ErasedCredentials> {
  const { rules = "containers", signal } = options;
  const fileKey = fileKeyOf(key, rules);
  return rewrite<ErasedCredentials>(path, signal, async (before) => {
    if (!before) return { text: undefined, result: { keys: [] } };
    const { text, removed } = removeCredentials(before, fileKey);
    const helper = key.includes("/") ? undefined : helperFor(before, key, rules);
    const erased =
      helper && (await eraseFromHelper(helper.helper, helper.server, { run: runOf(options), signal }));
    const result = { keys: removed, ...(helper && erased ? { helper: helper.helper } : {}) };
    return { text: removed.length > 0 ? text : undefined, result };
  });
}

const MAX_ATTEMPTS = 100;
/** How often, and after which time in milliseconds, a lock that others hold is tried again: for ten seconds. */
const LOCK_ATTEMPTS = 200;
const LOCK_DELAY_MS = 50;

/**
 * Replaces a file by what `edit` makes of it.
 *
 * Programs that use lading wait for each other: the new text is written to a file with `.lock` at the end of its name,
 * which only one can make. Where another program changes the file meanwhile, all begins anew.
 */
async function rewrite<T>(
  path: string,
  signal: AbortSignal | undefined,
  edit: (before: Uint8Array | undefined) => Promise<{ text: string | undefined; result: T }>,
): Promise<T> {
  try {
    const place = await targetOf(path);
    signal?.throwIfAborted();
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const before = await readTextIfExists(place, { signal });
      const { text, result } = await edit(before?.bytes);
      if (text === undefined) return result;
      await mkdir(dirname(place), { recursive: true, mode: 0o700 });
      if (await replaceFile(place, text, before?.version, signal)) return result;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw aboutFile(path, error);
  }
  throw new OciError("ERR_OCI_CONFLICT", `${path} was changed by others again and again`);
}

/** What a path leads to through links; itself if that does not exist. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isMissing(error)) return path;
    throw error;
  }
}

/** Puts a text in the place of a file, unless that is another version by now. */
async function replaceFile(
  path: string,
  text: string,
  version: string | undefined,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const lock = `${path}.lock`;
  const handle = await openLock(lock, signal);
  let replaced = false;
  try {
    try {
      if ((await currentVersion(path)) !== version) return false;
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if ((await currentVersion(path)) !== version) return false;
    await rename(lock, path);
    replaced = true;
    return true;
  } finally {
    if (!replaced) await rm(lock, { force: true });
  }
}

/** Makes the lock, for the owner alone; waits while it is there. */
async function openLock(lock: string, signal: AbortSignal | undefined): Promise<FileHandle> {
  for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
    signal?.throwIfAborted();
    try {
      return await open(lock, "wx", 0o600);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    await delay(LOCK_DELAY_MS, { signal });
  }
  const message = `${lock} is there: another program changes the file, or one was ended while it did`;
  throw new OciError("ERR_OCI_CONFLICT", message);
}

async function currentVersion(path: string): Promise<string | undefined> {
  try {
    return versionOf(await stat(path, { bigint: true }), false);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The helper that a file names for a host. */
function helperFor(
  text: Uint8Array | undefined,
  key: string,
  rules: "containers" | "docker",
): { helper: string; server: string } | undefined {
  if (!text) return undefined;
  const { credHelpers, credsStore } = parseAuthFile(text);
  // Without its entries a file has nothing but helpers to answer with.
  const named = { auths: new Map(), credHelpers, ...(credsStore === undefined ? {} : { credsStore }) };
  const answer = findInAuthFile(named, hostOfKey(key), { rules });
  return answer.kind === "helper" ? { helper: answer.helper, server: answer.server } : undefined;
}

function fileKeyOf(key: string, rules: "containers" | "docker"): string {
  const check = checkAuthKey(key);
  if (check.kind === "invalid") throw new TypeError(`no repository, namespace or host: ${check.reason}`);
  if (rules === "containers") return key;
  if (check.namespaced) throw new TypeError("Docker keeps credentials of hosts only");
  return dockerServerAddress(key);
}

function runOf({ run }: WriteCredentialsOptions): RunCredentialHelper {
  return run ?? (() => Promise.resolve({ kind: "missing" }));
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/** The error with the path; one of the system, or of what the file holds, is one of the file. */
function aboutFile(path: string, error: unknown): unknown {
  if (error instanceof OciError && error.code === "ERR_OCI_AUTH_FILE_INVALID") {
    return new OciError(error.code, `${path}: ${error.message}`, { cause: error });
  }
  if (!(error instanceof Error && "syscall" in error && "code" in error)) return error;
  return new OciError("ERR_OCI_AUTH_FILE_INVALID", `${path}: ${String(error.code)}`, { cause: error });
}

/**
 * What one credential file says about a repository.
 *
 * @module
 */
import type { Credentials } from "../credentials.ts";
import { OciError } from "../errors.ts";
import { type CredentialRules, type EmptyEntryReason, readAuthEntry } from "./auth-entry.ts";
import { type AuthFile, isAuthFileError } from "./auth-file.ts";
import {
  authKeyOrder,
  dockerServerAddress,
  hostOfKey,
  normaliseAuthFileKey,
  normaliseAuthHost,
} from "./auth-key.ts";

/** What a file has for a key. */
export type AuthFileAnswer =
  /** The entry of `key`. */
  | { kind: "credentials"; key: string; credentials: Credentials }
  /** A program that has to be asked. */
  | {
      kind: "helper";
      /** What names it: `credHelpers` for this host, or `credsStore` for all. */
      member: "credHelpers" | "credsStore";
      /** Name of the program, without `docker-credential-`. Not checked. */
      helper: string;
      /** What it is asked for. */
      server: string;
    }
  /** The entry of `key` decides, and has no credentials. */
  | { kind: "empty"; key: string; reason: EmptyEntryReason }
  /** Nothing in the file is about the key. */
  | { kind: "none" };

/** Options of {@link findInAuthFile}. */
export interface FindInAuthFileOptions {
  /** Whose reading of the file counts; `"both"` is for those who ask twice. */
  rules: Exclude<CredentialRules, "both">;
  /** Whether it is a `.dockercfg` file. Default false. */
  legacy?: boolean | undefined;
}

/**
 * What a file has for a repository, namespace or host such as `docker.io/library/busybox`, by one set of rules.
 *
 * The first key that is there decides, also when its entry is empty. Helpers are named, not asked. Unlike in Docker
 * itself, its rules here give the entry of a namespace to nobody outside it, that is to nobody.
 *
 * @throws {OciError} `ERR_OCI_AUTH_FILE_INVALID` if the entry that decides cannot be decoded; the message names its
 * key only.
 */
export function findInAuthFile(
  file: AuthFile,
  key: string,
  { rules, legacy = false }: FindInAuthFileOptions,
): AuthFileAnswer {
  if (key === "") return { kind: "none" };
  const host = hostOfKey(key);
  return rules === "docker" ? findAsDocker(file, host) : findAsContainers(file, key, host, legacy);
}

function findAsContainers(file: AuthFile, key: string, host: string, legacy: boolean): AuthFileAnswer {
  const helper = file.credHelpers.get(host);
  if (helper !== undefined) return { kind: "helper", member: "credHelpers", helper, server: host };
  for (const each of authKeyOrder(key, { legacy })) {
    if (file.auths.has(each)) return readEntry(file, each, "containers");
  }
  const normalised = normaliseAuthHost(host);
  for (const each of file.auths.keys()) {
    if (normaliseAuthFileKey(each, { legacy }) === normalised) return readEntry(file, each, "containers");
  }
  return { kind: "none" };
}

function findAsDocker(file: AuthFile, host: string): AuthFileAnswer {
  const server = dockerServerAddress(host);
  const helper = file.credHelpers.get(server) || (server === host ? "" : file.credHelpers.get(host));
  if (helper) return { kind: "helper", member: "credHelpers", helper, server };
  if (file.credsStore) return { kind: "helper", member: "credsStore", helper: file.credsStore, server };
  if (file.auths.has(server)) return readEntry(file, server, "docker");
  // Entries of old versions, and those that other programs wrote, are found by their host. Docker would take the
  // entry of a namespace for the whole host, too.
  const wanted = normaliseAuthHost(host);
  for (const each of file.auths.keys()) {
    if (normaliseAuthFileKey(each) === wanted) return readEntry(file, each, "docker");
  }
  return { kind: "none" };
}

function readEntry(file: AuthFile, key: string, rules: "containers" | "docker"): AuthFileAnswer {
  try {
    const content = readAuthEntry(file.auths.get(key) ?? {}, rules);
    return { key, ...content };
  } catch (error) {
    if (!isAuthFileError(error)) throw error;
    throw new OciError("ERR_OCI_AUTH_FILE_INVALID", `entry ${JSON.stringify(key)}: ${error.message}`);
  }
}

/**
 * Finding and reading policy files, and the files that policies name.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-policy.json.5.md}
 * @module
 */
import { join } from "node:path";
import { messageOf } from "../core/message-of.ts";
import type { SignalOptions } from "../core/signal.ts";
import { type CrioPolicyOptions, DEFAULT_SIGNATURE_POLICY_DIR, namespacePolicyPath } from "./crio.ts";
import { PolicyError } from "./errors.ts";
import { parsePolicy } from "./parse.ts";
import { quote } from "./quote.ts";
import { readFileWithin } from "./read-file.ts";
import type { ReadPolicyFile } from "./trust-files.ts";
import type { Policy } from "./types.ts";

/** A policy with the file that it came from. */
export interface LoadedPolicy {
  readonly path: string;
  readonly policy: Policy;
}

/** Options of {@link loadPolicy}. */
export interface LoadPolicyOptions extends SignalOptions {
  /** A path that is used alone: nothing else is looked at if it is missing. */
  path?: string | undefined;
  /**
   * Environment variables: `CONTAINERS_POLICY_JSON`, `XDG_CONFIG_HOME` and `HOME` are read. Default
   * `process.env`.
   */
  env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Put in front of the paths below /etc and /usr only, not of the others. Default none. */
  root?: string | undefined;
  /** Reads a file; must reject with an error of `code` `ENOENT` if there is none. Default: from disk. */
  readFile?: ReadPolicyFile | undefined;
}

/** Longest file read, in bytes. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;

const SYSTEM_PATHS = ["/etc/containers/policy.json", "/usr/share/containers/policy.json"];

/**
 * The policy of this system.
 *
 * One file decides: the one given, else the one that `CONTAINERS_POLICY_JSON` names, else the first that exists
 * of the user's, `/etc/containers/policy.json` and `/usr/share/containers/policy.json`. Only a file that does
 * not exist is passed over; one that cannot be read or parsed ends the search. There is no built-in policy.
 *
 * @throws {PolicyError} `ERR_POLICY_FILE` if there is none or it cannot be read; the errors of
 * {@link parsePolicy}, with the path in the message.
 */
export async function loadPolicy({
  path,
  env = process.env,
  root = "",
  readFile = readFromDisk,
  signal,
}: LoadPolicyOptions = {}): Promise<LoadedPolicy> {
  const only = path ?? (env["CONTAINERS_POLICY_JSON"] || undefined);
  if (only !== undefined) {
    const content = await readIfExists(only, readFile, signal);
    if (content) return { path: only, policy: parseFile(only, content) };
    throw new PolicyError("ERR_POLICY_FILE", `no such policy file: ${only}`);
  }
  const searched = searchPaths(env, root);
  for (const candidate of searched) {
    const content = await readIfExists(candidate, readFile, signal);
    if (content) return { path: candidate, policy: parseFile(candidate, content) };
  }
  throw new PolicyError(
    "ERR_POLICY_FILE",
    `config file not found: no policy.json file found; searched paths: [${searched.map(quote).join(" ")}]`,
  );
}

/** Options of {@link policySearchPaths}. */
export interface PolicySearchOptions {
  /** As for {@link loadPolicy}; nothing of the process is read. */
  env: Readonly<Record<string, string | undefined>>;
  /** As for {@link loadPolicy}. Default none. */
  root?: string | undefined;
}

/** Where {@link loadPolicy} looks if it is given no path, in order: the one file of a variable, or all of the search. */
export function policySearchPaths({ env, root = "" }: PolicySearchOptions): string[] {
  const named = env["CONTAINERS_POLICY_JSON"];
  return named ? [named] : searchPaths(env, root);
}

function searchPaths(env: PolicySearchOptions["env"], root: string): string[] {
  return [...userPaths(env), ...SYSTEM_PATHS.map((each) => (root === "" ? each : join(root, each)))];
}

/** Options of {@link loadPolicyForNamespace}. */
export interface LoadNamespacePolicyOptions extends CrioPolicyOptions, Omit<LoadPolicyOptions, "path"> {}

/**
 * The policy that CRI-O applies to pods of a namespace: the namespace's own, else the global one.
 *
 * @throws {PolicyError} As {@link loadPolicy}.
 * @throws {TypeError} For a namespace that is no DNS label.
 */
export async function loadPolicyForNamespace(
  namespace: string,
  { signaturePolicy = "", signaturePolicyDir, ...options }: LoadNamespacePolicyOptions = {},
): Promise<LoadedPolicy> {
  if (namespace !== "") {
    const path = namespacePolicyPath(namespace, signaturePolicyDir ?? DEFAULT_SIGNATURE_POLICY_DIR);
    const { readFile = readFromDisk, signal } = options;
    const content = await readIfExists(path, readFile, signal);
    if (content) return { path, policy: parseFile(path, content) };
  }
  return loadPolicy(signaturePolicy === "" ? options : { ...options, path: signaturePolicy });
}

/**
 * Reads the files that a policy names from disk, relative paths from the working directory: what a verifier
 * takes as `readFile`.
 *
 * Its result rejects with the system's error, and with a {@link PolicyError} `ERR_POLICY_FILE` for a file of
 * more than 4 MiB (4194304 bytes).
 *
 * @param root Put in front of absolute paths. Default none.
 */
export function loadPolicyFiles(root = ""): ReadPolicyFile {
  return (path, options) =>
    readFromDisk(root !== "" && path.startsWith("/") ? join(root, path) : path, options);
}

function userPaths(env: Readonly<Record<string, string | undefined>>): string[] {
  const config = env["XDG_CONFIG_HOME"];
  // A variable that is set but empty counts as set, as it does upstream.
  if (config !== undefined) return [join(config, "containers/policy.json")];
  const home = env["HOME"];
  return home ? [join(home, ".config/containers/policy.json")] : [];
}

function parseFile(path: string, content: Uint8Array): Policy {
  try {
    return parsePolicy(content);
  } catch (cause) {
    if (!(cause instanceof PolicyError)) throw cause;
    const { code, errorClass, position, hint } = cause;
    const message = `invalid policy in ${quote(path)}: ${cause.message}`;
    throw new PolicyError(code, message, { cause, errorClass, position, hint });
  }
}

async function readIfExists(
  path: string,
  readFile: ReadPolicyFile,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  try {
    signal?.throwIfAborted();
    const content: unknown = await readFile(path, { signal });
    // Nothing at all must not look like a file that is missing: another policy would be taken.
    if (!(content instanceof Uint8Array)) throw new TypeError("readFile gave something other than bytes");
    return content;
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    if (cause instanceof PolicyError) throw cause;
    throw new PolicyError("ERR_POLICY_FILE", `read policy path ${path}: ${messageOf(cause)}`, { cause });
  }
}

async function readFromDisk(path: string, options: SignalOptions): Promise<Uint8Array> {
  try {
    return await readFileWithin(path, MAX_FILE_BYTES, options);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new PolicyError("ERR_POLICY_FILE", `${path} is ${cause.message}`, { cause });
  }
}

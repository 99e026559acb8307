/**
 * Credential helpers, through whatever runs them.
 *
 * @module
 */
import type { SignalOptions } from "../../core/signal.ts";
import type { Credentials } from "../credentials.ts";
import {
  assertSuccess,
  type CredentialHelperAction,
  type CredentialHelperResult,
  checkHelperName,
  formatHelperCredentials,
  helperError,
  isNotFound,
  parseHelperCredentials,
  parseHelperList,
  type RunCredentialHelper,
} from "./helper-protocol.ts";

/** Options of the functions that ask a credential helper. */
export interface CredentialHelperOptions extends SignalOptions {
  /** Runs the helper: `credentialHelperPrograms()` for programs on this machine, or a function of the caller. */
  run: RunCredentialHelper;
}

/**
 * The credentials that a helper has for a server; undefined if it has none.
 *
 * @param name Such as `ecr-login`, without `docker-credential-`.
 * @param server What the helper knows the registry by: a host, or `https://index.docker.io/v1/` for Docker Hub.
 * @throws {OciError} `ERR_OCI_CREDENTIAL_HELPER` for a name that is none, if there is no such program, if it fails, or
 * if its answer is no credentials.
 */
export async function getFromHelper(
  name: string,
  server: string,
  options: CredentialHelperOptions,
): Promise<Credentials | undefined> {
  return parseHelperCredentials(name, await ended(name, "get", checkServer(server), options));
}

/**
 * Lets a helper keep credentials for a server, in place of those that it has.
 *
 * @throws {OciError} `ERR_OCI_CREDENTIAL_HELPER` as {@link getFromHelper}.
 * @throws {TypeError} for a registry token, which helpers have no place for.
 */
export async function storeInHelper(
  name: string,
  server: string,
  credentials: Credentials,
  options: CredentialHelperOptions,
): Promise<void> {
  const input = formatHelperCredentials(checkServer(server), credentials);
  assertSuccess(name, "store", (await ended(name, "store", input, options)).exitCode);
}

/**
 * Lets a helper forget the credentials for a server: true, or false if it had none and says so.
 *
 * @throws {OciError} `ERR_OCI_CREDENTIAL_HELPER` as {@link getFromHelper}.
 */
export async function eraseFromHelper(
  name: string,
  server: string,
  options: CredentialHelperOptions,
): Promise<boolean> {
  const { exitCode, stdout } = await ended(name, "erase", checkServer(server), options);
  if (exitCode !== 0 && isNotFound(stdout)) return false;
  assertSuccess(name, "erase", exitCode);
  return true;
}

/**
 * The user names by server for which a helper has credentials; none if there is no such program.
 *
 * @throws {OciError} `ERR_OCI_CREDENTIAL_HELPER` for a name that is none, if it fails, or if its answer is no list.
 */
export async function listHelper(
  name: string,
  options: CredentialHelperOptions,
): Promise<ReadonlyMap<string, string>> {
  const result = await runHelper(name, "list", "", options);
  return result.kind === "missing" ? new Map() : parseHelperList(name, result);
}

async function ended(
  name: string,
  action: CredentialHelperAction,
  input: string,
  options: CredentialHelperOptions,
): Promise<Extract<CredentialHelperResult, { kind: "ended" }>> {
  const result = await runHelper(name, action, input, options);
  if (result.kind === "missing") throw helperError(name, action, "there is no such program");
  return result;
}

async function runHelper(
  name: string,
  action: CredentialHelperAction,
  input: string,
  { run, signal }: CredentialHelperOptions,
): Promise<CredentialHelperResult> {
  checkHelperName(name);
  signal?.throwIfAborted();
  const result: unknown = await run({ name, action, input, signal });
  if (!isResult(result)) throw new TypeError("a runner of credential helpers gave no result");
  return result;
}

function isResult(value: unknown): value is CredentialHelperResult {
  if (typeof value !== "object" || value === null || !("kind" in value)) return false;
  if (value.kind === "missing") return true;
  return (
    value.kind === "ended" &&
    "stdout" in value &&
    value.stdout instanceof Uint8Array &&
    "exitCode" in value &&
    (value.exitCode === null || Number.isInteger(value.exitCode))
  );
}

/** Helpers read one line: what has more, or nothing, could be read as another server. */
function checkServer(server: string): string {
  if (server === "" || /\p{Cc}/u.test(server)) throw new TypeError("a server is one line of text");
  return server;
}

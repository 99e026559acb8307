/**
 * What is said between a program and a credential helper.
 *
 * ```text
 * docker-credential-NAME get     stdin: server      stdout: {"ServerURL":…,"Username":…,"Secret":…}
 * docker-credential-NAME store   stdin: the same    stdout: ignored
 * docker-credential-NAME erase   stdin: server      stdout: ignored
 * docker-credential-NAME list    stdin: nothing     stdout: {"SERVER":"USER",…}
 * ```
 *
 * The user `<token>` says that the secret is an identity token. What a helper writes is taken for a secret from end
 * to end: no error repeats any of it.
 *
 * @see {@link https://github.com/docker/docker-credential-helpers/blob/v0.9.3/README.md#development}
 * @module
 */
import { CoreError } from "../../core/errors.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { type JsonNode, parseJson } from "../../core/strict-json.ts";
import type { Credentials } from "../credentials.ts";
import { OciError } from "../errors.ts";
import { foldName } from "../json-names.ts";

/** What a helper is asked to do. */
export type CredentialHelperAction = "get" | "store" | "erase" | "list";

/** How a run of a helper ended. */
export type CredentialHelperResult =
  | {
      kind: "ended";
      /** Null if a signal ended it. */
      exitCode: number | null;
      stdout: Uint8Array;
    }
  /** There is no such program. */
  | { kind: "missing" };

/** One run of a helper. */
export interface CredentialHelperRequest extends SignalOptions {
  /** Without `docker-credential-`; letters, digits, `.`, `_` and `-` only. */
  name: string;
  action: CredentialHelperAction;
  /** What it reads from stdin. */
  input: string;
}

/** Runs a helper. What it rejects with must not repeat input or output. */
export type RunCredentialHelper = (request: CredentialHelperRequest) => Promise<CredentialHelperResult>;

/** User name in place of one, where the secret is an identity token. */
export const TOKEN_USER = "<token>";

const NOT_FOUND = "credentials not found in native keychain";

/** Longest name of a helper. */
const MAX_NAME_LENGTH = 100;

/**
 * The name, if it can only be that of a program: nothing in it leads to another folder or is an option.
 *
 * @throws {OciError} `ERR_OCI_CREDENTIAL_HELPER`.
 */
export function checkHelperName(name: string): string {
  if (name.length <= MAX_NAME_LENGTH && /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(name)) return name;
  const shown = JSON.stringify(name.slice(0, MAX_NAME_LENGTH));
  throw new OciError("ERR_OCI_CREDENTIAL_HELPER", `${shown} is no name of a credential helper`);
}

/**
 * The credentials that a run of `get` gave; undefined if the helper has none for the server.
 *
 * @throws {OciError} `ERR_OCI_CREDENTIAL_HELPER` for a failure, and for anything but one JSON object with the texts
 * `Username` and `Secret`.
 */
export function parseHelperCredentials(
  name: string,
  { exitCode, stdout }: Extract<CredentialHelperResult, { kind: "ended" }>,
): Credentials | undefined {
  if (exitCode !== 0 && isNotFound(stdout)) return undefined;
  assertSuccess(name, "get", exitCode);
  let username = "";
  let secret = "";
  for (const { key, value } of answerMembers(name, "get", stdout)) {
    const field = foldName(key);
    if ((field !== "username" && field !== "secret") || value.kind === "null") continue;
    if (value.kind !== "string") throw helperError(name, "get", `${field} is no text`);
    if (field === "username") username = value.value;
    else secret = value.value;
  }
  if (username === "" && secret === "") return undefined;
  if (username === TOKEN_USER) return { kind: "identity-token", token: secret };
  return { kind: "password", username, password: secret };
}

/**
 * The user names by server that a run of `list` gave.
 *
 * @throws {OciError} `ERR_OCI_CREDENTIAL_HELPER` for a failure, and for anything but one JSON object of texts.
 */
export function parseHelperList(
  name: string,
  { exitCode, stdout }: Extract<CredentialHelperResult, { kind: "ended" }>,
): Map<string, string> {
  assertSuccess(name, "list", exitCode);
  const users = new Map<string, string>();
  for (const { key, value } of answerMembers(name, "list", stdout)) {
    if (value.kind !== "string") throw helperError(name, "list", "a user name is no text");
    users.set(key, value.value);
  }
  return users;
}

/**
 * What `store` reads.
 *
 * @throws {TypeError} for a token that the registry itself takes: helpers have no place for one.
 */
export function formatHelperCredentials(server: string, credentials: Credentials): string {
  if (credentials.kind === "registry-token") {
    throw new TypeError("a credential helper cannot keep a registry token");
  }
  const [Username, Secret] =
    credentials.kind === "identity-token"
      ? [TOKEN_USER, credentials.token]
      : [credentials.username, credentials.password];
  return JSON.stringify({ ServerURL: server, Username, Secret });
}

/** Whether the output of a run that failed says that the helper has nothing for the server. */
export function isNotFound(stdout: Uint8Array): boolean {
  // No valid text is longer than the message and the white space around it.
  return stdout.byteLength < 1024 && Buffer.from(stdout).toString("utf8").trim() === NOT_FOUND;
}

/** Fails for a run that did not end with exit code 0. */
export function assertSuccess(name: string, action: CredentialHelperAction, exitCode: number | null): void {
  if (exitCode === 0) return;
  throw helperError(name, action, exitCode === null ? "ended by a signal" : `exit code ${exitCode}`);
}

/** An error about a run of a helper. */
export function helperError(
  name: string,
  action: CredentialHelperAction,
  why: string,
  options: { cause?: unknown } = {},
): OciError {
  return new OciError("ERR_OCI_CREDENTIAL_HELPER", `docker-credential-${name} ${action}: ${why}`, options);
}

function answerMembers(
  name: string,
  action: CredentialHelperAction,
  stdout: Uint8Array,
): readonly { readonly key: string; readonly value: JsonNode }[] {
  try {
    const root = parseJson(stdout, { duplicateKeys: "keep" });
    if (root.kind === "object") return root.members;
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
  }
  throw helperError(name, action, "the answer is no JSON object");
}

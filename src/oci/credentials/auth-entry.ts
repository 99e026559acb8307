/**
 * One entry of a credential file as credentials, by the rules of the programs that read such files.
 *
 * @module
 */
import type { Credentials } from "../credentials.ts";
import { OciError } from "../errors.ts";
import type { AuthFileEntry } from "./auth-file.ts";
import { parseBasicPair } from "./basic-pair.ts";

/**
 * Whose reading of a file counts.
 *
 * - `"containers"`: Podman, Skopeo and CRI-O. An entry is its `auth`; an identity token counts beside one only.
 *   Keys may be repositories and namespaces. `credsStore` is not used.
 * - `"docker"`: `auth`, else `username` and `password`; identity and registry tokens count alone. Keys are hosts and
 *   URLs. A helper that is named for a host, or `credsStore`, decides in place of the entries.
 * - `"both"`: what Podman finds in a file, and where it finds nothing there what Docker would find in it.
 */
export type CredentialRules = "containers" | "docker" | "both";

/** Why an entry counts as empty: nothing is there, `auth` has no colon, or a token that these rules do not read alone. */
export type EmptyEntryReason = "empty" | "no-colon" | "token-without-user";

/** What an entry holds. */
export type AuthEntryContent =
  | { kind: "credentials"; credentials: Credentials }
  | { kind: "empty"; reason: EmptyEntryReason };

/**
 * The credentials of an entry.
 *
 * @throws {OciError} `ERR_OCI_AUTH_FILE_INVALID` for an `auth` that is not base64 of UTF-8, and by the rules of
 * Docker for one without a colon.
 */
export function readAuthEntry(entry: AuthFileEntry, rules: CredentialRules): AuthEntryContent {
  const pair = parseBasicPair(entry.auth ?? "");
  if (pair.kind === "invalid") throw entryError(pair.reason);
  if (pair.kind === "none" && pair.reason === "no-colon" && rules === "docker") throw entryError("no colon");
  if (rules !== "docker") {
    const content = containersContent(entry, pair);
    if (content.kind === "credentials" || rules === "containers") return content;
  }
  const { registrytoken = "", identitytoken = "" } = entry;
  const { username, password } =
    pair.kind === "pair" ? pair : { username: entry.username ?? "", password: entry.password ?? "" };
  if (registrytoken !== "") return found({ kind: "registry-token", token: registrytoken });
  if (identitytoken !== "") return found(identityToken(identitytoken, username));
  if (username !== "" || password !== "") return found({ kind: "password", username, password });
  return { kind: "empty", reason: pair.kind === "none" ? pair.reason : "empty" };
}

function containersContent(
  { identitytoken = "" }: AuthFileEntry,
  pair: Exclude<ReturnType<typeof parseBasicPair>, { kind: "invalid" }>,
): AuthEntryContent {
  if (pair.kind === "none") {
    return { kind: "empty", reason: identitytoken === "" ? pair.reason : "token-without-user" };
  }
  const { username, password } = pair;
  if (identitytoken !== "") return found(identityToken(identitytoken, username));
  if (username === "" && password === "") return { kind: "empty", reason: "empty" };
  return found({ kind: "password", username, password });
}

function identityToken(token: string, username: string): Credentials {
  return { kind: "identity-token", token, ...(username === "" ? {} : { username }) };
}

function found(credentials: Credentials): AuthEntryContent {
  return { kind: "credentials", credentials };
}

function entryError(why: string): OciError {
  return new OciError("ERR_OCI_AUTH_FILE_INVALID", `auth is not base64 of user:password: ${why}`);
}

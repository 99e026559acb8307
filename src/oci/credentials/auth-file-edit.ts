/**
 * Changes to the text of a credential file.
 *
 * Everything that is not changed stays as it means: members that lading does not know, their order, and the digits of
 * numbers. White space does not: the text comes out indented with tabs, as Docker and Podman write it.
 *
 * @module
 */
import { CoreError } from "../../core/errors.ts";
import { type JsonNode, parseJson } from "../../core/strict-json.ts";
import type { Credentials } from "../credentials.ts";
import { OciError } from "../errors.ts";
import { foldName } from "../json-names.ts";
import { type AuthFileEntry, membersOf, parseAuthFile } from "./auth-file.ts";
import {
  type AuthKeyOptions,
  checkAuthKey,
  hostOfKey,
  normaliseAuthFileKey,
  normaliseAuthHost,
} from "./auth-key.ts";
import { formatBasicPair } from "./basic-pair.ts";

/** What {@link removeCredentials} gives. */
export interface RemovedCredentials {
  /** The new text. */
  text: string;
  /** Keys of the entries that are gone; none if there were none. */
  removed: string[];
}

/**
 * The text of a credential file with an entry for a repository, namespace or host in place of the one that was there.
 *
 * A helper that the file names for the host is not told; where there is one, lookups do not see the entry. An identity
 * token without a user name is written as Docker does, and Podman does not read it.
 *
 * @param input The text as it is; undefined for a file that does not exist.
 * @param key Under which the entry stands: `docker.io/library/busybox`, or `https://index.docker.io/v1/` for Docker.
 * @throws {OciError} `ERR_OCI_AUTH_FILE_INVALID` for a text that is no credential file, or that names a member twice.
 * @throws {TypeError} for a key that nothing is looked up by, and a user name with a colon.
 */
export function setCredentials(
  input: Uint8Array | string | undefined,
  key: string,
  credentials: Credentials,
  options: AuthKeyOptions = {},
): string {
  return putEntry(input, key, entryOf(credentials), options);
}

/** The text with an entry for a key; see {@link setCredentials}. */
export function putEntry(
  input: Uint8Array | string | undefined,
  key: string,
  entry: AuthFileEntry,
  options: AuthKeyOptions = {},
): string {
  assertFileKey(key, options);
  const members = Object.entries(entry).map(([name, value]): Member => [name, JSON.stringify(value)]);
  const text = formatMembers(members, options.legacy ? 1 : 2);
  return editAuths(input, options, (entries) => {
    const at = entries.findIndex(([name]) => name === key);
    return at < 0 ? [...entries, [key, text]] : entries.with(at, [key, text]);
  });
}

/**
 * The text of a credential file without the entry for a repository, namespace or host.
 *
 * For a host every entry goes that a lookup would take for it: that of `https://quay.io/v1/` with `quay.io`, and all
 * names of Docker Hub together. Entries of its namespaces stay.
 *
 * @throws {OciError} `ERR_OCI_AUTH_FILE_INVALID` for a text that is no credential file, or that names a member twice.
 * @throws {TypeError} for a key that nothing is looked up by.
 */
export function removeCredentials(
  input: Uint8Array | string,
  key: string,
  options: AuthKeyOptions = {},
): RemovedCredentials {
  assertFileKey(key, options);
  const isHost = normaliseAuthFileKey(key) !== key || !key.includes("/");
  const host = normaliseAuthHost(normaliseAuthFileKey(key, options));
  const removed: string[] = [];
  const text = editAuths(input, options, (entries) =>
    entries.filter(([name]) => {
      const gone = name === key || (isHost && normaliseAuthFileKey(name, options) === host);
      if (gone) removed.push(name);
      return !gone;
    }),
  );
  return { text, removed };
}

/** A member of an object: its name, and the text of its value. */
type Member = [name: string, text: string];

function editAuths(
  input: Uint8Array | string | undefined,
  { legacy = false }: AuthKeyOptions,
  edit: (entries: Member[]) => Member[],
): string {
  const root = parseEditable(input ?? "{}", legacy);
  if (legacy) return `${formatMembers(edit(formattedMembers(root, 1)), 0)}\n`;
  const members = membersOf(root);
  const isAuths = (name: string) => foldName(name) === "auths";
  const auths = members.find(({ key }) => isAuths(key))?.value;
  const entries = edit(auths && auths.kind !== "null" ? formattedMembers(auths, 2) : []);
  const text = formatMembers(entries, 1);
  const edited = members.map(({ key, value }): Member => [key, isAuths(key) ? text : formatNode(value, 1)]);
  if (!auths && entries.length > 0) edited.unshift(["auths", text]);
  return `${formatMembers(edited, 0)}\n`;
}

/** Of a text with repeated members a rewritten one would lose some. */
function parseEditable(input: Uint8Array | string, legacy: boolean): JsonNode {
  parseAuthFile(input, { legacy });
  try {
    const root = parseJson(input);
    const names = membersOf(root).map(({ key }) => foldName(key));
    const known = legacy ? [] : names.filter((name) => name === "auths");
    if (known.length < 2) return root;
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    throw new OciError("ERR_OCI_AUTH_FILE_INVALID", error.message, { cause: error });
  }
  throw new OciError("ERR_OCI_AUTH_FILE_INVALID", "auths is there more than once");
}

function entryOf(credentials: Credentials): AuthFileEntry {
  if (credentials.kind === "registry-token") return { registrytoken: credentials.token };
  if (credentials.kind === "password") {
    return { auth: formatBasicPair(credentials.username, credentials.password) };
  }
  const { username = "", token } = credentials;
  return { ...(username === "" ? {} : { auth: formatBasicPair(username, "") }), identitytoken: token };
}

/** Fails for a key that no lookup would find. */
function assertFileKey(key: string, { legacy = false }: AuthKeyOptions): void {
  const stripped = key.replace(/^https?:\/\//, "");
  const check = checkAuthKey(stripped);
  if (check.kind === "invalid") throw new TypeError(`no key of a credential file: ${check.reason}`);
  if (hostOfKey(stripped) === "") throw new TypeError("no key of a credential file: no host");
  if (legacy && stripped === key && check.namespaced) {
    throw new TypeError("a file in the form of .dockercfg has hosts only");
  }
}

function formattedMembers(node: JsonNode, depth: number): Member[] {
  return membersOf(node).map(({ key, value }) => [key, formatNode(value, depth)]);
}

function formatMembers(members: readonly Member[], depth: number): string {
  return formatList(
    members.map(([name, text]) => `${JSON.stringify(name)}: ${text}`),
    depth,
    ["{", "}"],
  );
}

/** As deep as the parser lets a text be, which is a thousand. */
function formatNode(node: JsonNode, depth: number): string {
  switch (node.kind) {
    case "object":
      return formatMembers(formattedMembers(node, depth + 1), depth);
    case "array":
      return formatList(
        node.items.map((item) => formatNode(item, depth + 1)),
        depth,
        ["[", "]"],
      );
    case "number":
      return node.text;
    case "null":
      return "null";
    default:
      return JSON.stringify(node.value);
  }
}

function formatList(
  items: readonly string[],
  depth: number,
  [open, close]: readonly [string, string],
): string {
  if (items.length === 0) return open + close;
  const indent = "\t".repeat(depth);
  return `${open}\n${items.map((item) => `${indent}\t${item}`).join(",\n")}\n${indent}${close}`;
}

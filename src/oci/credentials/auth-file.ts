/**
 * Credential files as they stand: `auth.json` of Podman, `config.json` of Docker, and the older `.dockercfg`.
 *
 * Members are found as Go's decoder finds them, which both programs use: without regard to case, the last of
 * several counts, null is as good as absent (and takes back a map that came before it), and unknown members are passed over. No message repeats a value.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-auth.json.5.md}
 * @see {@link https://docs.docker.com/reference/cli/docker/#docker-cli-configuration-file-configjson-properties}
 * @module
 */
import { CoreError, isLadingError, type JsonPosition } from "../../core/errors.ts";
import { type JsonNode, type JsonObject, parseJson, pathOf, positionOf } from "../../core/strict-json.ts";
import { OciError } from "../errors.ts";
import { foldName } from "../json-names.ts";

/** One entry of a file: every member that is there, undecoded. */
export interface AuthFileEntry {
  /** base64 of `user:password`. */
  auth?: string;
  username?: string;
  password?: string;
  /** Token that a token server exchanges for short-lived ones. */
  identitytoken?: string;
  /** Token that the registry itself takes. */
  registrytoken?: string;
}

/** What a file of credentials says. Maps are in the order of the file. */
export interface AuthFile {
  /** By key: a repository, a namespace, a host, or a URL. */
  auths: ReadonlyMap<string, AuthFileEntry>;
  /** Names of credential helpers by host. */
  credHelpers: ReadonlyMap<string, string>;
  /** Name of the credential helper for every other host. */
  credsStore?: string;
}

/** Options of {@link parseAuthFile}. */
export interface ParseAuthFileOptions {
  /** Whether it is a `.dockercfg` file: its entries are not below `auths`. Default false. */
  legacy?: boolean | undefined;
}

const ENTRY_MEMBERS = ["auth", "username", "password", "identitytoken", "registrytoken"] as const;

/**
 * The content of a credential file of at most 4 MiB (4194304 bytes).
 *
 * Entries are not decoded: one that is broken does no harm until it is asked for. Keys and names of helpers are
 * not checked here either.
 *
 * @throws {OciError} `ERR_OCI_AUTH_FILE_INVALID` for anything but a JSON object whose known members have the right
 * types; the message has the JSON path, and none of the values.
 */
export function parseAuthFile(
  input: Uint8Array | string,
  { legacy = false }: ParseAuthFileOptions = {},
): AuthFile {
  const root = parseAuthJson(input);
  const auths = new Map<string, AuthFileEntry>();
  const credHelpers = new Map<string, string>();
  if (legacy) {
    readAuths(root, auths);
    return { auths, credHelpers };
  }
  let credsStore: string | undefined;
  for (const { key, value } of membersOf(root)) {
    const name = foldName(key);
    if (name === "auths") readAuths(value, auths);
    else if (name === "credhelpers") readHelpers(value, credHelpers);
    else if (name === "credsstore" && value.kind !== "null") credsStore = textOf(value);
  }
  return { auths, credHelpers, ...(credsStore ? { credsStore } : {}) };
}

/** The tree of a credential file. Its errors repeat nothing of the text. */
export function parseAuthJson(input: Uint8Array | string): JsonNode {
  try {
    const root = parseJson(input, { duplicateKeys: "keep" });
    membersOf(root);
    return root;
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    throw new OciError("ERR_OCI_AUTH_FILE_INVALID", error.message, { cause: error });
  }
}

/** The members of an object, in text order. */
export function membersOf(node: JsonNode): JsonObject["members"] {
  if (node.kind !== "object") throw typeError(node, "an object");
  return node.members;
}

/** Whether an error is one of {@link parseAuthFile}, or of an entry. */
export function isAuthFileError(error: unknown): error is OciError {
  return isLadingError(error) && error.code === "ERR_OCI_AUTH_FILE_INVALID";
}

function readAuths(node: JsonNode, auths: Map<string, AuthFileEntry>): void {
  if (node.kind === "null") {
    auths.clear();
    return;
  }
  for (const { key, value } of membersOf(node)) {
    const entry: AuthFileEntry = {};
    if (value.kind !== "null") {
      for (const member of membersOf(value)) {
        const folded = foldName(member.key);
        const name = ENTRY_MEMBERS.find((each) => each === folded);
        if (name !== undefined && member.value.kind !== "null") entry[name] = textOf(member.value);
      }
    }
    auths.set(key, entry);
  }
}

function readHelpers(node: JsonNode, helpers: Map<string, string>): void {
  if (node.kind === "null") {
    helpers.clear();
    return;
  }
  for (const { key, value } of membersOf(node)) {
    helpers.set(key, value.kind === "null" ? "" : textOf(value));
  }
}

function textOf(node: JsonNode): string {
  if (node.kind !== "string") throw typeError(node, "a string");
  return node.value;
}

/** The value itself may be a secret: only its kind is told. */
function typeError(node: JsonNode, wanted: string): OciError {
  const position: JsonPosition = positionOf(node);
  const message = `${pathOf(node)} at line ${position.line}, column ${position.column}: ${wanted} expected, got ${node.kind}`;
  const cause = new CoreError("ERR_JSON_TYPE", message, { position });
  return new OciError("ERR_OCI_AUTH_FILE_INVALID", message, { cause });
}

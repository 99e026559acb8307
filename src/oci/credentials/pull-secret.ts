/**
 * Image pull secrets of Kubernetes, as the kubelet reads and matches them.
 *
 * ```text
 * key   = [ "https://" / "http://" ] host [ ":" port ] [ path ]
 * host  = label *( "." label )              ; each a shell pattern for one label
 * ```
 *
 * A key covers an image if it has as many labels as the image's host, each of them fits, the ports are the same text,
 * and the path is the beginning of the image's path: as text, so that `/team` covers `/team2/app`, too.
 *
 * @see {@link https://kubernetes.io/docs/concepts/containers/images/#config-json}
 * @see {@link https://github.com/kubernetes/kubernetes/blob/v1.36.0/pkg/credentialprovider/keyring.go}
 * @module
 */

import { CoreError } from "../../core/errors.ts";
import { matchPathPattern } from "../../core/path-pattern.ts";
import type { Credentials, CredentialsFunction } from "../credentials.ts";
import { OciError } from "../errors.ts";
import { type AuthFileEntry, parseAuthFile } from "./auth-file.ts";
import { parseBasicPair } from "./basic-pair.ts";

/** What is read of a `Secret`. */
export interface PullSecretObject {
  /** `kubernetes.io/dockerconfigjson`, `kubernetes.io/dockercfg`, or another one, which is no pull secret. */
  type?: string | undefined;
  /** base64 by key, as the API has it. */
  data?: Readonly<Record<string, string>> | undefined;
}

/** An entry of a pull secret. */
export interface PullSecretEntry {
  /** The key without scheme and API version: `*.example.com/team`. */
  key: string;
  credentials: Credentials;
}

/** Entries of any number of secrets, in the order in which the kubelet tries them. */
export type PullSecrets = readonly PullSecretEntry[];

/** Which member of a secret's data has the file, and in which form. */
const FORMS: Readonly<Record<string, { member: string; legacy: boolean }>> = {
  "kubernetes.io/dockerconfigjson": { member: ".dockerconfigjson", legacy: false },
  "kubernetes.io/dockercfg": { member: ".dockercfg", legacy: true },
};

/** Key of Docker Hub, which covers its images under every name. */
const DOCKER_HUB = "index.docker.io";

/**
 * The entries of pull secrets, the most specific first.
 *
 * A secret of another type, or without the member that its type wants, has none: the kubelet passes over it, too. An
 * entry is its `auth`, else `username` and `password`; tokens are not read. Entries without credentials stay out.
 *
 * @throws {OciError} `ERR_OCI_AUTH_FILE_INVALID` for a secret that cannot be decoded; no value is repeated.
 */
export function parsePullSecrets(secrets: Iterable<PullSecretObject>): PullSecrets {
  const entries: PullSecretEntry[] = [];
  for (const { type = "", data = {} } of secrets) {
    const form = Object.hasOwn(FORMS, type) ? FORMS[type] : undefined;
    const text = form && Object.hasOwn(data, form.member) ? data[form.member] : undefined;
    if (!form || !text) continue;
    const { auths } = parseAuthFile(decode(text, form.member), { legacy: form.legacy });
    for (const [key, entry] of auths) {
      const credentials = readEntry(key, entry);
      if (credentials) entries.push({ key: indexKey(key), credentials });
    }
  }
  // Backwards by text, so that of two keys of one host the longer comes first, and patterns come after names.
  return entries.toSorted((a, b) => (a.key < b.key ? 1 : a.key > b.key ? -1 : 0));
}

/**
 * The entries whose keys cover an image, in the order in which the kubelet tries them, one after the other until a
 * pull succeeds; Docker Hub's for its images if no other does.
 *
 * @param name Full name of a repository, such as `docker.io/library/busybox`.
 */
export function findPullSecrets(secrets: PullSecrets, name: string): PullSecretEntry[] {
  const found = secrets.filter(({ key }) => covers(key, name));
  if (found.length > 0 || !isDockerHub(name)) return found;
  return secrets.filter(({ key }) => key === DOCKER_HUB);
}

/**
 * The first of the entries that cover a repository, as a function for `createRegistry`.
 *
 * The kubelet tries the others when a pull fails, which this does not.
 */
export function pullSecretCredentials(secrets: PullSecrets): CredentialsFunction {
  return (host, { repository }) => findPullSecrets(secrets, `${host}/${repository}`)[0]?.credentials;
}

function decode(text: string, member: string): Uint8Array {
  const digits = text.replaceAll(/[\r\n]/g, "");
  if (digits.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(digits)) {
    throw new OciError("ERR_OCI_AUTH_FILE_INVALID", `${member} is not base64`);
  }
  return Buffer.from(digits, "base64");
}

function readEntry(key: string, entry: AuthFileEntry): Credentials | undefined {
  const pair = parseBasicPair(entry.auth ?? "", { padding: "optional" });
  if (pair.kind === "invalid" || (pair.kind === "none" && pair.reason === "no-colon")) {
    const message = `entry ${JSON.stringify(key)}: auth is not base64 of user:password: ${pair.reason}`;
    throw new OciError("ERR_OCI_AUTH_FILE_INVALID", message);
  }
  const { username, password } =
    pair.kind === "pair" ? pair : { username: entry.username ?? "", password: entry.password ?? "" };
  return username === "" && password === "" ? undefined : { kind: "password", username, password };
}

/** The key as it is compared: without scheme, query, the API's version, and a path that is nothing but `/`. */
function indexKey(key: string): string {
  const stripped = key.replace(/^https?:\/\//, "").replace(/[?#].*$/s, "");
  const slash = stripped.indexOf("/");
  if (slash < 0) return stripped;
  const path = stripped.slice(slash).replace(/^\/v[12](?=\/)/, "");
  return stripped.slice(0, slash) + (path === "/" ? "" : path);
}

/** Whether a key, or a pattern of a credential provider, covers the full name of a repository. */
export function covers(key: string, name: string): boolean {
  const pattern = split(key);
  const target = split(name);
  if (pattern.port !== target.port || pattern.labels.length !== target.labels.length) return false;
  if (!target.path.startsWith(pattern.path)) return false;
  try {
    return pattern.labels.every((label, at) => matchPathPattern(label, target.labels[at] ?? ""));
  } catch (error) {
    // A malformed pattern covers nothing.
    if (error instanceof CoreError) return false;
    throw error;
  }
}

function split(text: string): { labels: string[]; port: string; path: string } {
  const slash = text.indexOf("/");
  const host = slash < 0 ? text : text.slice(0, slash);
  const [, name = "", port = ""] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(host) ?? ["", host];
  return { labels: name.split("."), port, path: slash < 0 ? "" : text.slice(slash) };
}

function isDockerHub(name: string): boolean {
  return name.startsWith("docker.io/") || name.startsWith("index.docker.io/");
}

/**
 * Where the signatures of an image are in a lookaside store.
 *
 * ```text
 * url      = lookaside "/" path-of-repository "@" algorithm "=" hex "/signature-" number
 * number   = from 1
 * ```
 *
 * The host is no part of it: registries with one store and images of one path share signatures. A URL is read as Go
 * reads it: a slash at its end is kept, so that two follow each other; its query is kept; percent-escapes of its path
 * are undone and made anew.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/signature-protocols.md}
 * @module
 */
import { digestAlgorithm, digestHex, parseDigest } from "../../core/digest.ts";
import { PolicyError } from "../errors.ts";
import { quote } from "../quote.ts";

/** A lookaside URL, read. */
export interface LookasideUrl {
  /** In lower case; empty if there is none. */
  readonly scheme: string;
  /** User and password, host and port, as written; absent if there is no `//`. */
  readonly authority: string | undefined;
  /** Without percent-escapes. */
  readonly path: string;
  /** With its question mark; else empty. */
  readonly query: string;
}

/**
 * Reads the URL of a lookaside store.
 *
 * Any scheme is read, also none: whether there is a way to it shows when signatures are asked for.
 *
 * @throws {PolicyError} `ERR_POLICY_REGISTRIES_D` for what is no URL, and for one without a slash after its scheme,
 * whose path is nowhere.
 */
export function parseLookasideUrl(text: string): LookasideUrl {
  const refuse = (why: string): PolicyError =>
    new PolicyError("ERR_POLICY_REGISTRIES_D", `Invalid signature storage URL ${quote(shown(text))}: ${why}`);
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x20 || code === 0x7f) throw refuse("invalid control character in URL");
  }
  const [, beforeFragment = ""] = /^([^#]*)/.exec(text) ?? [];
  const mark = beforeFragment.indexOf("?");
  const query = mark < 0 ? "" : beforeFragment.slice(mark);
  const beforeQuery = mark < 0 ? beforeFragment : beforeFragment.slice(0, mark);
  if (beforeQuery.startsWith(":")) throw refuse("missing protocol scheme");
  const [prefix = "", name = ""] = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(beforeQuery) ?? [];
  const rest = beforeQuery.slice(prefix.length);
  if (name !== "" && !rest.startsWith("/")) throw refuse("no slash after the scheme");
  const [segment = ""] = rest.split("/", 1);
  if (name === "" && segment.includes(":")) throw refuse("first path segment in URL cannot contain colon");
  const [, authority, rawPath = ""] = /^(?:\/\/([^/]*))?(.*)$/s.exec(rest) ?? [];
  if (authority !== undefined && !isAuthority(authority)) throw refuse("invalid character in host name");
  const path = unescapePath(rawPath);
  if (path === undefined) throw refuse("invalid URL escape");
  return { scheme: name.toLowerCase(), authority, path, query };
}

/** User information and host by the characters that Go admits; whether the host exists is not asked. */
function isAuthority(authority: string): boolean {
  const at = authority.lastIndexOf("@");
  const user = authority.slice(0, Math.max(at, 0));
  const host = authority.slice(at + 1);
  if (!/^(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*$/.test(user)) return false;
  return /^(?:\[[0-9A-Fa-f:.]+(?:%25[A-Za-z0-9._~-]+)?\]|[^\s[\]"<>^`{|}\\:%]*)(?::[0-9]*)?$/.test(host);
}

/** A path without percent-escapes; nothing for what is no UTF-8, and for NUL, which no file has in its name. */
function unescapePath(path: string): string | undefined {
  try {
    const decoded = decodeURIComponent(path);
    return decoded.includes("\0") ? undefined : decoded;
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** The URL of a repository's signatures: what stands before `@`. */
export function repositoryUrl(store: LookasideUrl, repositoryPath: string): LookasideUrl {
  return { ...store, path: `${store.path}/${repositoryPath}` };
}

/**
 * The URL of a signature.
 *
 * @param repository The URL of the repository's signatures.
 * @param index From 0, as in a list.
 * @throws {CoreError} `ERR_DIGEST_INVALID` or `ERR_DIGEST_UNSUPPORTED` for a text that is no digest.
 */
export function signatureUrl(repository: LookasideUrl, manifestDigest: string, index: number): LookasideUrl {
  const digest = parseDigest(manifestDigest);
  const name = `${digestAlgorithm(digest)}=${digestHex(digest)}`;
  return { ...repository, path: `${repository.path}@${name}/signature-${index + 1}` };
}

/** The text of a URL, user information and query included. */
export function formatLookasideUrl({ scheme, authority, path, query }: LookasideUrl): string {
  const start = scheme === "" ? "" : `${scheme}:`;
  const host = authority === undefined ? "" : `//${authority}`;
  return `${start}${host}${escapePath(path)}${query}`;
}

/** The text of a URL as it may be shown: without user information and query, which may be secrets. */
export function displayLookasideUrl(url: LookasideUrl): string {
  const { authority } = url;
  const host = authority?.slice(authority.lastIndexOf("@") + 1);
  return formatLookasideUrl({ ...url, authority: host, query: "" });
}

/** Escapes what Go escapes in a path. */
function escapePath(path: string): string {
  return path.replace(/[^A-Za-z0-9._~$&+,/:;=@-]+/gu, (run) =>
    Buffer.from(run).toString("hex").toUpperCase().replace(/../g, "%$&"),
  );
}

/** A text that may be a URL, without what may be secret in it. */
function shown(text: string): string {
  return text.replace(/\/\/[^/]*@/, "//").replace(/[?#].*$/s, "");
}

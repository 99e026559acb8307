/**
 * URLs of hosts as `hosts.toml` writes them: with or without scheme, with the path of the API or a part of it.
 *
 * @see {@link https://github.com/containerd/containerd/blob/v2.1.0/docs/hosts.md}
 * @module
 */
import { posix } from "node:path";
import { configError } from "./toml.ts";

/** Where requests go. */
export interface HostAddress {
  scheme: "https" | "http";
  /** Host, with the port if one is written. */
  host: string;
  /** Root of the API: begins with `/`, or is empty. */
  path: string;
}

/** Options of {@link parseHostUrl}. */
export interface ParseHostUrlOptions {
  /** Whether the path is the root of the API as it is; otherwise `/v2` is added unless it ends so. */
  overridePath: boolean;
  /** Whether user information, query and fragment are dropped, as by containerd. Default: they are refused. */
  lenient?: boolean | undefined;
}

/**
 * The address that a URL means. Without scheme it is HTTPS.
 *
 * As in containerd a path of a slash alone becomes `//v2`, which most registries do not serve.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID`, naming `where`.
 */
export function parseHostUrl(
  text: string,
  where: string,
  { overridePath, lenient = false }: ParseHostUrlOptions,
): HostAddress {
  const url = text.startsWith("http") ? text : `https://${text}`;
  const match = /^(https?):\/\/(?:([^/?#@]*)@)?([^/?#@\\]+)([^?#\\]*)((?:[?#].*)?)$/.exec(url);
  if (!match || /[\s\p{Cc}]/u.test(url) || !URL.canParse(url)) throw configError(where, "no URL of a host");
  const [, scheme = "", user, host = "", path = "", more] = match;
  if (host.endsWith(":")) throw configError(where, "a host with an empty port");
  if (!lenient && user !== undefined) throw configError(where, "user information in the URL");
  if (!lenient && more !== "") throw configError(where, "query or fragment in the URL");
  return { scheme: scheme === "http" ? "http" : "https", host, path: apiPath(path, overridePath) };
}

function apiPath(path: string, overridePath: boolean): string {
  if (path === "") return overridePath ? "" : "/v2";
  const clean = cleanPath(path);
  return overridePath || clean.endsWith("/v2") ? clean : `${clean}/v2`;
}

function cleanPath(path: string): string {
  const normal = posix.normalize(path);
  return normal === "/" ? normal : normal.replace(/\/$/, "");
}

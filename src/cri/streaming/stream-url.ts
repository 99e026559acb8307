/**
 * The URLs that runtimes give out for streaming sessions: which of them may be opened.
 *
 * The URL comes from the runtime, and whoever opens it sends what the user types. It leads to this machine, or to
 * where the caller says that it may.
 *
 * @module
 */
import { isIP } from "node:net";
import { CriError } from "../errors.ts";

/** A URL that may be opened. */
export interface StreamUrl {
  readonly secure: boolean;
  /** Name or address, an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** What the `Host` header says. */
  readonly authority: string;
  /** Path and query. It holds the token that opens the session once. */
  readonly path: string;
}

/** Options of {@link parseStreamUrl}. */
export interface ParseStreamUrlOptions {
  /** Endpoint of the runtime; the host of a `tcp://` one may be dialled. */
  endpoint?: string | undefined;
  /**
   * Hosts besides loopback addresses that may be dialled, as `host` for every port or `host:port`; IPv6 addresses in
   * brackets. They are compared whole.
   */
  allowHosts?: readonly string[] | undefined;
}

/** Where crictl goes if a URL has no host: the port of the kubelet. */
const DEFAULT_AUTHORITY = "127.0.0.1:10250";

const MAX_URL_BYTES = 8192;

/**
 * The streaming URL in a text, if it may be opened.
 *
 * As for crictl, a missing scheme is `http` and a missing host this machine, with port 10250 where there is none
 * either. No name is looked up: a name that is not `localhost` must be allowed by the caller. The token is in no error.
 *
 * @throws {CriError} `ERR_CRI_STREAM_URL_REFUSED` for a text that is no such URL, one with a user or a password, and
 * a host that is neither a loopback address nor allowed.
 */
export function parseStreamUrl(text: string, options: ParseStreamUrlOptions = {}): StreamUrl {
  const url = readUrl(text);
  const host = url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  if (!isLoopbackAddress(host) && !isAllowed(url, options)) {
    throw refused(`it leads to ${url.host}, which is neither this machine nor allowed`);
  }
  const secure = url.protocol === "https:";
  return {
    secure,
    host,
    port: Number(url.port || (secure ? 443 : 80)),
    authority: url.host,
    path: url.pathname + url.search,
  };
}

/** A URL as it may be shown: without its token. */
export function displayStreamUrl({ secure, authority, path }: StreamUrl): string {
  const kind = path.split("/")[1] ?? "";
  return `${secure ? "https" : "http"}://${authority}/${/^[a-z-]{1,20}$/.test(kind) ? kind : ""}`;
}

/** A text in which the token of a URL does not occur. */
export function withoutToken(text: string, { path }: StreamUrl): string {
  const token = path.split("?")[0]?.split("/").at(-1) ?? "";
  const hidden = text.replaceAll(path, "[redacted]");
  return token.length < 4 ? hidden : hidden.replaceAll(token, "[redacted]");
}

/** Whether a host is this machine without a question to a name server. */
export function isLoopbackAddress(host: string): boolean {
  if (host === "localhost" || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}

function readUrl(text: string): URL {
  if (text.length > MAX_URL_BYTES) throw refused("it is too long");
  if (/[\p{Cc}\p{Z}\\]/u.test(text)) throw refused("it has a space or a control character");
  const [, scheme, hasHost, authority = "", rest = ""] =
    /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(\/\/)?([^/?#]*)(.*)$/.exec(text) ?? [];
  if (scheme !== undefined && !/^(?:https?|wss?)$/i.test(scheme)) throw refused("its scheme is not HTTP");
  if (hasHost === undefined && authority !== "") throw refused("it has neither a scheme nor a host");
  if (!rest.startsWith("/")) throw refused("it has no path");
  if (authority.includes("@")) throw refused("it has a user or a password");
  const secure = /^(?:https|wss)$/i.test(scheme ?? "");
  const host = authority.startsWith(":") ? `127.0.0.1${authority}` : authority || DEFAULT_AUTHORITY;
  const full = `${secure ? "https" : "http"}://${host}${rest}`;
  if (!URL.canParse(full)) throw refused("it cannot be read");
  const url = new URL(full);
  if (url.hash !== "" || text.includes("#")) throw refused("it has a fragment");
  if (url.port === "0") throw refused("it has no port to dial");
  return url;
}

function isAllowed(url: URL, { endpoint, allowHosts = [] }: ParseStreamUrlOptions): boolean {
  const own = endpoint !== undefined && /^tcp:\/\//i.test(endpoint) ? hostOf(endpoint.slice(6)) : undefined;
  if (own === url.hostname) return true;
  return allowHosts.some((allowed) => {
    const [, host = "", port] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]+))?$/.exec(allowed) ?? [];
    if (host === "" || hostOf(host) !== url.hostname) return false;
    return port === undefined || Number(port) === Number(url.port || (url.protocol === "https:" ? 443 : 80));
  });
}

/** A host in the form that URLs give it. */
function hostOf(authority: string): string | undefined {
  return URL.canParse(`http://${authority}/`) ? new URL(`http://${authority}/`).hostname : undefined;
}

function refused(why: string): CriError {
  return new CriError("ERR_CRI_STREAM_URL_REFUSED", `the runtime's streaming URL is not opened: ${why}`);
}

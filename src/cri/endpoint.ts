/**
 * Endpoints of runtimes.
 *
 * ```text
 * endpoint = "unix://" path                    ; percent-encoded as in a URL
 *          / path                              ; begins with "/", taken as it is; deprecated form
 *          / "npipe:////./pipe/" name           ; Windows, percent-encoded
 *          / "tcp://" host ":" port            ; Windows, and where asked for
 * ```
 *
 * Access to a unix socket is by file permissions: the protocol itself has neither TLS nor authentication.
 *
 * @see {@link https://github.com/kubernetes/cri-api/tree/v0.36.0}
 * @module
 */
import { isIP } from "node:net";
import { CriError } from "./errors.ts";

/** A parsed endpoint. */
export interface CriEndpoint {
  protocol: "unix" | "npipe" | "tcp";
  /** Socket path, pipe path such as `\\.\pipe\containerd-containerd`, or `host:port`. */
  address: string;
  /** Whether it was given as a bare path, without `unix://`. */
  deprecated: boolean;
}

/** Options of {@link parseCriEndpoint}. */
export interface ParseCriEndpointOptions {
  /** Which kinds exist: only unix sockets on `"unix"`, pipes and TCP on `"windows"`. */
  platform: "unix" | "windows";
  /** Takes `tcp:` on every platform, to a loopback address. Default false. */
  allowTcp?: boolean | undefined;
  /** Takes `tcp:`, to any host and on every platform, and nothing else: the connection will be secured. */
  tls?: boolean | undefined;
}

/** Longest path of a unix socket in bytes: `sun_path` of Linux without its final NUL. BSD systems take 103. */
const MAX_SOCKET_PATH = 107;

/**
 * The endpoint that a text denotes.
 *
 * Nothing is opened or looked up. A TCP endpoint must name a loopback address unless TLS will be used: otherwise the
 * connection is plain text.
 *
 * @throws {CriError} `ERR_CRI_ENDPOINT_INVALID` for a text outside the grammar or a path no socket can have.
 * @throws {CriError} `ERR_CRI_ENDPOINT_UNSUPPORTED` for a kind that the platform does not use, for TCP in plain text
 * to anything but a loopback address, and for anything but TCP where TLS will be used.
 */
export function parseCriEndpoint(text: string, options: ParseCriEndpointOptions): CriEndpoint {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase();
  const rest = scheme === undefined ? text : text.slice(scheme.length + 1);
  const windows = options.platform === "windows";
  if (options.tls && scheme !== "tcp") throw unsupported(text, "TLS is for tcp: endpoints only");
  switch (scheme) {
    case undefined:
      return parsePath(text, windows);
    case "unix":
      return { protocol: "unix", address: socketPath(text, urlPath(text, rest)), deprecated: false };
    case "npipe":
      if (!windows) throw unsupported(text, "named pipes exist on Windows only");
      return { protocol: "npipe", address: pipePath(text, rest), deprecated: false };
    case "tcp":
      if (!windows && !options.allowTcp && !options.tls) {
        throw unsupported(text, "TCP is not used on this platform");
      }
      return { protocol: "tcp", address: tcpAddress(text, rest, options), deprecated: false };
    default:
      throw unsupported(text, `${scheme}: is not a kind of CRI endpoint`);
  }
}

/** The normal text form of an endpoint, which {@link parseCriEndpoint} reads back. */
export function formatCriEndpoint({ protocol, address }: CriEndpoint): string {
  if (protocol === "tcp") return `tcp://${address}`;
  const path = protocol === "npipe" ? address.replaceAll("\\", "/") : address;
  return `${protocol}://${path.split("/").map(encodeURIComponent).join("/")}`;
}

function parsePath(text: string, windows: boolean): CriEndpoint {
  if (!text.startsWith("/") || windows) throw invalid(text, "neither a URL nor an absolute path");
  return { protocol: "unix", address: socketPath(text, text), deprecated: true };
}

/** The decoded path of a URL without host, query and fragment. */
function urlPath(text: string, rest: string): string {
  if (!rest.startsWith("///")) throw invalid(text, "a unix endpoint is unix:// and an absolute path");
  return decode(text, rest.slice(2));
}

function decode(text: string, encoded: string): string {
  if (/[?#]/.test(encoded)) throw invalid(text, "it has a query or a fragment");
  try {
    return decodeURIComponent(encoded);
  } catch (cause) {
    throw invalid(text, "the path is not percent-encoded UTF-8", cause);
  }
}

function socketPath(text: string, path: string): string {
  checkCharacters(text, path);
  if (path.endsWith("/")) throw invalid(text, "the path is that of a folder");
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
    throw invalid(text, `a socket path has at most ${MAX_SOCKET_PATH} bytes`);
  }
  return path;
}

function pipePath(text: string, rest: string): string {
  const [, host, encoded] = /^\/\/(?:\/\/)?([A-Za-z0-9.-]+)\/pipe\/(.+)$/.exec(rest) ?? [];
  if (encoded === undefined) throw invalid(text, "a pipe endpoint is npipe:////./pipe/NAME");
  if (host !== ".") throw unsupported(text, "only pipes of this machine are used");
  const name = decode(text, encoded);
  checkCharacters(text, name);
  if (/[/\\]/.test(name)) throw invalid(text, "the name of a pipe has no slash");
  return `\\\\.\\pipe\\${name}`;
}

function checkCharacters(text: string, path: string): void {
  if (/[\0\n\r\u2028\u2029]/.test(path)) throw invalid(text, "the path has a NUL or a line break");
  if (/\p{Surrogate}/u.test(path)) throw invalid(text, "the path has a lone surrogate");
}

function tcpAddress(text: string, rest: string, { tls }: ParseCriEndpointOptions): string {
  const match = /^\/\/(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/.exec(rest);
  const [, ipv6, name, port] = match ?? [];
  const host = ipv6 ?? name;
  if (host === undefined || (ipv6 !== undefined && isIP(ipv6) !== 6)) {
    throw invalid(text, "a TCP endpoint is tcp://HOST:PORT");
  }
  const number = Number(port);
  if (number < 1 || number > 65535) throw invalid(text, "the port is not between 1 and 65535");
  if (!tls && !isLoopback(host)) throw unsupported(text, "plain text goes to loopback addresses only");
  return isIP(host) === 6 ? `[${host}]:${number}` : `${host}:${number}`;
}

function isLoopback(host: string): boolean {
  if (host.toLowerCase() === "localhost") return true;
  return isIP(host) === 4 ? host.startsWith("127.") : host === "::1";
}

function invalid(text: string, why: string, cause?: unknown): CriError {
  return new CriError("ERR_CRI_ENDPOINT_INVALID", `invalid CRI endpoint ${quote(text)}: ${why}`, { cause });
}

function unsupported(text: string, why: string): CriError {
  return new CriError("ERR_CRI_ENDPOINT_UNSUPPORTED", `unsupported CRI endpoint ${quote(text)}: ${why}`);
}

/** A URL may hold a password, so that nothing in front of an `@` is shown. */
function quote(text: string): string {
  return JSON.stringify(text.replace(/\/\/[^/]*@/, "//").slice(0, 200));
}

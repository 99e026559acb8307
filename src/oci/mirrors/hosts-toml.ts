/**
 * `hosts.toml`: which hosts containerd asks for the images of a namespace, and how.
 *
 * ```toml
 * server = "https://registry.example.com"       # asked last; default: the namespace's own host
 *
 * [host."https://mirror.example.com"]           # asked in the order of the file
 *   capabilities = ["pull", "resolve"]
 *   ca = "mirror.crt"
 * ```
 *
 * @see {@link https://github.com/containerd/containerd/blob/v2.1.0/docs/hosts.md}
 * @module
 */
import { posix, win32 } from "node:path";
import type { EndpointCapability } from "../endpoint.ts";
import type { CertificateFiles, ClientCertificate } from "./certificate-files.ts";
import { ALL_CAPABILITIES, type DefaultHostOptions, defaultHost, hostScheme } from "./default-host.ts";
import { parseDuration } from "./duration.ts";
import { type HostAddress, parseHostUrl } from "./host-url.ts";
import {
  configError,
  parseToml,
  type TomlTable,
  tomlFlag,
  tomlHeaders,
  tomlTable,
  tomlText,
  tomlTexts,
  unknownKeys,
} from "./toml.ts";

/** What is set for a host, wherever it is. */
export interface HostSettings {
  capabilities: readonly EndpointCapability[];
  /** Files of authorities, besides those of the system; absent where the key is absent. */
  ca?: readonly string[];
  /** Files of client certificates; absent where the key is absent. */
  client?: readonly ClientCertificate[];
  /** Whether the certificate is not checked; absent where the key is absent. */
  skipVerify?: boolean;
  /** Sent to this host alone; absent where the key is absent. */
  header?: Readonly<Record<string, readonly string[]>>;
  /** Longest time to connect, in milliseconds; absent where the key is absent. */
  dialTimeoutMs?: number;
}

/** A host as the file has it. */
export interface HostEntry extends HostSettings, HostAddress {}

/** A file that was read. */
export interface HostsToml {
  /** The `[host."…"]` tables, in the order of the file. */
  hosts: readonly HostEntry[];
  /** `server` and the settings around it; without address where there is no `server`. */
  server: HostEntry | (HostSettings & { host?: undefined });
  /** Keys that mean nothing; only with `lenient`, otherwise they are refused. */
  ignored: readonly string[];
}

/** Options of {@link parseHostsToml}. */
export interface ParseHostsTomlOptions {
  /** Folder of the file: relative paths of certificates are below it. Default: they stay relative. */
  baseDir?: string | undefined;
  /**
   * Whether keys that mean nothing, hosts outside of `[host."…"]` tables, and parts of URLs that have no use are
   * passed over, as by containerd. Default: they are refused.
   */
  lenient?: boolean | undefined;
  /** Whose paths. Default `"unix"`. */
  os?: "unix" | "windows" | undefined;
}

const HOST_KEYS = [
  "capabilities",
  "ca",
  "client",
  "skip_verify",
  "header",
  "override_path",
  "dial_timeout",
] as const;

/**
 * A `hosts.toml`. Files that it names are not read.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID`, with the dotted key in the message.
 */
export function parseHostsToml(text: string, options: ParseHostsTomlOptions = {}): HostsToml {
  const { lenient = false } = options;
  const root = parseToml(text);
  const ignored = unknownKeys(root, ["server", "host", ...HOST_KEYS], "");
  const tables = root["host"] === undefined ? {} : tomlTable(root["host"], "host");
  const named = hostNames(text);
  ignored.push(...unknownKeys(tables, named, "host"));
  const hosts = named.map((url): HostEntry => {
    const where = `host.${JSON.stringify(url)}`;
    const table = tomlTable(tables[url], where);
    ignored.push(...unknownKeys(table, HOST_KEYS, where));
    return {
      ...parseHostUrl(url, where, urlOptions(table, where, options)),
      ...settings(table, where, options),
    };
  });
  const address = tomlText(root["server"], "server") ?? "";
  const own = settings(root, "", options);
  const server =
    address === "" ? own : { ...parseHostUrl(address, "server", urlOptions(root, "", options)), ...own };
  const [first] = ignored;
  if (first !== undefined && !lenient) throw configError(first, "unknown key");
  return { hosts, server, ignored };
}

/** The hosts that have a table with a header, in order of their first one. */
function hostNames(text: string): string[] {
  const names = new Set<string>();
  for (const [key, name] of tomlHeaders(text)) {
    if (key === "host" && name !== undefined) names.add(name);
  }
  return [...names];
}

function urlOptions(
  table: TomlTable,
  where: string,
  { lenient }: ParseHostsTomlOptions,
): { overridePath: boolean; lenient: boolean | undefined } {
  return { overridePath: tomlFlag(table["override_path"], below(where, "override_path")) ?? false, lenient };
}

function settings(table: TomlTable, where: string, options: ParseHostsTomlOptions): HostSettings {
  const found: HostSettings = {
    capabilities: capabilities(table["capabilities"], below(where, "capabilities")),
  };
  const path = (name: string): string => absolute(name, options);
  const ca = textOrTexts(table["ca"], below(where, "ca"));
  if (ca !== undefined) found.ca = ca.map(path);
  const client = clientCertificates(table["client"], below(where, "client"));
  if (client !== undefined) {
    found.client = client.map(([cert, key]) => [path(cert), key === "" ? "" : path(key)] as const);
  }
  const skipVerify = tomlFlag(table["skip_verify"], below(where, "skip_verify"));
  if (skipVerify !== undefined) found.skipVerify = skipVerify;
  if (table["header"] !== undefined) found.header = headers(table["header"], below(where, "header"));
  const dialTimeoutMs = duration(table["dial_timeout"], below(where, "dial_timeout"));
  if (dialTimeoutMs !== undefined) found.dialTimeoutMs = dialTimeoutMs;
  return found;
}

function capabilities(value: unknown, where: string): readonly EndpointCapability[] {
  const names = tomlTexts(value, where) ?? [];
  if (names.length === 0) return ALL_CAPABILITIES;
  const wanted = names.map((name) => name.toLowerCase());
  const known = new Set<string>(ALL_CAPABILITIES);
  const unknown = wanted.find((name) => !known.has(name));
  if (unknown !== undefined) throw configError(where, `unknown capability ${JSON.stringify(unknown)}`);
  return ALL_CAPABILITIES.filter((each) => wanted.includes(each));
}

function textOrTexts(value: unknown, where: string): string[] | undefined {
  return typeof value === "string" ? [value] : tomlTexts(value, where);
}

/** A path, a list of paths, or a list of pairs. */
function clientCertificates(value: unknown, where: string): ClientCertificate[] | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string") return [[value, ""]];
  if (!Array.isArray(value)) throw configError(where, "must be a path, or a list of paths or pairs");
  return value.map((each: unknown, index): ClientCertificate => {
    const at = `${where}[${index}]`;
    const [cert, key = "", ...more] = textOrTexts(each, at) ?? [];
    if (cert === undefined || more.length > 0) throw configError(at, "must be a certificate and its key");
    return [cert, key];
  });
}

function headers(value: unknown, where: string): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(tomlTable(value, where)).map(([name, line]) => [
      name,
      textOrTexts(line, below(where, name)) ?? [],
    ]),
  );
}

function duration(value: unknown, where: string): number | undefined {
  const text = tomlText(value, where) ?? "";
  if (text === "") return undefined;
  const ms = parseDuration(text);
  if (ms === undefined) throw configError(where, `no duration: ${JSON.stringify(text.slice(0, 64))}`);
  return ms;
}

function absolute(path: string, { baseDir, os = "unix" }: ParseHostsTomlOptions): string {
  if (!baseDir) return path;
  const { isAbsolute, join } = os === "windows" ? win32 : posix;
  return isAbsolute(path) ? path : join(baseDir, path);
}

function below(where: string, key: string): string {
  return where === "" ? key : `${where}.${key}`;
}

/** A host that is asked for the images of a namespace. */
export interface ResolvedHost extends HostEntry {
  /** Whether plain HTTP is tried where TLS turns out not to be spoken. */
  httpFallback: boolean;
  /** Where it comes from: a table of the file, its `server`, or the namespace by itself. */
  origin: "host" | "server" | "default";
}

/** Options of {@link resolveHosts}. */
export interface ResolveHostsOptions extends DefaultHostOptions {
  /** Whether the caller has TLS settings for every host: a host with plain HTTP is then asked with TLS first. */
  defaultTls?: boolean | undefined;
}

/**
 * The hosts for a namespace in the order in which they are asked: those of the file, then its server.
 *
 * A file without `server` ends in the namespace's own host, for which the capabilities around it are not kept.
 * Without a file there is only that host; for `certificates` it has those.
 */
export function resolveHosts(
  namespace: string,
  config: HostsToml | CertificateFiles | undefined,
  { defaultScheme, defaultTls = false }: ResolveHostsOptions = {},
): ResolvedHost[] {
  const file = config !== undefined && "hosts" in config ? config : undefined;
  const server = file ? file.server : { capabilities: ALL_CAPABILITIES, ...certificateSettings(config) };
  const last: Omit<ResolvedHost, "httpFallback"> =
    server.host === undefined
      ? withDefaultHost(namespace, server, { defaultScheme })
      : { ...server, origin: "server" };
  const all = [...(file?.hosts ?? []).map((host) => ({ ...host, origin: "host" as const })), last];
  return all.map((host) => {
    const explicitTls =
      defaultTls || host.ca !== undefined || host.client !== undefined || host.skipVerify !== undefined;
    return { ...host, ...hostScheme(host, explicitTls) };
  });
}

function certificateSettings(config: HostsToml | CertificateFiles | undefined): Partial<HostSettings> {
  if (config === undefined || "hosts" in config) return {};
  const { ca, client } = config;
  return { ...(ca.length > 0 ? { ca } : {}), ...(client.length > 0 ? { client } : {}) };
}

function withDefaultHost(
  namespace: string,
  settings: HostSettings,
  options: DefaultHostOptions,
): Omit<ResolvedHost, "httpFallback"> {
  const { skipVerify, ...address } = defaultHost(namespace, options);
  const { host: _, ...kept } = settings as HostSettings & { host?: undefined };
  return {
    ...kept,
    ...address,
    capabilities: ALL_CAPABILITIES,
    ...(skipVerify === undefined ? {} : { skipVerify }),
    origin: "default",
  };
}

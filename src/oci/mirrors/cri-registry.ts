/**
 * Mirrors as containerd 1 has them in its own configuration: `registry.mirrors` and `registry.configs` of the CRI
 * plugin.
 *
 * They count only where `registry.config_path` is empty.
 *
 * @see {@link https://github.com/containerd/containerd/blob/v1.7.27/docs/cri/registry.md}
 * @module
 */
import { isLoopbackHost } from "../address.ts";
import { defaultHost, hostPort, hostScheme } from "./default-host.ts";
import { parseHostUrl } from "./host-url.ts";
import type { ResolvedHost } from "./hosts-toml.ts";
import { configError, type TomlTable, tomlFlag, tomlTable, tomlText, tomlTexts } from "./toml.ts";

/** The `registry` table of the CRI plugin, as a TOML reader gives it. */
export type CriRegistryTable = Readonly<Record<string, unknown>>;

/**
 * The hosts for a namespace: the endpoints of its mirrors, or of `*`, then the namespace's own host.
 *
 * @throws {OciError} `ERR_OCI_CONFIG_INVALID`, with the dotted key in the message; also where `config_path` is set.
 */
export function resolveCriMirrors(namespace: string, registry: CriRegistryTable): ResolvedHost[] {
  if ((tomlText(registry["config_path"], "config_path") ?? "") !== "") {
    throw configError("mirrors", "config_path is set, and mirrors do not count beside it");
  }
  const mirrors = tableOf(registry["mirrors"], "mirrors");
  const key = [namespace, "*"].find((each) => Object.hasOwn(mirrors, each));
  const where = `mirrors.${JSON.stringify(key ?? namespace)}`;
  const mirror = key === undefined ? {} : tableOf(mirrors[key], where);
  const endpoints = (tomlTexts(mirror["endpoint"], `${where}.endpoint`) ?? []).map((text) =>
    endpoint(text, `${where}.endpoint`, "host", registry),
  );
  const { host } = defaultHost(namespace);
  if (endpoints.some((each) => each.host === host)) return endpoints;
  const scheme = isLoopbackHost(hostName(host)) ? "http" : "https";
  return [...endpoints, endpoint(`${scheme}://${host}`, "server", "default", registry)];
}

function endpoint(
  text: string,
  where: string,
  origin: ResolvedHost["origin"],
  registry: CriRegistryTable,
): ResolvedHost {
  // The path of an endpoint is the root of the API as it is; only an empty one is /v2.
  const bare = parseHostUrl(text, where, { overridePath: true });
  const address = { ...bare, path: bare.path === "" ? "/v2" : bare.path };
  const tls = tlsOf(address.host, registry);
  const local = address.scheme === "http" && isLoopbackHost(hostName(address.host));
  const skipVerify = tls?.skipVerify ?? (local && tls === undefined && hostPort(address.host) !== "80");
  return {
    ...address,
    ...hostScheme(address, tls !== undefined || skipVerify),
    capabilities: ["pull", "resolve"],
    ...tls,
    ...(skipVerify ? { skipVerify } : {}),
    origin,
  };
}

/** `configs."HOST".tls`, if there is one. */
function tlsOf(
  host: string,
  registry: CriRegistryTable,
): Pick<ResolvedHost, "ca" | "client" | "skipVerify"> | undefined {
  const configs = tableOf(registry["configs"], "configs");
  const at = `configs.${JSON.stringify(host)}`;
  const config = Object.hasOwn(configs, host) ? tableOf(configs[host], at) : {};
  if (config["tls"] === undefined) return undefined;
  const tls = tableOf(config["tls"], `${at}.tls`);
  const file = (key: string): string => tomlText(tls[key], `${at}.tls.${key}`) ?? "";
  const [ca, cert, key] = [file("ca_file"), file("cert_file"), file("key_file")];
  if ((cert === "") !== (key === "")) {
    throw configError(`${at}.tls`, "cert_file and key_file are set together or not at all");
  }
  const skipVerify = tomlFlag(tls["insecure_skip_verify"], `${at}.tls.insecure_skip_verify`) ?? false;
  return {
    ...(ca === "" ? {} : { ca: [ca] }),
    ...(cert === "" ? {} : { client: [[cert, key]] }),
    skipVerify,
  };
}

function tableOf(value: unknown, where: string): TomlTable {
  return value === undefined ? {} : tomlTable(value, where);
}

function hostName(host: string): string {
  const port = hostPort(host);
  return port === "" ? host : host.slice(0, -port.length - 1);
}

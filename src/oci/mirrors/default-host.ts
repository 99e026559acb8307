/**
 * What containerd does where nothing is configured: the host of a namespace, its scheme, and the folders in which its
 * configuration is looked for.
 *
 * @see {@link https://github.com/containerd/containerd/blob/v2.1.0/docs/hosts.md}
 * @module
 */
import { hostAddress, isLoopbackHost } from "../address.ts";
import type { EndpointCapability } from "../endpoint.ts";
import type { HostAddress } from "./host-url.ts";

/** Everything that a host can be asked for. */
export const ALL_CAPABILITIES: readonly EndpointCapability[] = ["pull", "resolve", "push", "referrers"];

const DOCKER_DOMAIN = "docker.io";
const DOCKER_HOST = "registry-1.docker.io";

/** Options of {@link defaultHost}. */
export interface DefaultHostOptions {
  /** Scheme for namespaces other than `docker.io`. Default: HTTP for loopback hosts with a port but 443, else HTTPS. */
  defaultScheme?: "https" | "http" | undefined;
}

/** The host that serves a namespace by itself. */
export interface DefaultHost extends HostAddress {
  /** Whether its certificate is not checked: loopback hosts without a scheme of their own, but on port 80. */
  skipVerify: boolean | undefined;
}

/** The host of a namespace such as `quay.io` or `localhost:5000`. */
export function defaultHost(namespace: string, { defaultScheme }: DefaultHostOptions = {}): DefaultHost {
  const path = "/v2";
  if (namespace === DOCKER_DOMAIN) {
    return { scheme: "https", host: DOCKER_HOST, path, skipVerify: undefined };
  }
  if (!isLocal(namespace) || defaultScheme !== undefined) {
    return { scheme: defaultScheme ?? "https", host: namespace, path, skipVerify: undefined };
  }
  const port = hostPort(namespace);
  const secure = port === "" || port === "443";
  return {
    scheme: secure ? "https" : "http",
    host: namespace,
    path,
    skipVerify: port === "80" ? undefined : true,
  };
}

/**
 * Scheme with which a host is asked first, and whether plain HTTP follows.
 *
 * A host that is plain HTTP and still has TLS settings is asked with TLS first; on port 80 it is not.
 */
export function hostScheme(
  { scheme, host }: Pick<HostAddress, "scheme" | "host">,
  explicitTls: boolean,
): { scheme: "https" | "http"; httpFallback: boolean } {
  const ambiguous = scheme === "http" && explicitTls && hostPort(host) !== "80";
  return ambiguous ? { scheme: "https", httpFallback: true } : { scheme, httpFallback: false };
}

/** Port of a host as written, or an empty text: `::1` has none, `[::1]:5000` has one. */
export function hostPort(host: string): string {
  return /^(?:\[[^\]]*\]|[^:[\]]*):([0-9]*)$/.exec(host)?.[1] ?? "";
}

function isLocal(host: string): boolean {
  const port = hostPort(host);
  const name = port === "" ? host : host.slice(0, -port.length - 1);
  if (name === "localhost") return true;
  return hostAddress(name) !== undefined && isLoopbackHost(name);
}

/** Names of the folders, in order, of which the first that exists holds a namespace's configuration. */
export function hostDirectoryNames(namespace: string, os: "unix" | "windows" = "unix"): string[] {
  const names = ["_default"];
  const colon = namespace.lastIndexOf(":");
  // The names become part of a path, so a namespace that is no host has no folder.
  if (/[/\\\0]/.test(namespace) || /^\.*$/.test(namespace)) return names;
  names.unshift(os === "windows" ? namespace.replaceAll(":", "") : namespace);
  if (colon > 0) names.unshift(`${namespace.slice(0, colon)}_${namespace.slice(colon + 1)}_`);
  return names;
}

/** Value of the `ns` query for a host that stands in for a namespace; nothing for the namespace's own host. */
export function namespaceFor(host: string, namespace: string): string | undefined {
  if (host === namespace) return undefined;
  return namespace === DOCKER_DOMAIN && host === DOCKER_HOST ? undefined : namespace;
}

/** Host that credentials are looked up for: `docker.io` for its registry, else the host itself. */
export function credentialDomain(host: string): string {
  return host === DOCKER_HOST ? DOCKER_DOMAIN : host;
}

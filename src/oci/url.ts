/**
 * URLs of registries: which scheme a host gets, and what of a URL may be shown.
 *
 * @module
 */
import { CoreError } from "../core/errors.ts";
import { isLoopbackHost } from "./address.ts";

/**
 * Hosts to be reached over plain HTTP: a list of `host` or `host:port`, or a decision for each, which may leave
 * one to the rule for loopback addresses by giving undefined.
 */
export type PlainHttp = readonly string[] | ((host: string) => boolean | undefined);

const DOCKER_DOMAIN = "docker.io";
const DOCKER_HOST = "registry-1.docker.io";

/**
 * Scheme, host and port under which the registry of a reference's domain is reached.
 *
 * HTTPS, except for hosts that `plainHttp` names. Where it says nothing, a loopback address or `localhost` with a
 * port other than 443 is reached over plain HTTP: containerd too takes it for a registry under development. `docker.io` is served by
 * `registry-1.docker.io`.
 *
 * @throws {CoreError} `ERR_REFERENCE_INVALID` for a domain that no URL can hold, such as one with port 70000.
 */
export function registryUrl(domain: string, plainHttp: PlainHttp = []): URL {
  const host = domain === DOCKER_DOMAIN ? DOCKER_HOST : domain;
  const secure = URL.canParse(`https://${host}/`) ? new URL(`https://${host}/`) : undefined;
  // What the URL parser takes for something else than a host (user information, a path) is no domain.
  if (secure?.username !== "" || secure.pathname !== "/" || secure.search !== "" || secure.hash !== "") {
    throw new CoreError(
      "ERR_REFERENCE_INVALID",
      `${JSON.stringify(domain.slice(0, 255))} is not a registry's host`,
    );
  }
  const word = typeof plainHttp === "function" ? plainHttp(domain) : plainHttp.includes(domain) || undefined;
  const local = isLoopbackHost(secure.hostname) && secure.port !== "";
  return (word ?? local) ? new URL(`http://${host}/`) : secure;
}

/** A URL as it may be shown: without user information, query and fragment, which may hold secrets. */
export function displayUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

/**
 * Endpoints: where the requests of a repository go, when that is not the host that its name begins with.
 *
 * A mirror has a base URL of its own, perhaps below a path, headers and TLS settings that are for it alone, and may
 * serve only some of the requests.
 *
 * @see {@link https://github.com/containerd/containerd/blob/v2.1.0/docs/hosts.md}
 * @module
 */
import type { SecureContextOptions } from "node:tls";
import { OciError } from "./errors.ts";
import { displayUrl } from "./url.ts";

/** Kinds of requests, as `hosts.toml` names them. `push` includes mounts, tags and deletion. */
export type EndpointCapability = "pull" | "resolve" | "push" | "referrers";

/** TLS settings of one endpoint. */
export interface EndpointTls extends Pick<SecureContextOptions, "ca" | "cert" | "key"> {
  /**
   * Takes any certificate of the endpoint's own origin for good. Redirects to elsewhere and token servers on other
   * hosts are checked all the same. Default no.
   */
  skipVerify?: boolean | undefined;
}

/** A base URL, with what requests to it need. */
export interface EndpointPlace {
  /** Root of the API, with `/v2` where the endpoint has it: `https://mirror.example.com/prefix/v2`. */
  url: string | URL;
  /** Host that credentials are looked up for, and warnings named after. Default: host and port of `url`. */
  domain?: string | undefined;
  /** Value of the `ns` query: the host of the reference, where the endpoint serves several. Default: no `ns`. */
  namespace?: string | undefined;
  /** Sent with requests to the origin of `url`, token requests there included, and nowhere else. */
  headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** In place of the client's TLS settings. Default: those of the client. */
  tls?: EndpointTls | undefined;
  /** Longest time to connect, in milliseconds. Default: as the client's. */
  connectTimeoutMs?: number | undefined;
  /** What the endpoint may be asked for. Default: everything. */
  capabilities?: readonly EndpointCapability[] | undefined;
}

/** A checked endpoint. */
export interface Endpoint {
  /** The API's root, without a slash at its end. */
  readonly root: URL;
  readonly domain: string;
  readonly namespace: string | undefined;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly tls: EndpointTls | undefined;
  readonly connectTimeoutMs: number | undefined;
  readonly capabilities: ReadonlySet<EndpointCapability>;
  /** Differs from that of every other endpoint: connections and tokens are kept by it. */
  readonly key: string;
}

const ALL: readonly EndpointCapability[] = ["pull", "resolve", "push", "referrers"];
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const MANAGED =
  /^(?:host|connection|content-length|content-range|transfer-encoding|accept-encoding|range|expect|upgrade|te|trailer|keep-alive)$/i;

let made = 0;

/**
 * Checks an endpoint.
 *
 * @throws {TypeError} for a URL that is not HTTP or HTTPS, or holds user information, query or fragment; for a header
 * that the client sets by itself or that no request can hold.
 */
export function resolveEndpoint(place: EndpointPlace): Endpoint {
  const { domain, namespace, headers = {}, tls, connectTimeoutMs, capabilities = ALL } = place;
  if (!URL.canParse(String(place.url))) throw new TypeError("the url of an endpoint is no URL");
  const root = new URL(place.url);
  const plain = root.username === "" && root.password === "" && root.search === "" && root.hash === "";
  if (!plain || (root.protocol !== "https:" && root.protocol !== "http:")) {
    throw new TypeError(`not the root of an API: ${displayUrl(root)}`);
  }
  root.pathname = root.pathname.replace(/\/+$/, "");
  return {
    root,
    domain: domain ?? root.host,
    namespace,
    headers: checkHeaders(headers),
    tls,
    connectTimeoutMs,
    capabilities: new Set(capabilities),
    key: String(++made),
  };
}

function checkHeaders(headers: NonNullable<EndpointPlace["headers"]>): Record<string, string | string[]> {
  const checked: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    const values = typeof value === "string" ? [value] : [...value];
    const sound = values.every((text) => /^[\t\x20-\x7e\x80-\xff]*$/.test(text));
    if (!HEADER_NAME.test(name) || !sound || MANAGED.test(name)) {
      throw new TypeError(`header ${JSON.stringify(name.slice(0, 64))} cannot be set for an endpoint`);
    }
    checked[name.toLowerCase()] = typeof value === "string" ? value : values;
  }
  return checked;
}

/**
 * Fails for a request that an endpoint does not serve; without an endpoint every request is served.
 *
 * @throws {OciError} `ERR_OCI_UNSUPPORTED`.
 */
export function assertCapability(
  endpoint: Pick<Endpoint, "capabilities" | "root"> | undefined,
  capability: EndpointCapability,
): void {
  if (!endpoint || endpoint.capabilities.has(capability)) return;
  throw new OciError("ERR_OCI_UNSUPPORTED", `${displayUrl(endpoint.root)} is not used for ${capability}`);
}

/**
 * Asking web servers for signatures.
 *
 * @module
 */
import { collectBytes } from "../../core/bytes.ts";
import type { SignalOptions } from "../../core/signal.ts";
import { type Client, type ClientOptions, createClient } from "../../oci/client.ts";
import { type Endpoint, resolveEndpoint } from "../../oci/endpoint.ts";
import { discardBody, headerOf, readBody } from "../../oci/http.ts";
import { MAX_SIGNATURE_BYTES } from "./limits.ts";
import { formatLookasideUrl, type LookasideUrl } from "./lookaside-url.ts";

/** Web servers with signatures. */
export interface LookasideServers {
  /** The content at a URL; nothing if there is none. */
  read(url: LookasideUrl, options: SignalOptions): Promise<Uint8Array | undefined>;
  /** Closes every connection. */
  close(): Promise<void>;
}

/** Asks servers. Connections are kept for a while. */
export function lookasideServers(options: ClientOptions): LookasideServers {
  const client = createClient(options);
  // One for each store: connections are kept by it.
  const endpoints = new Map<string, Endpoint>();
  return {
    read: (url, { signal }) => readFromServer(client, endpoints, url, signal),
    close: () => client.close(),
  };
}

async function readFromServer(
  client: Client,
  endpoints: Map<string, Endpoint>,
  url: LookasideUrl,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  const { target, authorization } = requestOf(url);
  const key = `${target.origin} ${authorization ?? ""}`;
  const endpoint =
    endpoints.get(key) ??
    resolveEndpoint({
      url: target.origin,
      headers: authorization === undefined ? {} : { Authorization: authorization },
    });
  endpoints.set(key, endpoint);
  const answer = await client.request({
    domain: target.host,
    registry: endpoint.root,
    endpoint,
    repository: "",
    scopes: [],
    method: "GET",
    url: target,
    // With 401 among them no challenge is answered.
    accept: [200, 401, 403, 404],
    signal,
  });
  if (answer.status !== 200) {
    await discardBody(answer);
    if (answer.status === 404) return undefined;
    throw new TypeError(`status ${answer.status}`);
  }
  const encoding = headerOf(answer, "content-encoding")?.toLowerCase() ?? "identity";
  if (encoding !== "identity") {
    await discardBody(answer);
    throw new TypeError(`encoded as ${JSON.stringify(encoding)}`);
  }
  return collectBytes(readBody(answer, signal), { maxBytes: MAX_SIGNATURE_BYTES, signal });
}

/** The URL as it is asked for, and what its user information becomes. */
function requestOf(url: LookasideUrl): { target: URL; authorization: string | undefined } {
  const { authority = "" } = url;
  const at = authority.lastIndexOf("@");
  const text = formatLookasideUrl({ ...url, authority: authority.slice(at + 1) });
  if (authority.slice(at + 1) === "" || !URL.canParse(text)) throw new TypeError("no URL of a server");
  const target = new URL(text);
  // A URL parser would make another path of these: not the place that was configured.
  if (url.path.split("/").some((segment) => segment === "." || segment === "..")) {
    throw new TypeError("a URL with relative segments");
  }
  if (at < 0) return { target, authorization: undefined };
  const [user = "", ...password] = authority.slice(0, at).split(":");
  const pair = `${decodeURIComponent(user)}:${decodeURIComponent(password.join(":"))}`;
  return { target, authorization: `Basic ${Buffer.from(pair).toString("base64")}` };
}

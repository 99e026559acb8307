/**
 * Attempts as endpoints of the registry client: certificates read, headers checked, plain HTTP as an endpoint of its own.
 *
 * @module
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { posix } from "node:path";
import { getCACertificates } from "node:tls";
import { messageOf } from "../../core/message-of.ts";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import { type Endpoint, type EndpointTls, resolveEndpoint } from "../endpoint.ts";
import type { PullAttempt } from "./pull-sources.ts";
import { configError } from "./toml.ts";

/** Reads a file of certificates or of a key, in PEM. */
export type ReadCertificate = (path: string, options: SignalOptions) => Promise<Uint8Array>;

/** The endpoints of an attempt: the second one, if any, is for plain HTTP after TLS. */
export type AttemptEndpoints = readonly [first: Endpoint, plain?: Endpoint];

const MAX_CERTIFICATE_BYTES = 1024 * 1024;
const MAX_KNOWN = 1000;
/** Longer timers fire at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Makes endpoints of attempts; the same settings give the same endpoint, so that its connections and tokens serve
 * again. Certificates are read when an attempt is first made.
 *
 * It rejects with an `OciError` `ERR_OCI_CONFIG_INVALID` for a file that cannot be read, or a header or URL that no
 * request can have.
 */
export function attemptEndpoints(
  read: ReadCertificate = certificateReader(),
): (attempt: PullAttempt, options: SignalOptions) => Promise<AttemptEndpoints> {
  const known = new Map<string, AttemptEndpoints>();
  return async (attempt, { signal }) => {
    const { url, domain, namespace, headers, tls, httpFallback, connectTimeoutMs } = attempt;
    const key = JSON.stringify([url, domain, namespace, headers, tls, httpFallback, connectTimeoutMs]);
    const existing = known.get(key);
    if (existing) return existing;
    const made = makeEndpoints(attempt, await readTls(attempt, read, { signal }));
    const settled = known.get(key) ?? made;
    known.set(key, settled);
    const [oldest] = known.keys();
    if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest);
    return settled;
  };
}

function makeEndpoints(attempt: PullAttempt, tls: EndpointTls | undefined): AttemptEndpoints {
  const { domain, namespace, headers, httpFallback } = attempt;
  const connectTimeoutMs = wholeTimeout(attempt.connectTimeoutMs);
  const url = apiRoot(attempt.url);
  try {
    const shared = {
      domain,
      namespace,
      headers,
      connectTimeoutMs,
      capabilities: ["pull", "resolve"] as const,
    };
    const first = resolveEndpoint({ ...shared, url, tls });
    if (httpFallback === "never" || url.protocol === "http:") return [first];
    const plain = new URL(`http${url.href.slice("https".length)}`);
    return [first, resolveEndpoint({ ...shared, url: plain })];
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw configError(attempt.url, cause.message, cause);
  }
}

/** No time at all means no limit, as in containerd; a part of a millisecond and less than none mean the shortest one. */
function wholeTimeout(ms: number | undefined): number | undefined {
  if (ms === undefined || ms === 0) return ms;
  return Math.min(Math.max(1, Math.ceil(ms)), MAX_TIMEOUT_MS);
}

function apiRoot(text: string): URL {
  if (!URL.canParse(text)) throw configError(text.slice(0, 255), "no URL of a registry");
  const url = new URL(text);
  // Behind two slashes a path would be taken for another host's name.
  url.pathname = url.pathname.replace(/^\/{2,}/, "/");
  return url;
}

async function readTls(
  { tls: { ca, client, skipVerify } }: PullAttempt,
  read: ReadCertificate,
  { signal }: SignalOptions,
): Promise<EndpointTls | undefined> {
  if (ca.length === 0 && client.length === 0 && !skipVerify) return undefined;
  const text = async (path: string): Promise<string> =>
    Buffer.from(await read(path, { signal })).toString("utf8");
  const authorities = await Promise.all(ca.map(text));
  const pairs = await Promise.all(
    client.map(async ([cert, key]) => [await text(cert), await text(key === "" ? cert : key)] as const),
  );
  return {
    ...(authorities.length === 0 ? {} : { ca: [...getCACertificates("default"), ...authorities] }),
    ...(pairs.length === 0 ? {} : { cert: pairs.map(([cert]) => cert), key: pairs.map(([, key]) => key) }),
    ...(skipVerify ? { skipVerify } : {}),
  };
}

/** Options of {@link certificateReader}. */
export interface CertificateReaderOptions {
  /** Put in front of every path, such as the root of another system's image. Default none. */
  rootPrefix?: string | undefined;
}

/** Reads files of at most 1 MiB (1048576 bytes) from disk; rejects with `ERR_OCI_CONFIG_INVALID` where it cannot. */
export function certificateReader({ rootPrefix = "" }: CertificateReaderOptions = {}): ReadCertificate {
  return (path, { signal }) =>
    raceSignal(readCertificate(rootPrefix === "" ? path : posix.join(rootPrefix, path)), signal);
}

async function readCertificate(path: string): Promise<Uint8Array> {
  try {
    // A pipe at the place of the file must not be waited for.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const buffer = Buffer.alloc(MAX_CERTIFICATE_BYTES + 1);
      let length = 0;
      for (;;) {
        const { bytesRead } = await file.read(buffer, length);
        if (bytesRead === 0) return buffer.subarray(0, length);
        length += bytesRead;
        if (length > MAX_CERTIFICATE_BYTES) throw new RangeError("the file is too large");
      }
    } finally {
      await file.close();
    }
  } catch (cause) {
    const why = messageOf(cause);
    throw configError(path, `cannot be read: ${why}`, cause);
  }
}

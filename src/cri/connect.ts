/**
 * The connection to a runtime.
 *
 * @module
 */
import { assertLimit } from "../core/bytes.ts";
import { delay, type SignalOptions } from "../core/signal.ts";
import {
  API_VERSIONS,
  assertCallOptions,
  type CriApiVersion,
  type CriSession,
  type CriTransport,
} from "./call.ts";
import { type CriChannel, type CriKeepalive, createChannel, withSystemCode } from "./channel.ts";
import { type CriEndpoint, formatCriEndpoint, parseCriEndpoint } from "./endpoint.ts";
import { CriError } from "./errors.ts";
import type { VersionResponse } from "./gen/runtime/v1/api_pb.ts";
import { type ImageFunctions, imageFunctions } from "./image.ts";
import { type RuntimeFunctions, runtimeFunctions } from "./runtime.ts";
import { type CriTlsOptions, tlsSettings } from "./tls.ts";

/** Options of {@link connectCri}. */
export interface ConnectCriOptions extends SignalOptions {
  /** Endpoint of the runtime, such as `unix:///run/containerd/containerd.sock`. */
  endpoint: string;
  /** Endpoint of the image service. Default: that of the runtime. */
  imageEndpoint?: string | undefined;
  /**
   * Largest answer accepted, in bytes, also after inflation. Default 16 MiB (16777216), which is what containerd
   * sends at most; CRI-O sends up to 80 MiB.
   */
  maxReceiveBytes?: number | undefined;
  /** Longest time in milliseconds for each answer that is awaited while connecting. Default 5000. */
  connectTimeoutMs?: number | undefined;
  /** Takes `tcp://` endpoints on loopback addresses, in plain text, on every platform. Default false. */
  allowTcp?: boolean | undefined;
  /**
   * Secures the connection; the endpoints are then `tcp://`, on any host. Default: plain text, over a socket or to
   * a loopback address.
   */
  tls?: CriTlsOptions | undefined;
  /**
   * Pings that find a connection dead whose other side has gone without a word, as over a network. Default: none.
   * Servers may take pings for an attack: those in Go drop a client that pings more often than every five minutes
   * (`too_many_pings`), and neither containerd nor CRI-O lets more pass. A unix socket needs none.
   */
  keepalive?: CriKeepalive | undefined;
  /**
   * How many times connecting is tried again when nothing answers, after 0.5 s, 1 s, 2 s, 4 s, and then every 5 s.
   * `Infinity` goes on until `signal` aborts. Default 0. crictl does it three times.
   */
  connectRetries?: number | undefined;
}

/** A connection to a runtime. */
export interface CriConnection {
  /** The RPCs of RuntimeService. */
  readonly runtime: RuntimeFunctions;
  /** The RPCs of ImageService. */
  readonly image: ImageFunctions;
  /** The package that the runtime serves. */
  readonly apiVersion: CriApiVersion;
  /** What the runtime said of itself when the connection was made; it may be another one after a restart. */
  readonly version: VersionResponse;
  /** Endpoint of the runtime in its normal form. */
  readonly endpoint: string;
  /** Endpoint of the image service in its normal form. */
  readonly imageEndpoint: string;
  /** Ends every open call with `ERR_CRI_CLOSED` and lets go of the sockets. Calls after it fail the same way. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

const DEFAULT_MAX_RECEIVE_BYTES = 16 * 1024 * 1024;
const DEFAULT_CONNECT_TIMEOUT_MS = 5000;

/** What clients send as their own version; no runtime reads it. */
const CLIENT_VERSION = "v1";

/**
 * A connection to a runtime that has answered `Version` completely.
 *
 * A runtime that does not know package runtime.v1 is asked for runtime.v1alpha2, whose messages are the same. An
 * image endpoint of its own is asked for `ImageFsInfo`, and may serve the other package. The connection survives a
 * restart of the runtime: calls fail with `ERR_CRI_UNAVAILABLE` while it is away, and the first one after that opens
 * a new socket. Packages are not negotiated again: a runtime that comes back without the one that it had answers
 * each call with `ERR_CRI_UNIMPLEMENTED`, and needs a new connection. An idle connection does not keep the process.
 *
 * @throws {CriError} `ERR_CRI_ENDPOINT_INVALID`, `ERR_CRI_ENDPOINT_UNSUPPORTED` before anything is opened.
 * @throws {CriError} `ERR_CRI_UNAVAILABLE` if nothing that speaks gRPC is there; `systemCode` tells an absent
 * socket (`ENOENT`) from one without a listener (`ECONNREFUSED`) and one that may not be opened (`EACCES`), and
 * names what is wrong with a server's certificate, such as `ERR_TLS_CERT_ALTNAME_INVALID`.
 * @throws {CriError} `ERR_CRI_DEADLINE_EXCEEDED` if it does not answer in time.
 * @throws {CriError} `ERR_CRI_NO_SERVICE` if it speaks gRPC but not CRI, as containerd does without its CRI plugin.
 * @throws {CriError} `ERR_CRI_INVALID_RESPONSE` for an incomplete answer, and any other code of a failed call.
 * @throws {TypeError} for `tls` with certificates or keys that cannot be used.
 * @see {@link https://github.com/kubernetes/cri-api/tree/v0.36.0}
 */
export async function connectCri(options: ConnectCriOptions): Promise<CriConnection> {
  const ways = waysOf(options);
  const { signal, connectRetries = 0 } = options;
  assertRetries(connectRetries);
  signal?.throwIfAborted();
  for (let tried = 0; ; tried++) {
    try {
      return await connectOnce(ways, options);
    } catch (error) {
      if (tried >= connectRetries || !isAbsence(error)) throw error;
      await delay(Math.min(500 * 2 ** tried, 5000), { signal });
    }
  }
}

/** Both endpoints, checked, each with the way to open. */
interface Ways {
  endpoint: CriEndpoint;
  imageEndpoint: CriEndpoint;
  open: (endpoint: CriEndpoint) => CriChannel;
}

function waysOf(options: ConnectCriOptions): Ways {
  const { maxReceiveBytes = DEFAULT_MAX_RECEIVE_BYTES, keepalive, connectTimeoutMs, tls } = options;
  assertLimit(maxReceiveBytes, "maxReceiveBytes");
  assertCallOptions({ timeoutMs: connectTimeoutMs });
  if (keepalive) {
    assertMilliseconds(keepalive.intervalMs, "keepalive.intervalMs");
    assertMilliseconds(keepalive.timeoutMs ?? 1, "keepalive.timeoutMs");
  }
  const endpoint = parse(options.endpoint, options);
  const imageEndpoint =
    options.imageEndpoint === undefined ? endpoint : parse(options.imageEndpoint, options);
  const settings = { maxReceiveBytes, keepalive };
  const security = new Map(
    [endpoint, imageEndpoint].map((each) => [each, tls ? tlsSettings(each, tls) : undefined]),
  );
  return {
    endpoint,
    imageEndpoint,
    open: (each) => createChannel(each, { ...settings, tls: security.get(each) }),
  };
}

async function connectOnce(
  { endpoint, imageEndpoint, open }: Ways,
  { signal, connectTimeoutMs: timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS }: ConnectCriOptions,
): Promise<CriConnection> {
  const session: CriSession = { openCalls: new Set() };
  const channel = open(endpoint);
  const separate = formatCriEndpoint(imageEndpoint) !== formatCriEndpoint(endpoint);
  const imageChannel = separate ? open(imageEndpoint) : channel;
  const close = async (): Promise<void> => {
    session.closed ??= new CriError(
      "ERR_CRI_CLOSED",
      `the connection to ${formatCriEndpoint(endpoint)} is closed`,
    );
    for (const end of [...session.openCalls]) end(session.closed);
    channel.close();
    if (separate) imageChannel.close();
  };
  try {
    const { transport, answer: version } = await negotiate({ channel, session, signal }, (candidate) =>
      runtimeFunctions(candidate).version({ version: CLIENT_VERSION }, { signal, timeoutMs }),
    );
    const images = separate
      ? await negotiate({ channel: imageChannel, session, signal }, (candidate) =>
          imageFunctions(candidate).imageFsInfo({}, { signal, timeoutMs }),
        )
      : { transport };
    return {
      runtime: runtimeFunctions(transport),
      image: imageFunctions(images.transport),
      apiVersion: transport.apiVersion,
      version,
      endpoint: formatCriEndpoint(endpoint),
      imageEndpoint: formatCriEndpoint(imageEndpoint),
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function parse(text: string, { allowTcp, tls }: ConnectCriOptions): CriEndpoint {
  const platform = process.platform === "win32" ? "windows" : "unix";
  return parseCriEndpoint(text, { platform, allowTcp, tls: tls !== undefined });
}

function assertRetries(connectRetries: number): void {
  if (connectRetries === Infinity || (Number.isSafeInteger(connectRetries) && connectRetries >= 0)) return;
  throw new RangeError(`connectRetries must be a whole number from 0, or Infinity, got ${connectRetries}`);
}

function assertMilliseconds(value: number, name: string): void {
  if (Number.isSafeInteger(value) && value >= 1 && value < 2 ** 31) return;
  throw new RangeError(`${name} must be a whole number from 1 to ${2 ** 31 - 1}, got ${value}`);
}

/** Whether nothing has answered: what does answer will not answer otherwise in a second. */
function isAbsence(error: unknown): boolean {
  if (!(error instanceof CriError)) return false;
  return error.code === "ERR_CRI_UNAVAILABLE" || error.code === "ERR_CRI_DEADLINE_EXCEEDED";
}

/** Finds the package that a service is served under, by a question that every version answers. */
async function negotiate<T>(
  { channel, session, signal }: { channel: CriChannel; session: CriSession } & SignalOptions,
  ask: (transport: CriTransport) => Promise<T>,
): Promise<{ transport: CriTransport; answer: T }> {
  let unknown: CriError | undefined;
  for (const apiVersion of API_VERSIONS) {
    const transport: CriTransport = {
      get client() {
        return channel.client;
      },
      session,
      apiVersion,
    };
    try {
      return { transport, answer: await ask(transport) };
    } catch (error) {
      if (!(error instanceof CriError) || error.status?.name !== "UNIMPLEMENTED") {
        throw await withSystemCode(error, channel, signal);
      }
      unknown ??= error;
    }
  }
  const text = `${formatCriEndpoint(channel.endpoint)} serves no CRI: neither runtime.v1 nor runtime.v1alpha2`;
  throw new CriError("ERR_CRI_NO_SERVICE", `${text}: ${unknown?.details}`, {
    details: unknown?.details ?? "",
    cause: unknown,
  });
}

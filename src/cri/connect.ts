/**
 * The connection to a runtime.
 *
 * @module
 */
import { connect as connectSocket } from "node:net";
import { Client, credentials } from "@grpc/grpc-js";
import { assertLimit } from "../core/bytes.ts";
import { raceSignal, type SignalOptions } from "../core/signal.ts";
import {
  API_VERSIONS,
  assertCallOptions,
  type CriApiVersion,
  type CriSession,
  type CriTransport,
} from "./call.ts";
import { type CriEndpoint, formatCriEndpoint, parseCriEndpoint } from "./endpoint.ts";
import { CriError } from "./errors.ts";
import type { VersionResponse } from "./gen/runtime/v1/api_pb.ts";
import { type ImageFunctions, imageFunctions } from "./image.ts";
import { type RuntimeFunctions, runtimeFunctions } from "./runtime.ts";

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
 * image endpoint of its own is asked for `ImageFsInfo`. The connection survives a restart of the runtime: calls
 * fail with `ERR_CRI_UNAVAILABLE` while it is away and for up to three seconds after, and `apiVersion` stays what
 * it was. No keep-alive is sent: runtimes drop clients that do. An idle connection does not keep the process.
 *
 * @throws {CriError} `ERR_CRI_ENDPOINT_INVALID`, `ERR_CRI_ENDPOINT_UNSUPPORTED` before anything is opened.
 * @throws {CriError} `ERR_CRI_UNAVAILABLE` if nothing that speaks gRPC is there; `systemCode` tells an absent
 * socket (`ENOENT`) from one without a listener (`ECONNREFUSED`) and one that may not be opened (`EACCES`).
 * @throws {CriError} `ERR_CRI_DEADLINE_EXCEEDED` if it does not answer in time.
 * @throws {CriError} `ERR_CRI_NO_SERVICE` if it speaks gRPC but not CRI, as containerd does without its CRI plugin.
 * @throws {CriError} `ERR_CRI_INVALID_RESPONSE` for an incomplete answer, and any other code of a failed call.
 * @see {@link https://github.com/kubernetes/cri-api/tree/v0.36.0}
 */
export async function connectCri(options: ConnectCriOptions): Promise<CriConnection> {
  const { signal, maxReceiveBytes = DEFAULT_MAX_RECEIVE_BYTES } = options;
  const { connectTimeoutMs: timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = options;
  assertLimit(maxReceiveBytes, "maxReceiveBytes");
  assertCallOptions({ timeoutMs });
  const endpoint = parse(options.endpoint, options);
  const imageEndpoint =
    options.imageEndpoint === undefined ? endpoint : parse(options.imageEndpoint, options);
  const separate = formatCriEndpoint(imageEndpoint) !== formatCriEndpoint(endpoint);
  signal?.throwIfAborted();

  const session: CriSession = { openCalls: new Set() };
  const client = createClient(endpoint, maxReceiveBytes);
  const imageClient = separate ? createClient(imageEndpoint, maxReceiveBytes) : client;
  const close = async (): Promise<void> => {
    session.closed ??= new CriError(
      "ERR_CRI_CLOSED",
      `the connection to ${formatCriEndpoint(endpoint)} is closed`,
    );
    for (const end of [...session.openCalls]) end(session.closed);
    client.close();
    if (separate) imageClient.close();
  };
  try {
    const { transport, answer: version } = await negotiate(
      endpoint,
      { client, session, signal },
      (candidate) => runtimeFunctions(candidate).version({ version: CLIENT_VERSION }, { signal, timeoutMs }),
    );
    const images = separate
      ? await negotiate(imageEndpoint, { client: imageClient, session, signal }, (candidate) =>
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

function parse(text: string, { allowTcp }: ConnectCriOptions): CriEndpoint {
  return parseCriEndpoint(text, { platform: process.platform === "win32" ? "windows" : "unix", allowTcp });
}

/** A client that reads no proxy settings, shares no connection with another one, and asks no DNS for settings. */
function createClient(endpoint: CriEndpoint, maxReceiveBytes: number): Client {
  const target = endpoint.protocol === "tcp" ? `dns:${endpoint.address}` : `unix:${endpoint.address}`;
  return new Client(
    endpoint.protocol === "unix" ? `unix://${endpoint.address}` : target,
    credentials.createInsecure(),
    {
      "grpc.default_authority": "localhost",
      "grpc.max_receive_message_length": maxReceiveBytes,
      "grpc.enable_http_proxy": 0,
      "grpc.use_local_subchannel_pool": 1,
      "grpc.service_config_disable_resolution": 1,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 3000,
    },
  );
}

/** Finds the package that a service is served under, by a question that every version answers. */
async function negotiate<T>(
  endpoint: CriEndpoint,
  { signal, ...way }: Pick<CriTransport, "client" | "session"> & SignalOptions,
  ask: (transport: CriTransport) => Promise<T>,
): Promise<{ transport: CriTransport; answer: T }> {
  let unknown: CriError | undefined;
  for (const apiVersion of API_VERSIONS) {
    const transport: CriTransport = { ...way, apiVersion };
    try {
      return { transport, answer: await ask(transport) };
    } catch (error) {
      if (!(error instanceof CriError)) throw error;
      if (error.code === "ERR_CRI_UNAVAILABLE") throw await withSystemCode(error, endpoint, signal);
      if (error.status?.name !== "UNIMPLEMENTED") throw error;
      unknown ??= error;
    }
  }
  const text = `${formatCriEndpoint(endpoint)} serves no CRI: neither runtime.v1 nor runtime.v1alpha2`;
  throw new CriError("ERR_CRI_NO_SERVICE", `${text}: ${unknown?.details}`, {
    details: unknown?.details ?? "",
    cause: unknown,
  });
}

/** The error with the reason why no socket could be opened, if opening one now fails as well. */
async function withSystemCode(
  error: CriError,
  endpoint: CriEndpoint,
  signal: AbortSignal | undefined,
): Promise<CriError> {
  const cause = await raceSignal(probe(endpoint), signal);
  if (!cause?.code) return error;
  const { status, details, method } = error;
  return new CriError(error.code, `${formatCriEndpoint(endpoint)}: ${cause.message}`, {
    ...(status ? { status } : {}),
    ...(method !== undefined ? { method } : {}),
    details,
    systemCode: cause.code,
    cause,
  });
}

/** Why no connection can be made, or undefined if one can. Waits at most a second. */
function probe({ protocol, address }: CriEndpoint): Promise<NodeJS.ErrnoException | undefined> {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  const socket =
    protocol === "tcp" ? connectSocket(Number(address.slice(colon + 1)), host) : connectSocket(address);
  return new Promise((resolve) => {
    const settle = (error?: NodeJS.ErrnoException) => {
      resolve(error);
      socket.destroy();
    };
    socket.setTimeout(1000, () => settle());
    socket.once("connect", () => settle());
    // Stays for errors that come after the first.
    socket.on("error", settle);
  });
}

/**
 * The way to one endpoint: the sockets of grpc-js and their settings.
 *
 * @module
 */
import { connect as connectSocket, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type ChannelCredentials, Client, connectivityState, credentials } from "@grpc/grpc-js";
import { raceSignal } from "../core/signal.ts";
import { type CriEndpoint, formatCriEndpoint } from "./endpoint.ts";
import { CriError } from "./errors.ts";
import { type CriTls, hostOf, portOf } from "./tls.ts";

/** Pings that tell a dead connection from one that is only silent. */
export interface CriKeepalive {
  /** Milliseconds of silence before a ping, 1 to 2147483647. */
  intervalMs: number;
  /** Milliseconds to wait for the answer before the connection counts as dead. Default 20000. */
  timeoutMs?: number | undefined;
}

/** Settings of a {@link CriChannel}. */
export interface CriChannelSettings {
  maxReceiveBytes: number;
  keepalive: CriKeepalive | undefined;
  /** Absent: plain text. */
  tls: CriTls | undefined;
}

/** The way to one endpoint. */
export interface CriChannel {
  readonly endpoint: CriEndpoint;
  /** What the next call is made with. */
  readonly client: Client;
  /** Why a connection cannot be made now; undefined if one can, or within a second nothing is known. */
  probe(): Promise<NodeJS.ErrnoException | undefined>;
  close(): void;
}

/**
 * A way that opens its connection with the first call, and anew whenever that is gone.
 *
 * A client of grpc-js that has found nobody fails every call for up to some seconds, without looking again. Here a
 * call after a failure looks again, at once: the price is one attempt a call for as long as nobody is there.
 */
export function createChannel(endpoint: CriEndpoint, settings: CriChannelSettings): CriChannel {
  const sockets = new Set<Socket>();
  let closed = false;
  const onSocket = (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    if (closed) socket.destroy();
  };
  const open = () => createClient(endpoint, settings, onSocket);
  let client = open();
  return {
    endpoint,
    get client() {
      const state = client.getChannel().getConnectivityState(false);
      if (!closed && state === connectivityState.TRANSIENT_FAILURE) {
        client.close();
        client = open();
      }
      return client;
    },
    probe: () => probe(openSocket(endpoint, settings.tls), settings.tls ? "secureConnect" : "connect"),
    close: () => {
      closed = true;
      client.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/**
 * The error of a call for which there was no connection, with the reason why not, if trying now fails as well. An
 * error of another kind stays as it is.
 */
export async function withSystemCode(
  error: unknown,
  channel: CriChannel,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  if (!(error instanceof CriError) || error.code !== "ERR_CRI_UNAVAILABLE") return error;
  const cause = await raceSignal(channel.probe(), signal);
  if (!cause?.code) return error;
  const { status, details, method } = error;
  return new CriError(error.code, `${formatCriEndpoint(channel.endpoint)}: ${cause.message}`, {
    ...(status ? { status } : {}),
    ...(method !== undefined ? { method } : {}),
    details,
    systemCode: cause.code,
    cause,
  });
}

/** A client that reads no proxy settings, shares no connection with another one, and asks no DNS for settings. */
function createClient(
  endpoint: CriEndpoint,
  { maxReceiveBytes, keepalive, tls }: CriChannelSettings,
  onSocket: (socket: Socket) => void,
): Client {
  const way = tls ? secured(tls) : credentials.createInsecure();
  return new Client(targetOf(endpoint), watched(way, onSocket), {
    "grpc.default_authority": tls?.sentName ?? "localhost",
    ...(tls ? { "grpc.ssl_target_name_override": tls.sentName } : {}),
    "grpc.max_receive_message_length": maxReceiveBytes,
    "grpc-node.flow_control_window": WINDOW_BYTES,
    "grpc.enable_channelz": 0,
    "grpc.enable_http_proxy": 0,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.service_config_disable_resolution": 1,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 3000,
    ...(keepalive
      ? {
          "grpc.keepalive_time_ms": keepalive.intervalMs,
          "grpc.keepalive_timeout_ms": keepalive.timeoutMs ?? DEFAULT_KEEPALIVE_TIMEOUT_MS,
        }
      : {}),
  });
}

const DEFAULT_KEEPALIVE_TIMEOUT_MS = 20_000;

/**
 * How much a runtime may send before it is read. With the 64 KiB of HTTP/2 it would have to wait sixteen times for
 * the client while it sends a list of 1,000 containers; more than this makes no list faster.
 */
const WINDOW_BYTES = 4 * 1024 * 1024;

function secured({ context, checkIdentity }: CriTls): ChannelCredentials {
  return credentials.createFromSecureContext(context, {
    checkServerIdentity: checkIdentity,
    // Said although it is the default, since the environment can change that.
    rejectUnauthorized: true,
  });
}

/**
 * Credentials that tell of the sockets that are opened with them.
 *
 * A client of grpc-js that is closed forgets a socket whose other side has not answered yet: it would stay open for
 * as long as that side likes.
 */
function watched(way: ChannelCredentials, onSocket: (socket: Socket) => void): ChannelCredentials {
  const createConnector = way._createSecureConnector.bind(way);
  way._createSecureConnector = (...about) => {
    const connector = createConnector(...about);
    const connect = connector.connect.bind(connector);
    connector.connect = (socket) => {
      onSocket(socket);
      return connect(socket);
    };
    return connector;
  };
  return way;
}

function targetOf({ protocol, address }: CriEndpoint): string {
  if (protocol === "tcp") return `dns:${address}`;
  return protocol === "unix" ? `unix://${address}` : `unix:${address}`;
}

/** A socket to an endpoint that is about to be connected. Listen for its errors. */
export function openSocket(endpoint: CriEndpoint, tls: CriTls | undefined): Socket {
  if (endpoint.protocol !== "tcp") return connectSocket(endpoint.address);
  if (!tls) return connectSocket(portOf(endpoint), hostOf(endpoint));
  return connectTls({
    host: hostOf(endpoint),
    port: portOf(endpoint),
    secureContext: tls.context,
    servername: tls.sentName,
    checkServerIdentity: tls.checkIdentity,
    rejectUnauthorized: true,
    ALPNProtocols: ["h2"],
  });
}

function probe(socket: Socket, opened: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const settle = (error?: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve(error);
      socket.destroy();
    };
    const timer = setTimeout(() => settle(), 1000);
    socket.once(opened, () => settle());
    socket.once("close", () => settle());
    // Stays for errors that come after the first.
    socket.on("error", settle);
  });
}

/**
 * Local ports that lead into a pod.
 *
 * @module
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { CriError } from "../errors.ts";
import { cut } from "./cut.ts";
import { openPodSpdy } from "./dial-pod.ts";
import { asError } from "./flow.ts";
import { assertPort, type ForwardedPort, parseForwardedPort } from "./forwarded-port.ts";
import { type LocalListener, listenLocally } from "./local-listener.ts";
import {
  keepingOptions,
  type StreamingRuntime,
  type StreamOpeningOptions,
  withinOpenTimeout,
} from "./opening.ts";
import { openSpdyPodConnection } from "./pod-connection.ts";
import type { SpdyConnection } from "./spdy-connection.ts";

/** Options of {@link portForward}. The signal ends the forwarding too, at any time. */
export interface PortForwardOptions extends StreamOpeningOptions {
  /**
   * Local addresses to listen at. Whoever can reach them reaches the pod. One that this machine does not have is left
   * out. Default `127.0.0.1` and `::1`.
   */
  addresses?: readonly string[] | undefined;
  /** Is told why a connection broke off; the forwarding goes on. It must not throw. */
  onError?: ((error: unknown, port: { local: number; remote: number }) => void) | undefined;
}

/** A port that leads into the pod. */
export interface ForwardedListener {
  remote: number;
  local: number;
  /** Where it is listened at, such as `127.0.0.1:8080` and `[::1]:8080`. */
  addresses: readonly string[];
}

/** A forwarding that is ready. */
export interface PortForwarding {
  /** In the order in which they were asked for. */
  readonly ports: readonly ForwardedListener[];
  /** Resolves when it was closed, rejects with the reason after an abort. A rejection needs no listener. */
  readonly closed: Promise<void>;
  /** Stops to listen and cuts all connections. Twice is the same as once. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

const LOOPBACK: readonly string[] = ["127.0.0.1", "::1"];

/**
 * Listens locally and takes each connection to a port of the pod's loopback interface.
 *
 * All connections share one SPDY connection to the runtime; when that is lost, those on it break off, and the next one
 * opens it anew by another RPC. A runtime that has no SPDY cannot do this; see `dialPod`. A local reader that does not
 * read holds up the others once `bufferBytes` wait for it, since SPDY between Go programs has no flow control.
 * Where the runtime cannot reach a port of the pod the connection is reset and `onError` told.
 *
 * @param ports As objects, or in the form of `parseForwardedPort`.
 * @throws {CriError} `ERR_CRI_PORT_FORWARD_FAILED` with `systemCode` if a local port cannot be had,
 * `ERR_CRI_QUERY_INVALID` for a text that names no ports, and all that `dialPod` throws.
 * @see {@link https://github.com/kubernetes/cri-api/tree/v0.36.0}
 */
export async function portForward(
  cri: StreamingRuntime,
  podSandboxId: string,
  ports: readonly (ForwardedPort | string)[],
  options: PortForwardOptions = {},
): Promise<PortForwarding> {
  const wanted = ports.map(readPort);
  if (wanted.length === 0) throw new TypeError("no port is to be forwarded");
  keepingOptions(options);
  const { signal, addresses = LOOPBACK } = options;
  const ended = new AbortController();
  const tunnel = createTunnel((opening) =>
    openPodSpdy(cri, podSandboxId, [...new Set(wanted.map(({ remote }) => remote))], options, opening),
  );
  const open = () => withinOpenTimeout({ ...options, signal: ended.signal }, tunnel.connection);
  const sockets = new Set<Socket>();
  const listeners: LocalListener[] = [];

  const serve = (socket: Socket, port: { local: number; remote: number }) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    const connect = async () => {
      const connection = await open();
      const requestId = tunnel.nextRequestId();
      return withinOpenTimeout({ ...options, signal: ended.signal }, (opening) =>
        openSpdyPodConnection(connection, { port: port.remote, requestId }, opening),
      );
    };
    relay(socket, connect()).catch((error: unknown) => {
      if (!ended.signal.aborted) options.onError?.(error, port);
    });
  };
  const shut = async (reason: unknown) => {
    ended.abort(reason);
    for (const socket of sockets) cut(socket);
    tunnel.end();
    await Promise.all(listeners.map((listener) => listener.close()));
  };
  let settle: { resolve(): void; reject(error: unknown): void } = { resolve: () => {}, reject: () => {} };
  const closed = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  closed.catch(() => {});
  const onAbort = () => {
    settle.reject(signal?.reason);
    void shut(signal?.reason);
  };
  signal?.throwIfAborted();
  signal?.addEventListener("abort", onAbort, { once: true });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    signal?.removeEventListener("abort", onAbort);
    closing ??= shut(new CriError("ERR_CRI_CLOSED", "the forwarding was closed")).then(settle.resolve);
    return closing;
  };
  try {
    await open();
    const ready: ForwardedListener[] = [];
    for (const { local, remote } of wanted) {
      const port = { local, remote };
      const listener = await listenLocally(addresses, local, (socket) => serve(socket, port));
      port.local = listener.port;
      listeners.push(listener);
      ready.push({ remote, local: listener.port, addresses: listener.addresses });
      ended.signal.throwIfAborted();
    }
    return { ports: ready, closed, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function readPort(port: ForwardedPort | string): { remote: number; local: number } {
  if (typeof port === "string") return parseForwardedPort(port);
  const { remote, local = 0 } = port;
  assertPort("remote", remote, 1);
  assertPort("local", local, 0);
  return { remote, local };
}

/** The SPDY connection that all share, as long as it lives. */
interface Tunnel {
  /** The connection that is open, or a new one. The signal is the opener's; who joins waits for it. */
  connection(signal: AbortSignal): Promise<SpdyConnection>;
  nextRequestId(): number;
  end(): void;
}

function createTunnel(open: (signal: AbortSignal) => Promise<SpdyConnection>): Tunnel {
  let current: Promise<SpdyConnection> | undefined;
  let requests = 0;
  let over = false;
  return {
    connection(signal) {
      if (current) return current;
      const opening = open(signal);
      current = opening;
      const forget = () => {
        if (current === opening) current = undefined;
      };
      opening.then((connection) => {
        if (over) connection.close();
        void connection.closed.then(forget);
      }, forget);
      return opening;
    },
    nextRequestId: () => requests++,
    end() {
      over = true;
      current?.then(
        (connection) => connection.close(),
        () => {},
      );
    },
  };
}

/** Joins a local connection with one into the pod, until both have ended. Rejects if it breaks off. */
async function relay(local: Socket, connecting: Promise<Duplex>): Promise<void> {
  local.on("error", () => {});
  let remote: Duplex;
  try {
    remote = await connecting;
  } catch (error) {
    cut(local);
    throw error;
  }
  if (local.destroyed) {
    remote.destroy();
    return;
  }
  await new Promise<void>((resolve, reject) => {
    remote.once("close", () => {
      const { errored } = remote;
      if (errored) cut(local);
      else local.destroySoon();
      if (errored) reject(asError(errored));
      else resolve();
    });
    local.once("close", () => remote.destroy());
    local.pipe(remote);
    remote.pipe(local);
  });
}

/**
 * Starting a session on a connection that has been upgraded.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import { type ProcessSession, serveChannels } from "./channel-session.ts";
import { serveConmon } from "./conmon-session.ts";
import type { PendingRequest } from "./routes.ts";
import { breakAfter } from "./sockets.ts";
import { serveSpdyPortForward } from "./spdy-port-forward.ts";
import { type SpdySocket, serveSpdy } from "./spdy-session.ts";
import { EXEC_SUBPROTOCOLS, type Subprotocol, V5_SUBPROTOCOL } from "./subprotocols.ts";
import type { StartStreamingServerOptions, StreamingFaults } from "./types.ts";
import { createWebSocketConnection } from "./websocket-connection.ts";
import { type PortForwardSession, servePortForwardChannels } from "./websocket-port-forward.ts";

/** A connection that has been upgraded. */
export interface Upgraded {
  socket: Duplex;
  /** What came along with the request. */
  head: Uint8Array;
  faults: StreamingFaults;
  /** Is told of each WebSocket frame that is only a part of a message. */
  onFragment(): void;
}

/** Largest frame, as in the runtimes' WebSocket library; conmon-rs has half of it. */
const MAX_FRAME_BYTES = 32 * 1024 * 1024;
const DEFAULT_STREAM_CREATION_TIMEOUT_MS = 30_000;

/** Serves a request over WebSocket. Never rejects. */
export function sessionOverWebSocket(
  upgraded: Upgraded,
  spoken: Subprotocol | "conmon-rs" | undefined,
  pending: PendingRequest,
  options: StartStreamingServerOptions,
): Promise<void> {
  const { head, faults, onFragment } = upgraded;
  const conmon = spoken === "conmon-rs";
  const subprotocol = conmon ? V5_SUBPROTOCOL : (spoken ?? EXEC_SUBPROTOCOLS[0] ?? V5_SUBPROTOCOL);
  const connection = createWebSocketConnection(limitedSocket(upgraded), head, {
    maxPayload: conmon ? MAX_FRAME_BYTES / 2 : MAX_FRAME_BYTES,
    faults,
    lingers: options.lingers ?? false,
    onFragment,
  });
  if (pending.kind === "portforward") {
    return servePortForwardChannels(connection, subprotocol, portForwardSession(pending, options, faults));
  }
  const session = processSession(pending, options, faults);
  return conmon ? serveConmon(connection, session) : serveChannels(connection, subprotocol, session);
}

/** Serves a request over SPDY. Never rejects. */
export function sessionOverSpdy(
  upgraded: Upgraded,
  protocol: string,
  pending: PendingRequest,
  options: StartStreamingServerOptions,
): Promise<void> {
  const { lingers = false, streamCreationTimeoutMs = DEFAULT_STREAM_CREATION_TIMEOUT_MS } = options;
  const { head, faults } = upgraded;
  const on: SpdySocket = { socket: limitedSocket(upgraded), head, streamCreationTimeoutMs, lingers };
  return pending.kind === "portforward"
    ? serveSpdyPortForward(on, portForwardSession(pending, options, faults))
    : serveSpdy(on, protocol, processSession(pending, options, faults));
}

/** The connection, or one that breaks where the faults say so. */
function limitedSocket({ socket, faults: { cutAfterBytes } }: Upgraded): Duplex {
  return cutAfterBytes === undefined ? socket : breakAfter(socket, cutAfterBytes);
}

function processSession(
  pending: Exclude<PendingRequest, { kind: "portforward" }>,
  { exec, attach }: StartStreamingServerOptions,
  faults: StreamingFaults,
): ProcessSession {
  const { stdin, stdout, stderr, tty } = pending.request;
  return {
    kind: pending.kind,
    command: pending.kind === "exec" ? pending.request.cmd : [],
    wanted: { stdin, stdout, stderr, tty },
    run: (process) =>
      pending.kind === "exec" ? exec(pending.request, process) : attach(pending.request, process),
    faults,
  };
}

function portForwardSession(
  { request }: Extract<PendingRequest, { kind: "portforward" }>,
  { portForward }: StartStreamingServerOptions,
  faults: StreamingFaults,
): PortForwardSession {
  return {
    podSandboxId: request.podSandboxId,
    ports: request.port,
    run: (port, connection) => portForward(request, port, connection),
    faults,
  };
}

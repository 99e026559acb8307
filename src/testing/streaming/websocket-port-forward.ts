/**
 * Port-forward over WebSocket: a pair of channels for each port of the request.
 *
 * @see {@link https://github.com/kubernetes/cri-streaming/blob/v0.36.0/pkg/streaming/portforward/websocket.go}
 * @module
 */
import type { Duplex } from "node:stream";
import { messageOf } from "../../core/message-of.ts";
import { createForwardedConnection, type ForwardedConnection } from "./connection-duplex.ts";
import { whenWritten } from "./sockets.ts";
import { decodeMessage, encodeMessage, type Subprotocol } from "./subprotocols.ts";
import type { StreamingFaults } from "./types.ts";
import type { WebSocketConnection } from "./websocket-connection.ts";
import { OPCODES } from "./websocket-frames.ts";

/** What a session of port-forward is to do. */
export interface PortForwardSession {
  podSandboxId: string;
  /** Ports of the request; with SPDY the client names them. */
  ports: readonly number[];
  /** Joins a port with a connection. */
  run(port: number, connection: Duplex): Promise<void>;
  faults: StreamingFaults;
}

/** Serves a session until every forwarding has ended, or the client has. Never rejects. */
export async function servePortForwardChannels(
  connection: WebSocketConnection,
  subprotocol: Subprotocol,
  session: PortForwardSession,
): Promise<void> {
  const send = (channel: number, payload: Uint8Array) =>
    connection.send(
      subprotocol.base64 ? OPCODES.text : OPCODES.binary,
      encodeMessage(subprotocol, channel, payload),
    );
  const pairs = session.ports.map((port, index) => ({
    port,
    errors: 2 * index + 1,
    data: createForwardedConnection(
      (bytes) => send(2 * index, bytes),
      () => {},
    ),
  }));
  const leave = () => {
    for (const { data } of pairs) data.endReceiving();
  };
  connection.gone.addEventListener("abort", leave);
  if (session.faults.cut === "open") await connection.cut();
  const reading = readData(
    connection,
    subprotocol,
    pairs.map(({ data }) => data),
  ).then(leave);
  // Each channel starts with its port, the smaller byte first.
  for (const { port, errors } of pairs) {
    const bytes = Uint8Array.of(port & 0xff, (port >> 8) & 0xff);
    await send(errors - 1, bytes);
    await send(errors, bytes);
  }
  const forward = async ({ port, errors, data }: (typeof pairs)[number]) => {
    const error = await forwardingError(session, port, data.duplex);
    if (error !== undefined && !session.faults.omitStatus) await send(errors, Buffer.from(error));
  };
  await Promise.all(pairs.map(forward));
  if (session.faults.cut !== undefined) return connection.cut();
  await connection.close();
  await reading;
}

async function readData(
  connection: WebSocketConnection,
  subprotocol: Subprotocol,
  receivers: readonly ForwardedConnection[],
): Promise<void> {
  for await (const { payload } of connection.frames()) {
    const message = decodeMessage(subprotocol, payload);
    // Nothing is read from error channels.
    if (!message || message.channel % 2 === 1 || message.payload.byteLength === 0) continue;
    await receivers[message.channel / 2]?.receive(message.payload);
  }
  await connection.close();
}

/** Runs a forwarding to its end; the text for the client if it failed. */
export async function forwardingError(
  session: PortForwardSession,
  port: number,
  duplex: Duplex,
): Promise<string | undefined> {
  try {
    await session.run(port, duplex);
    await whenWritten(duplex);
    return undefined;
  } catch (error) {
    const text = messageOf(error);
    return `error forwarding port ${port} to pod ${session.podSandboxId}, uid : ${text}`;
  } finally {
    duplex.destroy();
  }
}

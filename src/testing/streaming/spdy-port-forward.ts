/**
 * Port-forward over SPDY: for each forwarded connection the client opens a stream for its data and one for errors.
 *
 * @see {@link https://github.com/kubernetes/cri-streaming/blob/v0.36.0/pkg/streaming/portforward/httpstream.go}
 * @module
 */
import { type SpdyConnection, type SpdyStream, spdyConnection } from "../../cri/streaming/spdy-connection.ts";
import { createForwardedConnection } from "./connection-duplex.ts";
import { flushAndDestroy } from "./sockets.ts";
import { endStream, writeToStream } from "./spdy-output.ts";
import type { SpdySocket } from "./spdy-session.ts";
import { forwardingError, type PortForwardSession } from "./websocket-port-forward.ts";

interface StreamPair {
  error?: SpdyStream;
  data?: SpdyStream;
  timer: NodeJS.Timeout;
}

/** Serves forwardings until the connection is gone. Never rejects. */
export async function serveSpdyPortForward(on: SpdySocket, session: PortForwardSession): Promise<void> {
  const pairs = new Map<string, StreamPair>();
  const connection: SpdyConnection = spdyConnection(on.socket, {
    role: "server",
    head: on.head,
    onStream: (stream) => {
      if (isForwardingStream(stream)) take(stream);
      else stream.reset();
    },
  });
  if (session.faults.cut === "open") await flushAndDestroy(on.socket);

  /** Pairs by their request; one that is not complete in time is told so. */
  function take(stream: SpdyStream): void {
    stream.reply();
    const request = requestIdOf(stream);
    const type = typeOf(stream);
    const pair = pairs.get(request) ?? { timer: expire(request) };
    pairs.set(request, pair);
    if (pair[type]) {
      const text = `error processing stream for request ${request}: ${type} stream already assigned`;
      void writeToStream(pair.error, Buffer.from(text), session.faults);
      return;
    }
    pair[type] = stream;
    const { data, error } = pair;
    if (!data || !error) return;
    clearTimeout(pair.timer);
    pairs.delete(request);
    void forward(session, data, error);
  }

  function expire(request: string): NodeJS.Timeout {
    return setTimeout(() => {
      const text = `(conn=${session.podSandboxId}, request=${request}) timed out waiting for streams`;
      void writeToStream(pairs.get(request)?.error, Buffer.from(text), session.faults);
      pairs.delete(request);
    }, on.streamCreationTimeoutMs);
  }

  await connection.closed;
  for (const { timer } of pairs.values()) clearTimeout(timer);
}

async function forward(session: PortForwardSession, data: SpdyStream, error: SpdyStream): Promise<void> {
  const { faults } = session;
  const connection = createForwardedConnection(
    (bytes) => writeToStream(data, bytes, faults),
    () => void endStream(data),
  );
  const port = Number(data.headers.get("port"));
  void readData(data, connection);
  const text = await forwardingError(session, port, connection.duplex);
  if (text === undefined) {
    await endStream(error);
    await endStream(data);
    return;
  }
  if (!faults.omitStatus) await writeToStream(error, Buffer.from(text), faults);
  data.reset();
  error.reset();
}

async function readData(
  data: SpdyStream,
  connection: ReturnType<typeof createForwardedConnection>,
): Promise<void> {
  try {
    for await (const bytes of data.readable) await connection.receive(bytes);
  } catch {
    // A stream that broke off is one that ended.
  }
  connection.endReceiving();
}

/** Whether a stream names a port from 1 to 65535 and what it is for. */
function isForwardingStream(stream: SpdyStream): boolean {
  const port = stream.headers.get("port") ?? "";
  const type = stream.headers.get("streamtype");
  return /^[0-9]{1,20}$/.test(port) && inRange(Number(port)) && (type === "error" || type === "data");
}

function inRange(port: number): boolean {
  return port > 0 && port <= 65535;
}

function typeOf(stream: SpdyStream): "error" | "data" {
  return stream.headers.get("streamtype") === "data" ? "data" : "error";
}

/** Old clients name no request: they open the error stream first, and the data stream right after. */
function requestIdOf(stream: SpdyStream): string {
  const named = stream.headers.get("requestid") ?? "";
  if (named !== "") return named;
  return String(typeOf(stream) === "error" ? stream.id : stream.id - 2);
}

/**
 * A SPDY/3.1 connection over a socket that has been upgraded, for both sides.
 *
 * There is no flow control: the peers of this protocol neither send WINDOW_UPDATE nor wait for one. Where a stream
 * is read too slowly the whole socket is paused, and with it all other streams.
 *
 * @see {@link https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/}
 * @module
 */
import type { Duplex } from "node:stream";
import { CriError } from "../errors.ts";
import { createFlowGate } from "./flow.ts";
import { startKeepAlive } from "./keep-alive.ts";
import { createSpdyFrameDecoder, encodeSpdyFrame, SPDY_RESET, type SpdyFrame } from "./spdy-frames.ts";
import { createSpdyHeaderDecoder, createSpdyHeaderEncoder } from "./spdy-headers.ts";
import { openSpdyStream, type SpdyStream, type SpdyStreamInside } from "./spdy-stream.ts";

export type { SpdyStream } from "./spdy-stream.ts";

/** Options of {@link spdyConnection}. */
export interface SpdyConnectionOptions {
  /** Which side this is: clients open streams with odd numbers, servers with even ones. */
  role: "client" | "server";
  /**
   * Gets each stream that the other side opens, to reply to or to reset. Without it all are refused. An error that it
   * throws breaks the connection off.
   */
  onStream?: ((stream: SpdyStream) => void) | undefined;
  /** Bytes that came together with the answer to the upgrade. */
  head?: Uint8Array | undefined;
  /** About how many bytes each stream holds for its reader before the socket is paused. Default 256 KiB (262144). */
  streamBufferBytes?: number | undefined;
  /** Longest control frame, in bytes. Default 64 KiB (65536). */
  maxControlBytes?: number | undefined;
  /** Longest header block after inflation, in bytes. Default 16 KiB (16384). */
  maxHeaderBytes?: number | undefined;
  /** Most streams that the other side may have open at a time; more are refused. Default 1000. */
  maxStreams?: number | undefined;
  /** Time between two pings in milliseconds; 0 for none. Default 0. */
  pingIntervalMs?: number | undefined;
  /** How long nothing may be heard, in milliseconds, before the connection counts as lost. Default 61000. */
  pingTimeoutMs?: number | undefined;
}

/** A connection that is open. */
export interface SpdyConnection {
  /**
   * Opens a stream; the names of headers are in lower case. Streams of a connection that has ended break off at once
   * with its error.
   */
  open(headers: Readonly<Record<string, string>>): SpdyStream;
  /** Resolves when the connection has ended, with the reason if it was not closed from here. Never rejects. */
  readonly closed: Promise<CriError | undefined>;
  /** Says that it goes, and ends; streams that have not ended break off with `ERR_CRI_CLOSED`. */
  close(): void;
  /** Ends without a word; streams that have not ended break off with the error. */
  destroy(error: unknown): void;
}

/** How long a peer may take to read what is still to be sent when a connection is closed. */
const LINGER_MS = 1000;

/**
 * Speaks SPDY over a socket, which belongs to the connection from then on.
 *
 * Frames that are not to the rules break the connection off with `ERR_CRI_STREAM_PROTOCOL`; the end of the socket
 * breaks off the streams that have not ended with `ERR_CRI_CONNECTION_LOST`. No error is thrown and none needs a
 * listener.
 */
export function spdyConnection(socket: Duplex, options: SpdyConnectionOptions): SpdyConnection {
  const { role, onStream, streamBufferBytes = 256 * 1024, maxStreams = 1000 } = options;
  const decoder = createSpdyFrameDecoder({ maxControlBytes: options.maxControlBytes });
  const decodeHeaders = createSpdyHeaderDecoder({ maxBytes: options.maxHeaderBytes });
  const encodeHeaders = createSpdyHeaderEncoder();
  const gate = createFlowGate(socket);
  const streams = new Map<number, SpdyStreamInside>();
  let nextId = role === "client" ? 1 : 2;
  let lastPeerId = 0;
  let nextPing = nextId;
  let ended: { error: unknown } | undefined;
  let settleClosed: (error: CriError | undefined) => void = () => {};
  const closed = new Promise<CriError | undefined>((resolve) => {
    settleClosed = resolve;
  });

  const send = (frame: Exclude<SpdyFrame, { kind: "OTHER" }>) => {
    if (!ended) socket.write(encodeSpdyFrame(frame));
  };
  const teardown = (error: unknown, told: CriError | undefined) => {
    if (ended) return;
    ended = { error };
    pings.stop();
    for (const stream of [...streams.values()]) stream.lose(error);
    streams.clear();
    settleClosed(told);
  };
  const fail = (error: CriError) => {
    if (error.code === "ERR_CRI_STREAM_PROTOCOL") {
      send({ kind: "GOAWAY", lastGoodStreamId: lastPeerId, status: 1 });
    }
    teardown(error, error);
    socket.destroy();
  };
  const pings = startKeepAlive({
    intervalMs: options.pingIntervalMs ?? 0,
    timeoutMs: options.pingTimeoutMs ?? 61_000,
    ping: () => {
      send({ kind: "PING", id: nextPing });
      nextPing = (nextPing + 2) % 0x8000_0000;
    },
    isPaused: gate.isPaused,
    onSilence: () => fail(lost("the other side does not answer")),
  });

  const add = (id: number, headers: ReadonlyMap<string, string>, incoming: boolean): SpdyStreamInside => {
    const stream = openSpdyStream({
      id,
      headers,
      incoming,
      socket,
      inflow: gate.open(streamBufferBytes),
      sendReply: (fields) =>
        send({ kind: "SYN_REPLY", streamId: id, fin: false, headerBlock: encodeHeaders(fields) }),
      sendReset: (status) => send({ kind: "RST_STREAM", streamId: id, status }),
      onGone: () => streams.delete(id),
      onSend: pings.sent,
    });
    if (ended) stream.lose(ended.error);
    else streams.set(id, stream);
    return stream;
  };

  const accept = (frame: SpdyFrame & { kind: "SYN_STREAM" }) => {
    const { streamId } = frame;
    const headers = decodeHeaders(frame.headerBlock);
    if (streamId % 2 !== (role === "client" ? 0 : 1) || streamId <= lastPeerId) {
      throw new CriError("ERR_CRI_STREAM_PROTOCOL", `stream ${streamId} is opened out of turn`);
    }
    lastPeerId = streamId;
    if (!onStream || streams.size >= maxStreams) {
      return send({ kind: "RST_STREAM", streamId, status: SPDY_RESET.REFUSED_STREAM });
    }
    const stream = add(streamId, headers, true);
    if (frame.fin) stream.receiveEnd();
    onStream(stream.outside);
  };

  const wasOpened = (id: number) => (id % 2 === nextId % 2 ? id < nextId : id <= lastPeerId);
  const receive = (frame: SpdyFrame) => {
    if ((frame.kind === "DATA" || frame.kind === "SYN_REPLY") && !wasOpened(frame.streamId)) {
      throw new CriError("ERR_CRI_STREAM_PROTOCOL", `stream ${frame.streamId} was never opened`);
    }
    switch (frame.kind) {
      case "DATA": {
        // What is still on its way to a stream that was reset has no place to go.
        const stream = streams.get(frame.streamId);
        stream?.receive(frame.payload);
        if (frame.fin) stream?.receiveEnd();
        return;
      }
      case "SYN_STREAM":
        return accept(frame);
      case "SYN_REPLY":
      case "HEADERS": {
        decodeHeaders(frame.headerBlock);
        const stream = streams.get(frame.streamId);
        if (frame.kind === "SYN_REPLY") stream?.receiveReply();
        if (frame.fin) stream?.receiveEnd();
        return;
      }
      case "RST_STREAM":
        return streams.get(frame.streamId)?.receiveReset(frame.status);
      case "PING":
        // Numbers of this side are answers.
        if (frame.id % 2 !== nextPing % 2) send(frame);
        return;
      default:
        return;
    }
  };

  socket.on("data", (chunk: Uint8Array) => {
    pings.heard();
    try {
      for (const frame of decoder.push(chunk)) {
        if (ended) return;
        receive(frame);
      }
    } catch (error) {
      fail(error instanceof CriError ? error : lost("a stream could not be taken", error));
    }
  });
  let cause: Error | undefined;
  socket.on("error", (error: Error) => {
    cause ??= error;
  });
  socket.on("end", () => fail(lost("the other side has ended the connection")));
  socket.on("close", () => fail(lost(cause ? cause.message : "the connection was cut", cause)));
  if (options.head && options.head.length > 0) socket.unshift(options.head);

  return {
    open(headers) {
      const id = nextId;
      nextId += 2;
      const fields = new Map(Object.entries(headers));
      // An answer may come before the sending returns.
      const stream = add(id, fields, false);
      const headerBlock = encodeHeaders(fields);
      send({ kind: "SYN_STREAM", streamId: id, priority: 0, fin: false, headerBlock });
      return stream.outside;
    },
    closed,
    close() {
      if (ended) return;
      send({ kind: "GOAWAY", lastGoodStreamId: lastPeerId, status: 0 });
      teardown(new CriError("ERR_CRI_CLOSED", "the SPDY connection was closed"), undefined);
      const timer = setTimeout(() => socket.destroy(), LINGER_MS);
      timer.unref();
      socket.once("close", () => clearTimeout(timer));
      socket.resume();
      socket.end(() => socket.destroy());
    },
    destroy(error) {
      teardown(error, undefined);
      socket.destroy();
    },
  };
}

function lost(why: string, cause?: unknown): CriError {
  const options = cause === undefined ? {} : { cause };
  return new CriError("ERR_CRI_CONNECTION_LOST", `the SPDY connection is lost: ${why}`, options);
}

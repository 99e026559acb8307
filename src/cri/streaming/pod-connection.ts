/**
 * A connection into a pod: data both ways, and an error that the runtime tells beside it.
 *
 * @module
 */
import { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { raceSignal } from "../../core/signal.ts";
import { CriError } from "../errors.ts";
import {
  CHANNEL_PROTOCOLS,
  decodeChannelMessage,
  decodeInitialPort,
  encodeChannelMessage,
  isChannelProtocolName,
} from "./channels.ts";
import { asError } from "./flow.ts";
import { startKeepAlive } from "./keep-alive.ts";
import type { SpdyConnection, SpdyStream } from "./spdy-connection.ts";
import { stdinEndUnsupported } from "./wire.ts";

/** How a connection is kept. */
export interface PodConnectionOptions {
  bufferBytes: number;
  pingIntervalMs: number;
  pingTimeoutMs: number;
}

/** The only WebSocket protocol for this that runtimes know. */
export const POD_WEBSOCKET_PROTOCOLS: readonly string[] = ["v4.channel.k8s.io"];

/** The only SPDY protocol for this. */
export const POD_SPDY_PROTOCOLS: readonly string[] = ["portforward.k8s.io"];

const MAX_ERROR_BYTES = 16 * 1024;
const MAX_WRITE_BYTES = 32 * 1024;

/** How long the runtime may take to say why it has cut a connection. */
const REASON_MS = 1000;

/**
 * Opens a connection to a port over SPDY, beside others on the same SPDY connection.
 *
 * @param requestId A number that no other pair of streams of the SPDY connection has.
 * @throws {CriError} `ERR_CRI_CONNECTION_LOST` if the SPDY connection ends before, or the runtime refuses.
 */
export async function openSpdyPodConnection(
  connection: SpdyConnection,
  { port, requestId }: { port: number; requestId: number },
  signal: AbortSignal,
): Promise<Duplex> {
  const headers = { port: String(port), requestid: String(requestId) };
  const error = connection.open({ streamtype: "error", ...headers });
  error.writable.end();
  const data = connection.open({ streamtype: "data", ...headers });
  try {
    await raceSignal(Promise.all([error.replied, data.replied]), signal);
  } catch (reason) {
    error.reset();
    data.reset();
    throw reason;
  }
  return spdyDuplex(data, error, port);
}

function spdyDuplex(data: SpdyStream, error: SpdyStream, port: number): Duplex {
  const text = collectText(error);
  const duplex: Duplex = new Duplex({
    read: () => void data.readable.resume(),
    write: (chunk: Uint8Array, _encoding, callback) => void data.writable.write(chunk, callback),
    final: (callback) => void data.writable.end((cause?: Error | null) => callback(cause)),
    destroy(cause, callback) {
      data.reset();
      data.endReadable();
      error.reset();
      callback(cause);
    },
  });
  duplex.on("error", () => {});
  data.readable.pause();
  data.readable.on("data", (chunk: Uint8Array) => {
    if (!duplex.push(chunk)) data.readable.pause();
  });
  data.readable.on("error", (cause) => duplex.destroy(cause));
  const end = async () => {
    // The end of the data is the end of the connection only if the runtime has no other word for it.
    const [how, message] = [await data.remoteEnded, await withinMs(text, REASON_MS)];
    if (message) duplex.destroy(forwardFailed(port, message));
    else if (how === "reset") duplex.destroy(lostConnection("the runtime has reset it"));
    else if (!duplex.destroyed) duplex.push(null);
  };
  data.readable.on("end", () => {
    end().catch((cause) => duplex.destroy(asError(cause)));
  });
  void text.then((message) => {
    if (message) duplex.destroy(forwardFailed(port, message));
  });
  // The runtime reads no more either: there is nothing left to write for.
  void Promise.all([data.gone, once(duplex, "end")]).then(() => duplex.destroy());
  return duplex;
}

/** Resolves when the event has come, or the stream is gone. */
function once(duplex: Duplex, event: "end"): Promise<void> {
  return new Promise((resolve) => {
    duplex.once(event, () => resolve());
    duplex.once("close", () => resolve());
  });
}

/** What the runtime says on a stream for errors, until it ends; empty for one that ends in another way. */
async function collectText({ readable }: SpdyStream): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of readable as AsyncIterable<Buffer>) {
      if (length < MAX_ERROR_BYTES) parts.push(chunk);
      length += chunk.length;
    }
  } catch {
    // The connection was lost, which the stream of the data tells.
    return "";
  }
  return Buffer.concat(parts).subarray(0, MAX_ERROR_BYTES).toString();
}

async function withinMs(text: Promise<string>, ms: number): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, ms, "");
  });
  try {
    return await Promise.race([text, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The one connection to a port on a WebSocket that has just been opened. */
export function webSocketPodConnection(
  websocket: WebSocket,
  port: number,
  options: PodConnectionOptions,
): Duplex {
  const protocol = websocket.protocol;
  if (!isChannelProtocolName(protocol)) throw new TypeError(`no channel protocol: ${protocol}`);
  const { encoding } = CHANNEL_PROTOCOLS[protocol];
  let paused = false;
  let message = "";
  const begun = new Set<number>();
  const duplex: Duplex = new Duplex({
    readableHighWaterMark: options.bufferBytes,
    read() {
      if (paused) websocket.resume();
      paused = false;
    },
    write(chunk: Uint8Array, _encoding, callback) {
      pings.sent();
      const next = (at: number) => {
        // The pod has ended the connection, and what is written now goes nowhere, as with a socket.
        if (at >= chunk.length || websocket.readyState !== websocket.OPEN) return callback();
        const part = chunk.subarray(at, at + MAX_WRITE_BYTES);
        websocket.send(encodeChannelMessage(0, part, encoding), (error) => {
          if (error) callback(asError(error));
          else next(at + MAX_WRITE_BYTES);
        });
      };
      next(0);
    },
    final: (callback) => callback(duplex.readableEnded ? undefined : stdinEndUnsupported(protocol)),
    destroy(cause, callback) {
      pings.stop();
      websocket.terminate();
      callback(cause);
    },
  });
  duplex.on("error", () => {});
  const pings = startKeepAlive({
    intervalMs: options.pingIntervalMs,
    timeoutMs: options.pingTimeoutMs,
    ping: () => {
      if (websocket.readyState === websocket.OPEN) websocket.ping(() => {});
    },
    isPaused: () => paused,
    onSilence: () => duplex.destroy(lostConnection("the runtime does not answer")),
  });
  const take = ({ channel, payload }: { channel: number; payload: Uint8Array }) => {
    if (channel > 1) return;
    if (!begun.has(channel)) {
      begun.add(channel);
      if (decodeInitialPort(payload) === port) return;
      throw new CriError("ERR_CRI_STREAM_PROTOCOL", "a channel of port-forwarding begins with another port");
    }
    if (channel === 1) message = (message + Buffer.from(payload).toString()).slice(0, MAX_ERROR_BYTES);
    else if (payload.length > 0 && !duplex.push(payload)) {
      paused = true;
      websocket.pause();
    }
  };
  websocket.on("message", (bytes) => {
    pings.heard();
    if (duplex.destroyed) return;
    try {
      const read = decodeChannelMessage(bytes as Buffer, encoding);
      if (read) take(read);
    } catch (error) {
      duplex.destroy(asError(error));
    }
  });
  websocket.on("pong", pings.heard);
  websocket.on("error", (error) => duplex.destroy(lostConnection(error.message, error)));
  websocket.on("close", (code: number) => {
    pings.stop();
    if (message !== "") duplex.destroy(forwardFailed(port, message));
    else if (code !== 1000) duplex.destroy(lostConnection(`the WebSocket was cut (${code})`));
    else if (!duplex.destroyed) duplex.push(null);
    void once(duplex, "end").then(() => duplex.destroy());
  });
  return duplex;
}

function forwardFailed(port: number, message: string): CriError {
  return new CriError("ERR_CRI_PORT_FORWARD_FAILED", `port ${port} of the pod: ${message}`, {
    details: message,
  });
}

function lostConnection(why: string, cause?: unknown): CriError {
  const options = cause === undefined ? {} : { cause };
  return new CriError("ERR_CRI_CONNECTION_LOST", `the connection into the pod is lost: ${why}`, options);
}

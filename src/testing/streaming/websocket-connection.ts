/**
 * A WebSocket connection as a server holds it, frame by frame.
 *
 * @module
 */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { delay } from "../../core/signal.ts";
import { flushAndDestroy, whenWritable } from "./sockets.ts";
import type { StreamingFaults } from "./types.ts";
import { type ClientFrame, createFrameReader, encodeFrame, OPCODES } from "./websocket-frames.ts";

/** Options of {@link createWebSocketConnection}. */
export interface WebSocketConnectionOptions {
  /** Largest payload of a frame; a larger one ends the connection. */
  maxPayload: number;
  faults: StreamingFaults;
  /** Whether the server waits for the client to answer its close frame before it ends the connection. */
  lingers: boolean;
  /** Is told of each frame that is only a part of a message. */
  onFragment(): void;
}

/** An open WebSocket connection. */
export interface WebSocketConnection {
  /** Aborts when the connection is gone. */
  readonly gone: AbortSignal;
  /**
   * The client's frames but control frames: pings are answered. Ends at a close frame, at what is no frame, and
   * at the end of the connection. Single use; no frame is read before the one ahead of it has been dealt with.
   */
  frames(): AsyncGenerator<ClientFrame, void>;
  /** Sends a message after those before it. Resolves when the connection takes more, or is gone. */
  send(opcode: number, payload: Uint8Array): Promise<void>;
  /** Sends what is on its way and a close frame, and ends the connection. Twice is once. */
  close(reason?: string): Promise<void>;
  /** Sends what is on its way and breaks the connection. */
  cut(): Promise<void>;
}

/** How long a client may take to end its side, once the server has ended its own. */
const LINGER_MS = 1000;

/** Speaks WebSocket on a socket that has been upgraded; `head` is what came along with the request. */
export function createWebSocketConnection(
  socket: Duplex,
  head: Uint8Array,
  { maxPayload, faults, lingers, onFragment }: WebSocketConnectionOptions,
): WebSocketConnection {
  const reader = createFrameReader({ maxPayload });
  const gone = new AbortController();
  let closeCode = 1000;
  let closing: Promise<void> | undefined;
  let sending: Promise<void> = Promise.resolve();
  const read = new AbortController();
  let reading = false;
  socket.once("close", () => gone.abort());

  /** Control frames are dealt with; undefined stands for the end. */
  function* framesOf(bytes: Uint8Array): Generator<ClientFrame | undefined, void> {
    reader.push(bytes);
    for (let frame = reader.next(); frame; frame = reader.next()) {
      if ("closeCode" in frame) {
        closeCode = frame.closeCode;
        yield undefined;
        return;
      }
      if (!frame.fin || frame.opcode === OPCODES.continuation) onFragment();
      if (frame.opcode === OPCODES.close) yield undefined;
      else if (frame.opcode === OPCODES.ping) writeFrame(encodeFrame(OPCODES.pong, frame.payload));
      else if (frame.opcode !== OPCODES.pong) yield frame;
    }
  }

  function writeFrame(frame: Uint8Array): boolean {
    return !socket.writable || socket.write(frame);
  }

  async function sendNow(opcode: number, payload: Uint8Array): Promise<void> {
    if (faults.delayMs) await delay(faults.delayMs, { signal: gone.signal }).catch(() => {});
    const size = faults.fragmentBytes ?? Math.max(payload.byteLength, 1);
    for (let at = 0; at === 0 || at < payload.byteLength; at += size) {
      const fin = at + size >= payload.byteLength;
      const frame = encodeFrame(at === 0 ? opcode : OPCODES.continuation, payload.subarray(at, at + size), {
        fin,
      });
      if (!writeFrame(frame)) await whenWritable(socket);
    }
  }

  async function closeNow(reason: string): Promise<void> {
    await sending;
    const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
    payload.writeUInt16BE(closeCode, 0);
    payload.write(reason, 2);
    writeFrame(encodeFrame(OPCODES.close, payload));
    if (lingers && reading) await once(read.signal, "abort");
    socket.end();
    if (!reading) socket.resume();
    await delay(LINGER_MS, { signal: gone.signal }).catch(() => {});
    socket.destroy();
  }

  return {
    gone: gone.signal,
    async *frames() {
      reading = true;
      try {
        for (const frame of framesOf(head)) {
          if (!frame) return;
          yield frame;
        }
        for await (const bytes of socket.iterator({ destroyOnReturn: false })) {
          for (const frame of framesOf(bytes)) {
            if (!frame) return;
            yield frame;
          }
        }
      } catch {
        // A connection that broke is one that ended.
      } finally {
        reading = false;
        read.abort();
      }
    },
    send(opcode, payload) {
      if (closing !== undefined) return Promise.resolve();
      sending = sending.then(() => sendNow(opcode, payload));
      return sending;
    },
    close(reason = "") {
      closing ??= closeNow(reason);
      return closing;
    },
    async cut() {
      closing ??= Promise.resolve();
      await sending;
      await flushAndDestroy(socket);
    },
  };
}

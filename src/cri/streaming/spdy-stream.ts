/**
 * One stream of a SPDY connection.
 *
 * @module
 */
import { type Duplex, type Readable, Writable } from "node:stream";
import { CriError } from "../errors.ts";
import { asError, type Inflow } from "./flow.ts";
import { encodeSpdyDataHead, SPDY_RESET } from "./spdy-frames.ts";
import type { SpdyHeaders } from "./spdy-headers.ts";

/** A stream, as whoever uses the connection has it. */
export interface SpdyStream {
  readonly id: number;
  /** The headers that it was opened with. */
  readonly headers: SpdyHeaders;
  /** What the other side sends. Destroying it discards what comes after, and tells the other side nothing. */
  readonly readable: Readable;
  /**
   * What goes to the other side. Ending it is a half close: the other direction stays open. Destroying it before
   * its end resets the stream.
   */
  readonly writable: Writable;
  /** Resolves when the other side accepts the stream, at once for a stream that it has opened. */
  readonly replied: Promise<void>;
  /**
   * Resolves when the other side sends no more, which may be before all data has been read: it has said so, or it has
   * reset the stream, which Go's servers do where they are done. `readable` ends the same way for both. Rejects if the
   * stream breaks off before.
   */
  readonly remoteEnded: Promise<"end" | "reset">;
  /** Resolves when the stream is over in both directions, for whatever reason. */
  readonly gone: Promise<void>;
  /** Accepts a stream that the other side has opened. */
  reply(headers?: SpdyHeaders): void;
  /** Ends `readable` where it is; what comes after is thrown away. */
  endReadable(): void;
  /** Ends the stream in both directions at once, with a status of {@link SPDY_RESET}. Default CANCEL. */
  reset(status?: number): void;
}

/** A stream, as the connection has it. */
export interface SpdyStreamInside {
  readonly outside: SpdyStream;
  receive(payload: Uint8Array): void;
  receiveReply(): void;
  receiveEnd(): void;
  receiveReset(status: number): void;
  /** The connection has ended. */
  lose(error: unknown): void;
}

/** What a stream needs of its connection. */
interface SpdyStreamOptions {
  id: number;
  headers: SpdyHeaders;
  incoming: boolean;
  socket: Duplex;
  inflow: Inflow;
  sendReply(headers: SpdyHeaders): void;
  sendReset(status: number): void;
  onGone(): void;
  /** Is told of each piece of data that is sent. */
  onSend(): void;
}

/** Data frames are no longer, so that streams take turns. */
const MAX_DATA_BYTES = 64 * 1024;

interface Settled<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** A stream on a connection. */
export function openSpdyStream(options: SpdyStreamOptions): SpdyStreamInside {
  const { id, headers, socket, inflow } = options;
  const replied = settled<void>();
  const remoteEnded = settled<"end" | "reset">();
  const gone = settled<void>();
  let receivedEnd = false;
  let sentEnd = false;
  /** Why nothing can be sent any more. */
  let over: { error: unknown } | undefined;

  const leave = (error: unknown) => {
    if (over) return;
    over = { error };
    options.onGone();
    gone.resolve();
  };
  const leaveIfDone = () => {
    if (receivedEnd && sentEnd) leave(new CriError("ERR_CRI_CLOSED", `SPDY stream ${id} has ended`));
  };
  const breakOff = (error: unknown) => {
    leave(error);
    replied.reject(error);
    remoteEnded.reject(error);
    inflow.fail(error);
    if (!sentEnd) writable.destroy(asError(error));
  };
  const reset = (status: number = SPDY_RESET.CANCEL) => {
    if (over) return;
    options.sendReset(status);
    breakOff(new CriError("ERR_CRI_CLOSED", `SPDY stream ${id} was reset from here`));
  };

  const writable: Writable = new Writable({
    highWaterMark: MAX_DATA_BYTES,
    write(chunk: Uint8Array, _encoding, callback) {
      if (over) return callback(asError(over.error));
      options.onSend();
      writeData(socket, id, chunk, callback);
    },
    final(callback) {
      if (over) return callback(asError(over.error));
      sentEnd = true;
      socket.write(encodeSpdyDataHead(id, true, 0), callback);
      leaveIfDone();
    },
    destroy(error, callback) {
      if (!sentEnd) reset();
      callback(error);
    },
  });
  writable.on("error", () => {});
  if (options.incoming) replied.resolve();

  return {
    outside: {
      id,
      headers,
      readable: inflow.readable,
      writable,
      replied: replied.promise,
      remoteEnded: remoteEnded.promise,
      gone: gone.promise,
      reply: (fields = new Map()) => {
        if (!over) options.sendReply(fields);
      },
      endReadable: inflow.end,
      reset,
    },
    receive: (payload) => inflow.push(payload),
    receiveReply: replied.resolve,
    receiveEnd() {
      receivedEnd = true;
      inflow.end();
      remoteEnded.resolve("end");
      leaveIfDone();
    },
    receiveReset(status) {
      const refused = status === SPDY_RESET.REFUSED_STREAM ? "refused" : "reset";
      const text = `SPDY stream ${id} was ${refused} by the other side (status ${status})`;
      const error = new CriError("ERR_CRI_CONNECTION_LOST", text);
      // What was sent before is still to be read. Behind its end a reset matters only to whoever writes.
      inflow.end();
      remoteEnded.resolve("reset");
      if (receivedEnd) leave(error);
      else breakOff(error);
    },
    lose: breakOff,
  };
}

/** Sends bytes in frames; the callback comes when the last one has been handed to the system. */
function writeData(
  socket: Duplex,
  id: number,
  bytes: Uint8Array,
  callback: (error?: Error | null) => void,
): void {
  if (bytes.length === 0) {
    callback();
    return;
  }
  socket.cork();
  for (let at = 0; at < bytes.length; at += MAX_DATA_BYTES) {
    const part = bytes.subarray(at, at + MAX_DATA_BYTES);
    socket.write(encodeSpdyDataHead(id, false, part.length));
    if (at + part.length < bytes.length) socket.write(part);
    else socket.write(part, callback);
  }
  socket.uncork();
}

/** A promise to be settled from outside; that nobody waits for it is no error. */
function settled<T>(): Settled<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}

/**
 * Several readable streams fed from one connection, which is read no faster than the slowest of them.
 *
 * @module
 */
import { Readable } from "node:stream";

/** What can be told to stop giving data for a while. */
export interface FlowSource {
  pause(): void;
  resume(): void;
}

/** One stream that is fed. */
export interface Inflow {
  /** What the reader gets. Destroying it discards what comes after; an error of it needs no listener. */
  readonly readable: Readable;
  /** Hands data on. After the end it is dropped. */
  push(chunk: Uint8Array): void;
  /** Ends the stream behind what was pushed. */
  end(): void;
  /** Breaks the stream off; what was not read yet is lost. Without effect after the end. */
  fail(error: unknown): void;
}

/** The streams of one connection. */
export interface FlowGate {
  /** A new stream, which holds about this many bytes before the source is paused. */
  open(highWaterMark: number): Inflow;
  /** Whether the source is paused, since some stream is full. */
  isPaused(): boolean;
}

/** Pauses the source while any stream is full. */
export function createFlowGate(source: FlowSource): FlowGate {
  const full = new Set<Readable>();
  const release = (readable: Readable) => {
    if (full.delete(readable) && full.size === 0) source.resume();
  };
  const open = (highWaterMark: number): Inflow => {
    let ended = false;
    const readable: Readable = new Readable({
      highWaterMark,
      read: () => release(readable),
      destroy: (error, callback) => {
        ended = true;
        release(readable);
        callback(error);
      },
    });
    readable.on("error", () => {});
    return {
      readable,
      push(chunk) {
        if (ended || chunk.length === 0 || readable.push(chunk)) return;
        full.add(readable);
        if (full.size === 1) source.pause();
      },
      end() {
        if (ended) return;
        ended = true;
        readable.push(null);
      },
      fail(error) {
        if (!ended) readable.destroy(asError(error));
      },
    };
  };
  return { open, isPaused: () => full.size > 0 };
}

/** Streams break off with errors only; an abort may have any value for its reason. */
export function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason), { cause: reason });
}

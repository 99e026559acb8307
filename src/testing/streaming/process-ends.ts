/**
 * Both sides of a process in a session: what its program holds, and what the connection holds.
 *
 * @module
 */
import { createLatest } from "./latest.ts";
import { createPipe } from "./pipe.ts";
import { createSizeReader } from "./sizes.ts";
import type { StreamedProcess } from "./types.ts";

/** What a request for exec or attach says of the streams. */
export interface WantedStreams {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

/** What the connection holds of a process. */
export interface ProcessEnds {
  readonly process: StreamedProcess;
  /** Hands input over; resolves when the program has read it, or it is dropped. */
  input(bytes: Uint8Array): Promise<void>;
  /** Ends stdin after what is on its way. */
  endInput(): void;
  /** Hands a piece of the stream of sizes over. */
  resize(piece: Uint8Array): void;
  /** The program is done: input on its way is dropped, and all that comes. */
  stopInput(): void;
  /** The connection is gone: input ends, output is dropped. Twice is once. */
  leave(): void;
}

/** What the runtimes copy at a time. */
const COPIED_BYTES = 32 * 1024;

/** The ends of a process whose output goes to `write`, in pieces of at most 32 KiB. */
export function createProcessEnds(
  wanted: WantedStreams,
  write: (name: "stdout" | "stderr", bytes: Uint8Array) => Promise<void>,
): ProcessEnds {
  const stdin = createPipe<Uint8Array>();
  const sizes = createLatest<{ width: number; height: number }>();
  const readSizes = createSizeReader();
  const gone = new AbortController();
  if (!wanted.stdin) stdin.end();
  const output = (name: "stdout" | "stderr") => async (bytes: Uint8Array) => {
    if (!wanted[name]) return;
    for (let at = 0; at < bytes.byteLength && !gone.signal.aborted; at += COPIED_BYTES) {
      await write(name, bytes.subarray(at, at + COPIED_BYTES));
    }
  };
  return {
    process: {
      stdin: stdin.values,
      stdout: output("stdout"),
      stderr: output("stderr"),
      sizes: sizes.values,
      signal: gone.signal,
    },
    async input(bytes) {
      if (bytes.byteLength > 0) await stdin.write(bytes);
    },
    endInput: () => stdin.end(),
    resize(piece) {
      for (const size of readSizes(piece)) sizes.set(size);
    },
    stopInput() {
      stdin.end({ drop: true });
      sizes.end();
    },
    leave() {
      if (gone.signal.aborted) return;
      stdin.end();
      sizes.end();
      gone.abort();
    },
  };
}

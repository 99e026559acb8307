/**
 * The body of an answer: gathered into large pieces while it arrives, and stopped where its reader is slow.
 *
 * A connection gives some tens of kilobytes at a time; a turn of every stage that reads them costs more than the bytes.
 *
 * @module
 */
import type { ByteStream } from "../core/bytes.ts";
import { allocateOwned } from "./owned-memory.ts";

/** The bytes of an answer as they were sent: never decoded. Single-use; leaving early lets go of the rest. */
export interface HttpBody extends ByteStream {
  /** Whether nothing comes any more: it was read to its end, has failed, or was let go. */
  readonly closed: boolean;
  /** Calls back once it is closed, now if it is. */
  onClose(callback: () => void): void;
  /** Lets go of what is left: a connection that has more of it is closed. */
  destroy(): void;
}

/** The other end of a body. */
export interface BodyFeed {
  readonly body: HttpBody;
  /** Takes the next bytes, and copies them. */
  add(chunk: Uint8Array): void;
  end(): void;
  /** Ends with an error, behind what has come. */
  fail(error: unknown): void;
  /** Ends with an error now. */
  abort(reason: unknown): void;
}

/** What {@link createBody} needs. */
export interface CreateBodyOptions {
  /** Length in bytes that the head declares; nothing is allocated beyond a piece because of it. */
  declaredLength: number | undefined;
  /** Stops the connection; it may still give what it has. */
  pause(): void;
  resume(): void;
  /** Called when the reader has left before the end. */
  leave(): void;
}

/** Length of a piece: calls of the system for it cost nothing, and several fit into a processor's cache. */
const PIECE_BYTES = 1024 * 1024;
const MIN_PIECE_BYTES = 16 * 1024;
/** Pieces that wait for the reader while the connection goes on. */
const MAX_WAITING = 2;
/** Longest time in milliseconds that bytes wait for others while the reader waits for them. */
const MAX_GATHERING_MS = 20;

/** Makes a body. */
export function createBody({ declaredLength, pause, resume, leave }: CreateBodyOptions): BodyFeed {
  const pieces: Uint8Array[] = [];
  const onClosed: (() => void)[] = [];
  let gathering: Buffer<ArrayBuffer> | undefined;
  let gathered = 0;
  let since = 0;
  let received = 0;
  let state: "open" | "ended" | "closed" = "open";
  let failure: { error: unknown } | undefined;
  let paused = false;
  let wake: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;

  function close(): void {
    if (state === "closed") return;
    state = "closed";
    clearTimeout(timer);
    pieces.length = 0;
    gathering = undefined;
    gathered = 0;
    for (const callback of onClosed.splice(0)) callback();
  }

  function wakeReader(): void {
    const go = wake;
    wake = undefined;
    go?.();
  }

  /** Memory for the next bytes: a whole piece where that many are to come, else as much as came so far. */
  function allocate(chunkLength: number): Buffer<ArrayBuffer> {
    const expected =
      declaredLength === undefined ? Math.max(received, MIN_PIECE_BYTES) : declaredLength - received;
    return allocateOwned(Math.min(PIECE_BYTES, Math.max(chunkLength, expected)));
  }

  /** Lets the reader have what was gathered. */
  function handOver(): void {
    if (!gathering || gathered === 0) return;
    if (gathered * 2 < gathering.length) {
      // Few bytes must not hold the memory of many.
      const few = allocateOwned(gathered);
      gathering.copy(few, 0, 0, gathered);
      pieces.push(few);
    } else {
      pieces.push(gathering.subarray(0, gathered));
      gathering = undefined;
    }
    gathered = 0;
    wakeReader();
  }

  /** Has bytes that do not fill a piece handed over after a while to a reader that waits. */
  function watch(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      if (!wake || gathered === 0) return;
      if (performance.now() - since >= MAX_GATHERING_MS) handOver();
      else watch();
    }, MAX_GATHERING_MS);
  }

  function finish(): void {
    if (state !== "open") return;
    handOver();
    state = "ended";
    if (pieces.length === 0) close();
    wakeReader();
  }

  async function next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const piece = pieces.shift();
      if (piece) {
        if (pieces.length === 0 && state === "ended" && !failure) close();
        if (paused) {
          paused = false;
          // More may arrive within this call.
          resume();
        }
        return { done: false, value: piece };
      }
      if (state !== "open") {
        const failed = failure;
        // It is told once.
        failure = undefined;
        close();
        if (failed) throw failed.error;
        return { done: true, value: undefined };
      }
      if (gathered > 0) watch();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  function destroy(): void {
    const open = state === "open";
    failure = undefined;
    close();
    wakeReader();
    if (open) leave();
  }

  const body: HttpBody = {
    get closed() {
      return state === "closed";
    },
    onClose(callback) {
      if (state === "closed") callback();
      else onClosed.push(callback);
    },
    destroy,
    [Symbol.asyncIterator]: () => ({
      next,
      return: async () => {
        destroy();
        return { done: true, value: undefined };
      },
    }),
  };

  return {
    body,
    add(chunk) {
      if (state !== "open") return;
      for (let at = 0; at < chunk.byteLength; ) {
        if (gathered === 0) since = performance.now();
        gathering ??= allocate(chunk.byteLength - at);
        const length = Math.min(chunk.byteLength - at, gathering.length - gathered);
        gathering.set(length === chunk.byteLength ? chunk : chunk.subarray(at, at + length), gathered);
        gathered += length;
        received += length;
        at += length;
        if (gathered === gathering.length) handOver();
      }
      if (wake && gathered > 0) watch();
      if (pieces.length >= MAX_WAITING && !paused) {
        paused = true;
        pause();
      }
    },
    end: finish,
    fail(error) {
      if (state !== "open") return;
      failure = { error };
      finish();
    },
    abort(reason) {
      if (state === "closed") return;
      close();
      failure = { error: reason };
      wakeReader();
    },
  };
}

/**
 * The socket of the in-process runtime, whose connections can be cut at a given place.
 *
 * @module
 */
import { rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { type Duplex, duplexPair, Transform, type TransformCallback } from "node:stream";
import type { ConnectionCutter } from "./failures.ts";

/** A socket that is listened on. */
export interface RuntimeListener extends ConnectionCutter {
  /** Cuts all connections and removes the socket. */
  close(): Promise<void>;
}

/** Listens on a unix socket, and hands each connection on. */
export async function listen(path: string, accept: (connection: Duplex) => void): Promise<RuntimeListener> {
  const sockets = new Set<Socket>();
  let cutting = false;
  const cut = () => {
    cutting = false;
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((socket) => {
    sockets.add(socket);
    const [near, far] = duplexPair();
    const outgoing = frameWatcher(() => cutting, cut);
    const end = () => {
      sockets.delete(socket);
      for (const stream of [near, far, outgoing, socket]) stream.destroy();
    };
    for (const stream of [near, far, outgoing, socket]) stream.on("error", end).on("close", end);
    socket.pipe(near);
    near.pipe(outgoing).pipe(socket);
    accept(far);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return {
    cut,
    cutInMessage() {
      cutting = true;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      cut();
      await closed;
      await rm(path, { force: true });
    },
  };
}

const FRAME_HEADER = 9;
const DATA_FRAME = 0;

/** Passes HTTP/2 frames on; when it is to cut, only the first half of the next DATA frame that has something. */
function frameWatcher(isCutting: () => boolean, cut: () => void): Transform {
  let rest: Buffer = Buffer.alloc(0);
  /** Bytes of the present frame that are still to come. */
  let open = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
      const out: Buffer[] = [];
      while (rest.length > 0) {
        if (open > 0) {
          out.push(rest.subarray(0, open));
          const passed = Math.min(open, rest.length);
          rest = rest.subarray(passed);
          open -= passed;
          continue;
        }
        if (rest.length < FRAME_HEADER) break;
        const length = rest.readUIntBE(0, 3);
        if (isCutting() && rest[3] === DATA_FRAME && length > 1) {
          const half = Buffer.concat([...out, rest.subarray(0, FRAME_HEADER + Math.floor(length / 2))]);
          rest = Buffer.alloc(0);
          this.push(half);
          // What was pushed has to leave first.
          setImmediate(cut);
          return;
        }
        open = FRAME_HEADER + length;
      }
      done(null, Buffer.concat(out));
    },
  });
}

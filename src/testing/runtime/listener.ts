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
    const outgoing = frameWatcher(
      () => cutting,
      () => socket.once("finish", cut),
    );
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
function frameWatcher(isCutting: () => boolean, onCut: () => void): Transform {
  let rest: Buffer = Buffer.alloc(0);
  /** Bytes of the present frame that are still to go out. */
  let open = 0;
  let last = false;
  return new Transform({
    transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback) {
      rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
      while (rest.length > 0) {
        if (open === 0) {
          if (rest.length < FRAME_HEADER) break;
          const length = rest.readUIntBE(0, 3);
          last = isCutting() && rest[3] === DATA_FRAME && length > 1;
          open = FRAME_HEADER + (last ? Math.floor(length / 2) : length);
        }
        const part = rest.subarray(0, open);
        rest = rest.subarray(part.length);
        open -= part.length;
        this.push(part);
        if (last && open === 0) {
          // The socket ends when this has left. What comes behind is never taken.
          this.push(null);
          onCut();
          return;
        }
      }
      done();
    },
  });
}

/**
 * Waiting for sockets.
 *
 * @module
 */
import { Duplex } from "node:stream";

/** Resolves when a stream that was full takes more, or is gone. */
export function whenWritable(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (!stream.writable || !stream.writableNeedDrain) return resolve();
    const settle = () => {
      for (const event of ["drain", "close", "error"]) stream.off(event, settle);
      resolve();
    };
    for (const event of ["drain", "close", "error"]) stream.on(event, settle);
  });
}

/** Ends what is written to a stream, and resolves when it has been passed on or the stream is gone. */
export function whenWritten(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableFinished) return resolve();
    for (const event of ["finish", "close", "error"]) stream.once(event, () => resolve());
    stream.end();
  });
}

/** Breaks a connection once what was written to it has left. */
export function flushAndDestroy(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const destroy = () => {
      socket.destroy();
      resolve();
    };
    if (!socket.writable) destroy();
    else socket.write("", destroy);
  });
}

/** The same connection, which breaks when `bytes` bytes have been sent on it. */
export function breakAfter(socket: Duplex, bytes: number): Duplex {
  let left = bytes;
  const limited = new Duplex({
    read() {
      socket.resume();
    },
    write(chunk: Buffer, _encoding, done) {
      const part = chunk.subarray(0, left);
      left -= part.byteLength;
      socket.write(part, (error) => {
        if (error || left > 0) return done(error);
        limited.destroy();
        done();
      });
    },
    final(done) {
      socket.end(done);
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (chunk) => {
    if (!limited.push(chunk)) socket.pause();
  });
  socket.on("end", () => limited.push(null));
  socket.on("error", () => limited.destroy());
  socket.on("close", () => limited.destroy());
  limited.on("error", () => {});
  return limited;
}

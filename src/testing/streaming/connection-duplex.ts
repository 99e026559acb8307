/**
 * A forwarded connection as its handler holds it.
 *
 * @module
 */
import { Duplex } from "node:stream";

/** Both sides of a forwarded connection. */
export interface ForwardedConnection {
  /** What the handler reads from and writes to. */
  readonly duplex: Duplex;
  /** Hands bytes of the client over; resolves when the handler takes more. Dropped once the handler is done. */
  receive(bytes: Uint8Array): Promise<void>;
  /** The client sends no more. */
  endReceiving(): void;
}

/** A connection whose bytes go to `write`; `end` is told when the handler sends no more. */
export function createForwardedConnection(
  write: (bytes: Uint8Array) => Promise<void>,
  end: () => void,
): ForwardedConnection {
  let more: () => void = () => {};
  let ended = false;
  const duplex = new Duplex({
    // Reading to the end would else take the writing side along on Node 22. Destroyed when its handler is done.
    autoDestroy: false,
    read: () => more(),
    write(chunk: Buffer, _encoding, done) {
      write(chunk).then(() => done(), done);
    },
    final(done) {
      end();
      done();
    },
    destroy(error, done) {
      more();
      done(error);
    },
  });
  // Whoever destroys it with an error knows of it.
  duplex.on("error", () => {});
  return {
    duplex,
    receive(bytes) {
      if (ended || duplex.destroyed) return Promise.resolve();
      return new Promise((resolve) => {
        more = resolve;
        if (duplex.push(bytes)) resolve();
      });
    },
    endReceiving() {
      if (ended || duplex.destroyed) return;
      ended = true;
      duplex.push(null);
    },
  };
}

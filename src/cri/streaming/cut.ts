/**
 * Breaking a TCP connection off.
 *
 * @module
 */
import type { Socket } from "node:net";

/** Ends a connection so that the other side does not take it for a regular end, where that can still be done. */
export function cut(socket: Socket): void {
  // A reset while the end is being sent fails, and leaves the socket open for good: nodejs closes its handle no more.
  const isEnding = socket.writableEnded && !socket.writableFinished;
  if (socket.connecting || socket.destroyed || isEnding) socket.destroy();
  else socket.resetAndDestroy();
}

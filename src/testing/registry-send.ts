/**
 * Answers of the in-process registry on their way out, as fast as the connection is meant to be.
 *
 * @module
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { RegistryReply } from "./registry-reply.ts";

/** Sends answers; keeps the time at which each connection may send again. */
export type SendReply = (response: ServerResponse, method: string, reply: RegistryReply) => Promise<void>;

const PIECES_A_SECOND = 50;

/** A sender that gives each connection so many bytes of bodies a second; without a number it does not wait. */
export function replySender(bytesPerSecond: number | undefined): SendReply {
  const freeAt = new WeakMap<Socket, number>();
  return async (response, method, reply) => {
    const { status, headers = {}, body = "", breakAfterBytes } = reply;
    response.statusCode = status;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const whole = typeof body === "string" ? Buffer.from(body) : body;
    const bodiless = method === "HEAD" || status === 204 || status === 304;
    if (
      whole instanceof Uint8Array &&
      status !== 204 &&
      status !== 304 &&
      !response.hasHeader("Content-Length")
    ) {
      response.setHeader("Content-Length", whole.byteLength);
    }
    if (bodiless) {
      response.end();
      return;
    }
    if (whole instanceof Uint8Array && breakAfterBytes === undefined && bytesPerSecond === undefined) {
      response.end(whole);
      return;
    }
    if (breakAfterBytes !== undefined) response.flushHeaders();
    const chunks = whole instanceof Uint8Array ? [whole] : whole;
    await sendSome(response, paced(chunks, response.socket), breakAfterBytes ?? Number.POSITIVE_INFINITY);
    if (breakAfterBytes === undefined) response.end();
    else response.destroy();
  };

  /** Cuts chunks up, and gives out each piece when the connection's time for it has come. */
  async function* paced(
    chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
    socket: Socket | null,
  ): AsyncGenerator<Uint8Array, void> {
    if (bytesPerSecond === undefined || !socket) {
      yield* chunks;
      return;
    }
    const pieceBytes = Math.max(1, Math.floor(bytesPerSecond / PIECES_A_SECOND));
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.byteLength; at += pieceBytes) {
        const now = performance.now();
        const start = Math.max(now, freeAt.get(socket) ?? 0);
        const piece = chunk.subarray(at, at + pieceBytes);
        freeAt.set(socket, start + (piece.byteLength / bytesPerSecond) * 1000);
        if (start > now + 1) await sleep(start - now);
        yield piece;
      }
    }
  }
}

/** Writes at most `limit` bytes; ends early when the client goes away. */
async function sendSome(
  response: ServerResponse,
  body: AsyncIterable<Uint8Array>,
  limit: number,
): Promise<void> {
  let left = limit;
  const gone = finished(response).catch(() => {});
  for await (const chunk of body) {
    const part = chunk.subarray(0, Math.min(left, chunk.byteLength));
    left -= part.byteLength;
    if (response.destroyed) return;
    if (!response.write(part)) {
      await Promise.race([gone, new Promise((resolve) => response.once("drain", resolve))]);
    }
    if (left <= 0) break;
  }
  // What was written must have left before the connection is broken.
  await Promise.race([gone, new Promise((resolve) => response.write("", resolve))]);
}

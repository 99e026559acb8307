/**
 * Answers written byte by byte onto a connection: whatever HTTP forbids is possible here.
 *
 * @module
 */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { WholeReply } from "./registry-lies.ts";
import type { RegistryMisbehaviour } from "./registry-misbehaviour.ts";

const PIECE_BYTES = 64 * 1024;

/** Writes an answer as a misbehaviour wants it, and ends the connection; ends at once when the client is gone. */
export async function writeDishonestly(
  socket: Socket,
  method: string,
  reply: WholeReply,
  misbehaviour: RegistryMisbehaviour,
): Promise<void> {
  const { cutAt, cutBy = "end", stallAt, bytesPerSecond } = misbehaviour;
  const { status } = reply;
  const bodiless = method === "HEAD" || status === 204 || status === 304;
  const isChunked =
    misbehaviour.chunked ??
    (misbehaviour.declaredLength === undefined && reply.extraBytes === Number.POSITIVE_INFINITY);
  const limit = Math.min(cutAt ?? Number.POSITIVE_INFINITY, stallAt ?? Number.POSITIVE_INFINITY);
  await write(socket, head(reply, isChunked, misbehaviour.declaredLength), bytesPerSecond);
  if (!bodiless) {
    let sent = 0;
    for (const piece of pieces(reply)) {
      if (sent >= limit || socket.destroyed) break;
      const part = piece.subarray(0, Math.min(piece.byteLength, limit - sent));
      sent += part.byteLength;
      await write(socket, isChunked ? framed(part) : part, bytesPerSecond);
    }
    const whole = reply.body.byteLength + reply.extraBytes;
    if (isChunked && sent === whole && limit >= whole)
      await write(socket, Buffer.from("0\r\n\r\n"), bytesPerSecond);
    if (stallAt !== undefined && limit === stallAt) await gone(socket);
  }
  if (cutAt !== undefined && cutBy === "reset" && !bodiless) reset(socket);
  else socket.end();
}

/** Ends a connection with a reset. */
export function reset(socket: Socket): void {
  // A connection over TLS has no reset of its own.
  if ("encrypted" in socket) socket.destroy();
  else socket.resetAndDestroy();
}

/** Waits until a connection has ended. */
export function gone(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) resolve();
    socket.once("close", () => resolve());
    // Nobody reads on: without this the end that the client sends would not be seen.
    socket.resume();
    socket.once("end", () => socket.destroy());
  });
}

function head(
  { status, headers, body, extraBytes }: WholeReply,
  isChunked: boolean,
  declared?: number,
): Uint8Array {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Unknown"}`];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  const named = headers.some(([name]) => name.toLowerCase() === "content-length");
  const bodiless = status === 204 || status === 304;
  if (declared !== undefined) lines.push(`Content-Length: ${declared}`);
  else if (!named && !isChunked && !bodiless) lines.push(`Content-Length: ${body.byteLength + extraBytes}`);
  if (isChunked) lines.push("Transfer-Encoding: chunked");
  lines.push("Connection: close", "", "");
  return Buffer.from(lines.join("\r\n"), "latin1");
}

function* pieces({ body, extraBytes }: WholeReply): Generator<Uint8Array, void> {
  for (let at = 0; at < body.byteLength; at += PIECE_BYTES) yield body.subarray(at, at + PIECE_BYTES);
  const spaces = Buffer.alloc(Math.min(extraBytes, PIECE_BYTES), " ");
  for (let left = extraBytes; left > 0; left -= PIECE_BYTES)
    yield spaces.subarray(0, Math.min(left, PIECE_BYTES));
}

function framed(part: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${part.byteLength.toString(16)}\r\n`), part, Buffer.from("\r\n")]);
}

async function write(socket: Socket, bytes: Uint8Array, bytesPerSecond: number | undefined): Promise<void> {
  if (bytesPerSecond === undefined) {
    await flushed(socket, bytes);
    return;
  }
  const pieceBytes = Math.max(1, Math.floor(bytesPerSecond / 10));
  for (let at = 0; at < bytes.byteLength && !socket.destroyed; at += pieceBytes) {
    await flushed(socket, bytes.subarray(at, at + pieceBytes));
    await sleep((pieceBytes / bytesPerSecond) * 1000);
  }
}

/** Ends when the bytes have left, or the connection has ended. */
function flushed(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed || bytes.byteLength === 0) {
      resolve();
      return;
    }
    const done = (): void => {
      socket.off("close", done);
      resolve();
    };
    socket.once("close", done);
    socket.write(bytes, done);
  });
}

/**
 * Answers over HTTP/1.1, written onto the socket: a request that asks for an upgrade has no other way.
 *
 * @module
 */
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

/** An answer that is no upgrade. */
export interface HttpAnswer {
  status: number;
  /** Values that are lists become a field each. */
  headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  body?: string | undefined;
  /** Ends with the connection and has no fields but its own, as the runtimes' WebSocket library answers. */
  bare?: boolean | undefined;
}

/** Sends an answer and ends the connection. */
export function sendAnswer(
  socket: Duplex,
  { status, headers = {}, body = "", bare = false }: HttpAnswer,
): void {
  const fields = Object.entries(headers).flatMap(([name, value]) =>
    (typeof value === "string" ? [value] : value).map((each) => `${name}: ${each}`),
  );
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    ...(bare ? [] : ["Connection: close", `Content-Length: ${Buffer.byteLength(body)}`]),
    ...fields,
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
  socket.resume();
}

/** An answer with a text for people, as the runtimes' servers give it. */
export function textAnswer(status: number, text: string, headers: HttpAnswer["headers"] = {}): HttpAnswer {
  const kind = { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" };
  return { status, headers: { ...headers, ...kind }, body: `${text}\n` };
}

/** Accepts an upgrade. */
export function sendUpgrade(socket: Duplex, fields: readonly string[]): void {
  socket.write(`${["HTTP/1.1 101 Switching Protocols", ...fields].join("\r\n")}\r\n\r\n`);
}

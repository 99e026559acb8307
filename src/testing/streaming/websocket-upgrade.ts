/**
 * The handshake of WebSocket as the runtimes' servers do it.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6455#section-4.2}
 * @see {@link https://cs.opensource.google/go/x/net/+/refs/tags/v0.48.0:websocket/hybi.go}
 * @module
 */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { HttpAnswer } from "./http-answer.ts";

const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Whether a request asks for WebSocket. */
export function isWebSocketRequest({ headers }: IncomingMessage): boolean {
  const words = (headers.connection ?? "").toLowerCase().split(/[ ,]+/);
  return words.includes("upgrade") && (headers.upgrade ?? "").toLowerCase() === "websocket";
}

/** The subprotocols that a request offers, in its order. */
export function offeredSubprotocols({ headers }: IncomingMessage): string[] {
  const text = (headers["sec-websocket-protocol"] ?? "").trim();
  return text === "" ? [] : text.split(",").map((name) => name.trim());
}

/** The refusal of a handshake that is faulty; undefined for a good one. */
export function handshakeFault({ method, headers }: IncomingMessage): HttpAnswer | undefined {
  if (method !== "GET") return { status: 405, bare: true, body: "bad method" };
  if (headers["sec-websocket-key"] === undefined) {
    return { status: 400, bare: true, body: "mismatch challenge/response" };
  }
  if (headers["sec-websocket-version"] !== "13") {
    return {
      status: 400,
      bare: true,
      headers: { "Sec-WebSocket-Version": "13" },
      body: "missing or bad WebSocket Version",
    };
  }
  return undefined;
}

/** The header fields of an upgrade. A protocol field that is undefined is left out; an empty one is sent. */
export function upgradeFields({ headers }: IncomingMessage, protocol: string | undefined): string[] {
  const accept = createHash("sha1")
    .update(`${headers["sec-websocket-key"]}${ACCEPT_SUFFIX}`)
    .digest("base64");
  return [
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${accept}`,
    ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
  ];
}

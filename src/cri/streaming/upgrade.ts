/**
 * Opening a streaming URL: the HTTP/1.1 request that turns into WebSocket or SPDY.
 *
 * A URL is good for one try, whatever comes of it. Redirects are not followed.
 *
 * @module
 */
import { request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type ClientOptions, WebSocket } from "ws";
import { CriError } from "../errors.ts";
import { dialStream, type StreamTlsOptions } from "./dial.ts";
import { displayStreamUrl, type StreamUrl, withoutToken } from "./stream-url.ts";

/** How a URL is opened. */
export interface UpgradeOptions {
  /** Names of protocols that this side speaks, the best first. */
  protocols: readonly string[];
  tls: StreamTlsOptions | undefined;
  /** Ends the attempt; the rejection is its reason. */
  signal: AbortSignal;
}

/** A socket that speaks SPDY from now on. */
export interface SpdyUpgrade {
  socket: Duplex;
  /** What came of it already. */
  head: Uint8Array;
  /** The protocol that the server chose. */
  protocol: string;
}

/** Largest WebSocket message accepted; servers send what they read at once, 32 KiB at most. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * How long a server may take to end a connection after its close message, or to answer one. Nothing comes any more
 * then, and servers that leave it to the client to end the connection are not waited for.
 */
const CLOSE_MS = 100;

/** How much of the body of a refusal is kept. */
const MAX_REFUSAL_BYTES = 1024;

const SPDY = "SPDY/3.1";

/**
 * Opens a URL as SPDY. `use` gets the socket at once, before anything of it can be lost.
 *
 * @throws {CriError} `ERR_CRI_UPGRADE_REFUSED` with `statusCode` for an HTTP answer that is no upgrade.
 * @throws {CriError} `ERR_CRI_STREAM_PROTOCOL` for an answer that is neither, or chooses what was not offered.
 * @throws {CriError} `ERR_CRI_UNAVAILABLE` with `systemCode` if there is no connection; `ERR_CRI_CONNECTION_LOST` if
 * it ends before the answer; `ERR_CRI_STREAM_URL_REFUSED`.
 */
export function upgradeToSpdy<T>(
  url: StreamUrl,
  { protocols, tls, signal }: UpgradeOptions,
  use: (upgrade: SpdyUpgrade) => T,
): Promise<T> {
  return opening(
    signal,
    () => dialStream(url, tls),
    (socket, { done, fail }) => {
      const request = httpRequest({
        createConnection: () => socket,
        method: "POST",
        path: url.path,
        setDefaultHeaders: false,
        headers: {
          Host: url.authority,
          Connection: "Upgrade",
          Upgrade: SPDY,
          "Content-Length": "0",
          "X-Stream-Protocol-Version": [...protocols],
        },
      });
      request.on("error", (error) => fail(toOpenError(error, url)));
      request.on("response", (response) => {
        readRefusal(response, url).then(fail, fail);
      });
      request.on("upgrade", (response, upgraded, head) => {
        const chosen = response.headers["x-stream-protocol-version"];
        const protocol = Array.isArray(chosen) ? chosen[0] : chosen;
        if (response.headers.upgrade?.toLowerCase() !== SPDY.toLowerCase()) {
          return fail(notToProtocol(url, "another protocol than SPDY/3.1 begins"));
        }
        if (protocol === undefined || !protocols.includes(protocol)) {
          return fail(notToProtocol(url, "it chooses a version that was not offered"));
        }
        done(() => use({ socket: upgraded, head, protocol }));
      });
      request.end();
      return () => request.destroy();
    },
  );
}

/**
 * Opens a URL as WebSocket. `use` gets the socket when it is open, before any message.
 *
 * @throws {CriError} As {@link upgradeToSpdy}.
 */
export function upgradeToWebSocket<T>(
  url: StreamUrl,
  { protocols, tls, signal }: UpgradeOptions,
  use: (websocket: WebSocket) => T,
): Promise<T> {
  return opening(
    signal,
    () => dialStream(url, tls),
    (socket, { done, fail }) => {
      const websocket = new WebSocket(
        new URL(`${url.secure ? "wss" : "ws"}://${url.authority}${url.path}`),
        [...protocols],
        webSocketOptions(socket),
      );
      websocket.on("error", (error) => fail(toOpenError(error, url)));
      websocket.on("unexpected-response", (request, response) => {
        readRefusal(response, url)
          .then(fail, fail)
          .finally(() => request.destroy());
      });
      websocket.on("open", () => done(() => use(websocket)));
      return () => websocket.terminate();
    },
  );
}

/** How an opening ends. */
interface OpeningEnd<T> {
  /** With what `use` gives, called at once. */
  done(use: () => T): void;
  fail(error: unknown): void;
}

/** One try over one connection: a failure and the signal let go of both. `begin` gives what undoes its own part. */
function opening<T>(
  signal: AbortSignal,
  dial: () => Socket,
  begin: (socket: Socket, end: OpeningEnd<T>) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = dial();
    const fail = (error: unknown) => {
      signal.removeEventListener("abort", onAbort);
      reject(error);
      undo();
      socket.destroy();
    };
    const done = (use: () => T) => {
      signal.removeEventListener("abort", onAbort);
      resolve(use());
    };
    const onAbort = () => fail(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const undo = begin(socket, { done, fail });
  });
}

function webSocketOptions(socket: Socket): ClientOptions {
  const options = {
    createConnection: () => socket,
    followRedirects: false,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    closeTimeout: CLOSE_MS,
    // Text messages are base64, and are checked as such.
    skipUTF8Validation: true,
  };
  return options;
}

/** What an answer that is no upgrade says. The start of its body is kept, for at most a second. */
async function readRefusal(response: IncomingMessage, url: StreamUrl): Promise<CriError> {
  const parts: Buffer[] = [];
  let length = 0;
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    timer = setTimeout(resolve, 1000);
    response.on("data", (part: Buffer) => {
      parts.push(part);
      length += part.length;
      if (length >= MAX_REFUSAL_BYTES) resolve();
    });
    response.on("error", () => resolve());
    response.on("close", () => resolve());
  });
  clearTimeout(timer);
  const statusCode = response.statusCode ?? 0;
  if (statusCode < 200) return notToProtocol(url, `HTTP ${statusCode} that begins nothing`);
  const body = Buffer.concat(parts).subarray(0, MAX_REFUSAL_BYTES).toString();
  const details = withoutToken(body, url)
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim();
  return new CriError(
    "ERR_CRI_UPGRADE_REFUSED",
    `${displayStreamUrl(url)} does not become a stream: HTTP ${statusCode}${REFUSALS[statusCode] ?? ""}${details && `: ${details}`}`,
    { statusCode, details },
  );
}

const REFUSALS: Readonly<Record<number, string>> = {
  403: ", it takes none of the protocols that were offered",
  404: ", its token is unknown, used or over",
};

/** The error of a connection that did not come to be, or broke before its answer. */
function toOpenError(error: Error, url: StreamUrl): CriError {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const text = withoutToken(error.message || code, url);
  if (code === "" || code.startsWith("HPE_") || code.startsWith("WS_ERR_"))
    return notToProtocol(url, text, error);
  const ended = code === "ECONNRESET" || code === "EPIPE";
  return new CriError(
    ended ? "ERR_CRI_CONNECTION_LOST" : "ERR_CRI_UNAVAILABLE",
    `${displayStreamUrl(url)} cannot be opened: ${text}`,
    { systemCode: code, cause: error },
  );
}

function notToProtocol(url: StreamUrl, what: string, cause?: unknown): CriError {
  const options = cause === undefined ? {} : { cause };
  return new CriError(
    "ERR_CRI_STREAM_PROTOCOL",
    `${displayStreamUrl(url)} cannot be opened: ${what}`,
    options,
  );
}

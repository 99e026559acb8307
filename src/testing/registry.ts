/**
 * A container registry inside the process, on a loopback port: for tests of whatever talks to a registry.
 *
 * It keeps to the distribution specification 1.1 (push in one request, in two and in chunks, mounts, ranges,
 * tags, referrers, deletion) and keeps everything in memory.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md}
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { finished } from "node:stream/promises";
import { collectBytes } from "../core/bytes.ts";
import { isLadingError } from "../core/errors.ts";
import {
  basicGuard,
  bearerGuard,
  openGuard,
  type RegistryAuth,
  type RegistryGuard,
} from "./registry-auth.ts";
import { emptyContent } from "./registry-content.ts";
import { errorReply, type RegistryReply, type RegistryRequest } from "./registry-reply.ts";
import { answerRequest, type RouteSettings } from "./registry-routes.ts";

/** Options of {@link startRegistry}. */
export interface StartRegistryOptions {
  /** Loopback address to listen on. Default `127.0.0.1`. */
  host?: "127.0.0.1" | "::1" | undefined;
  /** Serve HTTPS with this key and certificate, in PEM. Default plain HTTP. */
  tls?: { key: string; cert: string } | undefined;
  /** Who may do what. Default: everybody everything. */
  auth?: RegistryAuth | undefined;
  /**
   * The referrers API: `"api"` (the default), `"off"` as before version 1.1 of the specification, or
   * `"announced-only"`: `OCI-Subject` is answered to a push, but there is no API, as some registries had it.
   */
  referrers?: "api" | "off" | "announced-only" | undefined;
  /** Form of upload locations. Default `"relative"`. */
  locations?: "relative" | "absolute" | undefined;
  /** Whether a manifest may name content that was never pushed. Default no. */
  allowMissing?: boolean | undefined;
  /** Largest manifest, in bytes. Default 4 MiB (4194304). */
  maxManifestBytes?: number | undefined;
  /** Largest blob and largest request body, in bytes. Default 64 MiB. */
  maxBlobBytes?: number | undefined;
  /** Most bytes kept altogether; a push beyond that is answered 507. Default 1 GiB. */
  maxStoredBytes?: number | undefined;
  /** Answers a request in place of the registry, before any check; nothing lets the registry answer. */
  intercept?:
    | ((request: RegistryRequest) => RegistryReply | undefined | Promise<RegistryReply | undefined>)
    | undefined;
  /** Changes what the registry has answered, before it is sent. */
  alter?:
    | ((request: RegistryRequest, reply: RegistryReply) => RegistryReply | Promise<RegistryReply>)
    | undefined;
}

/** One line of the log. */
export interface RegistryLogEntry {
  method: string;
  /** Path and query as sent. */
  url: string;
  headers: Readonly<IncomingMessage["headers"]>;
  /** Length of the request's body in bytes. */
  bodyBytes: number;
  /** 0 where the connection broke before an answer was sent. */
  status: number;
}

/** A registry that is running. */
export interface TestRegistry {
  /** Host and port as in a reference: `127.0.0.1:40123`, `[::1]:40123`. */
  readonly host: string;
  /** Scheme, host and port. */
  readonly url: string;
  /** Requests in order of their arrival, the last 10000. */
  readonly requests: readonly RegistryLogEntry[];
  /** Connections that are open now, and that were ever made. */
  readonly connections: { readonly open: number; readonly made: number };
  /** Makes every token that was issued so far invalid. */
  revokeTokens(): void;
  /** Stops listening, breaks open connections, and drops the content. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

const MAX_LOG = 10_000;

/**
 * Starts a registry on a free loopback port.
 *
 * It must be closed; until then it keeps the process alive.
 */
export async function startRegistry(options: StartRegistryOptions = {}): Promise<TestRegistry> {
  const {
    host: address = "127.0.0.1",
    tls,
    auth,
    intercept,
    alter,
    maxBlobBytes = 64 * 1024 * 1024,
  } = options;
  const requests: RegistryLogEntry[] = [];
  const sockets = new Set<Socket>();
  let made = 0;
  let guard: RegistryGuard = openGuard();
  const content = emptyContent();

  const server: Server = tls ? createTlsServer(tls) : createServer();
  server.on("connection", (socket: Socket) => {
    made++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, address, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = `${address === "::1" ? "[::1]" : address}:${port}`;
  const url = `${tls ? "https" : "http"}://${host}`;
  if (auth) guard = auth.kind === "basic" ? basicGuard(auth) : bearerGuard(auth, url);
  const settings: RouteSettings = {
    referrers: options.referrers ?? "api",
    locationPrefix: options.locations === "absolute" ? url : "",
    allowMissing: options.allowMissing ?? false,
    maxManifestBytes: options.maxManifestBytes ?? 4 * 1024 * 1024,
    maxStoredBytes: options.maxStoredBytes ?? 1024 * 1024 * 1024,
    maxBlobBytes,
  };

  server.on("request", (incoming: IncomingMessage, response: ServerResponse) => {
    serve(incoming, response).catch(() => response.destroy());
  });

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const entry: RegistryLogEntry = {
      method: incoming.method ?? "",
      url: incoming.url ?? "",
      headers: incoming.headers,
      bodyBytes: 0,
      status: 0,
    };
    requests.push(entry);
    if (requests.length > MAX_LOG) requests.shift();
    const body = await readBody(incoming, maxBlobBytes);
    const { pathname, searchParams } = new URL(entry.url, "http://localhost");
    const request: RegistryRequest = {
      method: entry.method,
      path: pathname,
      query: searchParams,
      headers: incoming.headers,
      body: body ?? new Uint8Array(),
    };
    entry.bodyBytes = request.body.byteLength;
    let reply = await intercept?.(request);
    reply ??= body
      ? answerRequest(content, guard, request, settings)
      : errorReply(413, "SIZE_INVALID", "the body is too large");
    if (alter) reply = await alter(request, reply);
    entry.status = reply.status;
    await send(response, request.method, reply);
  }

  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
    sockets.clear();
    content.repositories.clear();
    content.uploads.clear();
  };
  return {
    host,
    url,
    requests,
    connections: {
      get open() {
        return sockets.size;
      },
      get made() {
        return made;
      },
    },
    revokeTokens: () => guard.revokeTokens(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The body, or nothing where it is longer than the limit; the rest is then thrown away. */
async function readBody(incoming: IncomingMessage, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    return await collectBytes(incoming, { maxBytes });
  } catch (error) {
    if (isLadingError(error)) return undefined;
    throw error;
  }
}

async function send(response: ServerResponse, method: string, reply: RegistryReply): Promise<void> {
  const { status, headers = {}, body = "", breakAfterBytes } = reply;
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  const whole = typeof body === "string" ? Buffer.from(body) : body;
  if (whole instanceof Uint8Array && status !== 204 && !response.hasHeader("Content-Length")) {
    response.setHeader("Content-Length", whole.byteLength);
  }
  if (method === "HEAD" || status === 204) {
    response.end();
    return;
  }
  if (breakAfterBytes !== undefined) {
    response.flushHeaders();
    await sendSome(response, whole, breakAfterBytes);
    response.destroy();
    return;
  }
  if (whole instanceof Uint8Array) {
    response.end(whole);
    return;
  }
  await sendSome(response, whole, Number.POSITIVE_INFINITY);
  response.end();
}

/** Writes at most `limit` bytes; ends early when the client goes away. */
async function sendSome(
  response: ServerResponse,
  body: Uint8Array | AsyncIterable<Uint8Array>,
  limit: number,
): Promise<void> {
  let left = limit;
  const gone = finished(response).catch(() => {});
  for await (const chunk of body instanceof Uint8Array ? [body] : body) {
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

/**
 * A streaming server on a loopback port.
 *
 * @see {@link https://github.com/kubernetes/cri-streaming/blob/v0.36.0/pkg/streaming/server.go}
 * @module
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, Socket } from "node:net";
import { sendAnswer } from "./http-answer.ts";
import { checkStreamingRequest } from "./requests.ts";
import { type PendingRequest, type StreamingVisit, serveVisit } from "./routes.ts";
import { createTokens } from "./tokens.ts";
import type { StartStreamingServerOptions, StreamingLogEntry, StreamingServer } from "./types.ts";

const MAX_LOG = 1000;
const DEFAULT_TOKEN_LIFE_MS = 60_000;
const DEFAULT_MAX_TOKENS = 1000;
const DEFAULT_IDLE_TIMEOUT_MS = 4 * 60 * 60 * 1000;

/**
 * Starts a streaming server on a free loopback port: the behaviour of the server in containerd and CRI-O, or of
 * conmon-rs.
 *
 * It must be closed; until then it keeps the process alive.
 *
 * @see {@link https://github.com/kubernetes/cri-api/blob/v0.36.0/pkg/apis/runtime/v1/api.proto}
 */
export async function startStreamingServer(options: StartStreamingServerOptions): Promise<StreamingServer> {
  const { tls, host = "127.0.0.1", websocket = "v4", idleTimeoutMs = DEFAULT_IDLE_TIMEOUT_MS } = options;
  const tokens = createTokens<PendingRequest>({
    lifeMs: options.tokenLifeMs ?? DEFAULT_TOKEN_LIFE_MS,
    max: options.maxTokens ?? DEFAULT_MAX_TOKENS,
    now: options.now ?? Date.now,
  });
  const log: StreamingLogEntry[] = [];
  const sockets = new Set<Socket>();
  let sessions = 0;

  const server = tls ? createTlsServer(tlsOptions(tls)) : createServer();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  server.on("secureConnection", (socket: Socket) => socket.on("error", () => {}));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const baseUrl = `${tls ? "https" : "http"}://${host === "::1" ? "[::1]" : host}:${port}`;

  /** Gives the answer back, where there is one to send. */
  const visit = (incoming: IncomingMessage, connection: StreamingVisit["connection"]) => {
    const entry: StreamingLogEntry = {
      method: incoming.method ?? "",
      url: incoming.url ?? "",
      offered: [],
      status: 0,
      protocol: "",
      fragments: 0,
    };
    log.push(entry);
    if (log.length > MAX_LOG) log.shift();
    const outcome = serveVisit({ incoming, connection, entry, take: tokens.take }, options);
    if ("session" in outcome) {
      sessions++;
      const end = () => {
        sessions--;
        connection?.socket.destroy();
      };
      outcome.session.then(end, end);
    }
    if (!("answer" in outcome)) return undefined;
    entry.status = outcome.answer.status;
    return outcome.answer;
  };
  server.on("request", (request, response) => {
    const answer = visit(request, undefined);
    if (!answer) return;
    const { status, headers, body = "" } = answer;
    response.writeHead(status, { ...headers, "Content-Length": Buffer.byteLength(body) });
    response.end(body);
  });
  server.on("upgrade", (request, socket, head) => {
    if (socket instanceof Socket) socket.setTimeout(idleTimeoutMs, () => socket.destroy());
    const answer = visit(request, { socket, head });
    if (answer) sendAnswer(socket, answer);
  });

  const close = () => closeServer(server, sockets);
  return {
    baseUrl,
    log,
    get sessions() {
      return sessions;
    },
    url(kind, request) {
      checkStreamingRequest(kind, request);
      const conmon = websocket === "conmon-rs" && kind !== "portforward";
      const token = tokens.issue({ kind, request } as PendingRequest, conmon ? randomUUID() : undefined);
      return `${baseUrl}/${kind}/${token}`;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function tlsOptions({ cert, key, clientCa }: NonNullable<StartStreamingServerOptions["tls"]>): object {
  const clients = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  return { cert, key, minVersion: "TLSv1.2", ...clients };
}

async function closeServer(server: Server, sockets: Iterable<Socket>): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of sockets) socket.destroy();
  await closed;
}

/**
 * The loopback port of an in-process registry, and the connections to it.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";

/** Key and certificate of a server, in PEM. */
export interface RegistryTls {
  key: string;
  cert: string;
  /** Authority that client certificates must come from, in PEM. Default: none are asked for. */
  clientCa?: string | undefined;
}

/** What {@link listen} needs. */
export interface ListenOptions {
  address: "127.0.0.1" | "::1";
  tls?: RegistryTls | undefined;
  onRequest: (incoming: IncomingMessage, response: ServerResponse, connection: number) => Promise<void>;
}

/** A port that is listened on. */
export interface Listener {
  /** Host and port. */
  readonly host: string;
  readonly url: string;
  readonly connections: { readonly open: number; readonly made: number };
  /** Stops listening and breaks the connections. */
  close(): Promise<void>;
}

/** Listens on a free port. A request whose handler fails gets a broken connection. */
export async function listen({ address, tls, onRequest }: ListenOptions): Promise<Listener> {
  const sockets = new Set<Socket>();
  /** By the client's port: requests over TLS come with another socket object. */
  const numbers = new Map<number, number>();
  let made = 0;
  const server: Server = tls
    ? createTlsServer({
        key: tls.key,
        cert: tls.cert,
        ...(tls.clientCa === undefined
          ? {}
          : { ca: tls.clientCa, requestCert: true, rejectUnauthorized: true }),
      })
    : createServer();
  server.on("connection", (socket: Socket) => {
    const port = socket.remotePort ?? 0;
    made++;
    sockets.add(socket);
    numbers.set(port, made);
    socket.on("close", () => {
      sockets.delete(socket);
      numbers.delete(port);
    });
    socket.on("error", () => {});
  });
  server.on("request", (incoming: IncomingMessage, response: ServerResponse) => {
    const connection = numbers.get(incoming.socket.remotePort ?? 0) ?? 0;
    onRequest(incoming, response, connection).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, address, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = `${address === "::1" ? "[::1]" : address}:${port}`;
  return {
    host,
    url: `${tls ? "https" : "http"}://${host}`,
    connections: {
      get open() {
        return sockets.size;
      },
      get made() {
        return made;
      },
    },
    async close() {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
      sockets.clear();
    },
  };
}

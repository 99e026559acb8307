/**
 * Listening at the same port of several local addresses.
 *
 * @module
 */
import { createServer, type Server, type Socket } from "node:net";
import { CriError } from "../errors.ts";

/** A port that is listened at. */
export interface LocalListener {
  readonly port: number;
  /** Where, such as `127.0.0.1:8080` and `[::1]:8080`. */
  readonly addresses: readonly string[];
  /** Stops to listen. Connections that were accepted stay. */
  close(): Promise<void>;
}

/** An address that this machine does not have. */
const ABSENT: readonly string[] = ["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"];

/** How often another free port is tried if the first address has it and another one does not. */
const ATTEMPTS = 20;

/**
 * Listens at a port of each address that this machine has.
 *
 * @param port 0 for one that is free at all of them.
 * @throws {CriError} `ERR_CRI_PORT_FORWARD_FAILED` with `systemCode` if the port cannot be had.
 */
export async function listenLocally(
  hosts: readonly string[],
  port: number,
  onConnection: (socket: Socket) => void,
): Promise<LocalListener> {
  for (let attempt = 1; ; attempt++) {
    const servers: Server[] = [];
    const addresses: string[] = [];
    let taken = port;
    try {
      for (const host of hosts) {
        const server = await listen(host, taken, onConnection);
        if (!server) continue;
        servers.push(server);
        const address = server.address();
        if (typeof address === "object" && address) taken = address.port;
        addresses.push(host.includes(":") ? `[${host}]:${taken}` : `${host}:${taken}`);
      }
      if (servers.length === 0) throw failed(hosts.join(), port, "EADDRNOTAVAIL");
      return { port: taken, addresses, close: () => closeAll(servers) };
    } catch (error) {
      await closeAll(servers);
      const unlucky = port === 0 && servers.length > 0 && attempt < ATTEMPTS;
      if (!unlucky || !(error instanceof CriError) || error.systemCode !== "EADDRINUSE") throw error;
    }
  }
}

function listen(
  host: string,
  port: number,
  onConnection: (socket: Socket) => void,
): Promise<Server | undefined> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, onConnection);
  return new Promise((resolve, reject) => {
    server.on("error", (error: NodeJS.ErrnoException) => {
      if (ABSENT.includes(error.code ?? "")) resolve(undefined);
      else reject(failed(host, port, error.code, error));
    });
    server.listen({ host, port, ipv6Only: true }, () => resolve(server));
  });
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
}

function failed(host: string, port: number, systemCode = "", cause?: unknown): CriError {
  return new CriError(
    "ERR_CRI_PORT_FORWARD_FAILED",
    `cannot listen at port ${port} of ${host}: ${systemCode}`,
    { systemCode, ...(cause === undefined ? {} : { cause }) },
  );
}

/**
 * A client of HTTP/1.1 over TLS that costs little: requests are bytes made beforehand, connections are kept alive, and of
 * answers only status and body are taken.
 *
 * @module
 */
import { connect, type TLSSocket } from "node:tls";

/** An answer. */
export interface Answer {
  status: number;
  body: string;
  /** From sending to the end of the answer, in milliseconds. */
  ms: number;
  /** How long it waited for a connection before that. */
  waitedMs: number;
}

/** A client of one server. */
export interface TlsClient {
  /** Sends a request on a connection that is free, or as soon as one is. */
  send(request: Uint8Array): Promise<Answer>;
  /** Connections made so far. */
  readonly made: number;
  close(): void;
}

/** The bytes of a request. */
export function requestBytes(path: string, body: string): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    "Host: localhost",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "",
    "",
  ];
  return Buffer.from(head.join("\r\n") + body);
}

interface Job {
  request: Uint8Array;
  asked: number;
  sent: number;
  done(answer: Answer): void;
  fail(error: Error): void;
}

/** A client with so many connections at most. */
export function createTlsClient(port: number, ca: string, connections: number): TlsClient {
  const waiting: Job[] = [];
  const idle: TLSSocket[] = [];
  const all = new Set<TLSSocket>();
  let made = 0;

  function open(): void {
    made++;
    const socket = connect({
      host: "127.0.0.1",
      port,
      servername: "localhost",
      ca,
      ALPNProtocols: ["http/1.1"],
    });
    all.add(socket);
    socket.setNoDelay(true);
    let job: Job | undefined;
    let data: Buffer = Buffer.alloc(0);
    const next = (): void => {
      job = waiting.shift();
      if (job) {
        job.sent = performance.now();
        socket.write(job.request);
      } else idle.push(socket);
    };
    socket.on("next", next);
    socket.once("secureConnect", next);
    socket.on("data", (chunk: Buffer) => {
      data = data.length === 0 ? chunk : Buffer.concat([data, chunk]);
      const end = data.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = data.toString("latin1", 0, end);
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      if (data.length < end + 4 + length) return;
      const body = data.toString("utf8", end + 4, end + 4 + length);
      data = Buffer.alloc(0);
      if (job) {
        const { asked, sent, done } = job;
        done({
          status: Number(head.slice(9, 12)),
          body,
          ms: performance.now() - sent,
          waitedMs: sent - asked,
        });
      }
      job = undefined;
      if (!/\r\nconnection: *close/i.test(head)) next();
    });
    const gone = (error?: Error): void => {
      if (!all.delete(socket)) return;
      socket.destroy();
      const at = idle.indexOf(socket);
      if (at >= 0) idle.splice(at, 1);
      job?.fail(error ?? new Error("the connection ended"));
      if (waiting.length > 0) open();
    };
    socket.on("error", gone).on("close", () => gone());
  }

  return {
    send: (request) =>
      new Promise((done, fail) => {
        waiting.push({ request, asked: performance.now(), sent: 0, done, fail });
        const socket = idle.pop();
        if (socket) socket.emit("next");
        else if (all.size < connections) open();
      }),
    get made() {
      return made;
    },
    close() {
      for (const socket of all) socket.destroy();
    },
  };
}

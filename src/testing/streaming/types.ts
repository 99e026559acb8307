/**
 * What a streaming server is told, and what it tells of its sessions.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import type { AttachRequest, ExecRequest, PortForwardRequest } from "../../cri/index.ts";

/** The ends of a process that a client of exec or attach holds. */
export interface StreamedProcess {
  /**
   * What the client sends. It ends when the client ends it, and when the connection is gone; nothing comes where
   * the request has `stdin: false`. It is read no faster than this is read.
   */
  stdin: AsyncIterable<Uint8Array>;
  /**
   * Sends output. Resolves when the connection takes more; never rejects. Dropped where the request did not ask
   * for it, and once the connection is gone.
   */
  stdout(bytes: Uint8Array): Promise<void>;
  /** As `stdout`. With a terminal there is no stderr. */
  stderr(bytes: Uint8Array): Promise<void>;
  /** Sizes of the client's terminal; those with a 0 are left out. Only the newest is kept while nobody reads. */
  sizes: AsyncIterable<{ width: number; height: number }>;
  /** Aborts when the connection is gone or the server is closed. Runtimes let the process go on. */
  signal: AbortSignal;
}

/** How an exec or attach ended: the process did, or it could not be run; `error` is then the runtime's text. */
export type ExecOutcome = { exitCode: number } | { error: string };

/** The kinds of streaming requests. */
export type StreamingKind = "exec" | "attach" | "portforward";

/** The request of each kind. */
export interface StreamingRequests {
  exec: ExecRequest;
  attach: AttachRequest;
  portforward: PortForwardRequest;
}

/** Certificates of a streaming server, in PEM. */
export interface StreamingTls {
  cert: string;
  key: string;
  /** Authorities of clients. With it a client must show a certificate of one of them. */
  clientCa?: string | undefined;
}

/** Options of {@link startStreamingServer}. */
export interface StartStreamingServerOptions {
  /** Runs a command. A rejection is an outcome with its message as `error`. */
  exec(request: ExecRequest, process: StreamedProcess): Promise<ExecOutcome>;
  /** Attaches to a container. As `exec`. */
  attach(request: AttachRequest, process: StreamedProcess): Promise<ExecOutcome>;
  /**
   * Joins a client with a port of a pod until both directions have ended. The other side's end is the end of
   * `connection`. The message of a rejection reaches the client as error text.
   */
  portForward(request: PortForwardRequest, port: number, connection: Duplex): Promise<void>;
  /**
   * What WebSocket clients get: `"v4"`, the standard server of containerd and CRI-O (the default); `"v5"`, the
   * same that also takes `v5.channel.k8s.io` with its half close; `"conmon-rs"`, for exec and attach only v5 in
   * the way of conmon-rs; `"none"`, nothing.
   */
  websocket?: "v4" | "v5" | "conmon-rs" | "none" | undefined;
  /** Whether SPDY/3.1 is taken. Default true; conmon-rs takes it for port-forward only. */
  spdy?: boolean | undefined;
  /** Serves HTTPS. Default plain HTTP. */
  tls?: StreamingTls | undefined;
  /** Loopback address to listen on. Default `127.0.0.1`. */
  host?: "127.0.0.1" | "::1" | undefined;
  /** How long a URL may be used, in milliseconds. Default one minute. */
  tokenLifeMs?: number | undefined;
  /** How many unused URLs there may be. Default 1000. */
  maxTokens?: number | undefined;
  /** The time in milliseconds, for the age of URLs. Default that of the system. */
  now?: (() => number) | undefined;
  /** How long a SPDY client may take to open its streams, in milliseconds. Default 30 seconds. */
  streamCreationTimeoutMs?: number | undefined;
  /** A connection on which nothing came or went for so many milliseconds is closed. Default four hours. */
  idleTimeoutMs?: number | undefined;
  /**
   * Whether the server leaves it to the client to end a connection after the status, as the newest servers do so
   * that a slow client loses nothing. Default no: the server ends it.
   */
  lingers?: boolean | undefined;
  /** What goes wrong with an upgrade, for tests of clients. Default: nothing. */
  faults?: ((upgrade: StreamingUpgrade) => StreamingFaults | undefined) | undefined;
}

/** A request for a session, with a token that was good. */
export interface StreamingUpgrade {
  kind: StreamingKind;
  request: ExecRequest | AttachRequest | PortForwardRequest;
  transport: "websocket" | "spdy";
}

/** Ways of a server to fail its client. */
export interface StreamingFaults {
  /** Takes the request and never answers. */
  noAnswer?: boolean | undefined;
  /** Answers with this HTTP status instead of an upgrade; `Location` is sent along where given. */
  refuse?: { status: number; body?: string | undefined; location?: string | undefined } | undefined;
  /** Bytes that are sent after the upgrade in place of anything else; then the server stays silent. */
  garbage?: Uint8Array | undefined;
  /** Breaks the connection: after the upgrade, before the status, or instead of closing it properly. */
  cut?: "open" | "status" | "close" | undefined;
  /** Breaks the connection after so many bytes have been sent on it, those of the upgrade not counted. */
  cutAfterBytes?: number | undefined;
  /** Ends the session without its status. */
  omitStatus?: boolean | undefined;
  /** Splits WebSocket messages into frames of at most so many bytes, and SPDY data likewise. */
  fragmentBytes?: number | undefined;
  /** Waits so many milliseconds before each message. */
  delayMs?: number | undefined;
}

/** A request to the server, as its log keeps it. */
export interface StreamingLogEntry {
  method: string;
  /** Path and query as sent. */
  url: string;
  /** Protocols that the client offered, in its order. */
  offered: readonly string[];
  /** The HTTP status of the answer: 101 for an upgrade, 0 where none was sent. */
  status: number;
  /** The protocol that was agreed upon; `""` for none. */
  protocol: string;
  /** How many WebSocket frames came that were only part of a message. Clients must not send any. */
  fragments: number;
}

/** A streaming server that listens. */
export interface StreamingServer {
  /** Scheme, host and port of its URLs. */
  readonly baseUrl: string;
  /** Requests in order of their arrival, the last 1000. */
  readonly log: readonly StreamingLogEntry[];
  /** How many sessions are open. */
  readonly sessions: number;
  /**
   * The URL for a request, good for one use.
   *
   * @throws {CriError} `ERR_CRI_INVALID_ARGUMENT` for a request that runtimes refuse, with their text.
   * @throws {CriError} `ERR_CRI_RESOURCE_EXHAUSTED` if there are too many unused URLs.
   */
  url<K extends StreamingKind>(kind: K, request: StreamingRequests[K]): string;
  /** Stops listening and breaks all connections. */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

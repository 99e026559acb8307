/**
 * Sessions of exec and attach: streams to and from a command, its outcome, and the size of its terminal.
 *
 * @see {@link https://github.com/kubernetes/cri-api/tree/v0.36.0}
 * @module
 */
import { Readable, Writable } from "node:stream";
import { ByteLengthQueuingStrategy } from "node:stream/web";
import { CriError } from "../errors.ts";
import type { ChannelProtocolName } from "./channels.ts";
import { createDetachFilter, parseDetachKeys } from "./detach-keys.ts";
import type { ExecStatus } from "./exec-status.ts";
import { asError } from "./flow.ts";
import {
  callOptions,
  keepingOptions,
  openByFirst,
  type StreamingRuntime,
  withinOpenTimeout,
} from "./opening.ts";
import type {
  AttachEnd,
  AttachSession,
  ExecEnd,
  ExecSession,
  SessionControl,
  SessionOptions,
  SessionStreams,
} from "./session-types.ts";
import { connectSpdyWire, openSpdyWire, spdyExecProtocols } from "./spdy-wire.ts";
import { parseStreamUrl } from "./stream-url.ts";
import { type UpgradeOptions, upgradeToSpdy, upgradeToWebSocket } from "./upgrade.ts";
import { webSocketWire } from "./websocket-wire.ts";
import type { SessionWire, StreamTransport, WireOptions } from "./wire.ts";

/**
 * Runs a command in a container, with streams.
 *
 * The command runs when this resolves. Leaving the session does not end it. There is no retry: a command is never
 * begun twice.
 *
 * @param command Program and arguments; no shell is involved.
 * @throws {TypeError} for an empty command, no stream at all, or a terminal with stderr.
 * @throws {CriError} any code of a failed call; `ERR_CRI_STREAM_URL_REFUSED` if the runtime's URL leads to a host that
 * is neither this machine nor allowed; `ERR_CRI_UPGRADE_REFUSED` with `statusCode`; `ERR_CRI_UNAVAILABLE` with
 * `systemCode` if its server is not there or its certificate is not accepted; `ERR_CRI_DEADLINE_EXCEEDED` if the
 * session is not open in time; `ERR_CRI_STREAM_PROTOCOL`, `ERR_CRI_CONNECTION_LOST`.
 * @see {@link https://github.com/kubernetes/cri-api/tree/v0.36.0}
 */
export async function exec<const O extends SessionOptions = SessionOptions>(
  cri: StreamingRuntime,
  containerId: string,
  command: readonly string[],
  options?: O,
): Promise<ExecSession<O>> {
  if (command.length === 0) throw new TypeError("the command is empty");
  const cmd = [...command];
  return openSession<O, ExecEnd>(
    cri,
    options,
    async (asked, call) => (await cri.runtime.exec({ containerId, cmd, ...asked }, call)).url,
    (status) => status,
  );
}

/**
 * Connects to the streams of a container's first process.
 *
 * What was written before is not repeated; see the container's log. `tty` must be what the container was created
 * with. If the container has `stdinOnce`, the end of `stdin` is its last one.
 *
 * @throws {TypeError} and {@link CriError} as {@link exec}.
 * @see {@link https://github.com/kubernetes/cri-api/tree/v0.36.0}
 */
export async function attach<const O extends SessionOptions = SessionOptions>(
  cri: StreamingRuntime,
  containerId: string,
  options?: O,
): Promise<AttachSession<O>> {
  return openSession<O, AttachEnd>(
    cri,
    options,
    async (asked, call) => (await cri.runtime.attach({ containerId, ...asked }, call)).url,
    (status) => (status.exitCode === 0 ? { kind: "ended" } : status),
  );
}

/** What the end of a command is for the caller. */
type EndOf<End> = (status: ExecStatus & { kind: "exited" }) => End;

/** Which streams the RPC asks for. */
interface AskedStreams {
  tty: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
}

async function openSession<O extends SessionOptions, End>(
  cri: StreamingRuntime,
  options: SessionOptions = {},
  ask: (asked: AskedStreams, call: ReturnType<typeof callOptions>) => Promise<string>,
  endOf: EndOf<End | ExecEnd>,
): Promise<SessionStreams<O> & SessionControl<End>> {
  const wireOptions = readOptions(options);
  const { tty, stdin, stdout, stderr } = wireOptions;
  const keys = options.detachKeys === undefined ? undefined : parseDetachKeys(options.detachKeys);
  const wire = await withinOpenTimeout(options, (signal) =>
    openByFirst(transportsOf(options), async (transport) => {
      const text = await ask({ tty, stdin, stdout, stderr }, callOptions(options, signal));
      const url = parseStreamUrl(text, { endpoint: cri.endpoint, allowHosts: options.allowHosts });
      const way = { tls: options.tls, signal };
      return transport === "websocket"
        ? openWebSocketWire(url, { ...way, protocols: options.protocols ?? DEFAULT_PROTOCOLS }, wireOptions)
        : openSpdy(url, way, wireOptions);
    }),
  );
  if (options.size) wire.resize(options.size);
  return sessionOf<O, End>(wire, options, keys, endOf);
}

const DEFAULT_PROTOCOLS: readonly ChannelProtocolName[] = ["v5.channel.k8s.io", "v4.channel.k8s.io"];

function transportsOf({ transport = "auto", stdin, tty }: SessionOptions): readonly StreamTransport[] {
  if (transport !== "auto") return [transport];
  return stdin && !tty ? ["spdy", "websocket"] : ["websocket", "spdy"];
}

function openWebSocketWire(
  url: Parameters<typeof upgradeToWebSocket>[0],
  upgrade: UpgradeOptions,
  options: WireOptions,
): Promise<SessionWire> {
  return upgradeToWebSocket(url, upgrade, (websocket) => webSocketWire(websocket, options));
}

async function openSpdy(
  url: Parameters<typeof upgradeToSpdy>[0],
  way: Omit<UpgradeOptions, "protocols">,
  options: WireOptions,
): Promise<SessionWire> {
  const { connection, protocol } = await upgradeToSpdy(
    url,
    { ...way, protocols: spdyExecProtocols(options) },
    (upgrade) => ({ connection: connectSpdyWire(upgrade, options), protocol: upgrade.protocol }),
  );
  return openSpdyWire(connection, protocol, options, way.signal);
}

function readOptions(options: SessionOptions): WireOptions {
  const { tty = false, stdin = false, stdout = true, stderr = !tty, detachKeys, size, protocols } = options;
  if (tty && stderr !== false) throw new TypeError("tty and stderr cannot both be true");
  if (!stdin && !stdout && !stderr) throw new TypeError("one of stdin, stdout and stderr must be asked for");
  if (size && !tty) throw new TypeError("only a terminal has a size");
  if (detachKeys !== undefined && !(tty && stdin)) {
    throw new TypeError("only the stdin of a terminal has keys to detach with");
  }
  if (protocols?.length === 0) throw new TypeError("no protocol is offered");
  const ignore = new Set<"stdout" | "stderr">();
  if (stdout === "ignore") ignore.add("stdout");
  if (stderr === "ignore") ignore.add("stderr");
  return {
    tty,
    stdin,
    stdout: stdout !== false,
    stderr: stderr !== false,
    ignore,
    ...keepingOptions(options),
  };
}

function sessionOf<O extends SessionOptions, End>(
  wire: SessionWire,
  { signal, streams, tty }: SessionOptions,
  keys: Uint8Array | undefined,
  endOf: EndOf<End | ExecEnd>,
): SessionStreams<O> & SessionControl<End> {
  let detached = false;
  const exit = wire.status.then(
    (status) => endOfStatus(status, endOf),
    (error: unknown) => {
      if (detached) return { kind: "detached" } as const;
      throw error;
    },
  );
  exit.catch(() => {});
  const onAbort = () => void wire.end(signal?.reason);
  if (signal?.aborted) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });
  const done = () => signal?.removeEventListener("abort", onAbort);
  wire.status.then(done, done);
  const detach = () => {
    detached = true;
    void wire.end();
  };
  const close = () => wire.end(new CriError("ERR_CRI_CLOSED", "the session was closed"));
  const given = {
    stdin: wire.stdin && keys ? withDetachKeys(wire.stdin, keys, detach) : wire.stdin,
    stdout: wire.stdout ?? emptyStream(),
    stderr: wire.stderr ?? emptyStream(),
  };
  const control: SessionControl<End | ExecEnd> = {
    transport: wire.transport,
    protocol: wire.protocol,
    exit,
    resize(size) {
      if (!tty) throw new TypeError("the session has no terminal");
      wire.resize(size);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
  const session = { ...(streams === "web" ? toWebStreams(given) : given), ...control };
  return session as unknown as SessionStreams<O> & SessionControl<End>;
}

function endOfStatus<End>(status: ExecStatus, endOf: EndOf<End>): End {
  if (status.kind === "exited") return endOf(status);
  const text = status.message || "the runtime gives no reason";
  throw new CriError("ERR_CRI_EXEC_FAILED", `the command could not be run: ${text}`, {
    details: status.message,
  });
}

/** Input that is searched for the keys on its way. */
function withDetachKeys(stdin: Writable, keys: Uint8Array, detach: () => void): Writable {
  const filter = createDetachFilter(keys);
  const front = new Writable({
    write(chunk: Uint8Array, _encoding, callback) {
      const { pass, detached } = filter.push(chunk);
      stdin.write(pass, (error) => {
        if (!error && detached) detach();
        callback(error);
      });
    },
    final(callback) {
      stdin.end(filter.end(), (error?: Error | null) => callback(error));
    },
    destroy(error, callback) {
      stdin.destroy(error ? asError(error) : undefined);
      callback(error);
    },
  });
  front.on("error", () => {});
  stdin.on("close", () => front.destroy());
  return front;
}

function emptyStream(): Readable {
  const stream = new Readable({ read: () => {} });
  stream.push(null);
  return stream;
}

/** Held by a stream of the web besides what the stream of Node below holds, in bytes. */
const WEB_BUFFER_BYTES = 64 * 1024;

function toWebStreams(streams: { stdin: Writable | undefined; stdout: Readable; stderr: Readable }): object {
  // Without a strategy Node counts chunks where it means bytes.
  const toWeb = (stream: Readable) =>
    Readable.toWeb(stream, {
      strategy: new ByteLengthQueuingStrategy({ highWaterMark: WEB_BUFFER_BYTES }),
    });
  return {
    stdin: streams.stdin && Writable.toWeb(streams.stdin),
    stdout: toWeb(streams.stdout),
    stderr: toWeb(streams.stderr),
  };
}

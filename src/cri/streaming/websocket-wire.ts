/**
 * A session of exec or attach over WebSocket.
 *
 * @see {@link https://github.com/kubernetes/cri-streaming/tree/v0.36.0/pkg/streaming/remotecommand}
 * @module
 */
import { Writable } from "node:stream";
import type { WebSocket } from "ws";
import { CriError } from "../errors.ts";
import {
  CHANNEL,
  CHANNEL_PROTOCOLS,
  decodeChannelMessage,
  encodeChannelClose,
  encodeChannelMessage,
  encodeTerminalSize,
  isChannelProtocolName,
} from "./channels.ts";
import type { ExecStatus } from "./exec-status.ts";
import { asError, createFlowGate, type Inflow } from "./flow.ts";
import { startKeepAlive } from "./keep-alive.ts";
import {
  createStatusReader,
  lostSession,
  type SessionWire,
  stdinEndUnsupported,
  type WireOptions,
} from "./wire.ts";

/** Payload of the messages that carry stdin. Each is one frame: servers take a part of a message for a message. */
const MAX_STDIN_BYTES = 32 * 1024;

/** The session on a WebSocket that has just been opened, and from which no message has been read. */
export function webSocketWire(websocket: WebSocket, options: WireOptions): SessionWire {
  const protocol = websocket.protocol;
  if (!isChannelProtocolName(protocol)) throw new TypeError(`no channel protocol: ${protocol}`);
  const { encoding, status: statusForm, canCloseChannel } = CHANNEL_PROTOCOLS[protocol];
  const { bufferBytes, tty, ignore } = options;
  const gate = createFlowGate(websocket);
  const inflow = (name: "stdout" | "stderr") =>
    options[name] && !ignore.has(name) ? gate.open(bufferBytes) : undefined;
  const stdout = inflow("stdout");
  const stderr = inflow("stderr");
  const reader = createStatusReader(statusForm);
  /**
   * Whether the first message was an empty one; undefined as long as there was none. It is with all servers but
   * conmon-rs, which is also the only one that may send no status in JSON.
   */
  let begins: boolean | undefined;
  let closedStdin = false;
  let settle: { resolve(status: ExecStatus): void; reject(error: unknown): void } | undefined;
  const status = new Promise<ExecStatus>((resolve, reject) => {
    settle = { resolve, reject };
  });
  status.catch(() => {});
  const closed = new Promise<void>((resolve) => {
    websocket.once("close", () => resolve());
  });

  const finish = (outcome: { status: ExecStatus } | { error: unknown } | { left: true }) => {
    const { resolve, reject } = settle ?? {};
    settle = undefined;
    pings.stop();
    stdin?.destroy();
    for (const stream of [stdout, stderr]) finishInflow(stream, outcome);
    if ("status" in outcome) resolve?.(outcome.status);
    else
      reject?.("error" in outcome ? outcome.error : new CriError("ERR_CRI_CLOSED", "the session was left"));
  };
  const fail = (error: unknown) => {
    if (settle) finish({ error });
    websocket.terminate();
  };

  const send = (message: Uint8Array | string, callback: (error?: Error | null) => void) => {
    if (websocket.readyState !== websocket.OPEN) return callback(lostSession("it has ended"));
    websocket.send(message, { binary: typeof message !== "string", fin: true }, callback);
  };
  const stdin = options.stdin
    ? stdinOf(
        (chunk, callback) => {
          pings.sent();
          send(encodeChannelMessage(CHANNEL.stdin, chunk, encoding), callback);
        },
        (callback) => {
          // On a terminal the end of input is a character that the user types.
          if (tty) return callback();
          if (canCloseChannel && begins !== false) {
            closedStdin = true;
            return send(encodeChannelClose(CHANNEL.stdin), callback);
          }
          const error = stdinEndUnsupported(
            canCloseChannel ? "WebSocket of conmon-rs" : `WebSocket ${protocol}`,
          );
          callback(error);
          fail(error);
        },
      )
    : undefined;

  const pings = startKeepAlive({
    intervalMs: options.pingIntervalMs,
    timeoutMs: options.pingTimeoutMs,
    ping: () => {
      if (websocket.readyState === websocket.OPEN) websocket.ping(() => {});
    },
    isPaused: gate.isPaused,
    onSilence: () => fail(lostSession("the server does not answer")),
  });

  websocket.on("message", (data) => {
    pings.heard();
    if (!settle) return;
    try {
      const message = decodeChannelMessage(data as Buffer, encoding);
      begins ??= message?.payload.length === 0;
      if (message?.channel === CHANNEL.stdout) stdout?.push(message.payload);
      else if (message?.channel === CHANNEL.stderr) stderr?.push(message.payload);
      else if (message?.channel === CHANNEL.status) reader.push(message.payload);
    } catch (error) {
      fail(error);
    }
  });
  websocket.on("pong", pings.heard);
  websocket.on("ping", pings.heard);
  websocket.on("error", (error: Error & { code?: unknown }) => {
    const malformed = typeof error.code === "string" && error.code.startsWith("WS_ERR_");
    const text = `what comes is not WebSocket: ${error.message}`;
    if (!malformed) fail(lostSession(error.message, error));
    else fail(new CriError("ERR_CRI_STREAM_PROTOCOL", text, { cause: error }));
  });
  websocket.on("close", (code: number) => {
    if (!settle) return;
    // The end of stdin is the end of the whole session there, and whatever the command does goes untold.
    const mayBeSilent = canCloseChannel && !begins && !closedStdin;
    const silence = statusForm === "text" ? "success" : mayBeSilent ? "unclear" : "lost";
    try {
      finish({ status: reader.finish({ clean: code === 1000, silence }) });
    } catch (error) {
      const broken = code !== 1000 && error instanceof CriError && error.code === "ERR_CRI_STREAM_PROTOCOL";
      finish({ error: broken ? lostSession("it broke off within its outcome", error) : error });
    }
  });

  return {
    transport: "websocket",
    protocol,
    ...(stdin ? { stdin } : {}),
    ...(stdout ? { stdout: stdout.readable } : {}),
    ...(stderr ? { stderr: stderr.readable } : {}),
    resize(size) {
      const text = encodeTerminalSize(size);
      if (tty) send(encodeChannelMessage(CHANNEL.resize, Buffer.from(text), encoding), () => {});
    },
    status,
    end(...reason) {
      if (settle) finish(reason.length > 0 ? { error: reason[0] } : { left: true });
      websocket.close(1000);
      // The answer is read even if the streams are full.
      websocket.resume();
      return closed;
    },
  };
}

/** Ends a stream of output: as it should, or with the reason why it did not come to its end. */
export function finishInflow(
  stream: Inflow | undefined,
  outcome: { status: ExecStatus } | { error: unknown } | { left: true },
): void {
  if ("error" in outcome) stream?.fail(outcome.error);
  else stream?.end();
}

function stdinOf(
  write: (chunk: Uint8Array, callback: (error?: Error | null) => void) => void,
  end: (callback: (error?: Error | null) => void) => void,
): Writable {
  const stdin = new Writable({
    highWaterMark: MAX_STDIN_BYTES,
    write(chunk: Uint8Array, _encoding, callback) {
      const next = (at: number) => {
        if (at >= chunk.length) return callback();
        write(chunk.subarray(at, at + MAX_STDIN_BYTES), (error) => {
          if (error) callback(asError(error));
          else next(at + MAX_STDIN_BYTES);
        });
      };
      next(0);
    },
    final: end,
  });
  stdin.on("error", () => {});
  return stdin;
}

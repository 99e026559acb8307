/**
 * A session of exec or attach over SPDY.
 *
 * @see {@link https://github.com/kubernetes/cri-streaming/tree/v0.36.0/pkg/streaming/remotecommand}
 * @module
 */
import type { Readable } from "node:stream";
import { raceSignal } from "../../core/signal.ts";
import { encodeTerminalSize } from "./channels.ts";
import type { ExecStatus } from "./exec-status.ts";
import { type SpdyConnection, type SpdyStream, spdyConnection } from "./spdy-connection.ts";
import type { SpdyUpgrade } from "./upgrade.ts";
import { createStatusReader, type SessionWire, type WireOptions } from "./wire.ts";

const VERSIONS = ["v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io"];

/**
 * The versions to offer, the best first: 4 has the status as JSON, 3 the size of the terminal, 2 the end of stdin, so
 * that 1 will do only where there is none.
 */
export function spdyExecProtocols({ stdin }: Pick<WireOptions, "stdin">): readonly string[] {
  return stdin ? VERSIONS.slice(0, 3) : VERSIONS;
}

/**
 * Opens the streams of a session, exactly those that the runtime was asked for: it waits for that many.
 *
 * Resolves when the runtime has taken all of them. `connection` was made by {@link connectSpdyWire}.
 */
export async function openSpdyWire(
  connection: SpdyConnection,
  protocol: string,
  options: WireOptions,
  signal: AbortSignal,
): Promise<SessionWire> {
  const version = VERSIONS.length - VERSIONS.indexOf(protocol);
  const open = (streamtype: string) => connection.open({ streamtype });
  const error = open("error");
  const stdin = options.stdin ? open("stdin") : undefined;
  const stdout = options.stdout ? open("stdout") : undefined;
  const stderr = options.stderr ? open("stderr") : undefined;
  const resize = options.tty && version >= 3 ? open("resize") : undefined;
  const streams = [error, stdin, stdout, stderr, resize].filter((stream) => stream !== undefined);
  try {
    await raceSignal(Promise.all(streams.map(({ replied }) => replied)), signal);
  } catch (reason) {
    connection.destroy(reason);
    throw reason;
  }
  if (options.ignore.has("stdout")) stdout?.readable.resume();
  if (options.ignore.has("stderr")) stderr?.readable.resume();
  // Nothing comes over these; what comes all the same must not fill up.
  stdin?.readable.resume();
  resize?.readable.resume();
  const status = outcomeOf(error, [stdout, stderr], version);
  // Whoever still writes is not told of an error: the command has ended without reading on.
  const leave = () => {
    stdin?.writable.destroy();
    connection.close();
  };
  status.then(leave, (reason: unknown) => connection.destroy(reason));
  const shown = (stream: SpdyStream | undefined, name: "stdout" | "stderr"): Readable | undefined =>
    options.ignore.has(name) ? undefined : stream?.readable;
  const shownStdout = shown(stdout, "stdout");
  const shownStderr = shown(stderr, "stderr");
  return {
    transport: "spdy",
    protocol,
    ...(stdin ? { stdin: stdin.writable } : {}),
    ...(shownStdout ? { stdout: shownStdout } : {}),
    ...(shownStderr ? { stderr: shownStderr } : {}),
    resize(size) {
      const text = encodeTerminalSize(size);
      if (resize && !resize.writable.destroyed) resize.writable.write(text);
    },
    status,
    async end(...reason) {
      if (reason.length > 0) connection.destroy(reason[0]);
      else {
        for (const stream of [stdout, stderr]) stream?.endReadable();
        leave();
      }
      await connection.closed;
    },
  };
}

/** Speaks SPDY on a socket for a session. */
export function connectSpdyWire({ socket, head }: SpdyUpgrade, options: WireOptions): SpdyConnection {
  return spdyConnection(socket, {
    role: "client",
    head,
    streamBufferBytes: options.bufferBytes,
    pingIntervalMs: options.pingIntervalMs,
    pingTimeoutMs: options.pingTimeoutMs,
  });
}

/** The outcome, when all output has come in and the stream of the status has come to its end. */
async function outcomeOf(
  error: SpdyStream,
  outputs: readonly (SpdyStream | undefined)[],
  version: number,
): Promise<ExecStatus> {
  const reader = createStatusReader(version === 4 ? "json" : "text");
  const collect = async () => {
    for await (const chunk of error.readable) reader.push(chunk);
  };
  await Promise.all([collect(), error.remoteEnded, ...outputs.map((output) => output?.remoteEnded)]);
  return reader.finish({ clean: true, silence: version < 4 ? "success" : "lost" });
}

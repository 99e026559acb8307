/**
 * Exec and attach over SPDY: a stream each for stdin, stdout, stderr, sizes and the status, opened by the client.
 *
 * @see {@link https://github.com/kubernetes/cri-streaming/blob/v0.36.0/pkg/streaming/remotecommand/httpstream.go}
 * @module
 */
import type { Duplex } from "node:stream";
import { type SpdyConnection, type SpdyStream, spdyConnection } from "../../cri/streaming/spdy-connection.ts";
import type { ProcessSession } from "./channel-session.ts";
import { createProcessEnds } from "./process-ends.ts";
import { flushAndDestroy } from "./sockets.ts";
import { endStream, writeToStream } from "./spdy-output.ts";
import { outcomeOf, statusJson, statusText } from "./status.ts";

/** What a SPDY session is served on. */
export interface SpdySocket {
  socket: Duplex;
  /** What came along with the request. */
  head: Uint8Array;
  /** How long the client may take to open its streams, in milliseconds. */
  streamCreationTimeoutMs: number;
  /** Whether it is left to the client to end the connection. */
  lingers: boolean;
}

type StreamType = "error" | "stdin" | "stdout" | "stderr" | "resize";
type Streams = ReadonlyMap<string, SpdyStream>;

const TYPES_BEFORE_3: readonly string[] = ["error", "stdin", "stdout", "stderr"] satisfies StreamType[];
const TYPES: readonly string[] = [...TYPES_BEFORE_3, "resize" satisfies StreamType];

/** Serves a session to its end. Resolves when the process has ended and the connection is gone; never rejects. */
export async function serveSpdy(on: SpdySocket, protocol: string, session: ProcessSession): Promise<void> {
  const resizes = /^v[34]\./.test(protocol);
  const { wanted, faults } = session;
  const opened = openStreams(on, resizes ? TYPES : TYPES_BEFORE_3, expectedStreams(session, resizes));
  if (faults.cut === "open") return flushAndDestroy(on.socket);
  const { connection, streams } = opened;
  if (!(await opened.complete)) {
    connection.destroy(new Error("the streams were not opened in time"));
    return;
  }
  // Version 1 gives up the streams for the status and, in its direction, for stdin as soon as they are there.
  if (protocol === "channel.k8s.io") {
    streams.get("error")?.reset();
    await endStream(streams.get("stdin"));
  }
  const ends = createProcessEnds(wanted, (name, bytes) => writeToStream(streams.get(name), bytes, faults));
  void connection.closed.then(() => ends.leave());
  const reading = [readInto(streams.get("stdin"), ends.input, ends.endInput)];
  reading.push(
    readInto(
      streams.get("resize"),
      async (piece) => ends.resize(piece),
      () => {},
    ),
  );
  const outcome = await outcomeOf(() => session.run(ends.process));
  ends.stopInput();
  if (faults.cut === "status") return flushAndDestroy(on.socket);
  // Of a command that did not start nobody ends the output.
  const output = "error" in outcome ? [] : ["stdout", "stderr"];
  await Promise.all(output.map((name) => endStream(streams.get(name))));
  const status = protocol.startsWith("v4.") ? statusJson(outcome, session) : statusText(outcome, session);
  if (!faults.omitStatus) await writeToStream(streams.get("error"), Buffer.from(status), faults);
  if (faults.cut === "close") return flushAndDestroy(on.socket);
  if (on.lingers) await endStreams(streams);
  else {
    resetStreams(streams, output);
    connection.close();
  }
  await connection.closed;
  await Promise.all(reading);
}

/** The newest servers drop input, end what the client reads, and wait for the client. */
async function endStreams(streams: Streams): Promise<void> {
  for (const name of ["stdin", "resize"]) streams.get(name)?.reset();
  for (const name of ["stdout", "stderr", "error"]) await endStream(streams.get(name));
}

/** All others reset every stream that they have not ended; that of the status is one of these. */
function resetStreams(streams: Streams, ended: readonly string[]): void {
  for (const [name, stream] of streams) if (!ended.includes(name)) stream.reset();
}

function expectedStreams({ wanted }: ProcessSession, resizes: boolean): number {
  const { stdin, stdout, stderr, tty } = wanted;
  return 1 + [stdin, stdout, stderr, tty && resizes].filter(Boolean).length;
}

/**
 * Takes the client's streams. `complete` is true when as many as expected are there, and false when they do not
 * come in time, or the connection ends. A type that is not known does not count.
 */
function openStreams(
  { socket, head, streamCreationTimeoutMs }: SpdySocket,
  types: readonly string[],
  expected: number,
): { connection: SpdyConnection; streams: Streams; complete: Promise<boolean> } {
  const streams = new Map<string, SpdyStream>();
  let settle: (complete: boolean) => void = () => {};
  const complete = new Promise<boolean>((resolve) => {
    settle = resolve;
  });
  let received = 0;
  const connection = spdyConnection(socket, {
    role: "server",
    head,
    onStream(stream) {
      // What comes after the last one that is expected is not looked at any more.
      if (received === expected) return;
      stream.reply();
      const type = stream.headers.get("streamtype") ?? "";
      if (!types.includes(type)) return;
      streams.set(type, stream);
      received++;
      if (received === expected) settle(true);
    },
  });
  const timer = setTimeout(() => settle(false), streamCreationTimeoutMs);
  void connection.closed.then(() => settle(false));
  void complete.then(() => clearTimeout(timer));
  return { connection, streams, complete };
}

/** Hands over what a stream brings; its end, or its breaking off, is the end of the input. */
async function readInto(
  stream: SpdyStream | undefined,
  input: (bytes: Uint8Array) => Promise<void>,
  end: () => void,
): Promise<void> {
  try {
    if (stream) for await (const bytes of stream.readable) await input(bytes);
  } catch {
    // A stream that broke off is one that ended.
  }
  end();
}

/**
 * Exec and attach over WebSocket, as the standard server of containerd and CRI-O serves them.
 *
 * @see {@link https://github.com/kubernetes/cri-streaming/blob/v0.36.0/pkg/streaming/remotecommand/websocket.go}
 * @module
 */
import { createProcessEnds, type ProcessEnds, type WantedStreams } from "./process-ends.ts";
import { outcomeOf, type StatusSubject, statusJson, statusText } from "./status.ts";
import {
  CLOSE,
  decodeMessage,
  encodeMessage,
  RESIZE,
  STATUS,
  STDERR,
  STDIN,
  STDOUT,
  type Subprotocol,
} from "./subprotocols.ts";
import type { ExecOutcome, StreamedProcess, StreamingFaults } from "./types.ts";
import type { WebSocketConnection } from "./websocket-connection.ts";
import { type ClientFrame, OPCODES } from "./websocket-frames.ts";

/** What a session of exec or attach is to do. */
export interface ProcessSession extends StatusSubject {
  wanted: WantedStreams;
  /** Runs the command, or attaches to it. */
  run(process: StreamedProcess): Promise<ExecOutcome>;
  faults: StreamingFaults;
}

/** Serves a session to its end. Resolves when the process has ended and the connection is gone; never rejects. */
export async function serveChannels(
  connection: WebSocketConnection,
  subprotocol: Subprotocol,
  session: ProcessSession,
): Promise<void> {
  const { wanted, faults } = session;
  const send = (channel: number, payload: Uint8Array) =>
    connection.send(
      subprotocol.base64 ? OPCODES.text : OPCODES.binary,
      encodeMessage(subprotocol, channel, payload),
    );
  const ends = createProcessEnds(wanted, (name, bytes) => send(name === "stdout" ? STDOUT : STDERR, bytes));
  connection.gone.addEventListener("abort", () => ends.leave());
  // An empty message says that the session is open.
  const lowest = wanted.stdout ? STDOUT : wanted.stderr ? STDERR : STATUS;
  const opened = faults.cut === "open" ? connection.cut() : send(lowest, new Uint8Array());
  const reading = readChannels(connection, subprotocol, ends);
  await opened;
  const outcome = await outcomeOf(() => session.run(ends.process));
  ends.stopInput();
  if (faults.cut === "status") return connection.cut();
  const status = subprotocol.status === "json" ? statusJson(outcome, session) : statusText(outcome, session);
  if (status !== "" && !faults.omitStatus) await send(STATUS, Buffer.from(status));
  if (faults.cut === "close") return connection.cut();
  await connection.close();
  await reading;
}

/** Hands what comes to the process, until the client ends the session. */
async function readChannels(
  connection: WebSocketConnection,
  subprotocol: Subprotocol,
  ends: ProcessEnds,
): Promise<void> {
  for await (const frame of connection.frames()) {
    if (await endsSession(frame, subprotocol, ends)) break;
  }
  ends.leave();
  await connection.close();
}

async function endsSession(
  { payload: message }: ClientFrame,
  subprotocol: Subprotocol,
  ends: ProcessEnds,
): Promise<boolean> {
  if (subprotocol.halfClose && message[0] === CLOSE) {
    // What is not the end of one of the five channels ends all of them.
    const [, channel, ...rest] = message;
    if (channel === undefined || channel > RESIZE || rest.length > 0) return true;
    if (channel === STDIN) ends.endInput();
    return false;
  }
  const decoded = decodeMessage(subprotocol, message);
  if (decoded?.channel === STDIN) await ends.input(decoded.payload);
  else if (decoded?.channel === RESIZE) ends.resize(decoded.payload);
  return false;
}

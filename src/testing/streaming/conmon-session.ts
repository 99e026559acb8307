/**
 * Exec and attach as conmon-rs serves them: version 5 over WebSocket, in a way of its own.
 *
 * There is no empty message at the start. Messages are put together from their frames; text is ignored. Stdin,
 * sizes and the close message are looked at only if the request has stdin; the close message, for whichever
 * channel, and a size that is none, end the session at once. The status comes for an exit code other than 0 only:
 * success, a command that could not be run, and the end of an attach are all silent.
 *
 * @see {@link https://github.com/containers/conmon-rs/blob/v0.8.0/conmon-rs/server/src/streaming_server.rs}
 * @module
 */
import type { ProcessSession } from "./channel-session.ts";
import { createProcessEnds, type ProcessEnds } from "./process-ends.ts";
import { createSizeReader } from "./sizes.ts";
import { conmonStatus, outcomeOf } from "./status.ts";
import {
  CLOSE,
  encodeMessage,
  RESIZE,
  STATUS,
  STDERR,
  STDIN,
  STDOUT,
  V5_SUBPROTOCOL,
} from "./subprotocols.ts";
import type { WebSocketConnection } from "./websocket-connection.ts";
import { OPCODES } from "./websocket-frames.ts";

const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** Serves a session to its end. Resolves when the process has ended and the connection is gone; never rejects. */
export async function serveConmon(connection: WebSocketConnection, session: ProcessSession): Promise<void> {
  const { kind, wanted, faults } = session;
  const send = (channel: number, payload: Uint8Array) =>
    connection.send(OPCODES.binary, encodeMessage(V5_SUBPROTOCOL, channel, payload));
  const ends = createProcessEnds(wanted, (name, bytes) => send(name === "stdout" ? STDOUT : STDERR, bytes));
  connection.gone.addEventListener("abort", () => ends.leave());
  if (faults.cut === "open") await connection.cut();
  const reading = readMessages(connection, wanted.stdin, ends);
  const outcome = await outcomeOf(() => session.run(ends.process));
  ends.stopInput();
  if (faults.cut === "status") return connection.cut();
  const status = kind === "exec" ? conmonStatus(outcome) : "";
  if (status !== "" && !faults.omitStatus) await send(STATUS, Buffer.from(status));
  if (faults.cut === "close") return connection.cut();
  await connection.close("done");
  await reading;
}

async function readMessages(
  connection: WebSocketConnection,
  stdin: boolean,
  ends: ProcessEnds,
): Promise<void> {
  for await (const message of binaryMessages(connection)) {
    if (stdin && (await endsSession(message, ends))) break;
  }
  ends.leave();
  await connection.close("done");
}

/** Binary messages that are not empty, put together. Ends at one that is too long. */
async function* binaryMessages(connection: WebSocketConnection): AsyncGenerator<Uint8Array, void> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  let opcode: number = OPCODES.binary;
  for await (const frame of connection.frames()) {
    if (frame.opcode !== OPCODES.continuation) {
      opcode = frame.opcode;
      parts = [];
      bytes = 0;
    }
    bytes += frame.payload.byteLength;
    if (bytes > MAX_MESSAGE_BYTES) return;
    parts.push(frame.payload);
    if (frame.fin && bytes > 0 && opcode === OPCODES.binary) yield Buffer.concat(parts, bytes);
  }
}

async function endsSession(message: Uint8Array, ends: ProcessEnds): Promise<boolean> {
  const [channel] = message;
  const payload = message.subarray(1);
  if (channel === STDIN) await ends.input(payload);
  else if (channel === RESIZE) {
    // One object in each message.
    const whole = createSizeReader()(payload).length === 1;
    if (whole) ends.resize(payload);
    return !whole;
  }
  return channel === CLOSE;
}

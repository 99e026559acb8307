/**
 * What a streaming session of exec or attach is made of, over whichever transport.
 *
 * @module
 */
import type { Readable, Writable } from "node:stream";
import { CriError } from "../errors.ts";
import type { TerminalSize } from "./channels.ts";
import { type ExecStatus, parseExecStatus, parseExecStatusText } from "./exec-status.ts";

/** What travels under the streams of a session. */
export type StreamTransport = "websocket" | "spdy";

/** Which streams the runtime was asked for, and how they are kept. */
export interface WireOptions {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
  /** Streams that nobody will read: what comes for them is thrown away. */
  ignore: ReadonlySet<"stdout" | "stderr">;
  /** About how many bytes of each stream are held before the connection is read no further. */
  bufferBytes: number;
  pingIntervalMs: number;
  pingTimeoutMs: number;
}

/** A session that is open. */
export interface SessionWire {
  readonly transport: StreamTransport;
  /** The protocol that was agreed on, such as `v4.channel.k8s.io`. */
  readonly protocol: string;
  readonly stdin?: Writable;
  readonly stdout?: Readable;
  readonly stderr?: Readable;
  /** Tells the size of the terminal; nothing happens where there is none or the protocol has no word for it. */
  resize(size: TerminalSize): void;
  /** The outcome, once all output has come in; rejects if it is not known. Has a listener already. */
  readonly status: Promise<ExecStatus>;
  /** Ends the session, with an end for the streams or, if an error is given, with that. Resolves when it is gone. */
  end(error?: unknown): Promise<void>;
}

/** What it means that there is no status at all. */
export type Silence = "success" | "unclear" | "lost";

const MAX_STATUS_BYTES = 64 * 1024;

/** Collects what comes over the channel or stream of the status. */
export interface StatusReader {
  /** @throws {CriError} `ERR_CRI_STREAM_PROTOCOL` for more than a status ever needs. */
  push(chunk: Uint8Array): void;
  /**
   * The outcome when nothing more comes.
   *
   * @throws {CriError} `ERR_CRI_CONNECTION_LOST` if there is none.
   */
  finish(end: { clean: boolean; silence: Silence }): ExecStatus;
}

/** A reader of a status as JSON or as text. */
export function createStatusReader(form: "json" | "text"): StatusReader {
  const parts: Uint8Array[] = [];
  let length = 0;
  return {
    push(chunk) {
      length += chunk.length;
      if (length > MAX_STATUS_BYTES) {
        throw new CriError("ERR_CRI_STREAM_PROTOCOL", `a status of more than ${MAX_STATUS_BYTES} bytes`);
      }
      parts.push(Uint8Array.from(chunk));
    },
    finish({ clean, silence }) {
      const bytes = Buffer.concat(parts);
      if (bytes.length > 0 && form === "json") return parseExecStatus(bytes);
      // A text has no end of its own: only that of the connection shows that it is whole.
      if (clean && bytes.length > 0) return parseExecStatusText(bytes.toString());
      if (clean && silence === "success") return { kind: "exited", exitCode: 0 };
      if (clean && silence === "unclear") return { kind: "exited", exitCode: 0, silent: true };
      throw lostSession("it ended without an outcome");
    },
  };
}

/** The error of a session whose outcome nobody will learn. */
export function lostSession(why: string, cause?: unknown): CriError {
  const options = cause === undefined ? {} : { cause };
  return new CriError("ERR_CRI_CONNECTION_LOST", `the streaming session is lost: ${why}`, options);
}

/** The error of a session whose stdin ends where no word for that exists. */
export function stdinEndUnsupported(protocol: string): CriError {
  return new CriError(
    "ERR_CRI_STDIN_END_UNSUPPORTED",
    `the end of stdin cannot be told over ${protocol}; a command that reads to the end needs SPDY`,
  );
}

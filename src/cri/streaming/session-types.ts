/**
 * What sessions of exec and attach are asked for, and what they give.
 *
 * @module
 */
import type { Readable, Writable } from "node:stream";
import type { ReadableStream, WritableStream } from "node:stream/web";
import type { CriError } from "../errors.ts";
import type { ChannelProtocolName, TerminalSize } from "./channels.ts";
import type { StreamOpeningOptions } from "./opening.ts";
import type { StreamTransport } from "./wire.ts";

/** Options of `exec` and `attach`. The signal ends the session too, at any time, with its reason. */
export interface SessionOptions extends StreamOpeningOptions {
  /** Whether to write to the command. Default false. */
  stdin?: boolean | undefined;
  /**
   * Whether to read its output. `"ignore"` asks for it and throws it away, so that a command that writes is not held
   * up; what is asked for otherwise must be read. Default true.
   */
  stdout?: boolean | "ignore" | undefined;
  /** As `stdout`. Default true, but false with a terminal, which has one output only. */
  stderr?: boolean | "ignore" | undefined;
  /** Whether the command has a terminal, or for attach: whether the container was created with one. Default false. */
  tty?: boolean | undefined;
  /** Size of the terminal at the beginning. Default: what the runtime takes. */
  size?: TerminalSize | undefined;
  /**
   * What travels below. `"auto"` takes SPDY if stdin is written without a terminal, since older versions over
   * WebSocket have no word for its end, else WebSocket; and the other one if the server does not know the first.
   * Default `"auto"`.
   */
  transport?: "auto" | StreamTransport | undefined;
  /** Protocols to offer over WebSocket, the best first. Default `v5.channel.k8s.io`, `v4.channel.k8s.io`. */
  protocols?: readonly ChannelProtocolName[] | undefined;
  /**
   * Keys that end the session while the command goes on, such as `ctrl-p,ctrl-q`; for stdin of a terminal only.
   * Default: none.
   */
  detachKeys?: string | undefined;
  /** Which kind of streams the session has: those of Node, or those of the web. Default `"node"`. */
  streams?: "node" | "web" | undefined;
}

/** `S` if the options ask for stdin, undefined if they do not, and either where that is known at run time only. */
export type SessionStdin<O, S> = O extends { stdin: true }
  ? S
  : O extends { stdin: boolean }
    ? S | undefined
    : undefined;

/** The streams of a session, as streams of Node. An error of one needs no listener. */
export interface NodeSessionStreams<O> {
  /**
   * What the command reads, if that was asked for. Its end is the end of the command's stdin; where the protocol has
   * no word for that the session fails with `ERR_CRI_STDIN_END_UNSUPPORTED`. With a terminal the end is a character
   * that the user types, and over WebSocket nothing is sent. With conmon-rs the end of stdin is that of the session,
   * whose outcome is lost. It is closed without an error when the command has ended.
   */
  readonly stdin: SessionStdin<O, Writable>;
  /** What the command writes; empty if that was not asked for. Destroying it throws away what comes after. */
  readonly stdout: Readable;
  /** As `stdout`. */
  readonly stderr: Readable;
}

/** The streams of a session, as streams of the web; see {@link NodeSessionStreams}. */
export interface WebSessionStreams<O> {
  readonly stdin: SessionStdin<O, WritableStream<Uint8Array>>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
}

/** The streams that a session with these options has. */
export type SessionStreams<O> = O extends { streams: "web" } ? WebSessionStreams<O> : NodeSessionStreams<O>;

/** How a session ended that had an outcome. */
export type ExecEnd =
  | {
      /** The command ended. */
      kind: "exited";
      /** 0 to 255. */
      exitCode: number;
      /**
       * Set if the runtime said nothing. conmon-rs does so for success, which is assumed then, but also for a command
       * that could not be run. Other servers always tell the outcome.
       */
      silent?: true;
    }
  /** The user pressed the keys to detach. The command goes on, as far as it can without its streams. */
  | { kind: "detached" };

/** How attaching ended. */
export type AttachEnd =
  /** The streams ended, mostly since the container did; its exit code is in its status only. */
  | { kind: "ended" }
  /** The runtime told an exit code, which runtimes mostly do not. */
  | ExecEnd;

/** What a session has besides its streams. */
export interface SessionControl<End> {
  readonly transport: StreamTransport;
  /** The protocol that was agreed on, such as `v4.channel.k8s.io`. */
  readonly protocol: string;
  /**
   * Settles when the session ends. A rejection that nobody waits for is no unhandled one.
   *
   * Output that was asked for and is not read holds it up, once `bufferBytes` of it wait.
   *
   * It rejects with a {@link CriError}: `ERR_CRI_EXEC_FAILED` with the runtime's text in `details` if the command
   * could not be run; `ERR_CRI_CONNECTION_LOST` if the outcome is unknown; `ERR_CRI_STREAM_PROTOCOL` if it cannot be
   * read; `ERR_CRI_STDIN_END_UNSUPPORTED`; `ERR_CRI_CLOSED` after `close()`. After an abort it rejects with the reason.
   */
  readonly exit: Promise<End>;
  /**
   * Tells a new size of the terminal.
   *
   * @throws {TypeError} if the session has none.
   * @throws {RangeError} for a size that no terminal has.
   */
  resize(size: TerminalSize): void;
  /**
   * Ends the session and lets go of its connection. A command that still runs is not ended by this, but that its stdin
   * ends; streams break off with `ERR_CRI_CLOSED`. Twice is the same as once.
   */
  close(): Promise<void>;
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A session of exec. */
export type ExecSession<O extends SessionOptions = SessionOptions> = SessionStreams<O> &
  SessionControl<ExecEnd>;

/** A session of attach. */
export type AttachSession<O extends SessionOptions = SessionOptions> = SessionStreams<O> &
  SessionControl<AttachEnd>;

/**
 * Programs of the in-process runtime: functions that stand for what containers run.
 *
 * @module
 */

/** The size of a terminal in characters. */
export interface ProgramTerminalSize {
  width: number;
  height: number;
}

/** What a program takes of the machine, from now on. Absent values stay as they are. */
export interface ProgramUsage {
  /** Cores that it keeps busy; fractions and values above 1 are possible. */
  cpu?: number | undefined;
  /** Memory in bytes. Above the limit of its container the program is killed, and the reason is `OOMKilled`. */
  memoryBytes?: bigint | undefined;
  /** Swap in bytes. */
  swapBytes?: bigint | undefined;
  /** Bytes that it has written to the writable layer of its container. */
  writtenBytes?: bigint | undefined;
}

/** The process that a program runs as. */
export interface ProgramProcess {
  /** The name that the program was called by, and its arguments. */
  readonly args: readonly string[];
  /** The environment of image and container; bytes that are no UTF-8 become U+FFFD. */
  readonly env: Readonly<Record<string, string>>;
  /** The environment as it came. */
  readonly envBytes: ReadonlyMap<string, Uint8Array>;
  /** The working directory. Nothing is there: a program has no file system of its own. */
  readonly cwd: string;
  readonly tty: boolean;
  /** What is written to the process; empty if it has no stdin. It can be read once. */
  readonly stdin: AsyncIterable<Uint8Array>;
  /** The sizes of the terminal, the present one and each change; without a terminal it waits until the process ends. */
  readonly sizes: AsyncIterable<ProgramTerminalSize>;
  /** Aborts when the process is ended by a signal, or by the runtime. What the program does then has no effect. */
  readonly signal: AbortSignal;
  /**
   * Writes, and waits until the log and all that are attached have taken it.
   *
   * Rejects with the reason of `signal` once the process has ended: a program that writes for ever ends there.
   */
  stdout(data: Uint8Array | string): Promise<void>;
  /** As `stdout`. With a terminal it is the same stream. */
  stderr(data: Uint8Array | string): Promise<void>;
  /**
   * Handles a signal, such as `"SIGTERM"`, in place of its default action, which ends the process with exit code
   * 128 + its number. `SIGKILL` and `SIGSTOP` cannot be handled: the first ends the process, the second does nothing.
   */
  onSignal(name: string, listener: () => void): void;
  /** Takes of the machine. At the start a program takes 0.01 cores and 1 MiB of memory. */
  use(usage: ProgramUsage): void;
}

/**
 * A program. What it returns is its exit code modulo 256; nothing is 0. If it throws, the text of the error goes to
 * stderr and the exit code is 1.
 */
export type RuntimeProgram = (process: ProgramProcess) => number | undefined | Promise<number | undefined>;

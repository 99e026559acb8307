/**
 * Processes of the in-process runtime: a program that runs, with its signals, its output and what it uses.
 *
 * @module
 */
import { messageOf } from "../../core/message-of.ts";
import type { ProgramProcess, ProgramTerminalSize, ProgramUsage, RuntimeProgram } from "./program-types.ts";
import { endsByDefault, signalNumber } from "./signals.ts";

/** What a process is started with. */
export interface StartProcessOptions {
  program: RuntimeProgram;
  args: readonly string[];
  env: ReadonlyMap<string, Uint8Array>;
  cwd: string;
  tty: boolean;
  stdin: AsyncIterable<Uint8Array>;
  sizes: AsyncIterable<ProgramTerminalSize>;
  /** Takes output. A rejection is told to the program. */
  write(stream: OutputStream, bytes: Uint8Array): Promise<void>;
  /** Nanoseconds since 1970. */
  now(): bigint;
  /** Most memory in bytes; 0 for no limit. */
  memoryLimit(): bigint;
}

/** Where output goes. */
export type OutputStream = "stdout" | "stderr";

/** How a process ended. */
export interface ProcessExit {
  exitCode: number;
  /** Whether it took more memory than it may. */
  outOfMemory: boolean;
}

/** What a process has used so far. */
export interface ProcessUsage {
  /** Nanoseconds on a core. */
  cpuNanoSeconds: bigint;
  /** Cores in use now, in billionths. */
  nanoCores: bigint;
  memoryBytes: bigint;
  swapBytes: bigint;
  writtenBytes: bigint;
}

/** A process. */
export interface RunningProcess {
  /** Settles when the process has ended and its output is written; never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** Aborts when it ends by a signal. */
  readonly signal: AbortSignal;
  /** Sends a signal. */
  kill(signal: string): void;
  /** Ends it if it uses more memory than it may now. */
  checkMemory(): void;
  usage(): ProcessUsage;
}

const BILLION = 1_000_000_000;

/** Starts a program. */
export function startProcess(options: StartProcessOptions): RunningProcess {
  const ended = new AbortController();
  const listeners = new Map<string, (() => void)[]>();
  const writing = new Set<Promise<void>>();
  const meter = createMeter(options.now);
  let resolve: (exit: ProcessExit) => void = () => {};
  const exited = new Promise<ProcessExit>((settle) => {
    resolve = settle;
  });
  let over = false;
  const end = (exit: ProcessExit) => {
    if (over) return;
    over = true;
    meter.stop();
    void Promise.allSettled(writing).then(() => {
      resolve(exit);
      ended.abort(new Error("the process has ended"));
    });
  };
  const endNow = (exit: ProcessExit) => {
    if (over) return;
    // The output of a process that is killed stays where it is.
    writing.clear();
    end(exit);
    ended.abort(new Error("the process was killed"));
  };
  const write = (stream: OutputStream, data: Uint8Array | string): Promise<void> => {
    if (over) return Promise.reject(ended.signal.reason ?? new Error("the process has ended"));
    const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : data;
    const written = options.write(options.tty ? "stdout" : stream, bytes);
    const settled = untilEnded(written, ended.signal);
    writing.add(settled);
    const done = () => void writing.delete(settled);
    settled.then(done, done);
    return settled;
  };
  const checkMemory = () => {
    const limit = options.memoryLimit();
    if (limit > 0n && meter.usage().memoryBytes > limit) endNow({ exitCode: 137, outOfMemory: true });
  };
  const process: ProgramProcess = {
    args: options.args,
    env: Object.fromEntries([...options.env].map(([name, value]) => [name, Buffer.from(value).toString()])),
    envBytes: options.env,
    cwd: options.cwd,
    tty: options.tty,
    stdin: options.stdin,
    sizes: options.sizes,
    signal: ended.signal,
    stdout: (data) => write("stdout", data),
    stderr: (data) => write("stderr", data),
    onSignal: (name, listener) => {
      signalNumber(name);
      listeners.set(name, [...(listeners.get(name) ?? []), listener]);
    },
    use: (usage) => {
      if (over) return;
      meter.use(usage);
      checkMemory();
    },
  };
  const kill = (signal: string) => {
    // It may still be writing its last output.
    if (over && signal === "SIGKILL") ended.abort(new Error("the process was killed"));
    const handlers = signal === "SIGKILL" || signal === "SIGSTOP" ? [] : (listeners.get(signal) ?? []);
    if (over || (handlers.length === 0 && !endsByDefault(signal))) return;
    if (handlers.length === 0) return endNow({ exitCode: 128 + signalNumber(signal), outOfMemory: false });
    try {
      for (const handler of handlers) handler();
    } catch {
      endNow({ exitCode: 1, outOfMemory: false });
    }
  };
  void run(options.program, process).then((exitCode) => end({ exitCode, outOfMemory: false }));
  return { exited, signal: ended.signal, kill, checkMemory, usage: meter.usage };
}

/** Runs a program to its exit code; never rejects. */
async function run(program: RuntimeProgram, process: ProgramProcess): Promise<number> {
  try {
    // Not in the turn of the one who starts it.
    await Promise.resolve();
    if (process.signal.aborted) return 0;
    return ((await program(process)) ?? 0) & 0xff;
  } catch (error) {
    const text = messageOf(error);
    if (!process.signal.aborted) await process.stderr(`${text}\n`).catch(() => {});
    return 1;
  }
}

/** What is written, unless the process is over before. */
function untilEnded(written: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    written.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

interface Meter {
  use(usage: ProgramUsage): void;
  stop(): void;
  usage(): ProcessUsage;
}

function createMeter(now: () => bigint): Meter {
  let cpuNanoSeconds = 0n;
  let nanoCores = 10_000_000n;
  let [memoryBytes, swapBytes, writtenBytes] = [1_048_576n, 0n, 0n];
  let last = now();
  const advance = () => {
    const time = now();
    if (time > last) cpuNanoSeconds += ((time - last) * nanoCores) / BigInt(BILLION);
    last = time;
  };
  return {
    use(usage) {
      advance();
      if (usage.cpu !== undefined) nanoCores = BigInt(Math.round(usage.cpu * BILLION));
      memoryBytes = usage.memoryBytes ?? memoryBytes;
      swapBytes = usage.swapBytes ?? swapBytes;
      writtenBytes = usage.writtenBytes ?? writtenBytes;
    },
    stop() {
      advance();
      [nanoCores, memoryBytes, swapBytes] = [0n, 0n, 0n];
    },
    usage() {
      advance();
      return { cpuNanoSeconds, nanoCores, memoryBytes, swapBytes, writtenBytes };
    },
  };
}

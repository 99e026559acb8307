/** Programs that a test runs, and daemons that it starts and stops: by process id, never by name. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";

/** A daemon that runs. */
export interface Daemon {
  readonly pid: number;
  /** Whether it has ended. */
  ended(): boolean;
  /** What it wrote to stdout and stderr. */
  log(): string;
  /** Kills it without warning. */
  kill(): Promise<void>;
  /** Asks it to end, and kills it if it has not after five seconds. */
  stop(): Promise<void>;
}

/** Starts a program with its output in a file. It ends with this process at the latest. */
export function startDaemon(command: string, args: readonly string[], logFile: string): Daemon {
  const output = openSync(logFile, "a");
  const child: ChildProcess = spawn(command, args, { stdio: ["ignore", output, output] });
  closeSync(output);
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  const ended = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  const killAtExit = () => child.kill("SIGTERM");
  process.once("exit", killAtExit);
  return {
    pid: child.pid ?? 0,
    ended,
    log: () => readFileSync(logFile, "utf8"),
    async kill() {
      process.off("exit", killAtExit);
      if (ended()) return;
      child.kill("SIGKILL");
      await exited;
    },
    async stop() {
      process.off("exit", killAtExit);
      if (ended()) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Tries until `probe` does not throw; what it throws after `timeoutMs` is thrown on. */
export async function waitUntil(probe: () => void, timeoutMs = 5000): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    try {
      probe();
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Tries until `probe` succeeds. Throws with the last failure and the daemon's log after `timeoutMs`. */
export async function waitFor<T>(daemon: Daemon, probe: () => Promise<T>, timeoutMs = 15_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await probe();
    } catch (cause) {
      if (daemon.ended() || Date.now() > end) {
        throw new Error(`not ready: ${cause}\n${daemon.log().slice(-4000)}`, { cause });
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Runs a program to its end; gives what it wrote, whatever its exit code. It must end within a minute. */
export async function runProgram(
  command: string,
  args: readonly string[],
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  }
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  return { exitCode, ...output };
}

/** Why programs cannot be run; undefined if all are there. */
export function whyNoPrograms(...names: string[]): string | undefined {
  const missing = missingPrograms(...names);
  return missing.length > 0 ? `not installed: ${missing.join(", ")}` : undefined;
}

/** Which of these programs are not on the search path. */
export function missingPrograms(...names: string[]): string[] {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return names.filter((name) => !folders.some((folder) => existsSync(join(folder, name))));
}

/** A port of 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/**
 * Credential helpers as programs of this machine.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { raceSignal } from "../../core/signal.ts";
import {
  type CredentialHelperRequest,
  type CredentialHelperResult,
  helperError,
  type RunCredentialHelper,
} from "./helper-protocol.ts";

/** Options of {@link credentialHelperPrograms}. */
export interface CredentialHelperProgramsOptions {
  /** What helpers are run with, and in whose `PATH` they are looked for. */
  env: Readonly<Record<string, string | undefined>>;
  /** Longest run, in milliseconds, 1 to 2147483647. Default 30000. */
  timeoutMs?: number | undefined;
  /** Longest output, in bytes. Default 1 MiB (1048576). */
  maxOutputBytes?: number | undefined;
}

interface ProgramLimits {
  env: Readonly<Record<string, string | undefined>>;
  timeoutMs: number;
  maxOutputBytes: number;
}

const MAX_TIMEOUT_MS = 2_147_483_647;

/**
 * Runs helpers as programs `docker-credential-NAME`: without a shell, for a limited time, with a limited output.
 *
 * A program is looked for in the absolute folders of `PATH` only; the working directory is never one of them. What it
 * writes to stderr is dropped. A run that is cancelled or takes too long is killed; programs that it has started itself
 * are not.
 *
 * The runs reject with an `OciError` `ERR_OCI_CREDENTIAL_HELPER` when the program cannot be started, takes too long
 * or writes too much.
 *
 * @throws {RangeError} for a limit that is none.
 */
export function credentialHelperPrograms({
  env,
  timeoutMs = 30_000,
  maxOutputBytes = 1024 * 1024,
}: CredentialHelperProgramsOptions): RunCredentialHelper {
  if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > MAX_TIMEOUT_MS) {
    throw new RangeError(`timeoutMs must be a whole number from 1 to ${MAX_TIMEOUT_MS}`);
  }
  if (!Number.isSafeInteger(maxOutputBytes) || maxOutputBytes < 0) {
    throw new RangeError("maxOutputBytes must be a whole number from 0 to 2^53-1");
  }
  return async (request) => {
    request.signal?.throwIfAborted();
    const program = await raceSignal(findProgram(`docker-credential-${request.name}`, env), request.signal);
    if (program === undefined) return { kind: "missing" };
    return runProgram(program, request, { env, timeoutMs, maxOutputBytes });
  };
}

async function findProgram(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const windows = process.platform === "win32";
  // Windows spells the variable in any case.
  const name = windows ? Object.keys(env).find((each) => each.toUpperCase() === "PATH") : "PATH";
  const folders = ((name && env[name]) || "").split(delimiter).filter(isAbsolute);
  const files = windows && !file.toLowerCase().endsWith(".exe") ? [`${file}.exe`] : [file];
  for (const folder of folders) {
    for (const each of files) {
      const path = join(folder, each);
      if (await isProgram(path)) return path;
    }
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

function runProgram(
  program: string,
  { name, action, input, signal }: CredentialHelperRequest,
  { env, timeoutMs, maxOutputBytes }: ProgramLimits,
): Promise<CredentialHelperResult> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const child: ChildProcess = spawn(program, [action], {
      env: { ...env },
      stdio: ["pipe", "pipe", "ignore"],
      windowsHide: true,
    });
    const { stdin, stdout } = child;
    const chunks: Buffer[] = [];
    let total = 0;
    const timer = setTimeout(
      () => fail(helperError(name, action, `no end after ${timeoutMs} ms`)),
      timeoutMs,
    );
    const onAbort = () => fail(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });

    child.once("error", (cause: NodeJS.ErrnoException) => {
      fail(helperError(name, action, `cannot be started: ${cause.code ?? "unknown reason"}`));
    });
    // Where no more files can be opened there are no streams, and the error is on its way.
    stdout?.on("data", (chunk: Buffer) => {
      total += chunk.byteLength;
      if (total > maxOutputBytes)
        fail(helperError(name, action, `more than ${maxOutputBytes} bytes of output`));
      else chunks.push(chunk);
    });
    // A program may end without reading what it is sent, or close its output: how it ends tells enough.
    stdin?.on("error", () => {});
    stdout?.on("error", () => {});
    child.once("close", (exitCode) => {
      release();
      resolve({ kind: "ended", exitCode, stdout: Buffer.concat(chunks, total) });
    });
    stdin?.end(input);

    function release(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }

    function fail(error: unknown): void {
      release();
      child.kill("SIGKILL");
      // A program that the helper has started may keep the pipes open.
      stdin?.destroy();
      stdout?.destroy();
      child.unref();
      reject(error);
    }
  });
}

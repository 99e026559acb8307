/** Programs of the in-process runtime, started and run to their end. */
import {
  type RunningProcess,
  type StartProcessOptions,
  startProcess,
} from "../../../../src/testing/runtime/processes.ts";
import type { RuntimeProgram } from "../../../../src/testing/runtime/program-types.ts";
import { findProgram } from "../../../../src/testing/runtime/programs.ts";

/** Starts a program that gets and says nothing, unless the options have it otherwise. */
export function start(program: RuntimeProgram, options: Partial<StartProcessOptions> = {}): RunningProcess {
  return startProcess({
    program,
    args: ["program"],
    env: new Map(),
    cwd: "/",
    tty: false,
    stdin: (async function* () {})(),
    sizes: (async function* () {})(),
    write: async () => {},
    now: () => 0n,
    memoryLimit: () => 0n,
    ...options,
  });
}

/** What a program wrote, and how it ended. */
export interface Outcome {
  stdout: string;
  stderr: string;
  exitCode: number;
}

export async function run(
  programs: Record<string, RuntimeProgram>,
  args: readonly string[],
  { stdin = [], env = {} }: { stdin?: readonly Uint8Array[]; env?: Record<string, string> } = {},
): Promise<Outcome> {
  const program = findProgram(programs, args);
  if (!program) throw new Error(`no program ${args[0]}`);
  const output = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  const process = start(program, {
    args,
    env: new Map(Object.entries(env).map(([name, value]) => [name, Buffer.from(value)])),
    cwd: "/work",
    stdin: (async function* () {
      yield* stdin;
    })(),
    write: async (stream, bytes) => void output[stream].push(bytes),
  });
  const { exitCode } = await process.exited;
  const text = (parts: readonly Uint8Array[]) => Buffer.concat(parts).toString("utf8");
  return { stdout: text(output.stdout), stderr: text(output.stderr), exitCode };
}

/** Runs a program of the in-process runtime to its end. */
import { startProcess } from "../../../../src/testing/runtime/processes.ts";
import type { RuntimeProgram } from "../../../../src/testing/runtime/program-types.ts";
import { findProgram } from "../../../../src/testing/runtime/programs.ts";

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
  const process = startProcess({
    program,
    args,
    env: new Map(Object.entries(env).map(([name, value]) => [name, Buffer.from(value)])),
    cwd: "/work",
    tty: false,
    stdin: (async function* () {
      yield* stdin;
    })(),
    sizes: (async function* () {})(),
    write: async (stream, bytes) => void output[stream].push(bytes),
    now: () => 0n,
    memoryLimit: () => 0n,
  });
  const { exitCode } = await process.exited;
  const text = (parts: readonly Uint8Array[]) => Buffer.concat(parts).toString("utf8");
  return { stdout: text(output.stdout), stderr: text(output.stderr), exitCode };
}

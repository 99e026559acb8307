/**
 * Commands that run in a container besides its own, and the RPC that waits for one.
 *
 * @module
 */
import {
  ContainerState,
  CriError,
  type ExecSyncRequest,
  type ExecSyncResponseSchema,
} from "../../cri/index.ts";
import type { MessageInitShape, ServedCall } from "../../cri/serve.ts";
import { createInput } from "./container-io.ts";
import { mustFindContainer } from "./lookups.ts";
import { type OutputStream, type RunningProcess, startProcess } from "./processes.ts";
import type { ProgramTerminalSize } from "./program-types.ts";
import { findProgram, whyNoProgram } from "./programs.ts";
import { notFound, quote, unknown } from "./refusals.ts";
import { type ContainerRecord, newId } from "./state.ts";
import { stateName } from "./statuses.ts";
import type { RuntimeWorld } from "./world.ts";

/** Most bytes of each stream that ExecSync gives; what is more is dropped without a word, as by the runtimes. */
const MAX_OUTPUT = 16 * 1024 * 1024;

/** What a command is run with. */
export interface ExecProcessOptions {
  tty: boolean;
  stdin: AsyncIterable<Uint8Array>;
  sizes: AsyncIterable<ProgramTerminalSize>;
  write(stream: OutputStream, bytes: Uint8Array): Promise<void>;
}

/**
 * Starts a command in a container that runs.
 *
 * @throws {CriError} in the words of the runtime for a container that does not run, and for a command that it does
 * not have.
 */
export function startExec(
  world: RuntimeWorld,
  container: ContainerRecord,
  command: readonly string[],
  options: ExecProcessOptions,
): RunningProcess {
  assertRunning(world, container, "failed to exec in container: ");
  const program = findProgram(world.programs, command);
  if (!program) {
    const text = `OCI runtime exec failed: exec failed: ${whyNoProgram(command)}: unknown`;
    throw unknown(
      world.flavor === "containerd"
        ? `failed to exec in container: failed to start exec ${quote(newId())}: ${text}`
        : `command error: ${text}`,
    );
  }
  const process = startProcess({
    ...options,
    program,
    args: command,
    env: container.env,
    cwd: container.cwd,
    now: () => world.now(),
    memoryLimit: () => container.linux?.memoryLimitInBytes ?? 0n,
  });
  container.execs.add(process);
  void process.exited.then(() => container.execs.delete(process));
  return process;
}

/** Fails for a container that does not run. */
export function assertRunning({ flavor }: RuntimeWorld, { id, state }: ContainerRecord, context = ""): void {
  if (state === ContainerState.CONTAINER_RUNNING) return;
  throw flavor === "containerd"
    ? unknown(`${context}container is in ${stateName(state)} state`)
    : notFound(`container is not created or running: ${id}`);
}

/** Answers ExecSync. The command goes on when the caller gives up, until its own time is over. */
export async function execSync(
  world: RuntimeWorld,
  { containerId, cmd, timeout }: ExecSyncRequest,
  call: ServedCall,
): Promise<MessageInitShape<typeof ExecSyncResponseSchema>> {
  const inStore = `failed to find container ${quote(containerId)} in store`;
  const container = mustFindContainer(world, containerId, `failed to exec in container: ${inStore}`);
  const output = { stdout: capture(), stderr: capture() };
  const input = createInput({ stdin: false });
  const process = startExec(world, container, cmd, {
    tty: false,
    stdin: input.stdin,
    sizes: input.sizes,
    write: async (stream, bytes) => output[stream].add(bytes),
  });
  let late = false;
  const timer =
    timeout > 0n
      ? setTimeout(
          () => {
            late = true;
            process.kill("SIGKILL");
          },
          Math.min(Number(timeout) * 1000, 2 ** 31 - 1),
        )
      : undefined;
  // Without a time of its own a command ends with the call.
  const giveUp = () => process.kill("SIGKILL");
  if (!timer && call.signal.aborted) giveUp();
  else if (!timer) call.signal.addEventListener("abort", giveUp, { once: true });
  const { exitCode } = await process.exited;
  clearTimeout(timer);
  call.signal.removeEventListener("abort", giveUp);
  input.close();
  const [stdout, stderr] = [output.stdout.bytes(), output.stderr.bytes()];
  if (!late || world.execSyncTimeout === "exit-137") return { stdout, stderr, exitCode };
  if (world.execSyncTimeout === "exit-minus-one") {
    return { stdout: new Uint8Array(), stderr: Buffer.from("command timed out"), exitCode: -1 };
  }
  const text = `failed to exec in container: timeout ${timeout}s exceeded: context deadline exceeded`;
  throw new CriError("ERR_CRI_DEADLINE_EXCEEDED", text);
}

function capture(): { add(bytes: Uint8Array): void; bytes(): Uint8Array } {
  const parts: Uint8Array[] = [];
  let length = 0;
  return {
    add(bytes) {
      const taken = bytes.subarray(0, MAX_OUTPUT - length);
      // The program may use its memory again.
      if (taken.length > 0) parts.push(Uint8Array.from(taken));
      length += taken.length;
    },
    bytes: () => Buffer.concat(parts),
  };
}

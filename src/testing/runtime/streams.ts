/**
 * Exec, attach and port-forward: URLs of a streaming server, and what its sessions do to containers.
 *
 * @module
 */
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  type AttachRequest,
  CriError,
  type ExecRequest,
  PodSandboxState,
  type RuntimeService,
} from "../../cri/index.ts";
import type { ServiceHandlers } from "../../cri/serve.ts";
import { startStreamingServer } from "../streaming/start.ts";
import type { ExecOutcome, StreamedProcess } from "../streaming/types.ts";
import type { OutputListener } from "./container-io.ts";
import { assertRunning, startExec } from "./exec-sync.ts";
import { mustFindContainer, mustFindSandbox } from "./lookups.ts";
import type { StartCriRuntimeOptions } from "./options.ts";
import { quote, unknown } from "./refusals.ts";
import type { ContainerRecord } from "./state.ts";
import type { RuntimeWorld } from "./world.ts";

/** The streaming server of a runtime. */
export interface RuntimeStreams {
  /** Handlers of the RPCs that give URLs. */
  readonly handlers: ServiceHandlers<typeof RuntimeService>;
  /** Breaks all sessions. */
  close(): Promise<void>;
}

/** Starts the streaming server of a runtime. */
export async function startStreams(
  world: RuntimeWorld,
  { streaming = {}, onConnect }: StartCriRuntimeOptions,
): Promise<RuntimeStreams> {
  const server = await startStreamingServer({
    ...streaming,
    exec: (request, process) => runExec(world, request, process),
    attach: (request, process) => runAttach(world, request, process),
    portForward: async ({ podSandboxId }, port, connection) => {
      const { id } = mustFindReady(world, podSandboxId);
      await (onConnect ? onConnect(id, port, connection) : connectLoopback(port, connection));
    },
  });
  return {
    handlers: {
      exec: (request) => {
        if (request.containerId !== "") {
          const context = `failed to find container ${quote(request.containerId)} in store`;
          runningContainer(world, request.containerId, context);
        }
        return { url: server.url("exec", request) };
      },
      attach: (request) => {
        if (request.containerId !== "") {
          runningContainer(world, request.containerId, "failed to find container in store");
        }
        return { url: server.url("attach", request) };
      },
      portForward: (request) => {
        if (request.podSandboxId !== "") mustFindReady(world, request.podSandboxId);
        return { url: server.url("portforward", request) };
      },
    },
    close: () => server.close(),
  };
}

function runningContainer(world: RuntimeWorld, id: string, context?: string): ContainerRecord {
  try {
    const container = mustFindContainer(world, id, context);
    assertRunning(world, container);
    return container;
  } catch (error) {
    // CRI-O gives these failures no status of their own.
    throw world.flavor === "cri-o" && error instanceof CriError ? unknown(error.message) : error;
  }
}

function mustFindReady(world: RuntimeWorld, id: string): { id: string } {
  const sandbox = mustFindSandbox(world, id, `failed to find sandbox ${quote(id)}`);
  if (sandbox.state === PodSandboxState.SANDBOX_READY) return sandbox;
  throw unknown("sandbox container is not running");
}

/** Runs a command for a client. It goes on when the client has gone. */
async function runExec(
  world: RuntimeWorld,
  { containerId, cmd, tty }: ExecRequest,
  { stdin, stdout, stderr, sizes }: StreamedProcess,
): Promise<ExecOutcome> {
  const process = startExec(world, runningContainer(world, containerId), cmd, {
    tty,
    stdin,
    sizes,
    write: (stream, bytes) => (stream === "stdout" ? stdout(bytes) : stderr(bytes)),
  });
  const { exitCode } = await process.exited;
  return { exitCode };
}

/** Joins a client with a container until one of them has gone. */
async function runAttach(
  world: RuntimeWorld,
  { containerId, stdin: wantsStdin }: AttachRequest,
  { stdin, stdout, stderr, sizes, signal }: StreamedProcess,
): Promise<ExecOutcome> {
  const { input, config, ended } = runningContainer(world, containerId);
  const listener: OutputListener = (stream, bytes) => (stream === "stdout" ? stdout(bytes) : stderr(bytes));
  input.listeners.add(listener);
  const gone = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const feed = async () => {
    for await (const bytes of stdin) if (!(await input.write(bytes))) return;
    if (config.stdinOnce) input.endStdin();
  };
  const resize = async () => {
    for await (const size of sizes) input.resize(size);
  };
  // Neither fails: what a client sends ends with its connection.
  if (wantsStdin && config.stdin) void feed().catch(() => {});
  void resize().catch(() => {});
  await Promise.race([ended, gone]);
  input.listeners.delete(listener);
  return { exitCode: 0 };
}

/** How long a connection goes on with one direction after the other has ended, in milliseconds. As in containerd. */
const LINGER_MS = 1000;

/** Joins a connection with a port of the loopback address. */
async function connectLoopback(port: number, connection: Duplex): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", (cause) => {
        reject(new Error(`failed to connect to localhost:${port} inside namespace`, { cause }));
      });
    });
    const stop = new AbortController();
    const { signal } = stop;
    const ways = [pipeline(connection, socket, { signal }), pipeline(socket, connection, { signal })];
    const both = Promise.allSettled(ways);
    await Promise.race(ways);
    const timer = setTimeout(() => stop.abort(), LINGER_MS);
    await both;
    clearTimeout(timer);
  } finally {
    socket.destroy();
  }
}

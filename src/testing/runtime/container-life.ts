/**
 * The life of a container: made, started, ended, removed.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";
import {
  type ContainerConfig,
  ContainerEventType,
  ContainerState,
  PodSandboxState,
} from "../../cri/index.ts";
import { createInput, tellListeners } from "./container-io.ts";
import { openContainerLog } from "./container-log.ts";
import { mustHaveImage, type StoredImage } from "./images.ts";
import { containerName, releaseNames, reserveName } from "./names.ts";
import { type ProcessExit, startProcess } from "./processes.ts";
import { findProgram, whyNoProgram } from "./programs.ts";
import { notFound, quote, unknown } from "./refusals.ts";
import { type ContainerRecord, containersOf, newId, type SandboxRecord } from "./state.ts";
import { containerStatus, sandboxStatus, stateName } from "./statuses.ts";
import type { RuntimeWorld } from "./world.ts";

/** Makes a container that is not started. */
export function createContainer(
  world: RuntimeWorld,
  sandbox: SandboxRecord,
  config: ContainerConfig | undefined,
): ContainerRecord {
  const { state, flavor } = world;
  if (!config?.metadata) throw unknown("container config must include metadata");
  if (sandbox.state !== PodSandboxState.SANDBOX_READY) {
    throw flavor === "containerd"
      ? notFound("failed to get sandbox container task: no running task found: task not found: not found")
      : unknown(`CreateContainer failed as the sandbox was stopped: ${sandbox.id}`);
  }
  const image = mustHaveImage(world.images, config.image?.image ?? "");
  for (const { image: volume } of config.mounts) {
    if (volume && !world.images.find(volume.image)) {
      throw unknown(`ImageVolumeMountFailed: failed to get image ${quote(volume.image)}: not found`);
    }
  }
  const command = commandOf(config, image);
  if (command.length === 0) throw unknown("failed to generate spec: no command specified");
  if (flavor === "cri-o" && !findProgram(world.programs, command)) {
    throw unknown(`container create failed: ${whyNoProgram(command)}`);
  }
  const id = newId();
  const { name, attempt } = config.metadata;
  reserveName(world, "container", containerName(sandbox, name, attempt), id);
  const container: ContainerRecord = {
    id,
    sandbox,
    config,
    image: {
      id: image.id,
      repoDigest: [...image.repoDigests][0],
      user: image.known.user ?? "",
      stopSignal: image.known.stopSignal ?? "SIGTERM",
    },
    command,
    env: environmentOf(config, sandbox, image),
    cwd: config.workingDir || image.known.workingDir || "/",
    logPath: logPathOf(sandbox, config),
    createdAt: world.now(),
    pid: ++state.counters.pids,
    input: createInput({ stdin: config.stdin }),
    state: ContainerState.CONTAINER_CREATED,
    startedAt: 0n,
    finishedAt: 0n,
    exitCode: 0,
    reason: "",
    message: "",
    linux: config.linux?.resources,
    windows: config.windows?.resources,
    removing: false,
    process: undefined,
    log: undefined,
    ended: Promise.resolve(),
    execs: new Set(),
  };
  state.containers.set(id, container);
  announce(world, container, ContainerEventType.CONTAINER_CREATED_EVENT);
  return container;
}

/** Starts a container that was made. */
export async function startContainer(world: RuntimeWorld, container: ContainerRecord): Promise<void> {
  assertStartable(world, container);
  const program = findProgram(world.programs, container.command);
  if (!program) {
    const text = `OCI runtime create failed: runc create failed: ${whyNoProgram(container.command)}: unknown`;
    const message = `failed to create containerd task: failed to create shim task: ${text}`;
    finish(world, container, { exitCode: 128, reason: "StartError", message });
    throw unknown(message);
  }
  const log =
    container.logPath === "" ? undefined : await openContainerLog(container.logPath, () => world.now());
  // What waits for the log is not alone: the container may be gone by now, or started by another call.
  try {
    assertStartable(world, container);
  } catch (error) {
    await log?.close();
    throw error;
  }
  const { input } = container;
  const process = startProcess({
    program,
    args: container.command,
    env: container.env,
    cwd: container.cwd,
    tty: container.config.tty,
    stdin: input.stdin,
    sizes: input.sizes,
    now: () => world.now(),
    memoryLimit: () => container.linux?.memoryLimitInBytes ?? 0n,
    write: async (stream, bytes) => {
      await log?.write(stream, bytes);
      await tellListeners(input.listeners, stream, bytes);
    },
  });
  container.process = process;
  container.log = log;
  container.state = ContainerState.CONTAINER_RUNNING;
  container.startedAt = world.now();
  container.ended = process.exited.then(async (exit) => {
    for (const other of container.execs) other.kill("SIGKILL");
    input.close();
    // A log that cannot be written any more does not keep a container alive.
    await log?.close().catch(() => {});
    finish(world, container, { ...reasonOf(exit), exitCode: exit.exitCode, message: "" });
  });
  announce(world, container, ContainerEventType.CONTAINER_STARTED_EVENT);
}

function assertStartable(world: RuntimeWorld, container: ContainerRecord): void {
  const { id, state, removing, sandbox } = container;
  if (!world.state.containers.has(id)) {
    throw notFound(`an error occurred when try to find container ${quote(id)}: not found`);
  }
  if (state !== ContainerState.CONTAINER_CREATED || container.process) {
    throw unknown(
      `failed to set starting state for container ${quote(id)}: container is in ${stateName(state)} state`,
    );
  }
  if (removing) {
    const text = "container is in removing state, can't be started";
    throw unknown(`failed to set starting state for container ${quote(id)}: ${text}`);
  }
  if (sandbox.state !== PodSandboxState.SANDBOX_READY) {
    throw unknown(`sandbox container ${quote(sandbox.id)} is not running`);
  }
}

/** Ends a container that runs, at once. */
export async function endContainer(container: ContainerRecord): Promise<void> {
  container.process?.kill("SIGKILL");
  await container.ended;
}

/** Removes a container, and ends it before if it runs. */
export async function removeContainer(world: RuntimeWorld, container: ContainerRecord): Promise<void> {
  container.removing = true;
  await endContainer(container);
  if (!world.state.containers.delete(container.id)) return;
  container.input.close();
  releaseNames(world, container.id);
  announce(world, container, ContainerEventType.CONTAINER_DELETED_EVENT);
}

interface Finish {
  exitCode: number;
  reason: string;
  message: string;
}

function finish(
  world: RuntimeWorld,
  container: ContainerRecord,
  { exitCode, reason, message }: Finish,
): void {
  container.state = ContainerState.CONTAINER_EXITED;
  container.finishedAt = world.now();
  Object.assign(container, { exitCode, reason, message });
  announce(world, container, ContainerEventType.CONTAINER_STOPPED_EVENT);
}

function reasonOf({ exitCode, outOfMemory }: ProcessExit): { reason: string } {
  if (outOfMemory) return { reason: "OOMKilled" };
  return { reason: exitCode === 0 ? "Completed" : "Error" };
}

function announce(world: RuntimeWorld, container: ContainerRecord, type: ContainerEventType): void {
  const { sandbox } = container;
  world.events.publish({
    containerId: container.id,
    containerEventType: type,
    createdAt: world.now(),
    podSandboxStatus: sandboxStatus(sandbox),
    containersStatuses: containersOf(world.state, sandbox).map(containerStatus),
  });
}

/** What a container runs: `command` takes the place of entrypoint and command, `args` that of the command alone. */
function commandOf({ command, args }: ContainerConfig, { known }: StoredImage): string[] {
  if (command.length > 0) return [...command, ...args];
  return [...(known.entrypoint ?? []), ...(args.length > 0 ? args : (known.cmd ?? []))];
}

function environmentOf(
  config: ContainerConfig,
  sandbox: SandboxRecord,
  { known }: StoredImage,
): ReadonlyMap<string, Uint8Array> {
  const env = new Map<string, Uint8Array>([
    ["PATH", Buffer.from("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")],
  ]);
  if (sandbox.config.hostname !== "") env.set("HOSTNAME", Buffer.from(sandbox.config.hostname));
  if (config.tty) env.set("TERM", Buffer.from("xterm"));
  for (const text of known.env ?? []) {
    const [name = ""] = text.split("=");
    env.set(name, Buffer.from(text.slice(name.length + 1)));
  }
  for (const { key, value } of config.envs) env.set(key, value);
  return env;
}

function logPathOf({ config }: SandboxRecord, { logPath }: ContainerConfig): string {
  if (logPath === "" || config.logDirectory === "") return "";
  if (!isAbsolute(config.logDirectory))
    throw unknown(`log directory ${quote(config.logDirectory)} is relative`);
  return join(config.logDirectory, logPath);
}

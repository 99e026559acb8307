/**
 * What the in-process runtime knows: its sandboxes, containers and images, and the names that are taken.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import type {
  ContainerConfig,
  ContainerState,
  LinuxContainerResources,
  PodSandboxConfig,
  PodSandboxState,
  WindowsContainerResources,
} from "../../cri/index.ts";
import type { ContainerInput } from "./container-io.ts";
import type { ContainerLog } from "./container-log.ts";
import type { RunningProcess } from "./processes.ts";

/** A sandbox. */
export interface SandboxRecord {
  readonly id: string;
  readonly config: PodSandboxConfig;
  /** The runtime handler it was asked for with. */
  readonly handler: string;
  /** Nanoseconds since 1970. */
  readonly createdAt: bigint;
  readonly pid: number;
  /** Addresses; none in the network of the node. */
  readonly ips: readonly string[];
  state: PodSandboxState;
  overhead: LinuxContainerResources | undefined;
  resources: LinuxContainerResources | undefined;
}

/** The image that a container was made from, as it was then. */
export interface ContainerImage {
  readonly id: string;
  readonly repoDigest: string | undefined;
  readonly user: string;
  readonly stopSignal: string;
}

/** A container. */
export interface ContainerRecord {
  readonly id: string;
  readonly sandbox: SandboxRecord;
  readonly config: ContainerConfig;
  readonly image: ContainerImage;
  /** Name and arguments of what it runs. */
  readonly command: readonly string[];
  readonly env: ReadonlyMap<string, Uint8Array>;
  readonly cwd: string;
  /** Absolute; empty if it has no log. */
  readonly logPath: string;
  readonly createdAt: bigint;
  readonly pid: number;
  readonly input: ContainerInput;
  state: ContainerState;
  startedAt: bigint;
  finishedAt: bigint;
  exitCode: number;
  reason: string;
  message: string;
  linux: LinuxContainerResources | undefined;
  windows: WindowsContainerResources | undefined;
  /** Whether it is being removed, and so cannot be started any more. */
  removing: boolean;
  process: RunningProcess | undefined;
  log: ContainerLog | undefined;
  /** Settles when it has ended and its end is recorded. */
  ended: Promise<void>;
  /** Commands that run in it besides its own. */
  readonly execs: Set<RunningProcess>;
}

/** The records, the oldest first. */
export interface RuntimeState {
  readonly sandboxes: Map<string, SandboxRecord>;
  readonly containers: Map<string, ContainerRecord>;
  /** Names by what they are taken for. */
  readonly names: Map<string, string>;
  /** How many sandboxes there have been, and processes. */
  counters: { sandboxes: number; pids: number };
}

/** Nothing at all. */
export function emptyState(): RuntimeState {
  return {
    sandboxes: new Map(),
    containers: new Map(),
    names: new Map(),
    counters: { sandboxes: 0, pids: 1000 },
  };
}

/** A new id: 64 hexadecimal digits. */
export function newId(): string {
  return randomBytes(32).toString("hex");
}

/** What an id, or a beginning of one, leads to. */
export type Found<T> = { kind: "found"; record: T } | { kind: Missed };

/** Why an id leads to nothing. */
export type Missed = "absent" | "empty" | "ambiguous";

/** Looks a record up by its id or by a beginning that only it has. */
export function findById<T>(records: ReadonlyMap<string, T>, id: string): Found<T> {
  const exact = records.get(id);
  if (exact !== undefined) return { kind: "found", record: exact };
  if (id === "") return { kind: "empty" };
  const matches = [...records].filter(([key]) => key.startsWith(id));
  const [first] = matches;
  if (!first) return { kind: "absent" };
  return matches.length > 1 ? { kind: "ambiguous" } : { kind: "found", record: first[1] };
}

/** The containers of a sandbox, the oldest first. */
export function containersOf(state: RuntimeState, sandbox: SandboxRecord): ContainerRecord[] {
  return [...state.containers.values()].filter((container) => container.sandbox === sandbox);
}

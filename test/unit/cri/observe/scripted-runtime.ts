/** A runtime without a socket whose pods and containers live as a script says, with the faults of real ones. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type Container,
  type ContainerEventResponse,
  ContainerEventResponseSchema,
  ContainerEventType,
  ContainerSchema,
  ContainerState,
  type CriConnection,
  CriError,
  type PodSandbox,
  PodSandboxSchema,
  PodSandboxState,
} from "../../../../src/cri/index.ts";

/** Lets everything that can go on do so. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** One listener of events. */
interface Listener {
  queue: ContainerEventResponse[];
  end: { error?: CriError } | undefined;
  wake: () => void;
}

/** A runtime that does what its functions are called for. */
export interface ScriptedRuntime {
  /** What `watchContainers` is given. */
  readonly cri: Pick<CriConnection, "runtime">;
  readonly pods: Map<string, PodSandbox>;
  readonly containers: Map<string, Container>;
  /** How often the containers were listed to the end. */
  lists: number;
  /** How many listen now. */
  listeners(): number;
  /** How many ever listened. */
  subscriptions: number;
  /** Turns that an answer to a list takes after it was made. */
  listTurns: number;
  /** Why lists fail, while set. */
  listError: CriError | undefined;
  /** What a new listener meets instead of events, while set: an error, or the end without one. */
  refuse: { error?: CriError } | undefined;
  /** `"send"` events, `"lose"` them, `"twice"` sends each two times, `"swap"` sends each after the next one. */
  events: "send" | "lose" | "twice" | "swap";
  addPod(id: string): void;
  stopPod(id: string): void;
  /** Removes a pod, and without events of their own its containers. */
  removePod(id: string): void;
  addContainer(id: string, podId: string): void;
  startContainer(id: string): void;
  stopContainer(id: string, exitCode?: number): void;
  removeContainer(id: string): void;
  /** Sends any event. */
  send(event: MessageInitShape<typeof ContainerEventResponseSchema>): void;
  /** Ends all streams of events, with an error or without. */
  breakOff(error?: CriError): void;
}

/** The error of a runtime that is away. */
export function away(): CriError {
  return new CriError("ERR_CRI_UNAVAILABLE", "connection dropped");
}

/** Makes one without pods. */
export function createScriptedRuntime(): ScriptedRuntime {
  const listeners = new Set<Listener>();
  let held: ContainerEventResponse | undefined;
  let clock = 1_700_000_000_000_000_000n;
  const tick = () => {
    clock += 1_000_000n;
    return clock;
  };
  const broadcast = (event: ContainerEventResponse) => {
    for (const listener of listeners) {
      listener.queue.push(event);
      listener.wake();
    }
  };

  async function* answers<T>(make: () => T[]): AsyncGenerator<T[], void> {
    if (world.listError) throw world.listError;
    const items = make();
    for (let left = world.listTurns; left > 0; left--) await turn();
    if (world.listError) throw world.listError;
    yield items;
  }
  function events(): AsyncIterableIterator<ContainerEventResponse, void> {
    const listener: Listener = { queue: [], end: world.refuse, wake: () => {} };
    world.subscriptions++;
    listeners.add(listener);
    const leave = () => {
      listeners.delete(listener);
      listener.end ??= {};
      listener.wake();
    };
    return {
      async next() {
        for (;;) {
          const value = listener.queue.shift();
          if (value) return { done: false, value };
          if (listener.end) {
            leave();
            if (listener.end.error) throw listener.end.error;
            return { done: true, value: undefined };
          }
          await new Promise<void>((resolve) => {
            listener.wake = resolve;
          });
        }
      },
      async return() {
        leave();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }
  const runtime = {
    getContainerEvents: (_: unknown, { signal }: { signal?: AbortSignal } = {}) => {
      const stream = events();
      signal?.addEventListener("abort", () => void stream.return?.(), { once: true });
      return stream;
    },
    async *streamContainers() {
      for await (const containers of answers(() => [...world.containers.values()])) {
        world.lists++;
        yield { containers };
      }
    },
    async *streamPodSandboxes() {
      for await (const podSandboxes of answers(() => [...world.pods.values()])) yield { podSandboxes };
    },
  };

  /** The event of a step in the life of a container or a pod, as runtimes send it. */
  const tell = (id: string, type: ContainerEventType, podId: string, exitCode = 0) => {
    const pod = world.pods.get(podId);
    const inPod = [...world.containers.values()].filter(({ podSandboxId }) => podSandboxId === podId);
    const event = create(ContainerEventResponseSchema, {
      containerId: id,
      containerEventType: type,
      createdAt: tick(),
      ...(pod ? { podSandboxStatus: { id: podId, state: pod.state, createdAt: pod.createdAt } } : {}),
      containersStatuses: inPod.map(({ id: each, state, createdAt }) => ({
        id: each,
        state,
        createdAt,
        exitCode: each === id ? exitCode : 0,
      })),
    });
    if (world.events === "lose") return;
    if (world.events === "swap" && !held) {
      held = event;
      return;
    }
    broadcast(event);
    if (world.events === "twice") broadcast(event);
    if (held) broadcast(held);
    held = undefined;
  };
  const containerOf = (id: string) => world.containers.get(id) ?? create(ContainerSchema, { id });
  const moveContainer = (id: string, state: ContainerState) => {
    const container = create(ContainerSchema, { ...containerOf(id), state });
    world.containers.set(id, container);
    return container.podSandboxId;
  };

  const world: ScriptedRuntime = {
    cri: { runtime: runtime as unknown as CriConnection["runtime"] },
    pods: new Map(),
    containers: new Map(),
    lists: 0,
    listeners: () => listeners.size,
    subscriptions: 0,
    listTurns: 0,
    listError: undefined,
    refuse: undefined,
    events: "send",
    addPod(id) {
      world.pods.set(id, create(PodSandboxSchema, { id, createdAt: tick() }));
      tell(id, ContainerEventType.CONTAINER_CREATED_EVENT, id);
      tell(id, ContainerEventType.CONTAINER_STARTED_EVENT, id);
    },
    stopPod(id) {
      const createdAt = world.pods.get(id)?.createdAt ?? 0n;
      const state = PodSandboxState.SANDBOX_NOTREADY;
      world.pods.set(id, create(PodSandboxSchema, { id, createdAt, state }));
      tell(id, ContainerEventType.CONTAINER_STOPPED_EVENT, id);
    },
    removePod(id) {
      for (const { id: each, podSandboxId } of [...world.containers.values()]) {
        if (podSandboxId === id) world.containers.delete(each);
      }
      world.pods.delete(id);
      tell(id, ContainerEventType.CONTAINER_DELETED_EVENT, id);
    },
    addContainer(id, podSandboxId) {
      world.containers.set(id, create(ContainerSchema, { id, podSandboxId, createdAt: tick() }));
      tell(id, ContainerEventType.CONTAINER_CREATED_EVENT, podSandboxId);
    },
    startContainer(id) {
      const podId = moveContainer(id, ContainerState.CONTAINER_RUNNING);
      tell(id, ContainerEventType.CONTAINER_STARTED_EVENT, podId);
    },
    stopContainer(id, exitCode) {
      const podId = moveContainer(id, ContainerState.CONTAINER_EXITED);
      tell(id, ContainerEventType.CONTAINER_STOPPED_EVENT, podId, exitCode);
    },
    removeContainer(id) {
      const { podSandboxId } = containerOf(id);
      world.containers.delete(id);
      tell(id, ContainerEventType.CONTAINER_DELETED_EVENT, podSandboxId);
    },
    send: (event) => broadcast(create(ContainerEventResponseSchema, event)),
    breakOff(error) {
      for (const listener of listeners) {
        listener.end = error ? { error } : {};
        listener.wake();
      }
    },
  };
  return world;
}

/**
 * The pods and containers of a runtime as events and lists tell them.
 *
 * Ids are never used again and states only go forward, so two rules are enough to merge what arrives in any order:
 * an event that is not ahead of what is known of its subject says nothing new, and neither does one about a subject
 * that is gone. A list is the truth at its moment; events that arrived since it was asked for are applied after it.
 *
 * @module
 */
import {
  type Container,
  type ContainerEventResponse,
  ContainerEventType,
  type ContainerMetadata,
  ContainerState,
  type ContainerStatus,
  type ImageSpec,
  type PodSandbox,
  type PodSandboxMetadata,
  PodSandboxState,
  type PodSandboxStatus,
} from "../gen/runtime/v1/api_pb.ts";

/** A pod sandbox, as far as lists and events both tell it. */
export interface WatchedPod {
  readonly id: string;
  readonly metadata?: PodSandboxMetadata;
  readonly state: PodSandboxState;
  /** Nanoseconds since the Unix epoch. */
  readonly createdAt: bigint;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly runtimeHandler: string;
}

/** A container, as far as lists and events both tell it. */
export interface WatchedContainer {
  readonly id: string;
  /** Empty if only an event without the status of a pod has told of the container. */
  readonly podSandboxId: string;
  readonly metadata?: ContainerMetadata;
  readonly image?: ImageSpec;
  readonly imageRef: string;
  readonly imageId: string;
  readonly state: ContainerState;
  /** Nanoseconds since the Unix epoch. */
  readonly createdAt: bigint;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** The status in the last event, with exit code and times; absent where the last word is a list's. */
  readonly status?: ContainerStatus;
}

/** What there is, by id. The maps change with every item of the watch; their values never do. */
export interface WatchView {
  readonly pods: ReadonlyMap<string, WatchedPod>;
  readonly containers: ReadonlyMap<string, WatchedContainer>;
}

/** What became of one pod or container. Without `before` it is new, without `after` it is gone. */
export type WatchChange =
  | { readonly kind: "pod"; readonly before?: WatchedPod; readonly after?: WatchedPod }
  | { readonly kind: "container"; readonly before?: WatchedContainer; readonly after?: WatchedContainer };

/** A view with what is needed to tell news from repetitions. */
export interface WatchState {
  readonly pods: Map<string, WatchedPod>;
  readonly containers: Map<string, WatchedContainer>;
  /** How far the life of each pod and container has been told. */
  readonly told: Map<string, number>;
  /** Ids of what is gone, the oldest first. */
  readonly gone: Set<string>;
}

/** What an event says that was not known. */
export type EventNews =
  | { kind: "nothing" }
  /** A kind of event of the future: only a list can tell what it means. */
  | { kind: "unclear" }
  | { kind: "news"; subject: "pod" | "container"; id: string; changes: WatchChange[] };

/** So many ids of what is gone are kept; an event that comes later than that many removals is rare. */
const MAX_GONE = 10_000;

/** How far along the life of a container a state is. */
const RANK_OF_STATE: ReadonlyMap<ContainerState, number> = new Map([
  [ContainerState.CONTAINER_CREATED, 0],
  [ContainerState.CONTAINER_RUNNING, 1],
  [ContainerState.CONTAINER_EXITED, 2],
]);

/** How far along it an event is, and the state after it. */
const EVENTS: ReadonlyMap<ContainerEventType, [rank: number, state: ContainerState]> = new Map([
  [ContainerEventType.CONTAINER_CREATED_EVENT, [0, ContainerState.CONTAINER_CREATED]],
  [ContainerEventType.CONTAINER_STARTED_EVENT, [1, ContainerState.CONTAINER_RUNNING]],
  [ContainerEventType.CONTAINER_STOPPED_EVENT, [2, ContainerState.CONTAINER_EXITED]],
  [ContainerEventType.CONTAINER_DELETED_EVENT, [3, ContainerState.CONTAINER_EXITED]],
]);

const STOPPED = 2;
const DELETED = 3;

/** A state of which nothing is known. */
export function createWatchState(): WatchState {
  return { pods: new Map(), containers: new Map(), told: new Map(), gone: new Set() };
}

/**
 * Makes the view what the lists say, and tells the differences: what is gone first, then pods, then containers, each
 * from the oldest to the youngest.
 */
export function applyLists(
  state: WatchState,
  pods: readonly PodSandbox[],
  containers: readonly Container[],
): WatchChange[] {
  const podsNow = new Map(pods.map((pod) => [pod.id, pod]));
  const containersNow = new Map(containers.map((container) => [container.id, container]));
  const changes: WatchChange[] = [];
  for (const before of [...state.containers.values()].sort(byAge)) {
    if (containersNow.has(before.id)) continue;
    state.containers.delete(before.id);
    bury(state, before.id);
    changes.push({ kind: "container", before });
  }
  for (const before of [...state.pods.values()].sort(byAge)) {
    if (podsNow.has(before.id)) continue;
    state.pods.delete(before.id);
    bury(state, before.id);
    changes.push({ kind: "pod", before });
  }
  for (const pod of [...podsNow.values()].sort(byAge)) {
    const before = state.pods.get(pod.id);
    const after = podOf(pod);
    state.pods.set(pod.id, after);
    state.gone.delete(pod.id);
    state.told.set(pod.id, rankOfPod(pod.state));
    if (before?.state !== after.state) changes.push({ kind: "pod", ...(before ? { before } : {}), after });
  }
  for (const container of [...containersNow.values()].sort(byAge)) {
    const before = state.containers.get(container.id);
    const same = before?.state === container.state ? before.status : undefined;
    const after = containerOf(container, container.podSandboxId, container.state, same);
    state.containers.set(container.id, after);
    state.gone.delete(container.id);
    state.told.set(container.id, RANK_OF_STATE.get(container.state) ?? state.told.get(container.id) ?? 0);
    if (before?.state !== after.state)
      changes.push({ kind: "container", ...(before ? { before } : {}), after });
  }
  return changes;
}

/**
 * Forgets the lives that ended before the list did: events that wait tell of their end, the list has them no more,
 * and nobody was told of their beginning.
 */
export function skipEnded(state: WatchState, waiting: readonly ContainerEventResponse[]): void {
  const first = new Map<string, ContainerEventType>();
  for (const { containerId, containerEventType } of waiting) {
    if (!first.has(containerId)) first.set(containerId, containerEventType);
    if (containerEventType !== ContainerEventType.CONTAINER_DELETED_EVENT) continue;
    if (state.pods.has(containerId) || state.containers.has(containerId)) continue;
    if (first.get(containerId) !== ContainerEventType.CONTAINER_CREATED_EVENT) bury(state, containerId);
  }
}

/** Takes an event into the view. */
export function applyEvent(state: WatchState, event: ContainerEventResponse): EventNews {
  const { containerId: id, podSandboxStatus: podStatus } = event;
  const step = EVENTS.get(event.containerEventType);
  if (!step) return { kind: "unclear" };
  const [rank] = step;
  if (state.gone.has(id) || rank <= (state.told.get(id) ?? -1)) return { kind: "nothing" };
  const isPod = podStatus?.id === id || state.pods.has(id);
  if (rank === DELETED) {
    const known = state.pods.has(id) || state.containers.has(id);
    const changes = remove(state, id);
    return known ? { kind: "news", subject: isPod ? "pod" : "container", id, changes } : { kind: "nothing" };
  }
  // Late news of a container that went with its pod.
  if (!isPod && podStatus && state.gone.has(podStatus.id) && !state.containers.has(id)) {
    return { kind: "nothing" };
  }
  state.told.set(id, rank);
  const changes: WatchChange[] = [];
  if (podStatus) updatePod(state, podStatus, isPod && rank === STOPPED, changes);
  if (isPod) {
    if (!podStatus && rank === STOPPED) endPod(state, id, changes);
    return { kind: "news", subject: "pod", id, changes };
  }
  updateContainer(state, event, step, changes);
  return { kind: "news", subject: "container", id, changes };
}

/** Removes a container, or a pod with its containers: the interface removes them together. */
function remove(state: WatchState, id: string): WatchChange[] {
  const pod = state.pods.get(id);
  const inPod = pod ? [...state.containers.values()].filter(({ podSandboxId }) => podSandboxId === id) : [];
  const own = state.containers.get(id);
  const changes: WatchChange[] = [];
  for (const before of own ? [own] : inPod.sort(byAge)) {
    state.containers.delete(before.id);
    bury(state, before.id);
    changes.push({ kind: "container", before });
  }
  if (pod && state.pods.delete(id)) changes.push({ kind: "pod", before: pod });
  bury(state, id);
  return changes;
}

/** Adds a pod that is new, or moves on the state of one that is not. */
function updatePod(
  state: WatchState,
  status: PodSandboxStatus,
  ended: boolean,
  changes: WatchChange[],
): void {
  if (state.gone.has(status.id)) return;
  const before = state.pods.get(status.id);
  const notReady = ended || before?.state === PodSandboxState.SANDBOX_NOTREADY;
  const after = podOf(notReady ? { ...status, state: PodSandboxState.SANDBOX_NOTREADY } : status);
  state.pods.set(status.id, after);
  if (before?.state !== after.state) changes.push({ kind: "pod", ...(before ? { before } : {}), after });
}

function endPod(state: WatchState, id: string, changes: WatchChange[]): void {
  const before = state.pods.get(id);
  if (!before || before.state === PodSandboxState.SANDBOX_NOTREADY) return;
  const after = { ...before, state: PodSandboxState.SANDBOX_NOTREADY };
  state.pods.set(id, after);
  changes.push({ kind: "pod", before, after });
}

function updateContainer(
  state: WatchState,
  event: ContainerEventResponse,
  [rank, stateAfter]: [rank: number, state: ContainerState],
  changes: WatchChange[],
): void {
  const { containerId: id } = event;
  const before = state.containers.get(id);
  const status = event.containersStatuses.find((each) => each.id === id);
  const podSandboxId = event.podSandboxStatus?.id ?? before?.podSandboxId ?? "";
  // A status may be younger than the event that brings it, never older than what is known.
  const known = Math.max(rank, (before && RANK_OF_STATE.get(before.state)) ?? -1);
  const ahead = status && (RANK_OF_STATE.get(status.state) ?? -1) >= known;
  const next = ahead ? status.state : known > rank && before ? before.state : stateAfter;
  const source = status ?? before ?? { ...EMPTY, id, createdAt: event.createdAt };
  const after = containerOf(source, podSandboxId, next, ahead ? status : undefined);
  state.containers.set(id, after);
  if (before?.state !== after.state)
    changes.push({ kind: "container", ...(before ? { before } : {}), after });
}

/** What an event without a status leaves open. */
const EMPTY = { imageRef: "", imageId: "", labels: {}, annotations: {} };

function bury(state: WatchState, id: string): void {
  state.told.delete(id);
  state.gone.add(id);
  if (state.gone.size <= MAX_GONE) return;
  for (const oldest of state.gone) {
    state.gone.delete(oldest);
    return;
  }
}

function rankOfPod(state: PodSandboxState): number {
  return state === PodSandboxState.SANDBOX_NOTREADY ? STOPPED : 1;
}

function podOf(pod: PodSandbox | PodSandboxStatus): WatchedPod {
  const { id, metadata, state, createdAt, labels, annotations, runtimeHandler } = pod;
  return { id, ...(metadata ? { metadata } : {}), state, createdAt, labels, annotations, runtimeHandler };
}

function containerOf(
  source: Omit<WatchedContainer, "podSandboxId" | "state" | "status" | "metadata" | "image"> & {
    metadata?: ContainerMetadata | undefined;
    image?: ImageSpec | undefined;
  },
  podSandboxId: string,
  state: ContainerState,
  status: ContainerStatus | undefined,
): WatchedContainer {
  const { id, metadata, image, imageRef, imageId, createdAt, labels, annotations } = source;
  return {
    id,
    podSandboxId,
    ...(metadata ? { metadata } : {}),
    ...(image ? { image } : {}),
    imageRef,
    imageId,
    state,
    createdAt,
    labels,
    annotations,
    ...(status ? { status } : {}),
  };
}

function byAge(a: { id: string; createdAt: bigint }, b: { id: string; createdAt: bigint }): number {
  if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1;
  return a.id < b.id ? -1 : 1;
}

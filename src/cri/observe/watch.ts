/**
 * What happens to pods and containers, without gaps.
 *
 * Events alone lose what happens while nobody listens: there is no replay, a connection may break, and a runtime may
 * take a while to count a new listener. So the watch listens first, lists then, lists once more a moment later, and
 * does all of it again after a break, telling what has changed in between.
 *
 * @module
 */
import { toBinary } from "@bufbuild/protobuf";
import type { CriCallOptions } from "../call.ts";
import type { CriConnection } from "../connect.ts";
import { CriError } from "../errors.ts";
import { type ContainerEventResponse, ContainerEventResponseSchema } from "../gen/runtime/v1/api_pb.ts";
import { iterateContainers, iteratePodSandboxes } from "../list-streams.ts";
import { collect } from "./collect.ts";
import { type EventQueue, openEventQueue } from "./event-queue.ts";
import { leavable } from "./leave.ts";
import type { WatchItem, WatchResyncReason } from "./watch-items.ts";
import { resolveWatchOptions, type WatchContainersOptions, type WatchSettings } from "./watch-options.ts";
import {
  applyEvent,
  applyLists,
  createWatchState,
  skipEnded,
  type WatchChange,
  type WatchState,
  type WatchView,
} from "./watch-view.ts";

/**
 * What happens to the pods and containers of a runtime: first a snapshot, then every change.
 *
 * Lazy and single-use; leaving early, and an abort, end all calls. The view in each item is what there is once the
 * item is taken in. Nothing that lasts is lost: what the events do not tell, because the connection broke, the runtime
 * was restarted or the reader was slow, the next list does, as differences. What began and ended in a gap leaves no
 * trace. Events that tell nothing new, such as ones older than the snapshot, are left out. A pod that is removed takes
 * its containers along: then `changes` of its event have them too.
 *
 * A stream of events that ends without an error within a second, and without an event, means that events are off, as
 * in CRI-O without `enable_pod_events`. containerd before 1.7 does not have them. Without `poll`, both are errors.
 *
 * @throws {CriError} `ERR_CRI_EVENTS_DISABLED`, `ERR_CRI_UNIMPLEMENTED` if there are no events, maybe after the
 * snapshot.
 * @throws {CriError} `ERR_CRI_INVALID_RESPONSE`, `ERR_CRI_RESOURCE_EXHAUSTED`, `ERR_CRI_CLOSED` and other codes that
 * trying again does not cure; any code after `maxRetries`.
 */
export function watchContainers(
  cri: Pick<CriConnection, "runtime">,
  options: WatchContainersOptions = {},
): AsyncIterableIterator<WatchItem, void> {
  const settings = resolveWatchOptions(options);
  return leavable(options.signal, (signal) => takeTurns(startWatch(cri, settings, signal)));
}

/** How a turn of listening or polling ended. */
type TurnEnd =
  | { kind: "lost"; error: CriError; lasted: boolean }
  /** There are no events to listen to. */
  | { kind: "no-events"; error: CriError };

/** What the turns of one watch share. */
interface Watch {
  readonly cri: Pick<CriConnection, "runtime">;
  readonly settings: WatchSettings;
  readonly signal: AbortSignal | undefined;
  readonly state: WatchState;
  readonly view: WatchView;
  /** Whether the snapshot is out. */
  begun: boolean;
  /** Whether the connection was lost since the last list. */
  lost: boolean;
}

function startWatch(
  cri: Pick<CriConnection, "runtime">,
  settings: WatchSettings,
  signal: AbortSignal | undefined,
): Watch {
  const state = createWatchState();
  const view = { pods: state.pods, containers: state.containers };
  return { cri, settings, signal, state, view, begun: false, lost: false };
}

async function* takeTurns(shared: Watch): AsyncGenerator<WatchItem, void> {
  const { settings, signal, view } = shared;
  const { poll } = settings;
  let failures = 0;
  let polling = poll?.always ?? false;
  for (;;) {
    const end: TurnEnd = yield* polling ? pollLists(shared) : listen(shared);
    const { error } = end;
    if (end.kind === "no-events") {
      if (!poll) throw error;
      polling = true;
      yield { kind: "polling", error, view };
      continue;
    }
    failures = end.lasted ? 1 : failures + 1;
    if (failures > settings.maxRetries) throw error;
    // After a restart the runtime may be another one, with events.
    polling = poll?.always ?? false;
    shared.lost = true;
    const pause = Math.min(settings.maxMs, settings.initialMs * 2 ** Math.min(failures - 1, 30));
    const retryInMs = Math.max(1, Math.round(pause * (1 - settings.random() / 2)));
    yield { kind: "disconnected", error, retryInMs, view };
    await settings.delay(retryInMs, { signal });
  }
}

/** Listens until the stream of events ends. */
async function* listen(shared: Watch): AsyncGenerator<WatchItem, TurnEnd> {
  const { settings, signal, state, view } = shared;
  const { now, delay } = settings;
  const opened = now();
  const { maxEvents } = settings;
  const limits = { maxEvents, maxBytes: MAX_QUEUE_BYTES, sizeOf: sizeOfEvent, now };
  const queue = openEventQueue(shared.cri.runtime.getContainerEvents({}, { signal }), limits);
  const lasted = () => queue.received > 0 || now() - opened >= AT_ONCE_MS;
  try {
    const first = await list(shared, queue);
    if (first.kind === "lost") return { ...first, lasted: lasted() };
    const early = queue.ended && endOf(queue.ended, queue.received, opened);
    if (early?.kind === "no-events") return early;
    yield* first.tell("reconnected");
    let due = now() + Math.min(settings.settleMs, settings.resyncMs);
    for (;;) {
      const event = queue.shift();
      const news = event && applyEvent(state, event);
      if (event && news?.kind === "news") {
        const { containerEventType: type, createdAt } = event;
        yield { ...news, kind: "event", type, createdAt, response: event, view };
      } else if (queue.dropped > 0) {
        const droppedEvents = queue.reset();
        const relisted = await list(shared, queue);
        if (relisted.kind === "lost") return { ...relisted, lasted: lasted() };
        yield* relisted.tell("overflow", droppedEvents);
      } else if (news?.kind === "unclear") {
        due = now();
      } else if (event) {
        // It says nothing new.
      } else if (queue.ended) {
        return endOf(queue.ended, queue.received, opened);
      } else if (now() >= due) {
        const relisted = await list(shared, queue);
        if (relisted.kind === "lost") return { ...relisted, lasted: lasted() };
        yield* relisted.tell("relisted");
        due = now() + settings.resyncMs;
      } else {
        const ms = Math.min(MAX_TIMER_MS, Math.max(1, Math.ceil(due - now())));
        await queue.wait({ ...(due === Number.POSITIVE_INFINITY ? {} : { ms }), delay, signal });
      }
    }
  } finally {
    await queue.close();
  }
}

/** Lists again and again. */
async function* pollLists(shared: Watch): AsyncGenerator<WatchItem, TurnEnd> {
  const { settings, signal } = shared;
  for (let lasted = false; ; lasted = true) {
    const listed = await list(shared);
    if (listed.kind === "lost") return { ...listed, lasted };
    yield* listed.tell("polled");
    await settings.delay(settings.poll?.intervalMs ?? 1000, { signal });
  }
}

type Listed =
  | { kind: "lost"; error: CriError }
  /** `tell` takes the lists into the view; what they show must be told then, or nobody ever learns of it. */
  | { kind: "listed"; tell: (reason: WatchResyncReason, droppedEvents?: number) => WatchItem[] };

/** Lists everything. */
async function list(shared: Watch, queue?: EventQueue<ContainerEventResponse>): Promise<Listed> {
  const { cri, settings, signal, state } = shared;
  const options: CriCallOptions = { signal, timeoutMs: settings.timeoutMs };
  try {
    // In this order the pod of a listed container is there, unless it was removed since.
    const containers = await collect(iterateContainers(cri, {}, options));
    const pods = await collect(iteratePodSandboxes(cri, {}, options));
    const tell = (reason: WatchResyncReason, droppedEvents = 0) => {
      const changes = applyLists(state, pods, containers);
      if (queue) skipEnded(state, queue.waiting);
      return tellList(shared, changes, reason, droppedEvents);
    };
    return { kind: "listed", tell };
  } catch (error) {
    if (!(error instanceof CriError) || !CURABLE.has(error.code)) throw error;
    return { kind: "lost", error };
  }
}

function tellList(
  shared: Watch,
  changes: WatchChange[],
  reason: WatchResyncReason,
  droppedEvents: number,
): WatchItem[] {
  const { view, begun, lost } = shared;
  shared.begun = true;
  shared.lost = false;
  if (!begun) return [{ kind: "snapshot", view }];
  if (changes.length === 0 && !lost && reason !== "overflow") return [];
  return [{ kind: "resynced", reason: lost ? "reconnected" : reason, changes, droppedEvents, view }];
}

/** The longest time that a timer can run. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** As much as two of the largest answers that a connection takes unless it is told otherwise. */
const MAX_QUEUE_BYTES = 32 * 1024 * 1024;

function sizeOfEvent(event: ContainerEventResponse): number {
  return toBinary(ContainerEventResponseSchema, event).byteLength;
}

/** A stream without events that ends well within this time was never meant to have any. */
const AT_ONCE_MS = 1000;

/** Failures that a runtime which restarts, or is busy, is the reason of. */
const CURABLE: ReadonlySet<CriError["code"]> = new Set<CriError["code"]>([
  "ERR_CRI_UNAVAILABLE",
  "ERR_CRI_CANCELLED",
  "ERR_CRI_DEADLINE_EXCEEDED",
  "ERR_CRI_ABORTED",
  "ERR_CRI_INTERNAL",
  "ERR_CRI_UNKNOWN",
]);

function endOf({ error, at }: { error?: unknown; at: number }, received: number, opened: number): TurnEnd {
  const lasted = received > 0 || at - opened >= AT_ONCE_MS;
  if (error === undefined) {
    const text = "the runtime ended the stream of events";
    if (lasted)
      return { kind: "lost", error: new CriError("ERR_CRI_UNAVAILABLE", text, { method: METHOD }), lasted };
    const off = `${text} at once: it sends none (in CRI-O, enable_pod_events is false)`;
    return { kind: "no-events", error: new CriError("ERR_CRI_EVENTS_DISABLED", off, { method: METHOD }) };
  }
  if (error instanceof CriError && error.code === "ERR_CRI_UNIMPLEMENTED")
    return { kind: "no-events", error };
  if (error instanceof CriError && CURABLE.has(error.code)) return { kind: "lost", error, lasted };
  throw error;
}

const METHOD = "RuntimeService/GetContainerEvents";

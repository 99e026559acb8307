import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ContainerEventType,
  ContainerState,
  CriError,
  type WatchContainersOptions,
  type WatchItem,
  watchContainers,
} from "../../../../src/cri/index.ts";
import { away, createScriptedRuntime, type ScriptedRuntime, turn } from "./scripted-runtime.ts";

const { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED } = ContainerState;

/** A clock that stands still until it is told; waits longer than `below` never end by themselves. */
function clock() {
  let at = 0;
  const timers = new Set<{ due: number; resolve: () => void }>();
  const waits: number[] = [];
  return {
    waits,
    now: () => at,
    pending: () => timers.size,
    delay: (ms: number, { signal }: { signal?: AbortSignal | undefined }) =>
      new Promise<void>((resolve, reject) => {
        signal?.throwIfAborted();
        waits.push(ms);
        const timer = { due: at + ms, resolve };
        timers.add(timer);
        signal?.addEventListener("abort", () => {
          timers.delete(timer);
          reject(signal.reason);
        });
      }),
    advance(ms: number) {
      at += ms;
      for (const timer of timers) {
        if (timer.due > at) continue;
        timers.delete(timer);
        timer.resolve();
      }
    },
  };
}

/** A watch with a clock of its own, and a reader that takes items without waiting for time. */
function start(world: ScriptedRuntime, options: WatchContainersOptions = {}) {
  const time = clock();
  const { now, delay } = time;
  const watch = watchContainers(world.cri, { now, delay, random: () => 0, ...options });
  let pending: Promise<IteratorResult<WatchItem, void>> | undefined;
  /** The items that come until the watch waits. */
  const items = async (): Promise<WatchItem[]> => {
    const got: WatchItem[] = [];
    for (;;) {
      pending ??= watch.next();
      let result: IteratorResult<WatchItem, void> | undefined;
      let failure: { error: unknown } | undefined;
      pending.then(
        (value) => {
          result = value;
        },
        (error: unknown) => {
          failure = { error };
        },
      );
      for (let turns = 0; turns < 20 && !result && !failure; turns++) await turn();
      if (failure) throw failure.error;
      if (!result) return got;
      pending = undefined;
      if (result.done) return got;
      got.push(result.value);
    }
  };
  return { ...time, watch, items, end: async () => void (await watch.return?.()) };
}

/** What an item says, short. */
function short(item: WatchItem | undefined): string {
  if (!item) return "nothing";
  if (item.kind === "event") {
    const type = Object.entries(ContainerEventType).find(([, value]) => value === item.type)?.[0];
    return `${type} ${item.id}: ${changed(item.changes)}`;
  }
  if (item.kind === "resynced") return `${item.reason}: ${changed(item.changes)}`;
  if (item.kind === "disconnected" || item.kind === "polling") return `${item.kind}: ${item.error.code}`;
  return item.kind;
}

function changed(changes: (WatchItem & { kind: "event" })["changes"]): string {
  const text = changes.map(({ before, after }) => {
    const id = (after ?? before)?.id;
    return `${id} ${before?.state ?? ""}>${after?.state ?? ""}`;
  });
  return text.join(", ");
}

test("a snapshot, then every event with what it changes", async () => {
  const world = createScriptedRuntime();
  world.addPod("p");
  world.addContainer("old", "p");
  const { items, end } = start(world);
  const [snapshot, ...none] = await items();
  assert.equal(snapshot?.kind, "snapshot");
  assert.deepEqual(none, []);
  assert.deepEqual([...(snapshot?.view.pods.keys() ?? [])], ["p"]);
  assert.equal(snapshot?.view.containers.get("old")?.state, CONTAINER_CREATED);

  world.addContainer("c", "p");
  world.startContainer("c");
  world.stopContainer("c", 3);
  world.removeContainer("c");
  world.stopPod("p");
  world.removePod("p");
  const events = await items();
  assert.deepEqual(events.map(short), [
    "CONTAINER_CREATED_EVENT c: c >0",
    "CONTAINER_STARTED_EVENT c: c 0>1",
    "CONTAINER_STOPPED_EVENT c: c 1>2",
    "CONTAINER_DELETED_EVENT c: c 2>",
    "CONTAINER_STOPPED_EVENT p: p 0>1",
    "CONTAINER_DELETED_EVENT p: old 0>, p 1>",
  ]);
  const stopped = events[2];
  assert.ok(stopped?.kind === "event" && stopped.subject === "container");
  const [change] = stopped.changes;
  assert.ok(change?.kind === "container");
  assert.equal(change.after?.status?.exitCode, 3);
  assert.equal(change.after?.podSandboxId, "p");
  assert.ok(stopped.createdAt > 0n);
  // The view is as of the last item.
  assert.deepEqual([stopped.view.containers.size, stopped.view.pods.size], [0, 0]);
  await end();
  assert.equal(world.listeners(), 0);
});

test("nothing is called before the first item, nor after leaving", async () => {
  const world = createScriptedRuntime();
  const { watch } = start(world);
  await turn();
  assert.equal(world.subscriptions, 0);
  await watch.return?.();
  assert.deepEqual(await watch.next(), { done: true, value: undefined });
  assert.equal(world.subscriptions, 0);
});

test("it listens before it lists, and events in between are merged", async () => {
  const world = createScriptedRuntime();
  world.addPod("p");
  for (const id of ["stays", "ends", "goes", "gone-early"]) {
    world.addContainer(id, "p");
    world.startContainer(id);
  }
  world.listTurns = 5;
  const { items, end } = start(world);
  const reading = items();
  await turn();
  assert.equal(world.listeners(), 1);
  // The answer is made; these happen while it is on its way.
  world.stopContainer("ends", 1);
  world.stopContainer("goes");
  world.removeContainer("goes");
  world.addContainer("new", "p");
  assert.deepEqual((await reading).map(short), [
    "snapshot",
    "CONTAINER_STOPPED_EVENT ends: ends 1>2",
    "CONTAINER_STOPPED_EVENT goes: goes 1>2",
    "CONTAINER_DELETED_EVENT goes: goes 2>",
    "CONTAINER_CREATED_EVENT new: new >0",
  ]);
  await end();
});

test("events that are older than the snapshot say nothing", async () => {
  const world = createScriptedRuntime();
  world.addPod("p");
  for (const id of ["running", "doomed"]) {
    world.addContainer(id, "p");
    world.startContainer(id);
  }
  const { items, end } = start(world);
  // What happens between listening and the making of the list is in both.
  const { runtime } = world.cri;
  const original = runtime.streamContainers;
  Object.assign(runtime, {
    streamContainers: (...args: Parameters<typeof original>) => {
      Object.assign(runtime, { streamContainers: original });
      world.stopContainer("running");
      world.stopContainer("doomed");
      world.removeContainer("doomed");
      return original(...args);
    },
  });
  const got = await items();
  assert.deepEqual(got.map(short), ["snapshot"]);
  assert.deepEqual([...(got[0]?.view.containers.keys() ?? [])], ["running"]);
  assert.equal(got[0]?.view.containers.get("running")?.state, CONTAINER_EXITED);
  await end();
});

test("events that come twice, late or after the end are told once", async () => {
  const world = createScriptedRuntime();
  world.addPod("p");
  const { items, end } = start(world);
  await items();
  world.events = "twice";
  world.addContainer("c", "p");
  world.startContainer("c");
  assert.equal((await items()).length, 2);
  world.events = "swap";
  world.stopContainer("c");
  world.removeContainer("c");
  // The removal came first; the end before it is no news any more.
  assert.deepEqual((await items()).map(short), ["CONTAINER_DELETED_EVENT c: c 1>"]);
  await end();
});

test("a status that is younger than its event moves the state, and the next event is still told", async () => {
  const world = createScriptedRuntime();
  world.addPod("p");
  const { items, end } = start(world);
  await items();
  const containersStatuses = [{ id: "c", state: CONTAINER_EXITED, exitCode: 9 }];
  const podSandboxStatus = { id: "p" };
  const types = [
    ContainerEventType.CONTAINER_CREATED_EVENT,
    ContainerEventType.CONTAINER_STARTED_EVENT,
    ContainerEventType.CONTAINER_STOPPED_EVENT,
  ];
  for (const containerEventType of types) {
    world.send({ containerId: "c", containerEventType, podSandboxStatus, containersStatuses });
  }
  assert.deepEqual((await items()).map(short), [
    "CONTAINER_CREATED_EVENT c: c >2",
    "CONTAINER_STARTED_EVENT c: ",
    "CONTAINER_STOPPED_EVENT c: ",
  ]);
  await end();
});

test("an event without statuses says what its kind says", async () => {
  const world = createScriptedRuntime();
  const { items, end } = start(world);
  await items();
  world.send({
    containerId: "c",
    containerEventType: ContainerEventType.CONTAINER_STARTED_EVENT,
    createdAt: 5n,
  });
  const [item] = await items();
  assert.deepEqual(item?.view.containers.get("c"), {
    id: "c",
    podSandboxId: "",
    imageRef: "",
    imageId: "",
    state: CONTAINER_RUNNING,
    createdAt: 5n,
    labels: {},
    annotations: {},
  });
  await end();
});

test("a pod that only a container's event tells of is added", async () => {
  const world = createScriptedRuntime();
  const { items, end } = start(world);
  await items();
  world.send({
    containerId: "c",
    containerEventType: ContainerEventType.CONTAINER_CREATED_EVENT,
    podSandboxStatus: { id: "p", metadata: { name: "n", namespace: "ns", uid: "u" } },
  });
  const [item] = await items();
  assert.deepEqual(item && short(item), "CONTAINER_CREATED_EVENT c: p >0, c >0");
  assert.equal(item?.view.pods.get("p")?.metadata?.namespace, "ns");
  await end();
});

test("a kind of event of the future leads to a list", async () => {
  const world = createScriptedRuntime();
  world.addPod("p");
  const { items, end } = start(world);
  await items();
  world.events = "lose";
  world.addContainer("c", "p");
  world.send({ containerId: "c", containerEventType: 42 as ContainerEventType });
  assert.deepEqual((await items()).map(short), ["relisted: c >0"]);
  await end();
});

test("a list a moment after the first finds what was lost before the runtime listened", async () => {
  const world = createScriptedRuntime();
  world.addPod("p");
  const { items, advance, waits, end } = start(world, { settleMs: 700, resyncMs: 60_000 });
  await items();
  world.events = "lose";
  world.addContainer("c", "p");
  world.events = "send";
  assert.deepEqual(await items(), []);
  assert.deepEqual(waits, [700]);
  advance(700);
  assert.deepEqual((await items()).map(short), ["relisted: c >0"]);
  // From then on at the longer interval, and without an item if nothing was lost.
  const { lists } = world;
  advance(59_000);
  assert.deepEqual(await items(), []);
  assert.equal(world.lists, lists);
  advance(1000);
  assert.deepEqual(await items(), []);
  assert.equal(world.lists, lists + 1);
  await end();
});

test("without an interval there is one list that makes sure and no timer after it", async () => {
  const world = createScriptedRuntime();
  const { items, advance, pending, end } = start(world, { resyncMs: Number.POSITIVE_INFINITY });
  await items();
  advance(1000);
  await items();
  assert.equal(world.lists, 2);
  assert.equal(pending(), 0);
  await end();
});

for (const error of [away(), undefined]) {
  test(`a stream that ${error ? "breaks" : "ends"} is taken up again, and the differences are told`, async () => {
    const world = createScriptedRuntime();
    world.addPod("p");
    for (const id of ["ends", "goes"]) world.addContainer(id, "p");
    const { items, advance, end } = start(world, { backoff: { initialMs: 200 } });
    await items();
    advance(5000);
    await items();
    world.breakOff(error);
    world.events = "lose";
    world.stopContainer("ends");
    world.removeContainer("goes");
    world.addContainer("new", "p");
    world.events = "send";
    const [lost, ...none] = await items();
    assert.ok(lost?.kind === "disconnected");
    assert.equal(lost.error.code, "ERR_CRI_UNAVAILABLE");
    assert.equal(lost.retryInMs, 200);
    assert.deepEqual(none, []);
    advance(199);
    assert.deepEqual(await items(), []);
    advance(1);
    assert.deepEqual((await items()).map(short), ["reconnected: goes 0>, ends 0>2, new >0"]);
    world.removeContainer("new");
    assert.deepEqual((await items()).map(short), ["CONTAINER_DELETED_EVENT new: new 0>"]);
    await end();
  });
}

test("a reconnection is told also when nothing has changed", async () => {
  const world = createScriptedRuntime();
  const { items, advance, end } = start(world);
  await items();
  world.breakOff(away());
  await items();
  advance(100);
  assert.deepEqual((await items()).map(short), ["reconnected: "]);
  await end();
});

test("pauses double up to the longest, are shortened at random, and begin anew after success", async () => {
  const world = createScriptedRuntime();
  world.listError = away();
  const { items, advance, end } = start(world, { backoff: { initialMs: 100, maxMs: 350 }, random: () => 1 });
  const pauses: number[] = [];
  const step = async () => {
    for (const item of await items()) if (item.kind === "disconnected") pauses.push(item.retryInMs);
  };
  for (let turns = 0; turns < 4; turns++) {
    await step();
    advance(pauses.at(-1) ?? 0);
  }
  assert.deepEqual(pauses, [50, 100, 175, 175]);
  world.listError = undefined;
  assert.deepEqual((await items()).map(short), ["snapshot"]);
  advance(2000);
  await items();
  world.breakOff(away());
  await step();
  assert.equal(pauses.at(-1), 50);
  await end();
});

test("a stream that ends after each event is not taken up in a tight loop", async () => {
  const world = createScriptedRuntime();
  const { items, advance, end } = start(world);
  await items();
  for (let turns = 0; turns < 3; turns++) {
    world.addPod(`p${turns}`);
    world.breakOff();
    const got = await items();
    assert.equal(got.at(-1)?.kind, "disconnected");
    assert.equal(world.subscriptions, turns + 1);
    advance(100);
    await items();
  }
  await end();
});

test("after as many failures as allowed the error is passed on", async () => {
  const world = createScriptedRuntime();
  world.listError = away();
  const { items, advance } = start(world, { maxRetries: 2 });
  await items();
  advance(100);
  await items();
  advance(200);
  await assert.rejects(items(), { code: "ERR_CRI_UNAVAILABLE" });
  assert.equal(world.listeners(), 0);
});

for (const code of [
  "ERR_CRI_INVALID_RESPONSE",
  "ERR_CRI_RESOURCE_EXHAUSTED",
  "ERR_CRI_PERMISSION_DENIED",
  "ERR_CRI_CLOSED",
] as const) {
  test(`what trying again does not cure ends the watch: ${code}`, async () => {
    const world = createScriptedRuntime();
    const broken = start(world);
    await broken.items();
    world.breakOff(new CriError(code, "no"));
    await assert.rejects(broken.items(), { code });
    world.listError = new CriError(code, "no");
    await assert.rejects(start(world).items(), { code });
    assert.equal(world.listeners(), 0);
  });
}

test("events that are off are an error, or lead to polling", async () => {
  const off: [refuse: { error?: CriError }, code: string][] = [
    [{}, "ERR_CRI_EVENTS_DISABLED"],
    [{ error: new CriError("ERR_CRI_UNIMPLEMENTED", "unknown method") }, "ERR_CRI_UNIMPLEMENTED"],
  ];
  for (const [refuse, code] of off) {
    const world = createScriptedRuntime();
    world.addPod("p");
    world.refuse = refuse;
    await assert.rejects(start(world).items(), { code });
    assert.equal(world.subscriptions, 1);
    const { items, advance, waits, end } = start(world, { poll: { intervalMs: 250 } });
    assert.deepEqual((await items()).map(short), [`polling: ${code}`, "snapshot"]);
    assert.deepEqual(waits, [250]);
    world.addContainer("c", "p");
    world.startContainer("c");
    advance(250);
    assert.deepEqual((await items()).map(short), ["polled: c >1"]);
    advance(250);
    assert.deepEqual(await items(), []);
    // A runtime that comes back may be another one, with events.
    world.listError = away();
    advance(250);
    assert.deepEqual((await items()).map(short), ["disconnected: ERR_CRI_UNAVAILABLE"]);
    world.listError = undefined;
    world.refuse = undefined;
    world.removeContainer("c");
    advance(100);
    assert.deepEqual((await items()).map(short), ["reconnected: c 1>"]);
    world.removePod("p");
    assert.deepEqual((await items()).map(short), ["CONTAINER_DELETED_EVENT p: p 0>"]);
    await end();
    assert.equal(world.listeners(), 0);
  }
});

test("a stream that ends without an event is lost, not off, once it has lasted a while", async () => {
  const world = createScriptedRuntime();
  const { items, advance, end } = start(world);
  await items();
  advance(999);
  await items();
  advance(1);
  await items();
  world.breakOff();
  assert.deepEqual((await items()).map(short), ["disconnected: ERR_CRI_UNAVAILABLE"]);
  await end();
});

test("polling from the beginning asks for no events", async () => {
  const world = createScriptedRuntime();
  const { items, end } = start(world, { poll: { always: true } });
  assert.deepEqual((await items()).map(short), ["snapshot"]);
  assert.equal(world.subscriptions, 0);
  await end();
});

test("a reader that is too slow gets one list in place of the events that were dropped", async () => {
  const world = createScriptedRuntime();
  world.addPod("p");
  const { items, watch, end } = start(world, { maxEvents: 3 });
  assert.equal((await watch.next()).value?.kind, "snapshot");
  for (const id of ["a", "b", "c"]) {
    world.addContainer(id, "p");
    world.startContainer(id);
  }
  world.removeContainer("b");
  for (let turns = 0; turns < 5; turns++) await turn();
  const [overflow, ...none] = await items();
  assert.ok(overflow?.kind === "resynced");
  assert.equal(short(overflow), "overflow: a >1, c >1");
  assert.equal(overflow.droppedEvents, 7);
  assert.deepEqual(none, []);
  world.stopContainer("a");
  assert.deepEqual((await items()).map(short), ["CONTAINER_STOPPED_EVENT a: a 1>2"]);
  await end();
});

test("an abort ends it with the caller's reason: before, while listing, listening and pausing", async () => {
  const reason = new Error("enough");
  const isReason = (error: unknown) => error === reason;
  const world = createScriptedRuntime();
  await assert.rejects(start(world, { signal: AbortSignal.abort(reason) }).items(), isReason);
  assert.equal(world.subscriptions, 0);

  const listening = new AbortController();
  const quiet = start(world, { signal: listening.signal });
  await quiet.items();
  listening.abort(reason);
  await assert.rejects(quiet.items(), isReason);
  assert.equal(world.listeners(), 0);
  assert.equal(quiet.pending(), 0);

  world.listError = away();
  const pausing = new AbortController();
  const paused = start(world, { signal: pausing.signal });
  await paused.items();
  pausing.abort(reason);
  await assert.rejects(paused.items(), isReason);
  assert.equal(paused.pending(), 0);
});

test("leaving while an item is awaited ends the watch and what it waits for", async () => {
  const world = createScriptedRuntime();
  const { watch, pending } = start(world);
  await watch.next();
  const waiting = watch.next();
  await turn();
  await watch.return?.();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  assert.equal(world.listeners(), 0);
  assert.equal(pending(), 0);
});

test("options that make no sense are refused at once", () => {
  const { cri } = createScriptedRuntime();
  for (const options of [
    { settleMs: 0 },
    { timeoutMs: 2 ** 31 },
    { resyncMs: 0 },
    { maxEvents: 0 },
    { maxEvents: 1.5 },
    { maxRetries: -1 },
    { backoff: { initialMs: Number.NaN } },
    { backoff: { maxMs: 0 } },
    { poll: { intervalMs: 0 } },
  ]) {
    assert.throws(() => watchContainers(cri, options), RangeError, JSON.stringify(options));
  }
});

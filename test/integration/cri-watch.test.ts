/** The watch over a real socket: a runtime that restarts, is silent, talks nonsense, or sends more than is allowed. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  ContainerEventType,
  type CriConnection,
  connectCri,
  type WatchItem,
  watchContainers,
} from "../../src/cri/index.ts";
import { type FakeRuntime, type FakeRuntimeOptions, startFakeRuntime } from "../../src/testing/index.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const { CONTAINER_CREATED_EVENT, CONTAINER_STARTED_EVENT } = ContainerEventType;

/** Waits until the call is given up. */
function untilLeft(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** A stream of events without events, which lasts. */
function silence(signal: AbortSignal, onLeft: () => void = () => {}): AsyncIterable<never> {
  const next = async (): Promise<IteratorResult<never, void>> => {
    await untilLeft(signal);
    onLeft();
    return { done: true, value: undefined };
  };
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

const container = (id: string) => ({ id, podSandboxId: "p", metadata: { name: id }, createdAt: 1n });

/** Runs with a folder for a socket, and shows that nothing is left. */
async function withSocket(
  run: (
    start: (runtime: FakeRuntimeOptions["runtime"]) => Promise<FakeRuntime>,
    connect: () => Promise<CriConnection>,
  ) => Promise<void>,
): Promise<void> {
  const before = countResources();
  const folder = await mkdtemp(join(tmpdir(), "lading-watch-"));
  const socketPath = join(folder, "cri.sock");
  const open: { close(): Promise<void> }[] = [];
  try {
    await run(
      async (runtime) => {
        const fake = await startFakeRuntime({ socketPath, runtime, maxMessageBytes: 64 * 1024 * 1024 });
        open.push(fake);
        return fake;
      },
      async () => {
        const cri = await connectCri({ endpoint: socketPath });
        open.push(cri);
        return cri;
      },
    );
  } finally {
    for (const each of open.reverse()) await each.close();
    await rm(folder, { recursive: true });
  }
  await assertNothingLeft(before);
}

async function next(watch: AsyncIterator<WatchItem, void>): Promise<WatchItem> {
  const { done, value } = await watch.next();
  assert.ok(!done && value);
  return value;
}

test("a runtime that is restarted is found again, with what it did meanwhile", async () => {
  await withSocket(async (start, connect) => {
    const first = await start({
      listContainers: () => ({ containers: [container("a"), container("b")] }),
      async *getContainerEvents(_, { signal }) {
        yield { containerId: "c", containerEventType: CONTAINER_CREATED_EVENT, createdAt: 5n };
        await untilLeft(signal);
      },
      listPodSandbox: () => ({ items: [{ id: "p" }] }),
    });
    const cri = await connect();
    const watch = watchContainers(cri, { backoff: { initialMs: 20, maxMs: 50 } });
    const snapshot = await next(watch);
    assert.equal(snapshot.kind, "snapshot");
    assert.deepEqual([...snapshot.view.containers.keys()], ["a", "b"]);
    const created = await next(watch);
    assert.ok(created.kind === "event");
    assert.deepEqual([created.id, created.subject], ["c", "container"]);
    await first.close();
    const lost = await next(watch);
    assert.ok(lost.kind === "disconnected" && lost.retryInMs <= 20);
    await start({
      listContainers: () => ({ containers: [container("b")] }),
      async *getContainerEvents(_, { signal }) {
        yield { containerId: "b", containerEventType: CONTAINER_STARTED_EVENT };
        await untilLeft(signal);
      },
      listPodSandbox: () => ({ items: [{ id: "p" }] }),
    });
    let item = await next(watch);
    while (item.kind === "disconnected") item = await next(watch);
    assert.ok(item.kind === "resynced" && item.reason === "reconnected");
    assert.deepEqual(
      item.changes.map(({ before, after }) => [before?.id, after?.id]),
      [
        ["a", undefined],
        ["c", undefined],
      ],
    );
    const started = await next(watch);
    assert.ok(started.kind === "event" && started.id === "b");
    await watch.return?.();
  });
});

test("a stream of events that ends at once, as in CRI-O without them", async () => {
  await withSocket(async (start, connect) => {
    const fake = await start({
      getContainerEvents: () => [],
      listContainers: () => ({ containers: [container("a")] }),
      listPodSandbox: () => ({}),
    });
    const cri = await connect();
    const drain = async () => {
      for await (const item of watchContainers(cri)) assert.equal(item.kind, "snapshot");
    };
    await assert.rejects(drain(), {
      code: "ERR_CRI_EVENTS_DISABLED",
      method: "RuntimeService/GetContainerEvents",
    });
    const asked = () => fake.calls.filter(({ method }) => method.endsWith("/GetContainerEvents")).length;
    assert.equal(asked(), 1);
    const kinds: string[] = [];
    for await (const { kind } of watchContainers(cri, { poll: { intervalMs: 5 } })) {
      kinds.push(kind);
      if (kinds.includes("polling") && kinds.includes("snapshot")) break;
    }
    assert.deepEqual(kinds.toSorted(), ["polling", "snapshot"]);
    assert.equal(asked(), 2);
  });
});

test("a runtime without the function", async () => {
  await withSocket(async (start, connect) => {
    await start({ listContainers: () => ({}), listPodSandbox: () => ({}) });
    const cri = await connect();
    const drain = async () => {
      for await (const item of watchContainers(cri)) assert.equal(item.kind, "snapshot");
    };
    await assert.rejects(drain(), { code: "ERR_CRI_UNIMPLEMENTED" });
  });
});

test("a runtime that never answers is given up in time, and asked again", async () => {
  await withSocket(async (start, connect) => {
    let silent = true;
    await start({
      getContainerEvents: (_, { signal }) => silence(signal),
      listContainers: () => (silent ? new Promise(() => {}) : {}),
      listPodSandbox: () => ({}),
    });
    const watch = watchContainers(await connect(), { timeoutMs: 50, backoff: { initialMs: 1 } });
    const lost = await next(watch);
    assert.ok(lost.kind === "disconnected");
    assert.equal(lost.error.code, "ERR_CRI_DEADLINE_EXCEEDED");
    silent = false;
    assert.equal((await next(watch)).kind, "snapshot");
    await watch.return?.();
  });
});

test("an event of 20 MiB ends the watch", async () => {
  await withSocket(async (start, connect) => {
    await start({
      async *getContainerEvents(_, { signal }) {
        yield { containerId: "x".repeat(20 * 1024 * 1024) };
        await untilLeft(signal);
      },
      listContainers: () => ({}),
      listPodSandbox: () => ({}),
    });
    const watch = watchContainers(await connect());
    const drain = async () => {
      for await (const item of watch) assert.equal(item.kind, "snapshot");
    };
    await assert.rejects(drain(), { code: "ERR_CRI_RESOURCE_EXHAUSTED" });
  });
});

test("closing the connection ends the watch", async () => {
  await withSocket(async (start, connect) => {
    await start({
      getContainerEvents: (_, { signal }) => silence(signal),
      listContainers: () => ({}),
      listPodSandbox: () => ({}),
    });
    const cri = await connect();
    const watch = watchContainers(cri);
    await next(watch);
    const waiting = watch.next();
    waiting.catch(() => {});
    await cri.close();
    await assert.rejects(waiting, { code: "ERR_CRI_CLOSED" });
  });
});

test("leaving tells the runtime, and an abort rejects with its reason", async () => {
  await withSocket(async (start, connect) => {
    let left = 0;
    await start({
      getContainerEvents: (_, { signal }) =>
        silence(signal, () => {
          left++;
        }),
      listContainers: () => ({}),
      listPodSandbox: () => ({}),
    });
    const cri = await connect();
    for await (const _ of watchContainers(cri)) break;
    while (left < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    const reason = new Error("enough");
    const controller = new AbortController();
    const watch = watchContainers(cri, { signal: controller.signal });
    await next(watch);
    const waiting = watch.next();
    controller.abort(reason);
    await assert.rejects(waiting, (error) => error === reason);
    while (left < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

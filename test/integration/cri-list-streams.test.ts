import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  type CriCallOptions,
  type CriConnection,
  CriError,
  connectCri,
  iterateContainerStats,
  iterateContainers,
  iterateImages,
  iteratePodSandboxes,
  iteratePodSandboxMetrics,
  iteratePodSandboxStats,
} from "../../src/cri/index.ts";
import { type FakeRuntimeOptions, startFakeRuntime } from "../../src/testing/cri-runtime.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function connectTo(t: TestContext, options: FakeRuntimeOptions) {
  const runtime = await startFakeRuntime(options);
  const cri = await connectCri({ endpoint: runtime.endpoint });
  t.after(async () => {
    await cri.close();
    await runtime.close();
  });
  const methods = () => runtime.calls.map(({ method }) => method.split("/")[1]).slice(1);
  return { cri, methods };
}

const stats = (id: string) => ({ attributes: { id } });

const BATCHES: FakeRuntimeOptions = {
  runtime: {
    streamPodSandboxes: ({ filter }) => [
      { podSandboxes: [{ id: `${filter?.id}-1` }] },
      { podSandboxes: [{ id: "2" }] },
    ],
    streamContainers: ({ filter }) => [
      { containers: [{ id: `${filter?.id}-1` }, { id: "2" }] },
      { containers: [] },
    ],
    streamContainerStats: ({ filter }) => [
      { containerStats: [stats(`${filter?.id}-1`)] },
      { containerStats: [stats("2")] },
    ],
    streamPodSandboxStats: ({ filter }) => [{ podSandboxStats: [stats(`${filter?.id}-1`), stats("2")] }],
    streamPodSandboxMetrics: () => [
      { podSandboxMetrics: [{ podSandboxId: "x-1" }] },
      { podSandboxMetrics: [{ podSandboxId: "2" }] },
    ],
  },
  image: {
    streamImages: ({ filter }) => [
      { images: [{ id: `${filter?.image?.image}-1` }] },
      { images: [{ id: "2" }] },
    ],
  },
};

const LISTS: FakeRuntimeOptions = {
  runtime: {
    listPodSandbox: ({ filter }) => ({ items: [{ id: `${filter?.id}-1` }, { id: "2" }] }),
    listContainers: ({ filter }) => ({ containers: [{ id: `${filter?.id}-1` }, { id: "2" }] }),
    listContainerStats: ({ filter }) => ({ stats: [stats(`${filter?.id}-1`), stats("2")] }),
    listPodSandboxStats: ({ filter }) => ({ stats: [stats(`${filter?.id}-1`), stats("2")] }),
    listPodSandboxMetrics: () => ({ podMetrics: [{ podSandboxId: "x-1" }, { podSandboxId: "2" }] }),
  },
  image: { listImages: ({ filter }) => ({ images: [{ id: `${filter?.image?.image}-1` }, { id: "2" }] }) },
};

type Read = (cri: CriConnection, options?: CriCallOptions) => Promise<(string | undefined)[]>;

const FUNCTIONS: [name: string, stream: string, list: string, read: Read][] = [
  [
    "sandboxes",
    "StreamPodSandboxes",
    "ListPodSandbox",
    async (cri, options) =>
      (await collect(iteratePodSandboxes(cri, { filter: { id: "x" } }, options))).map(({ id }) => id),
  ],
  [
    "containers",
    "StreamContainers",
    "ListContainers",
    async (cri, options) =>
      (await collect(iterateContainers(cri, { filter: { id: "x" } }, options))).map(({ id }) => id),
  ],
  [
    "container stats",
    "StreamContainerStats",
    "ListContainerStats",
    async (cri, options) =>
      (await collect(iterateContainerStats(cri, { filter: { id: "x" } }, options))).map(
        ({ attributes }) => attributes?.id,
      ),
  ],
  [
    "sandbox stats",
    "StreamPodSandboxStats",
    "ListPodSandboxStats",
    async (cri, options) =>
      (await collect(iteratePodSandboxStats(cri, { filter: { id: "x" } }, options))).map(
        ({ attributes }) => attributes?.id,
      ),
  ],
  [
    "sandbox metrics",
    "StreamPodSandboxMetrics",
    "ListPodSandboxMetrics",
    async (cri, options) =>
      (await collect(iteratePodSandboxMetrics(cri, options))).map(({ podSandboxId }) => podSandboxId),
  ],
  [
    "images",
    "StreamImages",
    "ListImages",
    async (cri, options) =>
      (await collect(iterateImages(cri, { filter: { image: { image: "x" } } }, options))).map(({ id }) => id),
  ],
];

for (const [name, stream, list, read] of FUNCTIONS) {
  test(`${name} come from batches, and as one list where there are none`, async (t) => {
    const batched = await connectTo(t, BATCHES);
    assert.deepEqual(await read(batched.cri), ["x-1", "2"]);
    assert.deepEqual(batched.methods(), [stream]);

    const listed = await connectTo(t, LISTS);
    assert.deepEqual(await read(listed.cri), ["x-1", "2"]);
    assert.deepEqual(await read(listed.cri), ["x-1", "2"]);
    assert.deepEqual(listed.methods(), [stream, list, list]);
  });

  test(`an abort ends ${name} with its reason, before the call`, async (t) => {
    const { cri, methods } = await connectTo(t, LISTS);
    const reason = new Error("mine");
    await assert.rejects(read(cri, { signal: AbortSignal.abort(reason) }), (error) => error === reason);
    assert.deepEqual(methods(), []);
  });
}

test("one list without batches speaks for the whole service, and not for the other one", async (t) => {
  const { cri, methods } = await connectTo(t, { ...LISTS, image: BATCHES.image });
  await collect(iterateContainers(cri));
  await collect(iteratePodSandboxes(cri));
  await collect(iterateImages(cri));
  assert.deepEqual(methods(), ["StreamContainers", "ListContainers", "ListPodSandbox", "StreamImages"]);
});

test("a new connection asks anew", async (t) => {
  const runtime = await startFakeRuntime(LISTS);
  t.after(() => runtime.close());
  for (let turn = 0; turn < 2; turn++) {
    const cri = await connectCri({ endpoint: runtime.endpoint });
    await collect(iterateContainers(cri));
    await cri.close();
  }
  assert.equal(runtime.calls.filter(({ method }) => method.endsWith("/StreamContainers")).length, 2);
});

test("unimplemented as a text leads to the list, and is asked for again", async (t) => {
  const { cri, methods } = await connectTo(t, {
    runtime: {
      ...LISTS.runtime,
      streamContainers: () => {
        throw new CriError("ERR_CRI_UNKNOWN", "not implemented yet");
      },
    },
  });
  await collect(iterateContainers(cri));
  await collect(iterateContainers(cri));
  assert.deepEqual(methods(), ["StreamContainers", "ListContainers", "StreamContainers", "ListContainers"]);
});

for (const code of ["ERR_CRI_UNAVAILABLE", "ERR_CRI_UNKNOWN", "ERR_CRI_RESOURCE_EXHAUSTED"] as const) {
  test(`${code} at the first batch is no reason to ask for the list`, async (t) => {
    const failing = (): never => {
      throw new CriError(code, "failed");
    };
    const { cri, methods } = await connectTo(t, {
      runtime: { ...LISTS.runtime, streamContainers: failing },
    });
    await assert.rejects(collect(iterateContainers(cri)), { code });
    assert.deepEqual(methods(), ["StreamContainers"]);
  });
}

for (const code of ["ERR_CRI_UNIMPLEMENTED", "ERR_CRI_INTERNAL"] as const) {
  test(`${code} after a batch reaches the caller: part of a list is no list`, async (t) => {
    for (const containers of [[{ id: "1" }], []]) {
      const { cri, methods } = await connectTo(t, {
        runtime: {
          ...LISTS.runtime,
          async *streamContainers() {
            yield { containers };
            throw new CriError(code, "broken off");
          },
        },
      });
      await assert.rejects(collect(iterateContainers(cri)), { code });
      assert.deepEqual(methods(), ["StreamContainers"]);
    }
  });
}

test("the failure of the list itself is the caller's", async (t) => {
  const { cri } = await connectTo(t, { runtime: {} });
  await assert.rejects(collect(iterateContainers(cri)), {
    code: "ERR_CRI_UNIMPLEMENTED",
    method: "RuntimeService/ListContainers",
  });
});

test("an empty stream is an empty list", async (t) => {
  const { cri, methods } = await connectTo(t, { runtime: { streamContainers: () => [] } });
  assert.deepEqual(await collect(iterateContainers(cri)), []);
  assert.deepEqual(methods(), ["StreamContainers"]);
});

test("leaving early cancels the stream, also while an item is awaited", async () => {
  const before = countResources();
  let gone = 0;
  const runtime = await startFakeRuntime({
    runtime: {
      async *streamContainers(_, { signal }) {
        yield { containers: [{ id: "1" }, { id: "2" }] };
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        gone++;
      },
    },
  });
  const cri = await connectCri({ endpoint: runtime.endpoint });
  for await (const { id } of iterateContainers(cri)) {
    assert.equal(id, "1");
    break;
  }
  const waiting = iterateContainers(cri);
  await waiting.next();
  await waiting.next();
  const third = waiting.next();
  await waiting.return?.();
  assert.deepEqual(await third, { done: true, value: undefined });
  while (gone < 2) await new Promise((resolve) => setImmediate(resolve));
  await cri.close();
  await runtime.close();
  await assertNothingLeft(before);
});

test("leaving while the list in one answer is awaited ends the iteration and the call", async (t) => {
  let gone: () => void = () => {};
  const left = new Promise<void>((resolve) => {
    gone = resolve;
  });
  let asked: () => void = () => {};
  const waiting = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const { cri } = await connectTo(t, {
    runtime: {
      listContainers: async (_, { signal }) => {
        asked();
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        gone();
        return {};
      },
    },
  });
  const items = iterateContainers(cri);
  const first = items.next();
  await waiting;
  await items.return?.();
  assert.deepEqual(await first, { done: true, value: undefined });
  await left;
});

test("the time is for both forms together", async (t) => {
  const { cri } = await connectTo(t, {
    runtime: {
      async *streamContainers({ filter }) {
        await new Promise((resolve) => setTimeout(resolve, 150));
        if (!filter) throw new CriError("ERR_CRI_UNIMPLEMENTED", "unknown method");
        yield {};
      },
      listContainers: async () => {
        await new Promise((resolve) => setTimeout(resolve, 250));
        return {};
      },
    },
  });
  await assert.rejects(collect(iterateContainers(cri, {}, { timeoutMs: 300 })), {
    code: "ERR_CRI_DEADLINE_EXCEEDED",
  });
});

test("mistakes of the caller show at the call", async (t) => {
  const { cri } = await connectTo(t, LISTS);
  assert.throws(() => iterateContainers(cri, {}, { timeoutMs: 0 }), RangeError);
  const misspelt: object = { filter: { identifier: "x" } };
  assert.throws(() => iterateContainers(cri, misspelt), TypeError);
});

/** Samples of stats over a real socket: what is asked of the runtime, what its failures become. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CriConnection,
  CriError,
  connectCri,
  samplePodStats,
  sampleStats,
  watchPodStats,
  watchStats,
} from "../../src/cri/index.ts";
import { type FakeRuntimeOptions, startFakeRuntime } from "../../src/testing/index.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const SECOND = 1_000_000_000n;
const T0 = 1_700_000_000n * SECOND;

/** Stats with so much CPU time at so many seconds after the start. */
function container(id: string, second: number, cpuMs: number) {
  return {
    attributes: { id },
    cpu: {
      timestamp: T0 + BigInt(second) * SECOND,
      usageCoreNanoSeconds: { value: BigInt(cpuMs) * 1_000_000n },
    },
    memory: { workingSetBytes: { value: 4096n } },
  };
}

function pod(id: string, second: number, cpuMs: number) {
  const { attributes, ...linux } = container(id, second, cpuMs);
  return { attributes, linux };
}

/** Runs with a connection, and shows that nothing is left of it. */
async function withRuntime(
  runtime: FakeRuntimeOptions["runtime"],
  run: (cri: CriConnection, methods: () => string[]) => Promise<void>,
): Promise<void> {
  const before = countResources();
  const fake = await startFakeRuntime({ runtime });
  const cri = await connectCri({ endpoint: fake.endpoint });
  try {
    await run(cri, () => fake.calls.map(({ method }) => method.replace("RuntimeService/", "")).slice(1));
  } finally {
    await cri.close();
    await fake.close();
  }
  await assertNothingLeft(before);
}

/** A delay that does not wait, and what it was asked for. */
function instant() {
  const waits: number[] = [];
  const delay = async (ms: number) => {
    waits.push(ms);
  };
  return { delay, waits };
}

test("two samples, the filter in both, and the interval between them", async () => {
  const filters: unknown[] = [];
  let second = 0;
  const runtime: FakeRuntimeOptions["runtime"] = {
    listContainerStats: ({ filter }) => {
      filters.push(filter?.labelSelector);
      return { stats: [container("b", second, second * 300), container("a", second++, 7)] };
    },
  };
  await withRuntime(runtime, async (cri) => {
    const { delay, waits } = instant();
    const usages = await sampleStats(cri, {
      filter: { labelSelector: { app: "web" } },
      intervalMs: 250,
      delay,
    });
    assert.deepEqual(
      usages.map(({ id, cpuPercent, memoryWorkingSetBytes }) => [id, cpuPercent, memoryWorkingSetBytes]),
      [
        ["a", 0, 4096n],
        ["b", 30, 4096n],
      ],
    );
    assert.deepEqual(waits, [250]);
    assert.deepEqual(filters, [{ app: "web" }, { app: "web" }]);
  });
});

test("a runtime that streams is read by batches", async () => {
  let second = 0;
  const runtime: FakeRuntimeOptions["runtime"] = {
    async *streamContainerStats() {
      yield { containerStats: [container("a", second, second * 100)] };
      yield { containerStats: [container("b", second, second * 200)] };
      second++;
    },
  };
  await withRuntime(runtime, async (cri, methods) => {
    const usages = await sampleStats(cri, instant());
    assert.deepEqual(
      usages.map(({ cpuPercent }) => cpuPercent),
      [10, 20],
    );
    assert.deepEqual(methods(), ["StreamContainerStats", "StreamContainerStats"]);
  });
});

test("a counter that the runtime has not read anew fails a sample and not a watch", async () => {
  let call = 0;
  const seconds = [0, 0, 0, 1, 1, 2];
  const runtime: FakeRuntimeOptions["runtime"] = {
    listContainerStats: () => {
      const second = seconds[call++] ?? 0;
      return { stats: [container("a", second, 100 + second * second * 100)] };
    },
  };
  await withRuntime(runtime, async (cri) => {
    await assert.rejects(sampleStats(cri, instant()), { code: "ERR_CRI_STATS_UNCHANGED" });
    const percents: (number | undefined)[] = [];
    for await (const [usage] of watchStats(cri, instant())) {
      percents.push(usage?.cpuPercent);
      if (percents.length === 3) break;
    }
    assert.deepEqual(percents, [10, 10, 30]);
  });
});

test("a failed call is passed on, and an interval that is none is refused", async () => {
  const runtime: FakeRuntimeOptions["runtime"] = {
    listContainerStats: () => {
      throw new CriError("ERR_CRI_INTERNAL", "no cgroups");
    },
  };
  await withRuntime(runtime, async (cri) => {
    await assert.rejects(sampleStats(cri), { code: "ERR_CRI_INTERNAL" });
    await assert.rejects(watchStats(cri).next(), { code: "ERR_CRI_INTERNAL" });
    for (const intervalMs of [0, -1, Number.NaN, 2 ** 31]) {
      await assert.rejects(sampleStats(cri, { intervalMs }), RangeError);
      assert.throws(() => watchStats(cri, { intervalMs }), RangeError);
      assert.throws(() => watchPodStats(cri, { intervalMs }), RangeError);
    }
  });
});

test("an abort ends a sample before, during a call, and between two", async () => {
  let hang = true;
  const runtime: FakeRuntimeOptions["runtime"] = {
    listContainerStats: () => (hang ? new Promise(() => {}) : { stats: [] }),
  };
  await withRuntime(runtime, async (cri) => {
    const reason = new Error("enough");
    const isReason = (error: unknown) => error === reason;
    await assert.rejects(sampleStats(cri, { signal: AbortSignal.abort(reason) }), isReason);
    const during = new AbortController();
    const waiting = sampleStats(cri, { signal: during.signal });
    setTimeout(() => during.abort(reason), 20);
    await assert.rejects(waiting, isReason);
    await assert.rejects(sampleStats(cri, { timeoutMs: 30 }), { code: "ERR_CRI_DEADLINE_EXCEEDED" });
    hang = false;
    const between = new AbortController();
    const paused = sampleStats(cri, { signal: between.signal, intervalMs: 1_000_000 });
    setTimeout(() => between.abort(reason), 20);
    await assert.rejects(paused, isReason);
  });
});

test("a watch that waits can be left, in a call and between two, and aborted", async () => {
  let hang = true;
  const runtime: FakeRuntimeOptions["runtime"] = {
    listContainerStats: () => (hang ? new Promise(() => {}) : { stats: [] }),
  };
  await withRuntime(runtime, async (cri, methods) => {
    const unread = watchStats(cri);
    await unread.return?.();
    assert.deepEqual(await unread.next(), { done: true, value: undefined });
    assert.deepEqual(methods(), []);
    for (hang of [true, false]) {
      const watch = watchStats(cri, { intervalMs: 1_000_000 });
      const waiting = watch.next();
      await new Promise((resolve) => setTimeout(resolve, 20));
      await watch.return?.();
      assert.deepEqual(await waiting, { done: true, value: undefined });
    }
    const reason = new Error("enough");
    const controller = new AbortController();
    const aborted = watchStats(cri, { intervalMs: 1_000_000, signal: controller.signal }).next();
    setTimeout(() => controller.abort(reason), 20);
    await assert.rejects(aborted, (error) => error === reason);
  });
});

test("pods are measured one by one where one of them fails the list", async () => {
  let second = 0;
  const runtime: FakeRuntimeOptions["runtime"] = {
    listPodSandboxStats: () => {
      throw new CriError(
        "ERR_CRI_UNKNOWN",
        "failed to decode sandbox container metrics: cgroupPath is empty",
      );
    },
    listPodSandbox: ({ filter }) => {
      assert.deepEqual(filter?.labelSelector, { app: "web" });
      assert.equal(filter?.state?.state, 0);
      second++;
      return { items: ["p1", "bad", "gone", "p2"].map((id) => ({ id })) };
    },
    podSandboxStats: ({ podSandboxId }) => {
      if (podSandboxId === "bad") throw new CriError("ERR_CRI_UNKNOWN", "cgroupPath is empty");
      if (podSandboxId === "gone") throw new CriError("ERR_CRI_NOT_FOUND", "no such sandbox");
      return { stats: pod(podSandboxId, second, second * 500) };
    },
  };
  await withRuntime(runtime, async (cri) => {
    const options = { filter: { labelSelector: { app: "web" } }, ...instant() };
    const { pods, failures } = await samplePodStats(cri, options);
    assert.deepEqual(
      pods.map(({ id, cpuPercent, platform }) => [id, cpuPercent, platform]),
      [
        ["p1", 50, "linux"],
        ["p2", 50, "linux"],
      ],
    );
    assert.deepEqual(
      failures.map(({ id, error }) => [id, error.code, error.details]),
      [["bad", "ERR_CRI_UNKNOWN", "cgroupPath is empty"]],
    );
    for await (const sample of watchPodStats(cri, options)) {
      assert.equal(sample.pods.length, 2);
      assert.equal(sample.failures.length, 1);
      break;
    }
  });
});

test("a list of pods that fails for another reason is not asked for pod by pod", async () => {
  const runtime: FakeRuntimeOptions["runtime"] = {
    listPodSandbox: () => assert.fail("asked"),
  };
  await withRuntime(runtime, async (cri, methods) => {
    await assert.rejects(samplePodStats(cri), { code: "ERR_CRI_UNIMPLEMENTED" });
    assert.ok(!methods().includes("ListPodSandbox"));
  });
});

test("a pod that breaks the connection is no failure of its own", async () => {
  const runtime: FakeRuntimeOptions["runtime"] = {
    listPodSandboxStats: () => {
      throw new CriError("ERR_CRI_UNKNOWN", "cgroupPath is empty");
    },
    listPodSandbox: () => ({ items: [{ id: "p" }] }),
    podSandboxStats: () => {
      throw new CriError("ERR_CRI_UNAVAILABLE", "shutting down");
    },
  };
  await withRuntime(runtime, async (cri) => {
    await assert.rejects(samplePodStats(cri), { code: "ERR_CRI_UNAVAILABLE" });
  });
});

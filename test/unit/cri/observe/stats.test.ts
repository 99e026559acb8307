import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { ContainerStatsSchema, cpuPercent, PodSandboxStatsSchema } from "../../../../src/cri/index.ts";
import { CONTAINERS, createComparison, PODS } from "../../../../src/cri/observe/compare-stats.ts";
import { containerUsage, podUsage } from "../../../../src/cri/observe/stats.ts";

const T0 = 1_700_000_000_000_000_000n;
const SECOND = 1_000_000_000n;

/** Stats of a container: its CPU time in milliseconds at a second after T0. */
function container(id: string, at: bigint, cpuMs: bigint, memory = 1n) {
  return create(ContainerStatsSchema, {
    attributes: { id },
    cpu: { timestamp: T0 + at * SECOND, usageCoreNanoSeconds: { value: cpuMs * 1_000_000n } },
    memory: { workingSetBytes: { value: memory } },
  });
}

const sample = (usageCoreNanoSeconds: bigint, timestamp: bigint) => ({ usageCoreNanoSeconds, timestamp });

for (const [name, before, after, percent] of [
  ["half a core", sample(SECOND, T0), sample(SECOND + SECOND / 2n, T0 + SECOND), 50],
  ["two and a half cores", sample(0n, T0), sample(5n * SECOND, T0 + 2n * SECOND), 250],
  ["nothing", sample(7n, T0), sample(7n, T0 + 1n), 0],
  ["less than a hundredth of a percent is cut", sample(0n, T0), sample(99_999n, T0 + SECOND), 0],
  ["hundredths", sample(0n, T0), sample(123_456_789n, T0 + SECOND), 12.34],
  ["a counter beyond 2^53", sample(2n ** 63n, T0), sample(2n ** 63n + 1n, T0 + 2n), 50],
  ["a counter that was reset", sample(100n * SECOND, T0), sample(SECOND / 4n, T0 + SECOND), 25],
] as const) {
  test(`percent of CPU: ${name}`, () => assert.equal(cpuPercent(before, after), percent));
}

test("percent of CPU needs a later reading", () => {
  for (const later of [T0, T0 - 1n]) {
    assert.throws(() => cpuPercent(sample(1n, T0), sample(2n, later)), {
      name: "CriError",
      code: "ERR_CRI_STATS_UNCHANGED",
      message: "cpu stat is not updated during sample",
    });
  }
});

test("what a runtime does not report is absent, zero is zero", () => {
  assert.deepEqual(containerUsage(create(ContainerStatsSchema, {}), 0), {
    id: "",
    labels: {},
    cpuPercent: 0,
  });
  const labels = {
    "io.kubernetes.pod.name": "web",
    "io.kubernetes.pod.namespace": "prod",
    "io.kubernetes.pod.uid": "u",
  };
  const stats = create(ContainerStatsSchema, {
    attributes: { id: "c", metadata: { name: "main" }, labels },
    memory: { workingSetBytes: { value: 2n ** 60n } },
    writableLayer: { usedBytes: { value: 0n }, inodesUsed: { value: 12n } },
    swap: { swapUsageBytes: { value: 3n } },
  });
  assert.deepEqual(containerUsage(stats, 1.5), {
    id: "c",
    name: "main",
    podName: "web",
    podNamespace: "prod",
    podUid: "u",
    labels,
    cpuPercent: 1.5,
    memoryWorkingSetBytes: 2n ** 60n,
    writableLayerBytes: 0n,
    inodes: 12n,
    swapBytes: 3n,
  });
});

for (const platform of ["linux", "windows"] as const) {
  test(`the ${platform} part of a pod`, () => {
    const part = {
      cpu: { timestamp: T0, usageCoreNanoSeconds: { value: 5n } },
      memory: { workingSetBytes: { value: 6n } },
      process: { processCount: { value: 7n } },
      network: { defaultInterface: { name: "eth0", rxBytes: { value: 8n }, txBytes: { value: 9n } } },
    };
    const attributes = {
      id: "p",
      metadata: { name: "n", namespace: "ns", uid: "u", attempt: 0 },
      labels: { a: "b" },
    };
    const stats = create(PodSandboxStatsSchema, { attributes, [platform]: part });
    assert.deepEqual(podUsage(stats, 2), {
      id: "p",
      name: "n",
      namespace: "ns",
      uid: "u",
      labels: { a: "b" },
      platform,
      cpuPercent: 2,
      memoryWorkingSetBytes: 6n,
      processes: 7n,
      networkReceivedBytes: 8n,
      networkSentBytes: 9n,
    });
  });
}

test("a pod with both parts is no answer", () => {
  const stats = create(PodSandboxStatsSchema, { attributes: { id: "p" }, linux: {}, windows: {} });
  for (const compare of [true, false].map((all) => createComparison(PODS, { all, unchanged: "keep" }))) {
    assert.throws(() => compare([stats]), { code: "ERR_CRI_INVALID_RESPONSE" });
  }
});

test("a list is compared with the one before: new ones, idle ones and those that are gone are left out", () => {
  const compare = createComparison(CONTAINERS, { all: false, unchanged: "fail" });
  const ended = create(ContainerStatsSchema, { attributes: { id: "ended" } });
  assert.deepEqual(
    compare([container("b", 0n, 0n), container("a", 0n, 10n), container("gone", 0n, 1n), ended]),
    [],
  );
  const usages = compare([
    container("new", 1n, 5n),
    container("b", 1n, 500n),
    container("a", 2n, 30n),
    ended,
  ]);
  assert.deepEqual(
    usages.map(({ id, cpuPercent: percent }) => [id, percent]),
    [
      ["a", 1],
      ["b", 50],
    ],
  );
});

test("with all, a container that has ended counts as idle", () => {
  const compare = createComparison(CONTAINERS, { all: true, unchanged: "fail" });
  const ended = create(ContainerStatsSchema, { attributes: { id: "ended" } });
  compare([ended]);
  assert.deepEqual(compare([ended]), [{ id: "ended", labels: {}, cpuPercent: 0 }]);
});

test("a container that was started between two samples has no percentage yet", () => {
  const compare = createComparison(CONTAINERS, { all: true, unchanged: "fail" });
  compare([create(ContainerStatsSchema, { attributes: { id: "a" } })]);
  assert.deepEqual(compare([container("a", 1n, 100n)]), []);
  assert.equal(compare([container("a", 2n, 200n)])[0]?.cpuPercent, 10);
});

test("a counter that was not read anew fails, or keeps what it had", () => {
  const lists = [[container("a", 0n, 0n)], [container("a", 0n, 0n)], [container("a", 1n, 250n)]];
  const strict = createComparison(CONTAINERS, { all: false, unchanged: "fail" });
  strict([container("a", 0n, 5n)]);
  assert.throws(() => strict([container("a", 0n, 5n)]), { code: "ERR_CRI_STATS_UNCHANGED" });
  const patient = createComparison(CONTAINERS, { all: false, unchanged: "keep" });
  const percents = [...lists, ...lists.slice(2), [container("a", 2n, 350n)]].map((list) =>
    patient(list).map((usage) => usage.cpuPercent),
  );
  assert.deepEqual(percents, [[], [0], [25], [25], [10]]);
});

test("two stats of one container are one", () => {
  const compare = createComparison(CONTAINERS, { all: false, unchanged: "fail" });
  compare([container("a", 0n, 0n), container("a", 0n, 100n)]);
  assert.deepEqual(
    compare([container("a", 1n, 200n), container("a", 1n, 200n)]).map((usage) => usage.cpuPercent),
    [10],
  );
});

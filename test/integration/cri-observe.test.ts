/** Stats, events, metrics and verbose information of a runtime whose containers have a life of their own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ContainerEventType,
  ContainerState,
  checkpointContainer,
  connectCri,
  detectCgroupDriver,
  fetchPrometheusText,
  inspectContainer,
  inspectImage,
  inspectPodSandbox,
  inspectRuntime,
  readContainerInfo,
  readImageInfo,
  readPodSandboxInfo,
  readRuntimeInfo,
  samplePodStats,
  sampleStats,
  type WatchItem,
  watchContainers,
} from "../../src/cri/index.ts";
import { startFakeRuntime } from "../../src/testing/index.ts";
import { withRuntime } from "./cri-runtime-setup.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

/** Reads a watch up to the item that is wanted. */
async function until(
  watch: AsyncIterator<WatchItem, void>,
  wanted: (item: WatchItem) => boolean,
): Promise<{ found: WatchItem; items: WatchItem[] }> {
  const items: WatchItem[] = [];
  for (;;) {
    const { done, value } = await watch.next();
    assert.ok(!done && value, "the watch has ended");
    items.push(value);
    if (wanted(value)) return { found: value, items };
  }
}

test("the life of a container as events, over a restart, and what became of it meanwhile", async () => {
  const before = countResources();
  await withRuntime({}, async ({ runtime, cri, runPod, create, ended }) => {
    const pod = await runPod();
    const watch = watchContainers(cri, { backoff: { initialMs: 10, maxMs: 50 } });
    await until(watch, ({ kind, view }) => kind === "snapshot" && view.pods.has(pod));
    const id = await create(pod, { command: ["sh", "-c", "exit 7"] });
    await cri.runtime.startContainer({ containerId: id });
    const life = await until(
      watch,
      (item) => item.kind === "event" && item.type === ContainerEventType.CONTAINER_STOPPED_EVENT,
    );
    assert.deepEqual(
      life.items.map((item) => (item.kind === "event" && item.id === id ? item.type : item.kind)),
      [
        ContainerEventType.CONTAINER_CREATED_EVENT,
        ContainerEventType.CONTAINER_STARTED_EVENT,
        ContainerEventType.CONTAINER_STOPPED_EVENT,
      ],
    );
    const container = life.found.view.containers.get(id);
    assert.equal(container?.state, ContainerState.CONTAINER_EXITED);
    assert.equal(container?.status?.exitCode, 7);
    assert.equal(container?.podSandboxId, pod);

    const other = await create(pod, { command: ["sleep", "100"] });
    await cri.runtime.startContainer({ containerId: other });
    await until(watch, ({ view }) => view.containers.get(other)?.state === ContainerState.CONTAINER_RUNNING);
    await runtime.restart();
    await until(watch, ({ kind }) => kind === "disconnected");
    await cri.runtime.version({}).catch(() => {});
    await cri.runtime.removeContainer({ containerId: id });
    await cri.runtime.stopContainer({ containerId: other });
    await ended(other);
    const last = await until(
      watch,
      ({ view }) =>
        !view.containers.has(id) && view.containers.get(other)?.state === ContainerState.CONTAINER_EXITED,
    );
    assert.ok(last.items.some((item) => item.kind === "resynced" && item.reason === "reconnected"));
    await watch.return?.();
  });
  await assertNothingLeft(before);
});

for (const flavor of ["containerd", "cri-o"] as const) {
  test(`verbose information of a runtime like ${flavor}`, async () => {
    await withRuntime({ flavor }, async ({ cri, runPod, start }) => {
      const pod = await runPod();
      const containerId = await start(pod, { command: ["sleep", "100"] });
      const container = await cri.runtime.containerStatus({ containerId, verbose: true });
      const { pid, sandboxId, privileged, runtimeSpec } = readContainerInfo(container);
      assert.ok(pid && runtimeSpec);
      assert.equal(sandboxId, pod);
      assert.ok(!privileged);
      const sandbox = await cri.runtime.podSandboxStatus({ podSandboxId: pod, verbose: true });
      assert.ok(readPodSandboxInfo(sandbox).pid);
      const image = await cri.image.imageStatus({ image: { image: "busybox" }, verbose: true });
      assert.ok(readImageInfo(image).imageSpec);
      const status = await cri.runtime.status({ verbose: true });
      assert.ok(readRuntimeInfo(status).sandboxImage);
      for (const shown of [
        inspectContainer(container),
        inspectPodSandbox(sandbox),
        inspectImage(image),
        inspectRuntime(status),
      ]) {
        assert.ok(shown["status"]);
      }
      assert.equal((await detectCgroupDriver(cri)).kind, "detected");
    });
  });
}

test("usage and metrics", async () => {
  await withRuntime({}, async ({ cri, runPod, start }) => {
    const pod = await runPod();
    const id = await start(pod, { command: ["sleep", "100"], name: "idle" });
    const [usage] = await sampleStats(cri, { intervalMs: 20, all: true });
    assert.ok(usage && usage.id === id && usage.name === "idle");
    const { pods, failures } = await samplePodStats(cri, { intervalMs: 20, all: true });
    assert.deepEqual([pods[0]?.id, failures], [pod, []]);
    const first = await fetchPrometheusText(cri, { idLabels: true });
    assert.deepEqual(first.dropped, []);
    assert.match(first.text, new RegExp(`container_id="${id}"`));
    const { descriptors } = first;
    const again = await fetchPrometheusText(cri, { descriptors, format: "openmetrics", idLabels: true });
    assert.ok(again.text.endsWith("# EOF\n"));
  });
});

test("descriptors are asked for once, and deadlines reach both calls", async () => {
  const runtime = {
    listMetricDescriptors: () => ({ descriptors: [{ name: "m" }] }),
    listPodSandboxMetrics: () => ({}),
  };
  const fake = await startFakeRuntime({ runtime });
  const cri = await connectCri({ endpoint: fake.endpoint });
  try {
    const { descriptors } = await fetchPrometheusText(cri, { timeoutMs: 5000 });
    await fetchPrometheusText(cri, { descriptors, timeoutMs: 5000 });
    const asked = fake.calls.filter(({ method }) => method.endsWith("/ListMetricDescriptors"));
    assert.equal(asked.length, 1);
    const aborted = { signal: AbortSignal.abort(new Error("enough")) };
    await assert.rejects(fetchPrometheusText(cri, aborted), { message: "enough" });
  } finally {
    await cri.close();
    await fake.close();
  }
});

test("a checkpoint: the longer of both times goes to both sides, and the path is one of a file", async () => {
  const requests: unknown[] = [];
  const runtime = {
    checkpointContainer: ({ containerId, location, timeout }: Record<string, unknown>) => {
      requests.push([containerId, location, timeout]);
      return {};
    },
  };
  const fake = await startFakeRuntime({ runtime });
  const cri = await connectCri({ endpoint: fake.endpoint });
  try {
    const location = "/tmp/c.tar";
    await checkpointContainer(cri, "c", { location });
    await checkpointContainer(cri, "c", { location, timeoutMs: 1500 });
    await checkpointContainer(cri, "c", { location, timeoutMs: 1, timeoutSeconds: 9 });
    assert.deepEqual(requests, [
      ["c", location, 0n],
      ["c", location, 2n],
      ["c", location, 9n],
    ]);
    for (const bad of ["", "c.tar", "/tmp/"]) {
      await assert.rejects(checkpointContainer(cri, "c", { location: bad }), TypeError);
    }
    for (const timeoutSeconds of [-1, 0.5, Number.NaN]) {
      await assert.rejects(checkpointContainer(cri, "c", { location, timeoutSeconds }), RangeError);
    }
    assert.equal(requests.length, 3);
  } finally {
    await cri.close();
    await fake.close();
  }
});

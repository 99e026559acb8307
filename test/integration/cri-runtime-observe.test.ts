import assert from "node:assert/strict";
import { test } from "node:test";
import { type ContainerEventResponse, ContainerEventType, PodSandboxState } from "../../src/cri/index.ts";
import type { ProgramProcess } from "../../src/testing/index.ts";
import { collect, withRuntime } from "./cri-runtime-setup.ts";

const SECOND = 1_000_000_000n;
const FOREVER = { command: ["sleep", "infinity"] };

/** Takes events until a container is deleted. */
async function untilDeleted(
  events: AsyncIterable<ContainerEventResponse>,
): Promise<ContainerEventResponse[]> {
  const seen = [];
  for await (const event of events) {
    seen.push(event);
    if (event.containerEventType === ContainerEventType.CONTAINER_DELETED_EVENT) break;
  }
  return seen;
}

test("every subscriber gets every event of a container's life, with the statuses of its pod", () =>
  withRuntime({}, async ({ cri, runtime, runPod, start, ended }) => {
    const subscribers = [0, 1].map(() => untilDeleted(cri.runtime.getContainerEvents({})));
    while (runtime.calls.filter(({ method }) => method === "RuntimeService/GetContainerEvents").length < 2) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const podSandboxId = await runPod();
    const containerId = await start(podSandboxId, { command: ["sh", "-c", "exit 3"] });
    await ended(containerId);
    await cri.runtime.removeContainer({ containerId });
    for (const subscriber of subscribers) {
      const events = await subscriber;
      assert.deepEqual(
        events.map((event) => event.containerEventType),
        [
          ContainerEventType.CONTAINER_CREATED_EVENT,
          ContainerEventType.CONTAINER_STARTED_EVENT,
          ContainerEventType.CONTAINER_STOPPED_EVENT,
          ContainerEventType.CONTAINER_DELETED_EVENT,
        ],
      );
      assert.ok(events.every((event) => event.containerId === containerId));
      assert.ok(events.every((event) => event.podSandboxStatus?.id === podSandboxId));
      assert.deepEqual(
        events.map((event) => event.containersStatuses.map(({ exitCode }) => exitCode)),
        [[0], [0], [3], []],
      );
      const times = events.map(({ createdAt }) => createdAt);
      assert.deepEqual(
        times,
        times.toSorted((a, b) => (a < b ? -1 : 1)),
      );
    }
  }));

test("events can end at once without an error, as with CRI-O, or not be there, as with containerd 1.6", async () => {
  await withRuntime({ events: "ends-at-once" }, async ({ cri, runPod }) => {
    assert.deepEqual(await collect(cri.runtime.getContainerEvents({})), []);
    const { timestamp } = await cri.runtime.podSandboxStatus({ podSandboxId: await runPod() });
    assert.equal(timestamp, 0n);
  });
  await withRuntime({ events: "unimplemented" }, async ({ cri }) => {
    await assert.rejects(collect(cri.runtime.getContainerEvents({})), { code: "ERR_CRI_UNIMPLEMENTED" });
  });
});

test("a pod's status has its containers and a time where events are sent", () =>
  withRuntime({}, async ({ cri, runPod, start }) => {
    const podSandboxId = await runPod();
    const containerId = await start(podSandboxId, FOREVER);
    const { containersStatuses, timestamp } = await cri.runtime.podSandboxStatus({ podSandboxId });
    assert.deepEqual(
      containersStatuses.map(({ id }) => id),
      [containerId],
    );
    assert.ok(timestamp > 0n);
  }));

test("counters grow by the clock that the runtime was given, and by what the program keeps busy", () => {
  let now = 1000n * SECOND;
  let busy: ProgramProcess | undefined;
  const programs = {
    busy: async (process: ProgramProcess) => {
      busy = process;
      process.use({ cpu: 1.5, memoryBytes: 300n, swapBytes: 7n, writtenBytes: 9n });
      await new Promise((resolve) => process.signal.addEventListener("abort", resolve));
      return 0;
    },
  };
  return withRuntime({ now: () => now, programs }, async ({ cri, runPod, start }) => {
    const podSandboxId = await runPod({ labels: { app: "a" } });
    const rest = { linux: { resources: { memoryLimitInBytes: 1000n } } };
    const containerId = await start(podSandboxId, { command: ["busy"], rest });
    const cpu = async () => {
      const { stats } = await cri.runtime.containerStats({ containerId });
      return [stats?.cpu?.timestamp, stats?.cpu?.usageCoreNanoSeconds?.value];
    };
    assert.deepEqual(await cpu(), [now, 0n]);
    now += 2n * SECOND;
    assert.deepEqual(await cpu(), [now, 3n * SECOND]);
    busy?.use({ cpu: 0 });
    now += 60n * SECOND;
    assert.deepEqual(await cpu(), [now, 3n * SECOND]);
    const { stats } = await cri.runtime.containerStats({ containerId });
    assert.equal(stats?.attributes?.id, containerId);
    assert.equal(stats?.memory?.workingSetBytes?.value, 300n);
    assert.equal(stats?.memory?.availableBytes?.value, 700n);
    assert.equal(stats?.swap?.swapUsageBytes?.value, 7n);
    assert.equal(stats?.writableLayer?.usedBytes?.value, 9n);
    // A clock that goes back takes nothing away.
    now -= 10n * SECOND;
    assert.deepEqual(await cpu(), [now, 3n * SECOND]);

    await cri.runtime.execSync({ containerId, cmd: ["true"] });
    const pod = await cri.runtime.podSandboxStats({ podSandboxId });
    assert.equal(pod.stats?.linux?.cpu?.usageCoreNanoSeconds?.value, 3n * SECOND);
    assert.equal(pod.stats?.linux?.process?.processCount?.value, 1n);
    assert.equal(pod.stats?.linux?.containers.length, 1);
    assert.equal(pod.stats?.linux?.network?.defaultInterface?.name, "eth0");
    assert.deepEqual(pod.stats?.attributes?.labels, { app: "a" });
  });
});

test("usage is listed by the filters, and streamed as it is listed", () =>
  withRuntime({ listBatchSize: 1 }, async ({ cri, runPod, start, ended }) => {
    const [first, second] = [await runPod({ labels: { p: "1" } }), await runPod({ labels: { p: "2" } })];
    const a = await start(first, { ...FOREVER, labels: { c: "a" } });
    const b = await start(second, { ...FOREVER, labels: { c: "b" } });
    const over = await start(second, { command: ["true"] });
    await ended(over);
    const ids = (stats: { attributes?: { id: string } | undefined }[]) =>
      stats.map(({ attributes }) => attributes?.id);
    const containers = async (filter: Parameters<typeof cri.runtime.listContainerStats>[0]["filter"]) =>
      ids((await cri.runtime.listContainerStats(filter ? { filter } : {})).stats);
    assert.deepEqual(await containers(undefined), [over, b, a]);
    assert.deepEqual(await containers({ id: a }), [a]);
    assert.deepEqual(await containers({ podSandboxId: second }), [over, b]);
    assert.deepEqual(await containers({ labelSelector: { c: "b" } }), [b]);
    const { stats } = await cri.runtime.containerStats({ containerId: over });
    assert.deepEqual([stats?.cpu, stats?.memory], [undefined, undefined]);
    const streamed = await collect(cri.runtime.streamContainerStats({}));
    assert.deepEqual(
      streamed.map(({ containerStats }) => ids(containerStats)),
      [[over], [b], [a]],
    );
    const pods = async (filter: Parameters<typeof cri.runtime.listPodSandboxStats>[0]["filter"]) =>
      ids((await cri.runtime.listPodSandboxStats(filter ? { filter } : {})).stats);
    assert.deepEqual(await pods(undefined), [second, first]);
    assert.deepEqual(await pods({ id: first }), [first]);
    assert.deepEqual(await pods({ labelSelector: { p: "2" } }), [second]);
    assert.equal((await collect(cri.runtime.streamPodSandboxStats({}))).length, 2);
    await assert.rejects(cri.runtime.containerStats({ containerId: "absent" }), {
      code: "ERR_CRI_NOT_FOUND",
    });
    await assert.rejects(cri.runtime.podSandboxStats({ podSandboxId: "absent" }), {
      code: "ERR_CRI_NOT_FOUND",
    });
  }));

test("every metric is described, and has as many label values as its description has labels", () =>
  withRuntime({ listBatchSize: 1 }, async ({ cri, runPod, start }) => {
    const podSandboxId = await runPod();
    const containerId = await start(podSandboxId, { ...FOREVER, name: "c" });
    await runPod();
    const { descriptors } = await cri.runtime.listMetricDescriptors({});
    const labels = new Map(descriptors.map(({ name, labelKeys }) => [name, labelKeys]));
    const { podMetrics } = await cri.runtime.listPodSandboxMetrics({});
    assert.equal(podMetrics.length, 2);
    const pod = podMetrics.find((metrics) => metrics.podSandboxId === podSandboxId);
    assert.equal(pod?.containerMetrics[0]?.containerId, containerId);
    for (const { name, labelValues, timestamp } of [
      ...(pod?.metrics ?? []),
      ...(pod?.containerMetrics.flatMap(({ metrics }) => metrics) ?? []),
    ]) {
      assert.equal(labels.get(name)?.length, labelValues.length, name);
      assert.ok(timestamp > 0n);
    }
    const memory = pod?.containerMetrics[0]?.metrics.find(
      (m) => m.name === "container_memory_working_set_bytes",
    );
    assert.deepEqual([memory?.value?.value, memory?.labelValues[1]], [1_048_576n, "c"]);
    assert.equal((await collect(cri.runtime.streamPodSandboxMetrics({}))).length, 2);
  }));

test("resources of a pod that are updated are taken, for a pod that is there", () =>
  withRuntime({}, async ({ cri, runPod }) => {
    const podSandboxId = await runPod();
    await cri.runtime.updatePodSandboxResources({ podSandboxId, resources: { cpuShares: 5n } });
    await assert.rejects(cri.runtime.updatePodSandboxResources({ podSandboxId: "absent" }), {
      code: "ERR_CRI_NOT_FOUND",
    });
    const { status } = await cri.runtime.podSandboxStatus({ podSandboxId });
    assert.equal(status?.state, PodSandboxState.SANDBOX_READY);
  }));

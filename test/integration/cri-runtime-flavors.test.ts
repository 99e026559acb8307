import assert from "node:assert/strict";
import { readFile, rename, writeFile } from "node:fs/promises";
import { test } from "node:test";
import {
  CgroupDriver,
  ContainerState,
  ImageService,
  RuntimeService,
  readContainerInfo,
} from "../../src/cri/index.ts";
import { collect, withRuntime } from "./cri-runtime-setup.ts";

const FOREVER = { command: ["sleep", "infinity"] };

test("every RPC of the newest table is answered by the runtime and not as unknown", () =>
  withRuntime({}, async ({ cri }) => {
    for (const [service, functions] of [
      [RuntimeService, cri.runtime],
      [ImageService, cri.image],
    ] as const) {
      for (const { localName, methodKind } of service.methods) {
        const call: (request: object, options: object) => unknown = Reflect.get(functions, localName);
        const answer = call({}, { timeoutMs: 300 });
        const outcome =
          methodKind === "server_streaming"
            ? await (answer as AsyncIterator<unknown>).next().catch((error: unknown) => error)
            : await (answer as Promise<unknown>).catch((error: unknown) => error);
        const code = outcome instanceof Error && "code" in outcome ? outcome.code : "";
        assert.notEqual(code, "ERR_CRI_UNIMPLEMENTED", localName);
      }
    }
  }));

for (const [flavor, release, method, known] of [
  ["containerd", "0.22", "podSandboxStats", false],
  ["containerd", "0.23", "podSandboxStats", true],
  ["containerd", "0.30", "checkpointContainer", false],
  ["containerd", "0.31", "checkpointContainer", true],
  ["cri-o", "0.24", "checkpointContainer", false],
  ["cri-o", "0.25", "checkpointContainer", true],
  ["containerd", "0.33", "listMetricDescriptors", false],
  ["containerd", "0.34", "listMetricDescriptors", true],
  ["cri-o", "0.29", "listPodSandboxMetrics", false],
  ["cri-o", "0.30", "listPodSandboxMetrics", true],
  ["cri-o", "0.27", "runtimeConfig", false],
  ["cri-o", "0.28", "runtimeConfig", true],
  ["containerd", "0.34", "updatePodSandboxResources", false],
  ["containerd", "0.36", "updatePodSandboxResources", true],
  ["cri-o", "0.36", "restorePod", false],
  ["cri-o", "0.37", "restorePod", true],
] as const) {
  test(`${flavor} of release ${release} ${known ? "has" : "does not have"} ${method}`, () =>
    withRuntime({ flavor, release }, async ({ cri }) => {
      const outcome: unknown = await cri.runtime[method]({}).catch((error: unknown) => error);
      const code = outcome instanceof Error && "code" in outcome ? outcome.code : "";
      assert.equal(code !== "ERR_CRI_UNIMPLEMENTED", known);
    }));
}

for (const [flavor, release, events, lists] of [
  ["containerd", "0.25", false, false],
  ["containerd", "0.36", true, false],
  ["containerd", "0.37", true, true],
  ["cri-o", "0.24", false, false],
  ["cri-o", "0.35", true, false],
  ["cri-o", "0.36", true, true],
] as const) {
  test(`${flavor} of release ${release}: events ${events}, streamed lists ${lists}`, () =>
    withRuntime({ flavor, release, events: "ends-at-once" }, async ({ cri }) => {
      const knows = async (answers: AsyncIterable<unknown>) => {
        const error: unknown = await collect(answers).catch((reason: unknown) => reason);
        return !(error instanceof Error && "code" in error && error.code === "ERR_CRI_UNIMPLEMENTED");
      };
      assert.equal(await knows(cri.runtime.getContainerEvents({})), events);
      assert.equal(await knows(cri.runtime.streamContainers({})), lists);
      assert.equal(await knows(cri.image.streamImages({})), lists);
    }));
}

test("RPCs that are left out are unknown, in the words of gRPC", () =>
  withRuntime({ omit: ["RuntimeService/ListContainers", "ImageService/ImageFsInfo"] }, async ({ cri }) => {
    await assert.rejects(cri.runtime.listContainers({}), {
      code: "ERR_CRI_UNIMPLEMENTED",
      details: "unknown method ListContainers for service runtime.v1.RuntimeService",
    });
    await assert.rejects(cri.image.imageFsInfo({}), { code: "ERR_CRI_UNIMPLEMENTED" });
    await cri.image.listImages({});
  }));

for (const [flavor, release, name, version] of [
  ["containerd", "0.25", "containerd", "v1.6.0"],
  ["containerd", "0.36", "containerd", "v2.3.0"],
  ["cri-o", "0.33", "cri-o", "1.33.0"],
] as const) {
  test(`${flavor} of release ${release} says what it is`, () =>
    withRuntime({ flavor, release }, async ({ cri }) => {
      const answer = await cri.runtime.version({});
      assert.deepEqual(
        [answer.runtimeName, answer.runtimeVersion, answer.runtimeApiVersion],
        [name, version, "v1"],
      );
    }));
}

test("handlers and features are told from the releases on that have them", async () => {
  await withRuntime({ handlers: ["runc", "kata"] }, async ({ cri }) => {
    const { runtimeHandlers, features } = await cri.runtime.status({});
    assert.deepEqual(
      runtimeHandlers.map(({ name }) => name),
      ["", "runc", "kata"],
    );
    assert.equal(features?.supplementalGroupsPolicy, true);
    const { linux } = await cri.runtime.runtimeConfig({});
    assert.equal(linux?.cgroupDriver, CgroupDriver.CGROUPFS);
  });
  await withRuntime({ release: "0.29" }, async ({ cri }) => {
    const { runtimeHandlers, features } = await cri.runtime.status({});
    assert.deepEqual([runtimeHandlers, features], [[], undefined]);
  });
});

for (const flavor of ["containerd", "cri-o"] as const) {
  test(`verbose information of ${flavor} has pid, sandbox, specification and image`, () =>
    withRuntime({ flavor }, async ({ cri, runPod, start }) => {
      const podSandboxId = await runPod();
      const containerId = await start(podSandboxId, { command: ["sleep", "infinity"], rest: { tty: true } });
      const answer = await cri.runtime.containerStatus({ containerId, verbose: true });
      const info = readContainerInfo(answer);
      assert.equal(info.sandboxId, podSandboxId);
      assert.ok((info.pid ?? 0) > 0);
      const { process } = JSON.parse(answer.info["info"] ?? "").runtimeSpec;
      assert.deepEqual([process.args, process.terminal], [["sleep", "infinity"], true]);
      const pod = await cri.runtime.podSandboxStatus({ podSandboxId, verbose: true });
      assert.ok(JSON.parse(pod.info["info"] ?? "").pid > 0);
      const image = await cri.image.imageStatus({ image: { image: "busybox" }, verbose: true });
      assert.deepEqual(JSON.parse(image.info["info"] ?? "").imageSpec.config.Cmd, ["sh"]);
      const status = await cri.runtime.status({ verbose: true });
      assert.ok(typeof JSON.parse(status.info["config"] ?? "") === "object");
      assert.deepEqual((await cri.runtime.status({})).info, {});
    }));
}

test("a checkpoint of a container is restored from wherever it was moved to", () =>
  withRuntime({}, async ({ cri, runtime, runPod, start, create, ended }) => {
    const podSandboxId = await runPod();
    const containerId = await start(podSandboxId, FOREVER);
    const location = `${runtime.folder}/checkpoint.tar`;
    await cri.runtime.checkpointContainer({ containerId, location });
    await rename(location, `${location}.moved`);
    const restored = await create(podSandboxId, { command: [], image: `${location}.moved` });
    await cri.runtime.startContainer({ containerId: restored });
    const { status } = await cri.runtime.containerStatus({ containerId: restored });
    assert.deepEqual([status?.state, status?.image?.image], [ContainerState.CONTAINER_RUNNING, "busybox"]);
    const over = await start(podSandboxId, { command: ["true"] });
    await ended(over);
    await assert.rejects(cri.runtime.checkpointContainer({ containerId: over, location }), {
      code: "ERR_CRI_UNKNOWN",
    });
    await assert.rejects(readFile(location), { code: "ENOENT" });
    await writeFile(location, "something else");
    await assert.rejects(create(podSandboxId, { command: [], image: location }), {
      code: "ERR_CRI_NOT_FOUND",
    });
    await assert.rejects(cri.runtime.checkpointContainer({ containerId, location: "relative" }), {
      code: "ERR_CRI_UNKNOWN",
    });
  }));

test("a checkpoint of a pod is restored with its containers, running", () =>
  withRuntime({}, async ({ cri, runtime, runPod, start, ended }) => {
    const podSandboxId = await runPod({ name: "saved", labels: { app: "a" } });
    await start(podSandboxId, { ...FOREVER, name: "one" });
    await start(podSandboxId, { ...FOREVER, name: "two" });
    await ended(await start(podSandboxId, { command: ["true"], name: "over" }));
    const outputPath = `${runtime.folder}/pod.tar`;
    await cri.runtime.checkpointPod({ podSandboxId, outputPath });
    await cri.runtime.removePodSandbox({ podSandboxId });
    const restored = await cri.runtime.restorePod({ checkpointPath: outputPath });
    assert.deepEqual(
      restored.restoredContainers.map(({ name }) => name),
      ["one", "two"],
    );
    const { items } = await cri.runtime.listPodSandbox({});
    assert.deepEqual([items[0]?.id, items[0]?.labels], [restored.podSandboxId, { app: "a" }]);
    const running = { state: { state: ContainerState.CONTAINER_RUNNING } };
    assert.equal((await cri.runtime.listContainers({ filter: running })).containers.length, 2);
    await assert.rejects(cri.runtime.restorePod({ checkpointPath: "/nonexistent" }), {
      code: "ERR_CRI_UNKNOWN",
    });
  }));

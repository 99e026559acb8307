import assert from "node:assert/strict";
import { test } from "node:test";
import { ContainerState } from "../../src/cri/index.ts";
import { withRuntime } from "./cri-runtime-setup.ts";

for (const flavor of ["containerd", "cri-o"] as const) {
  test(`${flavor}: stopping or removing a sandbox that is not there succeeds`, () =>
    withRuntime({ flavor }, async ({ cri }) => {
      await cri.runtime.stopPodSandbox({ podSandboxId: "absent" });
      await cri.runtime.removePodSandbox({ podSandboxId: "absent" });
    }));

  test(`${flavor}: stopping or removing a container that is not there succeeds`, () =>
    withRuntime({ flavor }, async ({ cri }) => {
      await cri.runtime.stopContainer({ containerId: "absent", timeout: 1n });
      await cri.runtime.removeContainer({ containerId: "absent" });
    }));

  test(`${flavor}: a sandbox can be stopped twice and removed twice`, () =>
    withRuntime({ flavor }, async ({ cri, runPod }) => {
      const podSandboxId = await runPod();
      await cri.runtime.stopPodSandbox({ podSandboxId });
      await cri.runtime.stopPodSandbox({ podSandboxId });
      await cri.runtime.removePodSandbox({ podSandboxId });
      await cri.runtime.removePodSandbox({ podSandboxId });
    }));

  test(`${flavor}: a container can be stopped twice and removed twice`, () =>
    withRuntime({ flavor }, async ({ cri, runPod, start, status }) => {
      const containerId = await start(await runPod(), { command: ["sleep", "infinity"] });
      await cri.runtime.stopContainer({ containerId, timeout: 10n });
      const { finishedAt, exitCode } = await status(containerId);
      await cri.runtime.stopContainer({ containerId, timeout: 10n });
      assert.deepEqual(await status(containerId).then((s) => [s.finishedAt, s.exitCode]), [
        finishedAt,
        exitCode,
      ]);
      await cri.runtime.removeContainer({ containerId });
      await cri.runtime.removeContainer({ containerId });
    }));

  test(`${flavor}: stopping a container that was never started leaves it as it is`, () =>
    withRuntime({ flavor }, async ({ cri, runPod, create, status }) => {
      const containerId = await create(await runPod(), { command: ["true"] });
      await cri.runtime.stopContainer({ containerId, timeout: 1n });
      assert.equal((await status(containerId)).state, ContainerState.CONTAINER_CREATED);
    }));

  test(`${flavor}: an image that is not there can be removed, and has no status`, () =>
    withRuntime({ flavor }, async ({ cri }) => {
      await cri.image.removeImage({ image: { image: "example.com/absent:1" } });
      assert.equal(
        (await cri.image.imageStatus({ image: { image: "example.com/absent:1" } })).image,
        undefined,
      );
    }));

  test(`${flavor}: an image can be pulled twice and removed twice`, () =>
    withRuntime({ flavor }, async ({ cri }) => {
      const image = { image: "busybox" };
      const first = await cri.image.pullImage({ image });
      const second = await cri.image.pullImage({ image });
      assert.equal(first.imageRef, second.imageRef);
      await cri.image.removeImage({ image });
      await cri.image.removeImage({ image });
      assert.equal((await cri.image.imageStatus({ image })).image, undefined);
    }));
}

test("containerd 1.6 refuses to stop a sandbox that is not there, and removes one", () =>
  withRuntime({ release: "0.25" }, async ({ cri }) => {
    await assert.rejects(cri.runtime.stopPodSandbox({ podSandboxId: "absent" }), {
      code: "ERR_CRI_NOT_FOUND",
    });
    await cri.runtime.removePodSandbox({ podSandboxId: "absent" });
  }));

test("an empty id is refused, also where one that leads nowhere is not", () =>
  withRuntime({}, async ({ cri }) => {
    const error = { code: "ERR_CRI_UNKNOWN", details: /: Prefix can't be empty$/ };
    await assert.rejects(cri.runtime.stopPodSandbox({}), error);
    await assert.rejects(cri.runtime.removePodSandbox({}), error);
    await assert.rejects(cri.runtime.stopContainer({}), error);
    await assert.rejects(cri.runtime.removeContainer({}), error);
    await assert.rejects(cri.runtime.containerStatus({}), error);
  }));

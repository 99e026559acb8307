/** Every RPC of the interface against containerd 1.6: what it implements works, and what it lacks it says. */
import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  ContainerState,
  type CriConnection,
  type CriErrorCode,
  connectCri,
  ImageService,
  PodSandboxState,
  RuntimeService,
  type ServiceFunctions,
  type TypedService,
} from "../../src/cri/index.ts";
import { createRegistry, pushImage } from "../../src/oci/index.ts";
import { type Containerd, startContainerd, whyNoContainerd } from "./containerd.ts";
import { buildImage, program } from "./images.ts";
import { needs } from "./parts.ts";
import { type DockerRegistry, startDockerRegistry, whyNoDockerRegistry } from "./registry.ts";

const users = { dev: "s3cret" };

describe("every RPC against containerd", needs(whyNoContainerd(), whyNoDockerRegistry({ users })), () => {
  const called = new Set<string>();
  let registry: DockerRegistry;
  let containerd: Containerd;
  let connection: CriConnection;
  let runtime: CriConnection["runtime"];
  let image: CriConnection["image"];
  let podSandboxId: string;
  let containerId: string;

  before(async () => {
    registry = await startDockerRegistry({ users });
    containerd = await startContainerd({ subnet: "198.18.1.0/24", registryHosts: [registry.host] });
    connection = await connectCri({ endpoint: containerd.socket });
    runtime = recorded(RuntimeService, connection.runtime, called);
    image = recorded(ImageService, connection.image, called);
  });
  after(async () => {
    await connection?.close();
    await containerd?.stop();
    await registry?.stop();
  });

  test("Version, Status", async () => {
    const version = await runtime.version({});
    assert.deepEqual([version.runtimeName, version.runtimeApiVersion], ["containerd", "v1"]);
    const { status, info } = await runtime.status({ verbose: true });
    assert.deepEqual(
      status?.conditions.map((condition) => [condition.type, condition.status]),
      [
        ["RuntimeReady", true],
        ["NetworkReady", true],
      ],
    );
    assert.ok(info["config"]?.includes(containerd.folder));
    assert.deepEqual((await runtime.status({})).info, {});
  });

  test("UpdateRuntimeConfig", async () => {
    await runtime.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr: "198.18.1.0/24" } } });
  });

  test("PullImage with credentials, ListImages, ImageStatus, ImageFsInfo, RemoveImage", async () => {
    const name = `${registry.host}/lading/rpcs:1`;
    const auth = { username: "dev", password: "s3cret" };
    const files = [program("rpcs", new Uint8Array(200_000).fill(1))];
    const store = createRegistry({ credentials: () => ({ kind: "password", ...auth }) });
    await pushImage(
      store.repository(`${registry.host}/lading/rpcs`),
      await buildImage({ files, entrypoint: ["/rpcs"] }),
      "1",
    );
    await store.close();
    await fails("ERR_CRI_UNKNOWN", image.pullImage({ image: { image: name } }));
    const { imageRef } = await image.pullImage({ image: { image: name }, auth });
    const { image: found } = await image.imageStatus({ image: { image: name } });
    assert.ok(found);
    assert.deepEqual(found.repoTags, [name]);
    assert.match(found.repoDigests.join(), /^127\.0\.0\.1:[0-9]+\/lading\/rpcs@sha256:[0-9a-f]{64}$/);
    assert.ok(found.size > 0n, `${found.size}`);
    assert.equal((await image.imageStatus({ image: { image: imageRef } })).image?.id, found.id);
    const { images } = await image.listImages({ filter: { image: { image: name } } });
    // containerd 1.6 lists everything, whatever the filter.
    assert.ok(images.some(({ id }) => id === found.id));
    const { imageFilesystems } = await image.imageFsInfo({});
    assert.ok(imageFilesystems[0]?.fsId?.mountpoint.startsWith(containerd.folder));
    await image.removeImage({ image: { image: name } });
    assert.equal((await image.imageStatus({ image: { image: name } })).image, undefined);
    await image.removeImage({ image: { image: name } });
  });

  test("RunPodSandbox, PodSandboxStatus, ListPodSandbox", async () => {
    const cgroupParent = `/lading-${process.pid}`;
    const config = podConfig(containerd, { cgroupParent });
    ({ podSandboxId } = await runtime.runPodSandbox({ config }));
    const { status } = await runtime.podSandboxStatus({ podSandboxId });
    assert.equal(status?.state, PodSandboxState.SANDBOX_READY);
    assert.match(status?.network?.ip ?? "", /^198\.18\.1\.[0-9]+$/);
    assert.deepEqual(status?.annotations, { "example.com/ünicode": "läuft" });
    const { items } = await runtime.listPodSandbox({ filter: { labelSelector: { app: "rpcs" } } });
    assert.deepEqual(
      items.map(({ id }) => id),
      [podSandboxId],
    );
    assert.deepEqual((await runtime.listPodSandbox({ filter: { labelSelector: { app: "no" } } })).items, []);
    await fails("ERR_CRI_UNKNOWN", runtime.runPodSandbox({ config }));
  });

  test("CreateContainer, StartContainer, ContainerStatus, ListContainers", async () => {
    const value = new Uint8Array([0x62, 0x69, 0x6e]);
    ({ containerId } = await runtime.createContainer({
      podSandboxId,
      sandboxConfig: podConfig(containerd),
      config: {
        metadata: { name: "shell" },
        image: { image: containerd.busybox },
        command: ["/bin/sh", "-c", "echo out; echo err >&2; exec cat"],
        envs: [{ key: "KIND", value }],
        logPath: "shell.log",
        stdin: true,
        linux: {},
      },
    }));
    const state = async () => (await runtime.containerStatus({ containerId })).status?.state;
    assert.equal(await state(), ContainerState.CONTAINER_CREATED);
    await runtime.startContainer({ containerId });
    assert.equal(await state(), ContainerState.CONTAINER_RUNNING);
    const { containers } = await runtime.listContainers({ filter: { podSandboxId } });
    assert.deepEqual(
      containers.map(({ id, podSandboxId: pod }) => [id, pod]),
      [[containerId, podSandboxId]],
    );
  });

  test("ExecSync, and the URLs of Exec, Attach and PortForward", async () => {
    const { stdout, exitCode } = await runtime.execSync({
      containerId,
      cmd: ["sh", "-c", "printf $KIND; exit 7"],
    });
    assert.deepEqual([Buffer.from(stdout).toString(), exitCode], ["bin", 7]);
    const urls = [
      (await runtime.exec({ containerId, cmd: ["true"], stdout: true })).url,
      (await runtime.attach({ containerId, stdout: true })).url,
      (await runtime.portForward({ podSandboxId, port: [80] })).url,
    ];
    for (const url of urls)
      assert.match(url, /^http:\/\/127\.0\.0\.1:[0-9]+\/(?:exec|attach|portforward)\/[\w-]{8}$/);
    await fails("ERR_CRI_INVALID_ARGUMENT", runtime.exec({ containerId, cmd: ["true"] }));
    const tty = { containerId, cmd: ["true"], stdout: true, stderr: true, tty: true };
    await fails("ERR_CRI_INVALID_ARGUMENT", runtime.exec(tty));
  });

  test("UpdateContainerResources", async () => {
    await runtime.updateContainerResources({ containerId, linux: { cpuShares: 512n } });
    const { info } = await runtime.containerStatus({ containerId, verbose: true });
    assert.match(info["info"] ?? "", /"shares": ?512/);
  });

  test("ContainerStats, ListContainerStats, PodSandboxStats, ListPodSandboxStats", async () => {
    const { stats } = await runtime.containerStats({ containerId });
    assert.equal(stats?.attributes?.id, containerId);
    assert.ok((stats?.cpu?.usageCoreNanoSeconds?.value ?? 0n) > 0n);
    const listed = await runtime.listContainerStats({ filter: { podSandboxId } });
    assert.deepEqual(
      listed.stats.map((each) => each.attributes?.id),
      [containerId],
    );
    const pod = await runtime.podSandboxStats({ podSandboxId });
    assert.equal(pod.stats?.attributes?.id, podSandboxId);
    const pods = await runtime.listPodSandboxStats({ filter: { id: podSandboxId } });
    assert.deepEqual(
      pods.stats.map((each) => each.attributes?.id),
      [podSandboxId],
    );
  });

  test("ReopenContainerLog makes the file anew", async () => {
    const path = join(containerd.folder, "logs", "shell.log");
    assert.ok(existsSync(path));
    rmSync(path);
    await runtime.reopenContainerLog({ containerId });
    assert.ok(existsSync(path));
  });

  test("what containerd 1.6 lacks has one code", async () => {
    const calls: (() => Promise<unknown>)[] = [
      () => runtime.checkpointContainer({ containerId, location: join(containerd.folder, "checkpoint.tar") }),
      () => runtime.checkpointPod({ podSandboxId }),
      () => runtime.restorePod({}),
      () => runtime.listMetricDescriptors({}),
      () => runtime.listPodSandboxMetrics({}),
      () => runtime.runtimeConfig({}),
      () => runtime.updatePodSandboxResources({ podSandboxId }),
      () => first(runtime.getContainerEvents({})),
      () => first(runtime.streamPodSandboxes({})),
      () => first(runtime.streamContainers({})),
      () => first(runtime.streamContainerStats({})),
      () => first(runtime.streamPodSandboxStats({})),
      () => first(runtime.streamPodSandboxMetrics({})),
      () => first(image.streamImages({})),
    ];
    for (const call of calls) await fails("ERR_CRI_UNIMPLEMENTED", call());
  });

  test("StopContainer, RemoveContainer, StopPodSandbox, RemovePodSandbox", async () => {
    await runtime.stopContainer({ containerId, timeout: 0n });
    const { status } = await runtime.containerStatus({ containerId });
    assert.deepEqual([status?.state, status?.exitCode], [ContainerState.CONTAINER_EXITED, 137]);
    await fails("ERR_CRI_UNKNOWN", runtime.reopenContainerLog({ containerId }));
    await runtime.removeContainer({ containerId });
    await runtime.stopPodSandbox({ podSandboxId });
    const { status: pod } = await runtime.podSandboxStatus({ podSandboxId });
    assert.equal(pod?.state, PodSandboxState.SANDBOX_NOTREADY);
    await runtime.removePodSandbox({ podSandboxId });
    await fails("ERR_CRI_NOT_FOUND", runtime.podSandboxStatus({ podSandboxId }));
    // The interface says that what is not there can be stopped; containerd 1.6 does not keep to it.
    await fails("ERR_CRI_NOT_FOUND", runtime.stopPodSandbox({ podSandboxId }));
    await runtime.removePodSandbox({ podSandboxId });
    await runtime.removeContainer({ containerId });
  });

  test("no RPC was left out", () => {
    const all = [...RuntimeService.methods, ...ImageService.methods].map(({ localName }) => localName);
    assert.deepEqual(
      all.filter((name) => !called.has(name)),
      [],
    );
  });
});

function podConfig({ folder }: Containerd, linux: { cgroupParent?: string } = {}) {
  return {
    metadata: { name: "rpcs", uid: "uid", namespace: "default" },
    labels: { app: "rpcs" },
    annotations: { "example.com/ünicode": "läuft" },
    logDirectory: join(folder, "logs"),
    linux,
  };
}

/** The functions of a service, with a note of each that is called. */
function recorded<S extends TypedService & { methods: readonly { localName: string }[] }>(
  service: S,
  functions: ServiceFunctions<S>,
  called: Set<string>,
): ServiceFunctions<S> {
  return new Proxy(functions, {
    get(target, name, receiver) {
      if (service.methods.some(({ localName }) => localName === name)) called.add(String(name));
      return Reflect.get(target, name, receiver);
    },
  });
}

async function fails(code: CriErrorCode, call: Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error: { code?: unknown }) => {
    assert.equal(error.code, code, String(error));
    return true;
  });
}

async function first<T>(stream: AsyncIterable<T>): Promise<T | undefined> {
  for await (const message of stream) return message;
  return undefined;
}

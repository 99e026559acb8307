/** Stats, verbose information and the watch against containerd, which is killed and started anew. */
import assert from "node:assert/strict";
import { readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  ContainerState,
  type CriConnection,
  connectCri,
  detectCgroupDriver,
  formatInspect,
  inspectContainer,
  inspectImage,
  inspectPodSandbox,
  inspectRuntime,
  readContainerInfo,
  readImageInfo,
  readPodSandboxInfo,
  readRuntimeFeatures,
  readRuntimeInfo,
  samplePodStats,
  sampleStats,
  type WatchItem,
  watchContainers,
} from "../../src/cri/index.ts";
import { type Containerd, startContainerd, whyNoContainerd } from "./containerd.ts";
import { needs } from "./parts.ts";

/** The cgroup of the pod that can be measured; the runtime makes it and does not remove it. */
const CGROUP = `lading-observe-${process.pid}`;

/** Removes the cgroup from each hierarchy that has it, and its own ones. */
function removeCgroup(path: string): void {
  let children: string[] = [];
  try {
    const entries = readdirSync(path, { withFileTypes: true });
    children = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name));
  } catch {
    return;
  }
  for (const child of children) removeCgroup(child);
  rmdirSync(path);
}

describe("observing containerd", needs(whyNoContainerd()), () => {
  let containerd: Containerd;
  let cri: CriConnection;
  let podSandboxId: string;
  let busy: string;

  const podConfig = (name: string, cgroupParent = "") => ({
    metadata: { name, uid: name, namespace: "default" },
    logDirectory: join(containerd.folder, "logs", name),
    linux: { cgroupParent },
  });
  const runContainer = async (name: string, command: string[]) => {
    const { containerId } = await cri.runtime.createContainer({
      podSandboxId,
      sandboxConfig: podConfig("pod", `/${CGROUP}`),
      config: { metadata: { name }, image: { image: containerd.busybox }, command, linux: {} },
    });
    await cri.runtime.startContainer({ containerId });
    return containerId;
  };

  before(async () => {
    containerd = await startContainerd({ subnet: "198.18.78.0/24" });
    cri = await connectCri({ endpoint: containerd.socket });
    ({ podSandboxId } = await cri.runtime.runPodSandbox({ config: podConfig("pod", `/${CGROUP}`) }));
    busy = await runContainer("busy", ["sh", "-c", "while :; do :; done"]);
  });
  after(async () => {
    await cri?.close();
    await containerd?.stop();
    const root = "/sys/fs/cgroup";
    for (const hierarchy of ["", ...readdirSync(root)]) removeCgroup(join(root, hierarchy, CGROUP));
  });

  test("a busy loop uses most of a core, in the container and in its pod", async () => {
    const [usage, ...others] = await sampleStats(cri, { intervalMs: 500 });
    assert.deepEqual(others, []);
    assert.ok(usage && usage.id === busy && usage.name === "busy");
    // Other programs want the cores too.
    assert.ok(usage.cpuPercent > 10 && usage.cpuPercent < 120, String(usage.cpuPercent));
    assert.ok(usage.memoryWorkingSetBytes && usage.memoryWorkingSetBytes > 0n);

    const { podSandboxId: unmeasured } = await cri.runtime.runPodSandbox({ config: podConfig("unmeasured") });
    const { pods, failures } = await samplePodStats(cri, { intervalMs: 500 });
    const [pod] = pods;
    assert.ok(pod && pod.id === podSandboxId && pod.platform === "linux" && pods.length === 1);
    assert.ok(pod.cpuPercent > 10 && pod.cpuPercent < 120, String(pod.cpuPercent));
    assert.deepEqual(
      failures.map(({ id, error }) => [id, error.code]),
      [[unmeasured, "ERR_CRI_UNKNOWN"]],
    );
    await cri.runtime.stopPodSandbox({ podSandboxId: unmeasured });
    await cri.runtime.removePodSandbox({ podSandboxId: unmeasured });
  });

  test("verbose information of each kind, and as crictl prints it", async () => {
    const container = await cri.runtime.containerStatus({ containerId: busy, verbose: true });
    const { sandboxId, pid, snapshotter, runtimeType, privileged, removing } = readContainerInfo(container);
    assert.deepEqual(
      { sandboxId, snapshotter, runtimeType, privileged, removing },
      {
        sandboxId: podSandboxId,
        snapshotter: "overlayfs",
        runtimeType: "io.containerd.runc.v2",
        privileged: false,
        removing: false,
      },
    );
    const pod = await cri.runtime.podSandboxStatus({ podSandboxId, verbose: true });
    const podInfo = readPodSandboxInfo(pod);
    assert.ok(pid && podInfo.pid && podInfo.pid !== pid);
    assert.deepEqual([podInfo.processStatus, podInfo.netNamespaceClosed], ["running", false]);
    assert.ok(podInfo.cniResult && podInfo.config && podInfo.runtimeSpec);
    const image = await cri.image.imageStatus({ image: { image: containerd.busybox }, verbose: true });
    const { chainId, imageSpec } = readImageInfo(image);
    assert.match(chainId ?? "", /^sha256:[0-9a-f]{64}$/);
    assert.equal(imageSpec?.["os"], "linux");
    const status = await cri.runtime.status({ verbose: true });
    const { sandboxImage, goVersion, lastCniLoadStatus, cniConfig } = readRuntimeInfo(status);
    assert.equal(sandboxImage, podInfo.image);
    assert.match(goVersion ?? "", /^go1\./);
    assert.equal(lastCniLoadStatus, "OK");
    assert.ok(cniConfig);
    assert.equal(readRuntimeFeatures(status).handlers.size, 0);

    const shown = JSON.parse(formatInspect(inspectContainer(container)));
    assert.equal(shown.status.state, "CONTAINER_RUNNING");
    assert.match(shown.status.startedAt, /^20[0-9]{2}-.*Z$/);
    assert.equal(shown.status.finishedAt, "0001-01-01T00:00:00Z");
    assert.equal(shown.info.pid, pid);
    assert.equal(JSON.parse(formatInspect(inspectPodSandbox(pod))).info.pid, podInfo.pid);
    assert.equal(JSON.parse(formatInspect(inspectImage(image))).status.repoTags[0], containerd.busybox);
    assert.match(JSON.parse(formatInspect(inspectRuntime(status))).golang, /^go1/);
  });

  test("the cgroup driver, from the configuration", async () => {
    assert.deepEqual(await detectCgroupDriver(cri), {
      kind: "detected",
      driver: "cgroupfs",
      origin: "containerd-config",
      handler: "runc",
    });
  });

  test("a watch that polls goes on over a restart, and misses no end", async () => {
    const first = watchContainers(cri);
    const drain = async () => {
      for await (const item of first) assert.equal(item.kind, "snapshot");
    };
    await assert.rejects(drain(), { code: "ERR_CRI_UNIMPLEMENTED" });

    const watch = watchContainers(cri, { poll: { intervalMs: 50 }, backoff: { initialMs: 50, maxMs: 200 } });
    const until = async (wanted: (item: WatchItem) => boolean): Promise<WatchItem> => {
      for await (const item of { [Symbol.asyncIterator]: () => ({ next: () => watch.next() }) }) {
        if (wanted(item)) return item;
      }
      return assert.fail("the watch has ended");
    };
    const snapshot = await until(({ kind }) => kind === "snapshot");
    assert.equal(snapshot.view.containers.get(busy)?.state, ContainerState.CONTAINER_RUNNING);
    const brief = await runContainer("brief", ["sh", "-c", "exit 3"]);
    await until(({ view }) => view.containers.get(brief)?.state === ContainerState.CONTAINER_EXITED);
    // Whether a poll meets the runtime while it is away is a matter of chance.
    await containerd.restart();
    await cri.runtime.version({}).catch(() => {});
    await cri.runtime.removeContainer({ containerId: brief });
    const back = await until(({ view }) => !view.containers.has(brief));
    assert.equal(back.kind, "resynced");
    assert.equal(back.view.containers.get(busy)?.state, ContainerState.CONTAINER_RUNNING);
    await cri.runtime.stopContainer({ containerId: busy, timeout: 0n });
    await until(({ view }) => view.containers.get(busy)?.state === ContainerState.CONTAINER_EXITED);
    await watch.return?.();
  });
});

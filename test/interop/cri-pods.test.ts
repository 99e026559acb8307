/** Pods on containerd: many at once, queries, verbs, stats, and a watch that goes through the death of containerd. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  ContainerState,
  type CriConnection,
  connectCri,
  execAll,
  execSync,
  listContainers,
  listPods,
  parseContainerConfig,
  parsePodSandboxConfig,
  pruneImages,
  readContainerInfo,
  readPodSandboxInfo,
  readRuntimeInfo,
  removeContainer,
  removePod,
  removePods,
  runContainer,
  samplePodStats,
  sampleStats,
  type WatchItem,
  watchContainers,
} from "../../src/cri/index.ts";
import { type Containerd, startContainerd, whyNoContainerd } from "./containerd.ts";
import { needs } from "./parts.ts";

const PODS = 50;

describe("pods on containerd", needs(whyNoContainerd()), () => {
  let containerd: Containerd;
  let cri: CriConnection;

  before(async () => {
    containerd = await startContainerd({ subnet: "198.18.4.0/22" });
    cri = await connectCri({ endpoint: containerd.socket });
  });
  after(async () => {
    await cri?.close();
    await containerd?.stop();
  });

  /** Configurations in crictl's own spelling, as its users have them. */
  function configs(name: string, { script = "exec sleep 1000", parent = "", image = "" } = {}) {
    const pod = parsePodSandboxConfig(`
metadata: { name: ${name}, namespace: many, uid: "${name}-uid" }
log_directory: ${join(containerd.folder, "logs")}
labels: { app: ${name.replace(/-.*/, "")} }
linux: { cgroup_parent: "${parent}" }
`);
    const container = parseContainerConfig(
      JSON.stringify({
        metadata: { name: "main" },
        image: { image: image || containerd.busybox },
        command: ["/bin/sh", "-c", script],
        log_path: `${name}.log`,
        labels: {
          app: name.replace(/-.*/, ""),
          "io.kubernetes.pod.namespace": "many",
          "io.kubernetes.pod.name": name,
        },
        linux: {},
      }),
    );
    return { pod, container };
  }

  const run = (name: string, options: { script?: string; parent?: string } = {}) => {
    const { pod, container } = configs(name, options);
    return runContainer(cri, container, pod, { pull: "missing", cleanUpOnError: true });
  };

  test(`${PODS} pods are run and removed at once`, async () => {
    const names = Array.from({ length: PODS }, (_, i) => `many-${i}`);
    const made = await Promise.all(names.map((name) => run(name)));
    assert.equal(new Set(made.map(({ podSandboxId }) => podSandboxId)).size, PODS);
    const ready = await listPods(cri, { namespace: "^many$", name: "^many-\\d+$", state: "ready" });
    assert.deepEqual(ready.map((pod) => pod.metadata?.name).sort(), [...names].sort());
    const [latest] = await listPods(cri, { latest: true });
    assert.equal(latest?.id, ready[0]?.id);
    const outcomes = await execAll(cri, { labels: { app: "many" }, state: "running" }, [
      "sh",
      "-c",
      "echo $$",
    ]);
    assert.equal(outcomes.length, PODS);
    for (const outcome of outcomes)
      assert.deepEqual([outcome.kind, "exitCode" in outcome && outcome.exitCode], ["exited", 0]);
    const removed = await removePods(
      cri,
      made.map(({ podSandboxId }) => podSandboxId),
      { force: true },
    );
    assert.deepEqual(
      removed.filter(({ kind }) => kind !== "removed"),
      [],
    );
    assert.deepEqual(await listPods(cri, { namespace: "^many$" }), []);
    assert.deepEqual(await listContainers(cri, { all: true, labels: { app: "many" } }), []);
  });

  test("what cannot be run is cleaned up", async () => {
    const { pod, container } = configs("broken");
    container.command = ["/no/such/program"];
    await assert.rejects(runContainer(cri, container, pod, { pull: "missing", cleanUpOnError: true }));
    assert.deepEqual(await listPods(cri, { name: "^broken$" }), []);
    const { container: absent } = configs("broken", { image: "127.0.0.1:1/absent:1" });
    await assert.rejects(runContainer(cri, absent, pod, { cleanUpOnError: true }));
    assert.deepEqual(await listPods(cri, { name: "^broken$" }), []);
  });

  test("removal with and without force, and with logs", async () => {
    const { podSandboxId, containerId } = await run("removed", { script: "echo hello; exec sleep 1000" });
    const log = join(containerd.folder, "logs", "removed.log");
    await assert.rejects(removeContainer(cri, containerId), { code: "ERR_CRI_STILL_RUNNING" });
    await assert.rejects(removePod(cri, podSandboxId), { code: "ERR_CRI_STILL_RUNNING" });
    assert.ok(existsSync(log));
    const removal = await removeContainer(cri, containerId, { force: true, removeLogs: true });
    assert.deepEqual(removal, { kind: "removed", id: containerId, logFiles: [log] });
    assert.ok(!existsSync(log));
    assert.equal((await removeContainer(cri, containerId)).kind, "absent");
    assert.equal((await removePod(cri, podSandboxId, { force: true })).kind, "removed");
    assert.equal((await removePod(cri, podSandboxId)).kind, "absent");
  });

  test("a command that takes too long has one error", async () => {
    const { podSandboxId, containerId } = await run("slow");
    await assert.rejects(execSync(cri, containerId, ["sleep", "100"], { timeoutSeconds: 1 }), {
      code: "ERR_CRI_EXEC_TIMEOUT",
    });
    const killed = await execSync(cri, containerId, ["sh", "-c", "kill -9 $$"], { timeoutSeconds: 10 });
    assert.equal(killed.exitCode, 137);
    await removePod(cri, podSandboxId, { force: true });
  });

  test("what a container that spins uses, and what its information says", async () => {
    const parent = `/lading-stats-${process.pid}`;
    const { podSandboxId, containerId } = await run("busy", { script: "while :; do :; done", parent });
    const [usage] = await sampleStats(cri, { filter: { id: containerId }, intervalMs: 1000 });
    // The machine is shared: a spinning process gets what is left of a core.
    assert.ok(usage && usage.cpuPercent > 5 && usage.cpuPercent < 150, `${usage?.cpuPercent}`);
    assert.ok((usage.memoryWorkingSetBytes ?? 0n) > 0n);
    const {
      pods: [pod],
    } = await samplePodStats(cri, { filter: { id: podSandboxId }, intervalMs: 500 });
    assert.equal(pod?.id, podSandboxId);
    const info = readContainerInfo(await cri.runtime.containerStatus({ containerId, verbose: true }));
    assert.equal(info.sandboxId, podSandboxId);
    assert.ok(info.pid && existsSync(`/proc/${info.pid}`));
    const podInfo = readPodSandboxInfo(await cri.runtime.podSandboxStatus({ podSandboxId, verbose: true }));
    assert.ok(podInfo.pid && existsSync(`/proc/${podInfo.pid}`));
    assert.ok(readRuntimeInfo(await cri.runtime.status({ verbose: true })));
    await removePod(cri, podSandboxId, { force: true });
  });

  test("a dry run of pruning keeps what is used", async () => {
    const { podSandboxId } = await run("pruned");
    const decisions = await pruneImages(cri, { dryRun: true });
    const used = decisions.find(({ image }) => image.repoTags.includes(containerd.busybox));
    assert.equal(
      used?.kind,
      "kept",
      JSON.stringify(used, (_, value) => (typeof value === "bigint" ? `${value}` : value)),
    );
    await removePod(cri, podSandboxId, { force: true });
  });

  test("a watch goes through the death of containerd and misses nothing", async () => {
    const before = await run("watched-before");
    const seen: WatchItem["kind"][] = [];
    const states = new Map<string, ContainerState | "gone">();
    const left = new AbortController();
    let changed = () => {};
    const watching = (async () => {
      const items = watchContainers(cri, {
        poll: { intervalMs: 100 },
        timeoutMs: 2000,
        signal: left.signal,
        backoff: { initialMs: 50, maxMs: 200 },
      });
      for await (const { kind, view } of items) {
        seen.push(kind);
        for (const id of states.keys()) if (!view.containers.has(id)) states.set(id, "gone");
        for (const [id, { state }] of view.containers) states.set(id, state);
        changed();
      }
    })();
    const until = async (id: string, state: ContainerState | "gone") => {
      const late = AbortSignal.timeout(20_000);
      while (states.get(id) !== state) {
        assert.ok(!late.aborted, `${id} is ${states.get(id)}, not ${state}, after ${seen.join()}`);
        await Promise.race([
          new Promise<void>((resolve) => {
            changed = resolve;
          }),
          new Promise((resolve) => setTimeout(resolve, 500)),
        ]);
      }
    };
    try {
      await until(before.containerId, ContainerState.CONTAINER_RUNNING);
      const ending = await run("watched-ending", { script: "sleep 1" });
      await until(ending.containerId, ContainerState.CONTAINER_RUNNING);
      await containerd.restart();
      await until(ending.containerId, ContainerState.CONTAINER_EXITED);
      const later = await run("watched-later");
      await until(later.containerId, ContainerState.CONTAINER_RUNNING);
      await removePod(cri, before.podSandboxId, { force: true });
      await until(before.containerId, "gone");
    } finally {
      left.abort(new Error("over"));
      await assert.rejects(watching, { message: "over" });
    }
  });
});

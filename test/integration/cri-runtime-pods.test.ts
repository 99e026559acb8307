import assert from "node:assert/strict";
import { test } from "node:test";
import { NamespaceMode, PodSandboxState } from "../../src/cri/index.ts";
import { collect, withRuntime } from "./cri-runtime-setup.ts";

test("a sandbox that is run is ready, has an address and what it was given", () =>
  withRuntime({}, async ({ cri, runPod }) => {
    const before = BigInt(Date.now()) * 1_000_000n;
    const podSandboxId = await runPod({ name: "größe", labels: { app: "a" }, hostname: "h" });
    const { status, info } = await cri.runtime.podSandboxStatus({ podSandboxId });
    assert.equal(status?.id, podSandboxId);
    assert.equal(status?.metadata?.name, "größe");
    assert.equal(status?.state, PodSandboxState.SANDBOX_READY);
    assert.deepEqual(status?.labels, { app: "a" });
    assert.match(status?.network?.ip ?? "", /^10\.88\./);
    assert.ok((status?.createdAt ?? 0n) >= before);
    assert.deepEqual(info, {});
  }));

test("a sandbox that is stopped is not ready, has no address, and its containers have ended", () =>
  withRuntime({}, async ({ cri, runPod, start, status }) => {
    const podSandboxId = await runPod();
    const containerId = await start(podSandboxId, { command: ["sleep", "infinity"] });
    await cri.runtime.stopPodSandbox({ podSandboxId });
    const pod = await cri.runtime.podSandboxStatus({ podSandboxId });
    assert.equal(pod.status?.state, PodSandboxState.SANDBOX_NOTREADY);
    assert.equal(pod.status?.network?.ip, "");
    assert.equal((await status(containerId)).exitCode, 137);
  }));

test("a sandbox that is removed is gone with its containers, and its name is free", () =>
  withRuntime({}, async ({ cri, runPod, start }) => {
    const config = { metadata: { name: "p", uid: "u", namespace: "n", attempt: 3 } };
    const { podSandboxId } = await cri.runtime.runPodSandbox({ config });
    const containerId = await start(podSandboxId, { command: ["sleep", "infinity"] });
    await cri.runtime.removePodSandbox({ podSandboxId });
    await assert.rejects(cri.runtime.podSandboxStatus({ podSandboxId }), { code: "ERR_CRI_NOT_FOUND" });
    await assert.rejects(cri.runtime.containerStatus({ containerId }), { code: "ERR_CRI_NOT_FOUND" });
    assert.deepEqual((await cri.runtime.listPodSandbox({})).items, []);
    await cri.runtime.runPodSandbox({ config });
    await runPod();
  }));

test("a second sandbox of the same name, namespace, uid and attempt is refused", () =>
  withRuntime({}, async ({ cri }) => {
    const metadata = { name: "p", uid: "u", namespace: "n", attempt: 1 };
    const { podSandboxId } = await cri.runtime.runPodSandbox({ config: { metadata } });
    await assert.rejects(cri.runtime.runPodSandbox({ config: { metadata } }), {
      code: "ERR_CRI_UNKNOWN",
      details: `failed to reserve sandbox name "p_n_u_1": name "p_n_u_1" is reserved for "${podSandboxId}"`,
    });
    await cri.runtime.stopPodSandbox({ podSandboxId });
    // Stopped is not removed.
    await assert.rejects(cri.runtime.runPodSandbox({ config: { metadata } }), { code: "ERR_CRI_UNKNOWN" });
    await cri.runtime.runPodSandbox({ config: { metadata: { ...metadata, attempt: 2 } } });
  }));

test("a sandbox without metadata, and one of an unknown handler, is refused and leaves nothing", () =>
  withRuntime({ handlers: ["runc", "kata"] }, async ({ cri, runPod }) => {
    await assert.rejects(cri.runtime.runPodSandbox({}), { code: "ERR_CRI_UNKNOWN" });
    await assert.rejects(cri.runtime.runPodSandbox({ config: { hostname: "h" } }), {
      code: "ERR_CRI_UNKNOWN",
    });
    await assert.rejects(runPod({ name: "p", runtimeHandler: "gvisor" }), {
      code: "ERR_CRI_UNKNOWN",
      details: 'failed to get sandbox runtime: no runtime for "gvisor" is configured',
    });
    assert.deepEqual((await cri.runtime.listPodSandbox({})).items, []);
    const podSandboxId = await runPod({ name: "p", runtimeHandler: "kata" });
    const { status } = await cri.runtime.podSandboxStatus({ podSandboxId });
    assert.equal(status?.runtimeHandler, "kata");
  }));

test("sandboxes are listed by id, a beginning of it, state and labels, the newest first", () =>
  withRuntime({}, async ({ cri, runPod }) => {
    const first = await runPod({ labels: { app: "a", tier: "web" } });
    const second = await runPod({ labels: { app: "b", tier: "web" } });
    await cri.runtime.stopPodSandbox({ podSandboxId: first });
    const list = async (filter: Parameters<typeof cri.runtime.listPodSandbox>[0]["filter"]) => {
      const { items } = await cri.runtime.listPodSandbox(filter ? { filter } : {});
      return items.map(({ id }) => id);
    };
    assert.deepEqual(await list(undefined), [second, first]);
    assert.deepEqual(await list({ id: first }), [first]);
    assert.deepEqual(await list({ id: first.slice(0, 13) }), [first]);
    assert.deepEqual(await list({ id: "nothing" }), []);
    assert.deepEqual(await list({ state: { state: PodSandboxState.SANDBOX_READY } }), [second]);
    assert.deepEqual(await list({ state: { state: PodSandboxState.SANDBOX_NOTREADY } }), [first]);
    assert.deepEqual(await list({ labelSelector: { tier: "web" } }), [second, first]);
    assert.deepEqual(await list({ labelSelector: { tier: "web", app: "b" } }), [second]);
    assert.deepEqual(await list({ labelSelector: { toString: "" } }), []);
    assert.deepEqual(await list({ id: first, state: { state: PodSandboxState.SANDBOX_READY } }), []);
  }));

test("a streamed list has every sandbox once, in batches", () =>
  withRuntime({ listBatchSize: 2 }, async ({ cri, runPod }) => {
    assert.equal((await collect(cri.runtime.streamPodSandboxes({}))).length, 1);
    const ids = [];
    for (let i = 0; i < 5; i++) ids.unshift(await runPod());
    const batches = await collect(cri.runtime.streamPodSandboxes({}));
    assert.deepEqual(
      batches.map(({ podSandboxes }) => podSandboxes.map(({ id }) => id)),
      [ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)],
    );
  }));

test("a sandbox is found by a beginning that only it has", () =>
  withRuntime({}, async ({ cri, runPod }) => {
    const ids = [];
    for (let i = 0; i < 17; i++) ids.push(await runPod());
    const [first = ""] = ids;
    const { status } = await cri.runtime.podSandboxStatus({ podSandboxId: first.slice(0, 20) });
    assert.equal(status?.id, first);
    // Of 17 ids at least two begin with the same digit.
    const shared = ids.map((id) => id.charAt(0)).find((digit, at, all) => all.indexOf(digit) !== at) ?? "";
    await assert.rejects(cri.runtime.podSandboxStatus({ podSandboxId: shared }), { code: "ERR_CRI_UNKNOWN" });
    await assert.rejects(cri.runtime.stopPodSandbox({ podSandboxId: shared }), { code: "ERR_CRI_UNKNOWN" });
  }));

test("a sandbox in the network of the node has no address of its own and needs no network of pods", () =>
  withRuntime({}, async ({ cri, runtime, runPod }) => {
    runtime.setNetworkReady(false);
    await assert.rejects(runPod(), { code: "ERR_CRI_UNKNOWN", details: /cni plugin not initialized/ });
    const conditions = (await cri.runtime.status({})).status?.conditions ?? [];
    const network = conditions.find(({ type }) => type === "NetworkReady");
    assert.deepEqual([network?.status, network?.reason], [false, "NetworkPluginNotReady"]);
    const namespaceOptions = { network: NamespaceMode.NODE };
    const podSandboxId = await runPod({ linux: { securityContext: { namespaceOptions } } });
    const { status } = await cri.runtime.podSandboxStatus({ podSandboxId });
    assert.equal(status?.network?.ip, "");
    assert.equal(status?.linux?.namespaces?.options?.network, NamespaceMode.NODE);
    runtime.setNetworkReady(true);
    await runPod();
  }));

test("a pod can have addresses of both families", () =>
  withRuntime({ podIps: (n) => [`192.0.2.${n + 1}`, `2001:db8::${n + 1}`] }, async ({ cri, runPod }) => {
    await runPod();
    const podSandboxId = await runPod();
    const { status } = await cri.runtime.podSandboxStatus({ podSandboxId });
    assert.equal(status?.network?.ip, "192.0.2.2");
    assert.deepEqual(
      status?.network?.additionalIps.map(({ ip }) => ip),
      ["2001:db8::2"],
    );
  }));

/** Any sequence of requests leaves the in-process runtime with what a much simpler model says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ContainerState, type CriConnection, connectCri, PodSandboxState } from "../../src/cri/index.ts";
import { startCriRuntime } from "../../src/testing/index.ts";
import { property } from "./runs.ts";

const { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_EXITED } = ContainerState;
const { SANDBOX_READY, SANDBOX_NOTREADY } = PodSandboxState;

interface ModelContainer {
  id: string;
  state: ContainerState;
}

interface ModelPod {
  id: string;
  state: PodSandboxState;
  containers: Map<string, ModelContainer>;
}

type Step =
  | readonly ["run" | "stop" | "remove", string]
  | readonly ["create" | "start" | "end" | "delete", string, string];

const podNames = fc.constantFrom("p", "q");
const containerNames = fc.constantFrom("a", "b");
const steps = fc.array(
  fc.oneof(
    fc.tuple(fc.constantFrom("run" as const, "run" as const, "stop" as const, "remove" as const), podNames),
    fc.tuple(
      fc.constantFrom("create" as const, "start" as const, "end" as const, "delete" as const),
      podNames,
      containerNames,
    ),
  ),
  { maxLength: 14 },
);

/** Does a step in the runtime; what the model says of it comes back: a code, or nothing for success. */
function take(
  cri: CriConnection,
  model: Map<string, ModelPod>,
  step: Step,
): { done: Promise<void>; code?: string } {
  const [kind, podName, name = ""] = step;
  const pod = model.get(podName);
  const container = pod?.containers.get(name);
  const podSandboxId = pod?.id ?? "absent";
  const containerId = container?.id ?? "absent";
  const { runtime } = cri;
  switch (kind) {
    case "run": {
      const metadata = { name: podName, uid: "u", namespace: "n" };
      const run = runtime.runPodSandbox({ config: { metadata } });
      if (pod) return { done: run.then(() => {}), code: "ERR_CRI_UNKNOWN" };
      const keep = (id: string) => model.set(podName, { id, state: SANDBOX_READY, containers: new Map() });
      return { done: run.then((answer) => void keep(answer.podSandboxId)) };
    }
    case "stop":
      if (pod) pod.state = SANDBOX_NOTREADY;
      for (const each of pod?.containers.values() ?? []) {
        if (each.state === CONTAINER_RUNNING) each.state = CONTAINER_EXITED;
      }
      return { done: runtime.stopPodSandbox({ podSandboxId }).then(() => {}) };
    case "remove":
      model.delete(podName);
      return { done: runtime.removePodSandbox({ podSandboxId }).then(() => {}) };
    case "create": {
      const config = { metadata: { name }, image: { image: "busybox" }, command: ["sleep", "infinity"] };
      const made = runtime.createContainer({ podSandboxId, config });
      if (pod?.state !== SANDBOX_READY) return { done: made.then(() => {}), code: "ERR_CRI_NOT_FOUND" };
      if (container) return { done: made.then(() => {}), code: "ERR_CRI_UNKNOWN" };
      const keep = (id: string) => pod.containers.set(name, { id, state: CONTAINER_CREATED });
      return { done: made.then((answer) => void keep(answer.containerId)) };
    }
    case "start": {
      const done = runtime.startContainer({ containerId }).then(() => {});
      if (!container) return { done, code: "ERR_CRI_NOT_FOUND" };
      if (container.state !== CONTAINER_CREATED || pod?.state !== SANDBOX_READY) {
        return { done, code: "ERR_CRI_UNKNOWN" };
      }
      container.state = CONTAINER_RUNNING;
      return { done };
    }
    case "end":
      if (container?.state === CONTAINER_RUNNING) container.state = CONTAINER_EXITED;
      return { done: runtime.stopContainer({ containerId, timeout: 5n }).then(() => {}) };
    case "delete":
      pod?.containers.delete(name);
      return { done: runtime.removeContainer({ containerId }).then(() => {}) };
  }
}

const byId = (a: readonly [string, number], b: readonly [string, number]) => (a[0] < b[0] ? -1 : 1);

async function assertSame(cri: CriConnection, model: Map<string, ModelPod>): Promise<void> {
  const pods = [...model.values()];
  const { items } = await cri.runtime.listPodSandbox({});
  assert.deepEqual(
    items.map(({ id, state }) => [id, state] as const).sort(byId),
    pods.map(({ id, state }) => [id, state] as const).sort(byId),
  );
  const { containers } = await cri.runtime.listContainers({});
  assert.deepEqual(
    containers.map(({ id, state }) => [id, state] as const).sort(byId),
    pods
      .flatMap((pod) => [...pod.containers.values()])
      .map(({ id, state }) => [id, state] as const)
      .sort(byId),
  );
}

test("any sequence of requests has the outcomes and leaves the pods and containers of the model", async () => {
  const runtime = await startCriRuntime();
  try {
    const cri = await connectCri({ endpoint: runtime.endpoint });
    try {
      const any = fc.asyncProperty(steps, async (sequence) => {
        const model = new Map<string, ModelPod>();
        try {
          for (const step of sequence) {
            const { done, code } = take(cri, model, step);
            if (code === undefined) await done;
            else await assert.rejects(done, { code });
          }
          await assertSame(cri, model);
        } finally {
          for (const { id } of (await cri.runtime.listPodSandbox({})).items) {
            await cri.runtime.removePodSandbox({ podSandboxId: id });
          }
        }
        await assertSame(cri, new Map());
      });
      // Each run is some thirty calls.
      await fc.assert(any, { ...property, numRuns: Math.ceil(property.numRuns / 20) });
    } finally {
      await cri.close();
    }
  } finally {
    await runtime.close();
  }
});

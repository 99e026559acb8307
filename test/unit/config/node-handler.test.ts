import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type HandlerPod, nodeHandler } from "../../../src/config/node/handler.ts";
import type { NodeConfig } from "../../../src/config/node.ts";
import { containerdNode, crioNode, withRoot } from "./node-root.ts";

const CLASSES: NonNullable<NodeConfig["runtimeClasses"]> = new Map([
  ["kata-class", { name: "kata-class", handler: "kata" }],
  ["gone", { name: "gone", handler: "gone" }],
  ["untrusted", { name: "untrusted", handler: "untrusted" }],
]);
const of = (runtimeClassName: string | null): HandlerPod => ({ spec: { runtimeClassName } });
const untrusted = (spec: HandlerPod["spec"] = {}, value = "true"): HandlerPod => ({
  metadata: { annotations: { "io.kubernetes.cri.untrusted-workload": value } },
  spec,
});

function told(node: NodeConfig, pod: HandlerPod): unknown[] {
  const found = nodeHandler({ ...node, runtimeClasses: CLASSES }, pod);
  if (found.kind === "unknown") return [found.kind, found.message];
  return found.kind === "found" ? [found.name, found.by] : [found.reason, found.message];
}

describe("nodeHandler", () => {
  test("CRI-O runs a Pod by the handler of its class, or the default one", async () => {
    const main =
      '[crio.runtime]\ndefault_runtime = "d"\n[crio.runtime.runtimes.d]\n[crio.runtime.runtimes.kata]\n';
    await withRoot({ inside: { "/etc/crio/crio.conf": main } }, async (root) => {
      const node = await crioNode(root);
      for (const pod of [{}, of(""), of(null)]) assert.deepEqual(told(node, pod), ["d", "default"]);
      assert.deepEqual(told(node, of("kata-class")), ["kata", "runtime-class"]);
      assert.deepEqual(told(node, of("gone")), ["no-handler", "failed to find runtime handler gone"]);
      assert.deepEqual(told(node, of("kata")), ["no-runtime-class", 'RuntimeClass "kata" not found']);
      // The annotation is containerd's.
      assert.deepEqual(told(node, untrusted()), ["d", "default"]);
      const found = nodeHandler({ ...node, runtimeClasses: CLASSES }, of("kata-class"));
      assert.equal(found.kind === "found" && found.origin?.line, 4);
      assert.equal(found.kind === "found" && found.handler.runtime, "cri-o");
      assert.deepEqual([found.runtimeClass, found.requested], ["kata-class", "kata"]);
    });
  });

  test("without the classes of the cluster, the handler of a Pod that names one is not known", async () => {
    await withRoot({ inside: {} }, async (root) => {
      for (const make of [crioNode, containerdNode]) {
        const { runtimeClasses: _, ...node } = await make(root);
        const found = nodeHandler(node, of("kata-class"));
        assert.deepEqual(
          [found.kind, found.runtimeClass, found.requested],
          ["unknown", "kata-class", undefined],
        );
        assert.equal(nodeHandler(node, of("")).kind, "found");
        assert.equal(nodeHandler({ ...node, runtimeClasses: new Map() }, of("kata-class")).kind, "none");
      }
    });
  });

  test("containerd does, and knows the old annotation", async () => {
    const table = '[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.';
    const main = `version = 3\n${table}kata]\nruntime_type = "k"\n${table}untrusted]\nruntime_type = "u"\n`;
    await withRoot({ inside: { "/etc/containerd/config.toml": main } }, async (root) => {
      const node = await containerdNode(root);
      assert.deepEqual(told(node, {}), ["runc", "default"]);
      assert.deepEqual(told(node, of("kata-class")), ["kata", "runtime-class"]);
      assert.deepEqual(told(node, of("gone")), ["no-handler", 'no runtime for "gone" is configured']);
      assert.deepEqual(told(node, untrusted()), ["untrusted", "untrusted-workload"]);
      assert.deepEqual(told(node, untrusted({}, "True")), ["runc", "default"]);
      assert.deepEqual(told(node, untrusted({ runtimeClassName: "untrusted" })), [
        "untrusted",
        "untrusted-workload",
      ]);
      assert.deepEqual(told(node, untrusted({ runtimeClassName: "kata-class" })), [
        "untrusted-with-handler",
        "untrusted workload with explicit runtime handler is not allowed",
      ]);
      for (const spec of [{ hostNetwork: true }, { hostPID: true }, { hostIPC: true }]) {
        assert.deepEqual(told(node, untrusted(spec)), [
          "untrusted-with-host-access",
          "untrusted workload with host access is not allowed",
        ]);
      }
    });
    await withRoot({ inside: {} }, async (root) => {
      assert.deepEqual(told(await containerdNode(root), untrusted()), [
        "no-handler",
        'no runtime for "untrusted" is configured',
      ]);
    });
  });
});

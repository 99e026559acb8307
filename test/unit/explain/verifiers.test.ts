import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Ajv } from "ajv";
import { loadNode } from "../../../src/config/node/load.ts";
import {
  explainPod,
  explanationSchema,
  formatExplanation,
  recordExplanation,
  replayExplanation,
} from "../../../src/explain/index.ts";
import { containerdNode, crioNode, withRoot } from "../config/node-root.ts";
import { fakeRegistries, podOf, pushImage } from "./place.ts";

const validate = new Ajv({ strict: true }).compile(explanationSchema);
const PROGRAM = { "/opt/containerd/image-verifier/bin/check": "" };

describe("what is not known about a node's pulls leaves them open", () => {
  test("image verifiers of containerd are programs that are not asked", async () => {
    const { registry, store } = fakeRegistries();
    await pushImage(store("quay.io/a/app"), "1");
    await withRoot({ inside: PROGRAM }, async (root) => {
      const node = await containerdNode(root, { release: "2.1" });
      const trace = await explainPod(podOf("quay.io/a/app:1"), node, { registry });
      assert.equal(trace.kind, "undecided");
      assert.deepEqual(
        trace.problems.map((each) => [each.kind, each.kind === "undecided" && each.code]),
        [["undecided", "ERR_EXPLAIN_IMAGE_VERIFIERS"]],
      );
      assert.match(formatExplanation(trace), /no policy: .*image-verifier\/bin decide: check/);
      // What is behind them is told all the same, and what fails without them fails.
      assert.ok(trace.images[0]?.digest && trace.containers[0]?.seccomp);
      const missing = await explainPod(podOf("quay.io/a/app:none"), node, { registry });
      assert.equal(missing.kind, "fails");
      const old = await containerdNode(root, { release: "1.7" });
      assert.equal((await explainPod(podOf("quay.io/a/app:1"), old, { registry })).kind, "runs");
    });
  });

  test("a policy behind a link to nowhere, which would go before the one that is there", async () => {
    const { registry, store } = fakeRegistries();
    await pushImage(store("quay.io/a/app"), "1");
    const accept = '{"default":[{"type":"insecureAcceptAnything"}]}';
    const rest = { "/etc/containers/policy.json": accept };
    for (const [files, kind] of [
      [{ "/etc/crio/policies/shop.json": "->/opt/shop.json" }, "undecided"],
      [{ "/etc/crio/policies": "->/opt" }, "undecided"],
      [{ "/etc/crio/policies/other.json": "->/opt/other.json" }, "runs"],
      [{ "/etc/crio/policies/shop.json": accept, "/root/.config": "->/opt/config" }, "runs"],
      [{ "/root/.config": "->/opt/config" }, "undecided"],
    ] as const) {
      await withRoot({ inside: { ...rest, ...files } }, async (root) => {
        const trace = await explainPod(podOf("quay.io/a/app:1"), await crioNode(root), { registry });
        assert.equal(trace.kind, kind, JSON.stringify(files));
        const [problem] = trace.problems;
        if (problem) assert.equal(problem.kind === "undecided" && problem.code, "ERR_EXPLAIN_DANGLING_LINK");
      });
    }
  });

  test("a daemon that is not started as files tell is a doubt, by its place alone", async () => {
    const { registry, store } = fakeRegistries();
    await pushImage(store("quay.io/a/app"), "1");
    const unit = "/etc/systemd/system/crio.service";
    const inside = {
      "/etc/containers/policy.json": '{"default":[{"type":"insecureAcceptAnything"}]}',
      "/etc/crio/crio.conf": "",
      "/etc/systemd/system/kubelet.service": "[Service]\nExecStart=/usr/bin/kubelet\n",
      [unit]: "[Service]\nExecStart=/usr/bin/crio --new-flag=s3cret\n",
    };
    await withRoot({ inside }, async (root) => {
      const pod = podOf("quay.io/a/app:1");
      const { explanation, recording } = await recordExplanation(pod, await loadNode({ root }), { registry });
      assert.deepEqual(explanation.node.doubts, [`the start of crio.service ${unit}:2`]);
      assert.ok(
        formatExplanation(explanation).includes(`not told exactly: the start of crio.service ${unit}:2`),
      );
      assert.ok(!recording.includes("s3cret"));
      assert.equal((await replayExplanation(recording)).isSame, true);
      assert.ok(validate(JSON.parse(JSON.stringify(explanation))), JSON.stringify(validate.errors));
    });
    const plain = { ...inside, [unit]: "[Service]\nExecStart=/usr/bin/crio\n" };
    const linked = { ...plain, "/etc/crio/crio.conf.d": "->/opt/crio.conf.d" };
    for (const [files, doubts] of [
      [plain, undefined],
      [linked, ["/etc/crio/crio.conf.d, behind a link to nowhere"]],
    ] as const) {
      await withRoot({ inside: files }, async (root) => {
        const trace = await explainPod(podOf("quay.io/a/app:1"), await loadNode({ root }), { registry });
        assert.deepEqual(trace.node.doubts, doubts);
      });
    }
  });
});

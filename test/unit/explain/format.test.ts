import assert from "node:assert/strict";
import { test } from "node:test";
import { explainSubject } from "../../../src/explain/explain-subject.ts";
import { formatExplanation } from "../../../src/explain/format.ts";
import { readPod } from "../../../src/explain/pod.ts";
import { printable, renderTree } from "../../../src/explain/text-tree.ts";
import type { PodExplanation } from "../../../src/explain/trace.ts";
import { crioAnswers, fakeRegistries, type NodeByHand, podOf, pushImage, signedPolicy } from "./place.ts";

const NAME = "quay.io/team/app";

async function traceOf(pod: unknown, node: NodeByHand = {}): Promise<PodExplanation> {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1", { signedAs: NAME });
  const answers = await crioAnswers(node);
  try {
    return await explainSubject(readPod(pod), answers, { registry: registries.registry, calls: ["mount"] });
  } finally {
    await answers.close();
  }
}

test("every part of a trace is in the text", async () => {
  const trace = await traceOf(podOf(`${NAME}:1`), { policy: signedPolicy(NAME) });
  const text = formatExplanation(trace, { all: true });
  for (const part of [
    "✓ Pod shop/web on cri-o 1.36.0, linux/amd64: runs",
    "✓ handler crun",
    `✓ image ${NAME}:1`,
    "named by spec.containers[0].image",
    "pull policy IfNotPresent, by its tag",
    "upstream https://quay.io/v2",
    "/var/lib/kubelet/config.json: none, no entry for quay.io/team/app",
    "answered by https://quay.io/v2",
    "✓ policy /etc/containers/policy.json: allowed",
    `scope docker "${NAME}" for ${NAME}:1`,
    "1 signatures",
    "✓ requirement sigstoreSigned: met",
    "accepted",
    `bound to ${trace.images[0]?.digest}`,
    "✓ container c0: runs",
    "seccomp none (unconfined): unconfined",
    "mount: allowed",
  ]) {
    assert.ok(text.includes(part), `${part}\n${text}`);
  }
  assert.ok(text.endsWith("\n"));
  assert.ok(!text.includes("\u001b"));
});

test("what decides nothing is counted, unless all is wanted", async () => {
  const trace = await traceOf(podOf(`${NAME}:1`), { policy: signedPolicy(NAME) });
  const short = formatExplanation(trace);
  const long = formatExplanation(trace, { all: true });
  assert.ok(short.includes("1 more looked at: not there, or outranked"), short);
  assert.ok(
    !short.includes("annotation seccomp") && long.includes("annotation seccomp-profile.crio.io/c0: absent"),
  );
  assert.ok(!long.includes("more looked at"));
});

test("colours are there when they are asked for, and only around marks", async () => {
  const trace = await traceOf(podOf(`${NAME}:none`));
  const plain = formatExplanation(trace);
  const colored = formatExplanation(trace, { colors: true });
  assert.ok(colored.includes("\u001b[31m✗\u001b[0m Pod"));
  const withoutColors = ["31", "32", "33", "0"].reduce(
    (text, color) => text.replaceAll(`\u001b[${color}m`, ""),
    colored,
  );
  assert.equal(withoutColors, plain);
});

test("texts from images and registries cannot move the cursor, begin a sequence or turn the direction", async () => {
  const hostile = "a\u001b[2Jb\r\nc\u202Ed\u0007e\u200Bf\u2028g\u009Bh\u00A0i\uD800j\u{E0041}k";
  const trace = await traceOf(podOf(`${NAME}:1`), {
    change: { handler: async () => ({ kind: "none", message: hostile, steps: [] }) },
  });
  for (const colors of [false, true]) {
    const text = formatExplanation(trace, { colors });
    assert.ok(
      text.includes(
        "a\\u{1b}[2Jb\\u{d}\\u{a}c\\u{202e}d\\u{7}e\\u{200b}f\\u{2028}g\\u{9b}h\\u{a0}i\\u{d800}j\\u{e0041}k",
      ),
    );
  }
});

test("what is printable stays", () => {
  const text = 'Grüße 你好 🙂 "quoted" ✓ a-b_c/d:e@f';
  assert.equal(printable(text), text);
});

test("a tree shows what is below what", () => {
  const tree = {
    text: "top",
    below: [
      { text: "one", below: [{ text: "deep" }, { text: "deeper" }] },
      { text: "two", below: [{ text: "last" }] },
    ],
  };
  assert.equal(
    renderTree(tree, { colors: false }),
    "top\n├─ one\n│  ├─ deep\n│  └─ deeper\n└─ two\n   └─ last\n",
  );
});

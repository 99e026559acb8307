/**
 * What would this node decide about this Pod, and why?
 *
 *   node examples/explain/pod.ts
 *   node examples/explain/pod.ts ROOT POD.json
 *
 * ROOT is a node's disk, or a folder with a copy of its /etc and /var/lib/kubelet. The exit code is 0 if the Pod runs, 1
 * if it fails, 2 if that could not be found out.
 */
import { readFile } from "node:fs/promises";
import { loadNode, nodeCredentials } from "lading/config";
import { explainPod, formatExplanation, type PodExplanation } from "lading/explain";
import { createRegistry } from "lading/oci";
import { podOf, withNode } from "./shared/node.ts";

const CODES = { runs: 0, fails: 1, undecided: 2 };
const calls = ["mount", "unshare", "bpf"];

function print(trace: PodExplanation): void {
  process.stdout.write(formatExplanation(trace, { colors: process.stdout.isTTY }));
}

const [root, file] = process.argv.slice(2);
if (root !== undefined && file !== undefined) {
  const node = await loadNode({ root });
  const registry = createRegistry({ credentials: nodeCredentials(node) });
  const trace = await explainPod(JSON.parse(await readFile(file, "utf8")), node, { registry, calls });
  print(trace);
  await registry.close();
  process.exitCode = CODES[trace.kind];
} else {
  await withNode(async ({ node, registry, team }) => {
    const good = await explainPod(podOf("good", `${team}/app:1.0`), node, { registry, calls });
    print(good);
    const bad = await explainPod(podOf("bad", `${team}/app:1.0`, `${team}/tool:1.0`), node, { registry });
    print(bad);
    if (good.kind !== "runs" || bad.kind !== "fails") process.exitCode = 1;
  });
}

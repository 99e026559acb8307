/**
 * Which Pods would no longer start if this policy took the place of that one?
 *
 *   node examples/explain/impact.ts
 *   kubectl get pods --all-namespaces -o json > pods.json
 *   node examples/explain/impact.ts ROOT pods.json BEFORE.json AFTER.json
 *
 * The exit code is 1 if anything fails that did not fail before, or could not be found out: this is what runs in CI.
 */
import { readFile } from "node:fs/promises";
import { loadNode, nodeCredentials } from "lading/config";
import { type ImpactReport, impact } from "lading/explain";
import { createRegistry } from "lading/oci";
import { parsePolicy } from "lading/policy";
import { podOf, policyText, withNode } from "./shared/node.ts";

function print({ pods, images, evaluated, changes, unread }: ImpactReport): void {
  console.log(`${pods} Pods, ${images} images, ${evaluated} of them with other requirements`);
  for (const { kind, pods: count, before, after, images: changed } of changes) {
    const types = [before, after].map(
      ({ scope, requirement }) => `${requirement?.type ?? "nothing"} of ${scope}`,
    );
    console.log(`${kind}: ${count} Pods, ${types.join(" -> ")}`);
    for (const { image, after: outcome, pods: names } of changed) {
      const why = outcome.kind === "runs" ? "" : `: ${outcome.message}`;
      // Names and messages come from elsewhere: as JSON they cannot do anything to a terminal.
      console.log(`  ${JSON.stringify(image)} in ${JSON.stringify(names)}${JSON.stringify(why)}`);
    }
  }
  for (const { path, message } of unread) console.log(`not read: ${path}: ${message}`);
}

function isBad({ changes, unread }: ImpactReport): boolean {
  return unread.length > 0 || changes.some(({ kind }) => kind === "fails-now" || kind === "undecided");
}

const [root, ...files] = process.argv.slice(2);
if (root !== undefined) {
  const [pods = "", before = "", after = ""] = await Promise.all(files.map((file) => readFile(file, "utf8")));
  const node = await loadNode({ root });
  const registry = createRegistry({ credentials: nodeCredentials(node) });
  const report = await impact(JSON.parse(pods), parsePolicy(before), parsePolicy(after), { node, registry });
  print(report);
  await registry.close();
  if (isBad(report)) process.exitCode = 1;
} else {
  await withNode(async ({ node, registry, team }) => {
    const before = parsePolicy('{"default":[{"type":"insecureAcceptAnything"}]}');
    const after = parsePolicy(policyText(team, { keyPath: "/etc/crio/team.pub" }));
    const items = [
      podOf("web", `${team}/app:1.0`),
      podOf("job", `${team}/tool:1.0`),
      podOf("both", `${team}/app:1.0`, `${team}/tool:1.0`),
    ];
    const report = await impact({ kind: "List", items }, before, after, { node, registry });
    print(report);
    const [change] = report.changes;
    if (report.changes.length !== 1 || change?.kind !== "fails-now" || change.pods !== 2)
      process.exitCode = 1;
  });
}

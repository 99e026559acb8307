/**
 * What a node would do with a Pod's image, from its files alone: `node examples/config/node.ts [ROOT]`.
 *
 * ROOT is a node's `/`: a mounted disk, or a folder with a copy of its `/etc`. Without one a small node is made.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { formatReference } from "lading";
import {
  loadNode,
  lookUpNodeCredentials,
  nodeDecryption,
  nodeHandler,
  nodePolicy,
  nodePullSources,
  nodeShortNames,
} from "lading/config";

const [, , given] = process.argv;
const root = given ?? makeRoot();
try {
  await tell(root);
} finally {
  if (given === undefined) rmSync(root, { recursive: true });
}

async function tell(root: string): Promise<void> {
  const node = await loadNode({ root });
  const { runtime } = node;
  const socket = runtime.kind === "cri-o" ? runtime.config.api.listen : runtime.config.socket;
  console.log(`${runtime.kind} at ${socket.value}`);
  for (const warning of node.warnings) {
    const where =
      "origin" in warning && warning.origin ? `${warning.origin.file}:${warning.origin.line}` : "";
    console.log(`warning: ${warning.source} ${warning.code} ${"key" in warning ? warning.key : ""} ${where}`);
  }

  const handler = nodeHandler(node, {});
  console.log(handler.kind === "found" ? `handler ${handler.name} (${handler.by})` : handler.message);

  const image = "app/web:1";
  const { candidates } = await nodeShortNames(node, image);
  for (const candidate of candidates) {
    console.log(`image ${formatReference(candidate)}`);
    const sources = await nodePullSources(node)(candidate, {});
    for (const step of sources.trace) console.log(`  ${step.outcome}: ${step.what} (${step.why})`);
    const name = `${candidate.domain}/${candidate.path}`;
    const { kind, steps } = await lookUpNodeCredentials(node, name, { image, candidate: name });
    const found = steps.find(({ outcome }) => outcome === "found");
    console.log(`  credentials: ${kind} ${found && "path" in found ? found.path : ""}`);
  }

  const policy = await nodePolicy(node, "team");
  if (policy.kind === "policy") {
    for (const { path, by, outcome } of policy.candidates) console.log(`policy ${outcome}: ${path} (${by})`);
  }
  const decryption = await nodeDecryption(node);
  if (decryption.kind === "keys") {
    console.log(`decryption keys: ${decryption.folder.keys.length} in ${decryption.folder.path}`);
  }
}

/** A node with CRI-O as its administrator may have set it up, with a mistake in it. */
function makeRoot(): string {
  const root = mkdtempSync(join(tmpdir(), "lading-example-"));
  const auth = Buffer.from("robot:not shown").toString("base64");
  const files: Readonly<Record<string, string>> = {
    "etc/crio/crio.conf.d/10-site.conf":
      '[crio.runtime]\ndefault_runtime = "crun"\nlog_levl = "info"\n[crio.image]\nglobal_auth_file = "/etc/crio/auth.json"\n',
    "etc/crio/policies/team.json": '{"default":[{"type":"reject"}]}',
    "etc/crio/auth.json": JSON.stringify({ auths: { "registry.example": { auth } } }),
    "etc/containers/policy.json": '{"default":[{"type":"insecureAcceptAnything"}]}',
    "etc/containers/registries.conf":
      'unqualified-search-registries = ["registry.example"]\n[[registry]]\nlocation = "registry.example"\n[[registry.mirror]]\nlocation = "mirror.example/copy"\n',
    "var/lib/kubelet/config.yaml":
      "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\ncontainerRuntimeEndpoint: unix:///var/run/crio/crio.sock\n",
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

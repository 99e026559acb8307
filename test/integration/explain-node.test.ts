/** Explanations by the files of a node, with a registry over HTTP. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Ajv } from "ajv";
import { loadNode } from "../../src/config/node/load.ts";
import type { NodeConfig } from "../../src/config/node.ts";
import {
  diffNodes,
  type ExplainPodOptions,
  explainPod,
  explanationSchema,
  formatExplanation,
  impact,
  type PodExplanation,
  recordExplanation,
  replayExplanation,
} from "../../src/explain/index.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import { pushProfileArtifact } from "../../src/seccomp/artifact-push.ts";
import { publicKeyPem } from "../../src/testing/certificates.ts";
import { type RootFiles, withRoot } from "../unit/config/node-root.ts";
import { key, pushImage } from "../unit/explain/place.ts";
import { pairFor } from "./registry-setup.ts";

const validate = new Ajv({ strict: true }).compile(explanationSchema);
const PROFILE = JSON.stringify({
  defaultAction: "SCMP_ACT_ALLOW",
  architectures: ["SCMP_ARCH_X86_64"],
  syscalls: [{ names: ["mount"], action: "SCMP_ACT_ERRNO", errnoRet: 1 }],
});
const SECRETS = ["s3cret-auth", "s3cret-header", "s3cret-config", "s3cret-env"];

/** A registry with a signed and an unsigned image; the signed one names a profile. */
async function place(t: TestContext) {
  const { server, registry } = await pairFor(t, { allowMissing: true });
  const name = `${server.host}/team/app`;
  const profile = `${server.host}/team/profile:1`;
  await pushProfileArtifact(registry.repository(`${server.host}/team/profile`), PROFILE, {
    tag: "1",
    unchecked: true,
  });
  const repository = registry.repository(name);
  const annotations = { "seccomp-profile.crio.io": profile };
  const digest = await pushImage(repository, "signed", { signedAs: name, annotations });
  await pushImage(repository, "unsigned");
  return { server, registry, name, digest, profile };
}

const basic = (secret: string) => Buffer.from(`user:${secret}`).toString("base64");

function crioFiles(host: string): RootFiles {
  const key64 = {
    type: "sigstoreSigned",
    keyPath: "/etc/keys/team.pub",
    signedIdentity: { type: "matchRepository" },
  };
  const transports = {
    docker: {
      [host]: [{ type: "reject" }],
      [`${host}/team`]: [key64],
      [`${host}/team/profile`]: [{ type: "insecureAcceptAnything" }],
    },
  };
  return {
    "/etc/crio/crio.conf": `
[crio.runtime]
default_runtime = "crun"
[crio.runtime.runtimes.crun]
runtime_path = "/usr/bin/crun"
allowed_annotations = ["seccomp-profile.crio.io"]
[crio.image]
signature_policy = "/etc/crio/policy.json"
global_auth_file = "/etc/crio/auth.json"
`,
    "/etc/crio/auth.json": JSON.stringify({ auths: { [host]: { auth: basic("s3cret-auth") } } }),
    "/etc/crio/policy.json": JSON.stringify({ default: [{ type: "reject" }], transports }),
    "/etc/crio/policies/open.json": JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }),
    "/etc/keys/team.pub": publicKeyPem(key),
    "/etc/containers/registries.conf": `[[registry]]\nlocation = "${host}"\ninsecure = true\n`,
    "/etc/containers/registries.d/team.yaml": `docker:\n  "${host}/team":\n    use-sigstore-attachments: true\n`,
    "/var/lib/kubelet/seccomp/local.json": PROFILE,
  };
}

async function withNode(
  files: RootFiles,
  use: (node: NodeConfig, root: string) => Promise<void>,
): Promise<void> {
  await withRoot({ inside: files }, async (root) => {
    await use(await loadNode({ root }), root);
  });
}

function podOf(namespace: string, containers: Record<string, unknown>[]): object {
  const withSecrets = containers.map((each) => ({ ...each, env: [{ name: "A", value: "s3cret-env" }] }));
  return { kind: "Pod", metadata: { name: "web", namespace }, spec: { containers: withSecrets } };
}

/** Explains, and holds the trace against its schema, its recording and its replay. */
async function explained(
  pod: unknown,
  node: NodeConfig,
  options: ExplainPodOptions,
): Promise<PodExplanation> {
  const trace = await explainPod(pod, node, options);
  assert.ok(validate(JSON.parse(JSON.stringify(trace))), JSON.stringify(validate.errors));
  const { explanation, recording } = await recordExplanation(pod, node, options);
  assert.equal(JSON.stringify(explanation), JSON.stringify(trace));
  const replayed = await replayExplanation(recording);
  assert.equal(JSON.stringify(replayed.explanation), JSON.stringify(trace));
  for (const secret of SECRETS) {
    for (const text of [secret, basic(secret)]) {
      assert.ok(!recording.includes(text), `${text} is recorded`);
      assert.ok(!JSON.stringify(trace).includes(text), `${text} is told`);
      assert.ok(!formatExplanation(trace).includes(text), `${text} is shown`);
    }
  }
  return trace;
}

test("a node with CRI-O: policy and key files, credentials, a profile that the image names", async (t) => {
  const { server, registry, name, digest, profile } = await place(t);
  await withNode(crioFiles(server.host), async (node) => {
    const options = { registry, calls: ["mount", "read"], now: () => Date.UTC(2026, 10, 21) };
    const trace = await explained(podOf("shop", [{ name: "a", image: `${name}:signed` }]), node, options);
    assert.equal(trace.kind, "runs", JSON.stringify(trace.problems));
    const [image] = trace.images;
    assert.equal(image?.digest, digest);
    const [pull] = image?.pulls ?? [];
    assert.ok(pull?.policy?.kind === "allowed");
    assert.equal(pull.policy.file, "/etc/crio/policy.json");
    assert.deepEqual(pull.policy.overridden, [server.host]);
    assert.deepEqual(pull.policy.steps.map(({ what, outcome }) => [what, outcome]).slice(0, 2), [
      ["/etc/crio/policies/shop.json", "missing"],
      ["/etc/crio/policy.json", "chosen"],
    ]);
    assert.equal(image?.create?.policy?.kind, "allowed");
    const credentials = pull.sources.attempts[0]?.credentials ?? [];
    assert.ok(
      credentials.some(({ what, outcome }) => what.includes("/etc/crio/auth.json") && outcome === "found"),
    );
    const [container] = trace.containers;
    assert.equal(container?.seccomp?.kind, "artifact");
    assert.equal(container?.seccomp?.profile, profile);
    assert.equal(container?.seccomp?.policy?.kind, "allowed");
    assert.deepEqual(
      container?.seccomp?.calls.map(({ name: call, kind }) => [call, kind]),
      [
        ["mount", "blocked"],
        ["read", "allowed"],
      ],
    );
    assert.equal(trace.handler.name, "crun");
  });
});

test("the policy of a namespace, an unsigned image, a profile on the node", async (t) => {
  const { server, registry, name } = await place(t);
  await withNode(crioFiles(server.host), async (node) => {
    const securityContext = { seccompProfile: { type: "Localhost", localhostProfile: "local.json" } };
    const containers = [{ name: "a", image: `${name}:unsigned`, securityContext }];
    const refused = await explained(podOf("shop", containers), node, { registry });
    assert.equal(
      refused.problems[0]?.kind === "fails" && refused.problems[0].reason,
      "SignatureValidationFailed",
    );
    const open = await explained(podOf("open", containers), node, { registry, calls: ["mount"] });
    assert.equal(open.kind, "runs", JSON.stringify(open.problems));
    const [pull] = open.images[0]?.pulls ?? [];
    assert.ok(pull?.policy?.kind === "allowed" && pull.policy.file === "/etc/crio/policies/open.json");
    const seccomp = open.containers[0]?.seccomp;
    assert.equal(seccomp?.profile, "/var/lib/kubelet/seccomp/local.json");
    assert.equal(seccomp?.calls[0]?.kind, "blocked");
    const missing = podOf("open", [
      {
        name: "a",
        image: `${name}:unsigned`,
        securityContext: { seccompProfile: { type: "Localhost", localhostProfile: "no.json" } },
      },
    ]);
    const failing = await explained(missing, node, { registry });
    assert.equal(failing.problems[0]?.kind === "fails" && failing.problems[0].reason, "CreateContainerError");
  });
});

function containerdFiles(host: string): RootFiles {
  return {
    "/etc/containerd/config.toml": `
version = 2
[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "/etc/containerd/certs.d"
[plugins."io.containerd.grpc.v1.cri".registry.configs."${host}".auth]
username = "user"
password = "s3cret-config"
`,
    "/etc/containerd/certs.d/quay.example/hosts.toml": `
server = "https://quay.example"
[host."http://${host}"]
capabilities = ["pull", "resolve"]
[host."http://${host}".header]
authorization = "Bearer s3cret-header"
`,
    "/var/lib/kubelet/config.json": JSON.stringify({
      auths: { "quay.example": { auth: basic("s3cret-auth") } },
    }),
  };
}

test("a node with containerd: no policy, a mirror of hosts.toml, secrets in all its files", async (t) => {
  const { server, registry, digest } = await place(t);
  await withNode(containerdFiles(server.host), async (node) => {
    const pod = podOf("shop", [{ name: "a", image: "quay.example/team/app:signed" }]);
    const trace = await explained(pod, node, { registry, calls: ["mount"] });
    assert.equal(trace.kind, "runs", JSON.stringify(trace.problems));
    assert.equal(trace.node.runtime, "containerd");
    const [pull] = trace.images[0]?.pulls ?? [];
    assert.equal(trace.images[0]?.digest, digest);
    assert.deepEqual(
      pull?.sources.attempts.map(({ kind, url }) => [kind, url]),
      [
        ["mirror", `http://${server.host}/v2`],
        ["upstream", "https://quay.example/v2"],
      ],
    );
    assert.equal(pull?.answeredBy, `http://${server.host}/v2`);
    assert.ok(server.requests.some(({ headers }) => headers.authorization === "Bearer s3cret-header"));
    assert.equal(pull?.policy?.kind, "none");
    assert.equal(trace.containers[0]?.seccomp?.kind, "none");
  });
});

test("a handler that the node does not have", async (t) => {
  const { server, registry, name } = await place(t);
  await withNode(crioFiles(server.host), async (node) => {
    const pod = podOf("open", [{ name: "a", image: `${name}:unsigned` }]);
    const asking = { ...pod, spec: { ...(pod as { spec: object }).spec, runtimeClassName: "kata" } };
    const unknown = await explained(asking, node, { registry });
    assert.deepEqual(
      unknown.problems.map((problem) => problem.kind === "undecided" && [problem.path, problem.code])[0],
      ["spec.runtimeClassName", "ERR_EXPLAIN_RUNTIME_CLASS"],
    );
    assert.equal(unknown.kind, "undecided");
    assert.equal(unknown.containers[0]?.outcome.kind, "undecided");
    const trace = await explained(asking, { ...node, runtimeClasses: new Map() }, { registry });
    assert.equal(trace.problems[0]?.kind === "fails" && trace.problems[0].reason, "FailedCreatePodSandBox");
    const withClass = { ...node, runtimeClasses: new Map([["kata", { name: "kata", handler: "crun" }]]) };
    assert.equal((await explained(asking, withClass, { registry })).handler.name, "crun");
  });
});

test("two nodes, and two policies", async (t) => {
  const { server, registry, name } = await place(t);
  await withNode(crioFiles(server.host), async (crio) => {
    await withNode(containerdFiles(server.host), async (containerd) => {
      const pod = podOf("shop", [{ name: "a", image: `${name}:unsigned` }]);
      const difference = await diffNodes(pod, crio, containerd, { registry });
      assert.ok(
        difference.decisions.some(({ path, a, b }) => path === "kind" && a === "fails" && b === "runs"),
      );
      assert.ok(difference.details.some(({ path }) => path === "node.runtime"));
      assert.equal(difference.isCut, false);
    });
    const list = { items: [podOf("shop", [{ name: "a", image: `${name}:unsigned` }])] };
    const policies = ["insecureAcceptAnything", "reject"].map((type) =>
      parsePolicy(JSON.stringify({ default: [{ type }] })),
    );
    const [before, after] = policies;
    assert.ok(before && after);
    const report = await impact(list, before, after, { node: crio, registry });
    assert.deepEqual(
      report.changes.map(({ kind, pods }) => [kind, pods]),
      [["fails-now", 1]],
    );
  });
});

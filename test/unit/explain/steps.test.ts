/** Single steps of an explanation: indexes, pull policies, capabilities, features, profiles. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../src/core/digest.ts";
import { OCI_INDEX } from "../../../src/core/media-types.ts";
import { boundingSet, CONTAINERD_CAPABILITIES } from "../../../src/explain/capabilities.ts";
import { compareExplanations } from "../../../src/explain/diff-nodes.ts";
import { ExplainError } from "../../../src/explain/errors.ts";
import { type ExplainOptions, explainSubject } from "../../../src/explain/explain-subject.ts";
import { readHandlerFeatures } from "../../../src/explain/features.ts";
import { imageRequests } from "../../../src/explain/image.ts";
import { readPod } from "../../../src/explain/pod.ts";
import type { PodExplanation } from "../../../src/explain/trace.ts";
import type { Store } from "../../../src/oci/store.ts";
import { pushProfileArtifact } from "../../../src/seccomp/artifact-push.ts";
import {
  crioAnswers,
  type FakeRegistries,
  fakeRegistries,
  type NodeByHand,
  podOf,
  pushImage,
  signedPolicy,
} from "./place.ts";

const NAME = "quay.io/team/app";

async function explain(
  pod: unknown,
  registries: FakeRegistries,
  node: NodeByHand = {},
  options: Partial<ExplainOptions> = {},
): Promise<PodExplanation> {
  const answers = await crioAnswers(node);
  try {
    return await explainSubject(readPod(pod), answers, { registry: registries.registry, ...options });
  } finally {
    await answers.close();
  }
}

/** An index of two images, each signed; gives the digests. */
async function pushIndex(store: Store, tag: string): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  const manifests: object[] = [];
  for (const architecture of ["amd64", "arm64"]) {
    const digest = await pushImage(store, `${tag}-${architecture}`, {
      content: architecture,
      signedAs: NAME,
    });
    const { mediaType, size } = await store.resolve(digest);
    manifests.push({ mediaType, digest, size, platform: { os: "linux", architecture } });
    digests[architecture] = digest;
  }
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }));
  const descriptor = { mediaType: OCI_INDEX, digest: digestOf(bytes), size: bytes.byteLength };
  await store.push(descriptor, bytes);
  await store.tag(descriptor, tag);
  return { ...digests, index: descriptor.digest };
}

const none: NodeByHand["change"] = { policy: async () => ({ kind: "none", why: "containerd has none" }) };
const rules: [what: string, node: NodeByHand][] = [
  ["with a policy", { policy: signedPolicy(NAME), checkedAtCreate: true }],
  ["without a policy", { change: none }],
];

for (const [what, node] of rules) {
  test(`of an index, the platform's image is decided on, ${what}`, async () => {
    const registries = fakeRegistries();
    const digests = await pushIndex(registries.store(NAME), "1");
    for (const architecture of ["amd64", "arm64"]) {
      const platform = { os: "linux", architecture };
      const trace = await explain(podOf(`${NAME}:1`), registries, node, { platform });
      assert.equal(trace.kind, "runs", JSON.stringify(trace.problems));
      assert.equal(trace.images[0]?.digest, digests[architecture]);
      assert.equal(trace.images[0]?.indexDigest, digests["index"]);
      assert.equal(trace.node.platform, `linux/${architecture}`);
    }
    const platform = { os: "linux", architecture: "s390x" };
    const other = await explain(podOf(`${NAME}:1`), registries, node, { platform });
    assert.equal(other.problems[0]?.kind === "fails" && other.problems[0].reason, "ErrImagePull");
  });

  test(`an image by digest, or by tag and digest, is that digest's, ${what}`, async () => {
    const registries = fakeRegistries();
    const digests = await pushIndex(registries.store(NAME), "1");
    for (const reference of [`${NAME}@${digests["index"]}`, `${NAME}:moved@${digests["index"]}`]) {
      const trace = await explain(podOf(reference), registries, node);
      assert.equal(trace.kind, "runs", JSON.stringify(trace.problems));
      assert.equal(trace.images[0]?.digest, digests["amd64"]);
      assert.equal(trace.images[0]?.pulls[0]?.reference, `${NAME}@${digests["index"]}`);
    }
  });
}

test("pull policies are those of the Pod, or go by the tag", () => {
  const of = (image: string, policy?: string) => {
    const container = { name: "a", image, ...(policy ? { imagePullPolicy: policy } : {}) };
    const [request] = imageRequests(readPod({ spec: { containers: [container] } }).images);
    return [request?.pullPolicy, request?.pullPolicyFrom];
  };
  assert.deepEqual(of("busybox"), ["Always", "tag"]);
  assert.deepEqual(of("busybox:latest"), ["Always", "tag"]);
  assert.deepEqual(of("busybox:1"), ["IfNotPresent", "tag"]);
  assert.deepEqual(of(`busybox@${digestOf("")}`), ["IfNotPresent", "tag"]);
  assert.deepEqual(of(`busybox:latest@${digestOf("")}`), ["IfNotPresent", "tag"]);
  assert.deepEqual(of("busybox", "Never"), ["Never", "pod"]);
});

test("one image under two pull policies is two", () => {
  const containers = [
    { name: "a", image: "busybox:1" },
    { name: "b", image: "busybox:1", imagePullPolicy: "Never" },
    { name: "c", image: "busybox:1", imagePullPolicy: "IfNotPresent" },
  ];
  const requests = imageRequests(readPod({ spec: { containers } }).images);
  assert.deepEqual(
    requests.map(({ pullPolicy, places }) => [pullPolicy, places.length]),
    [
      ["IfNotPresent", 2],
      ["Never", 1],
    ],
  );
});

test("capabilities: the defaults, what is added and dropped, and all of them", () => {
  const of = (add: string[], drop: string[], privileged = false) =>
    boundingSet({ privileged, capabilities: { add, drop } }, ["CHOWN", "CAP_KILL"]);
  assert.deepEqual(of([], []), ["CAP_CHOWN", "CAP_KILL"]);
  assert.deepEqual(of(["net_admin"], []), ["CAP_CHOWN", "CAP_KILL", "CAP_NET_ADMIN"]);
  assert.deepEqual(of([], ["CAP_CHOWN"]), ["CAP_KILL"]);
  assert.deepEqual(of(["CHOWN"], ["ALL"]), ["CAP_CHOWN"]);
  assert.equal(of(["ALL"], []).length, 41);
  assert.equal(of(["ALL"], ["SYS_ADMIN"]).includes("CAP_SYS_ADMIN"), false);
  assert.deepEqual(of(["ALL"], ["ALL"]), []);
  assert.deepEqual(of(["KILL"], ["KILL"]), ["CAP_CHOWN"]);
  assert.equal(of([], ["ALL"], true).length, 41);
  assert.equal(CONTAINERD_CAPABILITIES.length, 14);
});

test("handlers of a Node are read by name, and a Node that is none is refused", () => {
  const features = { userNamespaces: true, recursiveReadOnlyMounts: false };
  const status = { runtimeHandlers: [{ name: "", features }, { name: "kata" }, { features: null }] };
  const none = { userNamespaces: false, recursiveReadOnlyMounts: false };
  assert.deepEqual(
    [...readHandlerFeatures({ status })],
    [
      ["", none],
      ["kata", none],
    ],
  );
  assert.deepEqual([...readHandlerFeatures({})], []);
  for (const node of [null, 1, { status: { runtimeHandlers: {} } }, { status: { runtimeHandlers: [1] } }]) {
    assert.throws(() => readHandlerFeatures(node), ExplainError);
  }
});

test("recursive read-only mounts and image volumes are asked of the handler and of the release", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const pod = {
    metadata: { name: "a" },
    spec: {
      containers: [
        { name: "a", image: `${NAME}:1`, volumeMounts: [{ name: "v", recursiveReadOnly: "Enabled" }] },
        { name: "b", image: `${NAME}:1`, volumeMounts: [{ name: "v", recursiveReadOnly: "IfPossible" }] },
      ],
      volumes: [{ name: "v", image: { reference: `${NAME}:1` } }],
    },
  };
  const nodeObject = {
    status: { runtimeHandlers: [{ name: "", features: { recursiveReadOnlyMounts: false } }] },
  };
  const trace = await explain(pod, registries, {}, { nodeObject });
  assert.deepEqual(
    trace.features.map(({ feature, outcome }) => [feature, outcome.kind]),
    [
      ["image-volumes", "runs"],
      ["recursive-read-only-mounts", "fails"],
    ],
  );
  const [problem] = trace.problems;
  assert.ok(problem?.kind === "fails");
  assert.equal(problem.reason, "CreateContainerConfigError");
  assert.match(problem.message, /volume "v" requested recursive read-only mode/);
  assert.deepEqual(
    trace.containers.map(({ outcome }) => outcome.kind),
    ["fails", "runs"],
  );
  const old = await explain(pod, registries, { version: "1.30.0" }, { nodeObject });
  assert.equal(old.features[0]?.outcome.kind, "fails");
});

test("what the default handler can do says nothing of another one", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const pod = podOf(`${NAME}:1`);
  pod.spec["hostUsers"] = false;
  const handlers = (...names: string[]): object => ({
    nodeObject: {
      status: { runtimeHandlers: names.map((name) => ({ name, features: { userNamespaces: true } })) },
    },
  });
  const by = (isDefault: boolean): NodeByHand => ({
    change: { handler: async () => ({ kind: "handler", name: "kata", isDefault, steps: [] }) },
  });
  for (const [isDefault, names, kind] of [
    [true, [""], "runs"],
    [true, ["kata"], "runs"],
    [false, ["kata"], "runs"],
    [false, [""], "undecided"],
    [false, ["", "crun"], "undecided"],
    [true, ["crun"], "undecided"],
  ] as const) {
    const trace = await explain(pod, registries, by(isDefault), handlers(...names));
    assert.equal(trace.kind, kind, `${isDefault} ${names}`);
  }
});

test("image volumes are open where the kubelet's gate for them is off", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const pod = podOf(`${NAME}:1`);
  pod.spec["volumes"] = [{ name: "v", image: { reference: `${NAME}:1` } }];
  const gate = (isOn: boolean): NodeByHand => ({
    change: { featureGates: new Map([["ImageVolume", isOn]]) },
  });
  assert.equal((await explain(pod, registries, gate(true))).kind, "runs");
  const off = await explain(pod, registries, gate(false));
  assert.equal(off.kind, "undecided");
  assert.match(off.features[0]?.why ?? "", /gate ImageVolume/);
  assert.equal((await explain(pod, registries, { ...gate(false), version: "1.30.0" })).kind, "fails");
});

test("a gate of the kubelet that is off leaves users to the machine", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const pod = podOf(`${NAME}:1`);
  pod.spec["hostUsers"] = false;
  const change = { featureGates: new Map([["UserNamespacesSupport", false]]) };
  const trace = await explain(pod, registries, { change });
  assert.equal(trace.kind, "runs");
  assert.match(trace.features[0]?.why ?? "", /users are the machine's/);
});

test("a profile that no kubelet sends, and one that the node does not read", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const withProfile = (seccompProfile: object) => {
    const pod = podOf(`${NAME}:1`);
    pod.spec["securityContext"] = { seccompProfile };
    return pod;
  };
  const unknown = await explain(withProfile({ type: "OCI" }), registries);
  assert.equal(
    unknown.problems[0]?.kind === "fails" && unknown.problems[0].reason,
    "CreateContainerConfigError",
  );
  assert.equal(unknown.problems[0]?.path, "spec.containers[0]");
  const local = withProfile({ type: "Localhost", localhostProfile: "a.json" });
  const files = { "/var/lib/kubelet/seccomp/a.json": "{" };
  const broken = await explain(local, registries, { files });
  assert.equal(broken.problems[0]?.kind === "fails" && broken.problems[0].reason, "CreateContainerError");
  assert.equal(broken.containers[0]?.seccomp?.digest, digestOf("{"));
});

test("the profile of an image is pulled under the node's own policy, from 1.33 on", async () => {
  const annotations = { "seccomp-profile.kubernetes.cri-o.io": "quay.io/x/profile:1" };
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1", { annotations });
  const profile = '{"defaultAction":"SCMP_ACT_ERRNO"}';
  await pushProfileArtifact(registries.store("quay.io/x/profile"), profile, { tag: "1", unchecked: true });
  const policy = {
    default: [{ type: "reject" }],
    transports: { docker: { [NAME]: [{ type: "insecureAcceptAnything" }] } },
  };
  const of = (version: string): NodeByHand => ({
    policy,
    version,
    change: {
      seccomp: async () => ({
        runtime: { kind: "cri-o", version, allowedAnnotations: ["seccomp-profile.kubernetes.cri-o.io"] },
        kubelet: {},
        defaultCapabilities: [],
      }),
    },
  });
  const now = await explain(podOf(`${NAME}:1`), registries, of("1.37.0"));
  const [problem] = now.problems;
  assert.ok(problem?.kind === "fails");
  assert.match(
    problem.message,
    /^setup seccomp: try to pull OCI artifact seccomp profile: .*is rejected by policy\.$/,
  );
  assert.equal(now.containers[0]?.seccomp?.policy?.kind, "rejected");
  // The node's own policy may be another one, though that of the namespace is known.
  const known = of("1.37.0");
  const plain = await crioAnswers({ policy: { default: [{ type: "insecureAcceptAnything" }] } });
  const steps = [{ what: "/root/.config/containers/policy.json", outcome: "dangling", why: "system" }];
  const doubtful = await explain(podOf(`${NAME}:1`), registries, {
    ...known,
    change: {
      ...known.change,
      async policy(namespace, options) {
        const own = await plain.policy(namespace, options);
        return own.kind === "policy" && namespace === "" ? { ...own, steps } : own;
      },
    },
  });
  await plain.close();
  assert.deepEqual(
    doubtful.problems.map((each) => each.kind === "undecided" && [each.path, each.code]),
    [["spec.containers[0]", "ERR_EXPLAIN_DANGLING_LINK"]],
  );
  const before = await explain(podOf(`${NAME}:1`), registries, of("1.32.0"));
  assert.equal(before.kind, "runs", JSON.stringify(before.problems));
  assert.equal(before.containers[0]?.seccomp?.policy?.kind, "none");
  assert.equal(before.containers[0]?.seccomp?.digest, digestOf(profile));

  registries.down.add("quay.io");
  await pushImage(registries.store("ghcr.io/a/b"), "1", { annotations });
  const open = { ...of("1.37.0"), policy: { default: [{ type: "insecureAcceptAnything" }] } };
  const down = await explain(podOf("ghcr.io/a/b:1"), registries, open);
  assert.equal(down.kind, "undecided");
  assert.equal(down.problems[0]?.path, "spec.containers[0]");
});

test("several workloads that lead to different profiles are undecided", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const pod = {
    metadata: {
      name: "a",
      annotations: { one: "", two: "", "seccomp-profile.crio.io/POD": "quay.io/x/p:1" },
    },
    spec: { containers: [{ name: "a", image: `${NAME}:1` }] },
  };
  const workloads = [
    { activationAnnotation: "one", allowedAnnotations: ["seccomp-profile.crio.io"] },
    { activationAnnotation: "two", allowedAnnotations: [] },
  ];
  const change: NodeByHand["change"] = {
    seccomp: async () => ({
      runtime: { kind: "cri-o", version: "1.37.0", workloads },
      kubelet: {},
      defaultCapabilities: [],
    }),
  };
  const trace = await explain(pod, registries, { change });
  const [problem] = trace.problems;
  assert.ok(problem?.kind === "undecided" && problem.code === "ERR_EXPLAIN_AMBIGUOUS");
  assert.equal(trace.containers[0]?.seccomp?.kind, "ambiguous");
});

test("an abort while a registry is silent rejects with its reason", async () => {
  const registries = fakeRegistries();
  const controller = new AbortController();
  const reason = new Error("enough");
  let asked = 0;
  const silent = {
    repositoryAt: (...place: Parameters<typeof registries.registry.repositoryAt>) => ({
      ...registries.registry.repositoryAt(...place),
      readManifest: () => {
        asked++;
        setImmediate(() => controller.abort(reason));
        return new Promise<never>(() => {});
      },
    }),
  };
  await assert.rejects(
    explain(podOf(`${NAME}:1`, `${NAME}:2`), registries, {}, { registry: silent, signal: controller.signal }),
    (error) => error === reason,
  );
  assert.equal(asked, 2);
});

test("differences between two traces: what the Pod notices apart from the rest, and not without end", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const a = await explain(podOf(`${NAME}:1`), registries);
  const b = await explain(podOf(`${NAME}:1`), registries, { policy: { default: [{ type: "reject" }] } });
  const difference = compareExplanations(a, b);
  assert.deepEqual(difference.decisions.map(({ path }) => path).slice(0, 2), [
    "kind",
    "images[0].outcome.kind",
  ]);
  assert.ok(difference.details.some(({ path }) => path === "images[0].pulls[0].policy.kind"));
  assert.deepEqual(compareExplanations(a, a).decisions, []);
  const many = {
    ...a,
    containers: Array.from({ length: 5000 }, (_, at) => ({ ...a.containers[0], name: `x${at}` })),
  };
  const cut = compareExplanations(a, many as PodExplanation);
  assert.ok(cut.isCut && cut.decisions.length + cut.details.length === 1000);
});

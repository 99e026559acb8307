/** The whole of an explanation, on a node that answers by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type ExplainOptions, explainSubject } from "../../../src/explain/explain-subject.ts";
import { readPod } from "../../../src/explain/pod.ts";
import type { PodExplanation } from "../../../src/explain/trace.ts";
import { OciError } from "../../../src/oci/errors.ts";
import { PolicyError } from "../../../src/policy/errors.ts";
import {
  crioAnswers,
  type FakeRegistries,
  fakeRegistries,
  type NodeByHand,
  otherKey,
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
    return await explainSubject(readPod(pod), answers, {
      registry: registries.registry,
      now: () => Date.UTC(2026, 10, 21),
      ...options,
    });
  } finally {
    await answers.close();
  }
}

test("a signed image runs, and the trace names scope, signature, place and digest", async () => {
  const registries = fakeRegistries();
  const digest = await pushImage(registries.store(NAME), "1", { signedAs: NAME });
  const trace = await explain(podOf(`${NAME}:1`), registries, { policy: signedPolicy(NAME) });
  assert.equal(trace.kind, "runs");
  assert.deepEqual(trace.problems, []);
  const [image] = trace.images;
  assert.equal(image?.digest, digest);
  assert.deepEqual(image?.places, ["spec.containers[0].image"]);
  const [pull] = image?.pulls ?? [];
  assert.equal(pull?.answeredBy, "https://quay.io/v2");
  assert.ok(pull?.policy?.kind === "allowed");
  assert.equal(pull.policy.scope, `docker "${NAME}"`);
  assert.equal(pull.policy.file, "/etc/containers/policy.json");
  assert.equal(pull.policy.requirements[0]?.signatures[0]?.kind, "accepted");
  assert.deepEqual(
    pull.policy.lookedAt.map(({ place, kind }) => [place, kind]),
    [
      ["registry-extension", "skipped"],
      ["lookaside", "absent"],
      ["sigstore-attachments", "found"],
    ],
  );
  assert.equal(image?.create?.policy, undefined);
});

test("an unsigned image fails with CRI-O's text, and its container is not reached", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const trace = await explain(podOf(`${NAME}:1`), registries, { policy: signedPolicy(NAME) });
  assert.equal(trace.kind, "fails");
  const text = "Source image rejected: A signature was required, but no signature exists";
  assert.deepEqual(trace.problems, [
    {
      path: "spec.containers[0].image",
      kind: "fails",
      reason: "SignatureValidationFailed",
      message: `SignatureValidationFailed: unable to pull image or OCI artifact: pull image err: ${text}`,
    },
  ]);
  assert.equal(trace.images[0]?.digest, undefined);
  assert.equal(trace.containers[0]?.outcome.kind, "fails");
  assert.equal(trace.containers[0]?.seccomp, undefined);
  const old = await explain(podOf(`${NAME}:1`), registries, {
    policy: signedPolicy(NAME),
    version: "1.32.1",
  });
  assert.equal(old.problems[0]?.message, `SignatureValidationFailed: ${text}`);
});

test("a pull in a process of its own loses the kubelet's reason, and not the refusal", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const change = { separatePulls: true };
  const trace = await explain(podOf(`${NAME}:1`), registries, { policy: signedPolicy(NAME), change });
  const [problem] = trace.problems;
  assert.ok(problem?.kind === "fails");
  assert.equal(problem.reason, "ErrImagePull");
  assert.ok(
    problem.message.endsWith("Source image rejected: A signature was required, but no signature exists"),
  );
});

test("a registry that is down leaves the image undecided, never allowed", async () => {
  for (const policy of [signedPolicy(NAME), { default: [{ type: "insecureAcceptAnything" }] }]) {
    const registries = fakeRegistries();
    await pushImage(registries.store(NAME), "1", { signedAs: NAME });
    registries.down.add("quay.io");
    const trace = await explain(podOf(`${NAME}:1`), registries, { policy });
    assert.equal(trace.kind, "undecided");
    const [problem] = trace.problems;
    assert.equal(problem?.kind === "undecided" && problem.code, "ERR_OCI_NETWORK");
    assert.equal(trace.images[0]?.digest, undefined);
    assert.equal(trace.containers[0]?.outcome.kind, "undecided");
  }
});

test("a failure goes before what is undecided, and both are told", async () => {
  const registries = fakeRegistries();
  registries.down.add("ghcr.io");
  const trace = await explain(podOf("ghcr.io/a/b:1", `${NAME}:none`), registries);
  assert.equal(trace.kind, "fails");
  assert.deepEqual(
    trace.problems.map(({ kind, path }) => [kind, path]),
    [
      ["fails", "spec.containers[1].image"],
      ["undecided", "spec.containers[0].image"],
    ],
  );
  assert.equal(trace.problems[0]?.kind === "fails" && trace.problems[0].reason, "ErrImagePull");
});

test("an image that one mirror does not have and another one cannot tell about is undecided", async () => {
  const registries = fakeRegistries();
  registries.down.add("mirror.example");
  const registriesConf = `
    [[registry]]
    prefix = "quay.io"
    location = "quay.io"
    [[registry.mirror]]
    location = "mirror.example/quay"
  `;
  const trace = await explain(podOf(`${NAME}:1`), registries, { registriesConf });
  assert.equal(trace.kind, "undecided");
  assert.deepEqual(
    trace.images[0]?.pulls[0]?.sources.attempts.map(({ kind, url }) => [kind, url]),
    [
      ["mirror", "https://mirror.example/v2"],
      ["upstream", "https://quay.io/v2"],
    ],
  );
});

test("a mirror that answers is named, and so is the one before it that did not", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  registries.down.add("mirror.example");
  const registriesConf = `
    [[registry]]
    location = "quay.io"
    [[registry.mirror]]
    location = "mirror.example/quay"
  `;
  const trace = await explain(podOf(`${NAME}:1`), registries, { registriesConf });
  assert.equal(trace.kind, "runs");
  const [pull] = trace.images[0]?.pulls ?? [];
  assert.equal(pull?.answeredBy, "https://quay.io/v2");
  assert.deepEqual(
    pull?.passedOver.map(({ url, code }) => [url, code]),
    [["https://mirror.example/v2", "ERR_OCI_NETWORK"]],
  );
});

test("a blocked registry fails the pull and is not asked", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const registriesConf = '[[registry]]\nlocation = "quay.io"\nblocked = true\n';
  const trace = await explain(podOf(`${NAME}:1`), registries, { registriesConf });
  assert.equal(trace.kind, "fails");
  assert.match(trace.problems[0]?.message ?? "", /^registry quay\.io is blocked in .*registries\.conf$/);
  assert.deepEqual(registries.requests, []);
});

test("a text that is no reference is an InvalidImageName", async () => {
  const trace = await explain(podOf("quay.io/UPPER:1"), fakeRegistries());
  assert.equal(trace.problems[0]?.kind === "fails" && trace.problems[0].reason, "InvalidImageName");
  assert.deepEqual(trace.images[0]?.pulls, []);
});

test("an image that is never pulled is undecided, though its pull would succeed", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const pod = podOf();
  pod.spec["containers"] = [{ name: "a", image: `${NAME}:1`, imagePullPolicy: "Never" }];
  const trace = await explain(pod, registries);
  assert.equal(trace.kind, "undecided");
  const [problem] = trace.problems;
  assert.equal(problem?.kind === "undecided" && problem.code, "ERR_EXPLAIN_LOCAL_IMAGE");
});

test("a policy with a path is asked again at creation, by the name in the Pod", async () => {
  const registries = fakeRegistries();
  const digest = await pushImage(registries.store(NAME), "1", { signedAs: NAME });
  const same = await explain(podOf(`${NAME}:1`), registries, {
    policy: signedPolicy(NAME),
    checkedAtCreate: true,
  });
  assert.equal(same.kind, "runs");
  assert.equal(same.images[0]?.create?.policy?.kind, "allowed");

  // A short name that an alias leads elsewhere is another name when the container is created.
  const trace = await explain(podOf("app:1"), registries, {
    policy: signedPolicy(NAME),
    checkedAtCreate: true,
    change: {
      names: async () => ({
        by: "alias",
        origin: "/etc/a.conf",
        candidates: [{ domain: "quay.io", path: "team/app", tag: "1" }],
      }),
    },
  });
  assert.equal(trace.kind, "fails");
  assert.equal(trace.images[0]?.digest, digest);
  const [problem] = trace.problems;
  assert.equal(problem?.kind === "fails" && problem.reason, "CreateContainerError");
  assert.equal(
    problem?.message,
    'checking signature of "docker.io/library/app:1": verifying signatures: SignatureValidationFailed: ' +
      "Running image docker://app:1 is rejected by policy.",
  );
});

test("signatures that cannot be listed again leave the creation undecided, though the pull was allowed", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1", { signedAs: NAME });
  const answers = await crioAnswers({ policy: signedPolicy(NAME), checkedAtCreate: true });
  const [source] = answers.signatureSources;
  assert.ok(source);
  let listed = 0;
  const failing: typeof source = {
    ...source,
    async list(image, options) {
      if (++listed > 1) throw new OciError("ERR_OCI_NETWORK", "down");
      return await source.list(image, options);
    },
  };
  const trace = await explainSubject(
    readPod(podOf(`${NAME}:1`)),
    { ...answers, signatureSources: [failing] },
    { registry: registries.registry },
  );
  await answers.close();
  assert.equal(trace.images[0]?.pulls[0]?.outcome.kind, "runs");
  assert.equal(trace.images[0]?.create?.outcome.kind, "undecided");
  assert.equal(trace.kind, "undecided");
  assert.equal(trace.containers[0]?.outcome.kind, "undecided");
});

test("at creation nothing is fetched that the pull has fetched", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1", { signedAs: NAME });
  const node = { policy: signedPolicy(NAME) };
  await explain(podOf(`${NAME}:1`), registries, node);
  const { length } = registries.requests.filter((request) => request.startsWith("manifest"));
  registries.requests.length = 0;
  await explain(podOf(`${NAME}:1`), registries, { ...node, checkedAtCreate: true });
  const again = registries.requests.filter(
    (request) => request.startsWith("manifest") && request.endsWith(" 1"),
  );
  assert.equal(again.length, 1);
  assert.ok(length >= 2);
});

test("candidates are tried in order up to the first that is pulled", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store("b.example/x"), "1");
  const candidates = ["a.example", "b.example", "c.example"].map((domain) => ({
    domain,
    path: "x",
    tag: "1",
  }));
  const change = { names: async () => ({ by: "search", origin: "/etc/r.conf", candidates }) };
  const trace = await explain(podOf("x:1"), registries, { change });
  assert.equal(trace.kind, "runs");
  assert.deepEqual(
    trace.images[0]?.pulls.map(({ reference, outcome }) => [reference, outcome.kind]),
    [
      ["a.example/x:1", "fails"],
      ["b.example/x:1", "runs"],
    ],
  );
  registries.down.add("a.example");
  const down = await explain(podOf("x:1"), registries, { change });
  assert.equal(down.kind, "undecided");
  assert.equal(down.images[0]?.pulls.length, 1);
});

test("a policy that is broken fails every pull, and one that cannot be read leaves it open", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const rejecting = (error: Error) => ({ change: { policy: async () => Promise.reject(error) } });
  const broken = new PolicyError("ERR_POLICY_MISSING_DEFAULT", "Default policy is missing");
  assert.equal((await explain(podOf(`${NAME}:1`), registries, rejecting(broken))).kind, "fails");
  const missing = new PolicyError("ERR_POLICY_FILE", "config file not found");
  assert.equal((await explain(podOf(`${NAME}:1`), registries, rejecting(missing))).kind, "fails");
  const unreadable = new PolicyError("ERR_POLICY_FILE", "EACCES", { cause: new Error("EACCES") });
  assert.equal((await explain(podOf(`${NAME}:1`), registries, rejecting(unreadable))).kind, "undecided");
  const mistake = rejecting(new RangeError("a mistake"));
  await assert.rejects(explain(podOf(`${NAME}:1`), registries, mistake), RangeError);
});

test("one error of any answer is an undecided step or a rejection, and never runs", async (t) => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const error = new OciError("ERR_OCI_NETWORK", "down");
  for (const answer of ["handler", "names", "sources", "seccomp", "decryption", "policy"] as const) {
    await t.test(answer, async () => {
      const change = { [answer]: async () => Promise.reject(error) };
      const trace = await explain(podOf(`${NAME}:1`), registries, { change });
      assert.equal(trace.kind, "undecided");
      assert.equal(trace.containers[0]?.outcome.kind, "undecided");
    });
  }
  await t.test("a look-up of credentials that fails is told, and leaves the pull open", async () => {
    const change = { credentials: async () => Promise.reject(error) };
    const trace = await explain(podOf(`${NAME}:1`), registries, { change });
    assert.equal(trace.kind, "undecided");
    assert.equal(trace.problems[0]?.kind === "undecided" && trace.problems[0].code, "ERR_OCI_NETWORK");
    assert.equal(trace.images[0]?.pulls[0]?.sources.attempts[0]?.credentials[0]?.outcome, "failed");
    registries.down.add("quay.io");
    assert.equal((await explain(podOf(`${NAME}:1`), registries, { change })).kind, "undecided");
    registries.down.clear();
    const refused = await explain(podOf(`${NAME}:none`), registries, { change });
    assert.equal(refused.kind, "fails");
  });
});

test("credentials that the runtime cannot read fail the pull", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const change = {
    credentials: async () => ({ steps: [], failure: "reading JSON file /etc/crio/auth.json" }),
  };
  const trace = await explain(podOf(`${NAME}:1`), registries, { change });
  assert.equal(trace.problems[0]?.kind === "fails" && trace.problems[0].reason, "ErrImagePull");
  assert.deepEqual(registries.requests, []);
});

test("a Pod without a handler has no sandbox, and none of its containers starts", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const change = { handler: async () => ({ kind: "none" as const, message: "no runtime", steps: [] }) };
  const pod = podOf(`${NAME}:1`);
  pod.spec["runtimeClassName"] = "kata";
  const trace = await explain(pod, registries, { change });
  assert.equal(trace.kind, "fails");
  assert.deepEqual(trace.problems[0], {
    path: "spec.runtimeClassName",
    kind: "fails",
    reason: "FailedCreatePodSandBox",
    message: "no runtime",
  });
  assert.equal(trace.containers[0]?.outcome.kind, "fails");
});

test("the same input gives the same bytes, whatever else runs", async () => {
  const registries = fakeRegistries();
  for (const tag of ["1", "2", "3"]) await pushImage(registries.store(NAME), tag, { signedAs: NAME });
  const node = { policy: signedPolicy(NAME), checkedAtCreate: true };
  const pod = podOf(`${NAME}:3`, `${NAME}:1`, `${NAME}:2`, `${NAME}:1`, "quay.io/x/none:1");
  const texts = new Set<string>();
  for (const concurrency of [1, 2, 8]) {
    texts.add(
      JSON.stringify(await explain(pod, registries, node, { concurrency, calls: ["mount", "read"] })),
    );
  }
  assert.equal(texts.size, 1);
});

test("an image that several containers have is asked for once", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const trace = await explain(podOf(...new Array(10_000).fill(`${NAME}:1`)), registries);
  assert.equal(trace.images.length, 1);
  assert.equal(trace.images[0]?.places.length, 10_000);
  assert.equal(trace.containers.length, 10_000);
  assert.equal(registries.requests.filter((request) => request.startsWith("manifest")).length, 1);
});

test("10,000 containers with images and mounts of their own are all explained, and in time", async () => {
  const registries = fakeRegistries();
  const containers = Array.from({ length: 10_000 }, (_, at) => ({
    name: `c${at}`,
    image: `${NAME}:none-${at}`,
    volumeMounts: [{ name: "v", recursiveReadOnly: "Enabled" }],
  }));
  const started = performance.now();
  const trace = await explain({ metadata: { name: "a" }, spec: { containers } }, registries);
  const took = performance.now() - started;
  assert.deepEqual([trace.images.length, trace.features.length, trace.kind], [10_000, 10_000, "fails"]);
  assert.equal(trace.problems.length, 20_000);
  assert.ok(trace.containers.every(({ outcome }) => outcome.kind === "fails"));
  assert.ok(took < 60_000, `${took} ms`);
});

test("another key rejects, and an abort rejects with its reason", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1", { signedAs: NAME });
  const trace = await explain(podOf(`${NAME}:1`), registries, { policy: signedPolicy(NAME, otherKey) });
  assert.equal(trace.kind, "fails");
  const reason = new Error("no more time");
  await assert.rejects(
    explain(podOf(`${NAME}:1`), registries, {}, { signal: AbortSignal.abort(reason) }),
    (error) => error === reason,
  );
});

test("what a node's status does not tell about handlers is undecided", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1");
  const pod = podOf(`${NAME}:1`);
  pod.spec["hostUsers"] = false;
  assert.equal((await explain(pod, registries)).kind, "undecided");
  const status = (userNamespaces: boolean) => ({
    nodeObject: { status: { runtimeHandlers: [{ name: "crun", features: { userNamespaces } }] } },
  });
  assert.equal((await explain(pod, registries, {}, status(true))).kind, "runs");
  const lacking = await explain(pod, registries, {}, status(false));
  assert.equal(lacking.problems[0]?.kind === "fails" && lacking.problems[0].reason, "FailedCreatePodSandBox");
  assert.equal(lacking.problems[0]?.path, "spec.hostUsers");
});

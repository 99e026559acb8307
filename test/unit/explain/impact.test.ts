import assert from "node:assert/strict";
import { test } from "node:test";
import { ExplainError } from "../../../src/explain/errors.ts";
import { type ImpactOptions, type ImpactPolicy, impactBy } from "../../../src/explain/impact.ts";
import type { ImpactReport } from "../../../src/explain/impact-report.ts";
import { OciError } from "../../../src/oci/errors.ts";
import { parsePolicy } from "../../../src/policy/parse.ts";
import type { Policy } from "../../../src/policy/types.ts";
import {
  crioAnswers,
  type FakeRegistries,
  fakeRegistries,
  type NodeByHand,
  otherKey,
  podOf,
  pushImage,
  signedRequirement,
} from "./place.ts";

const ANYTHING = { type: "insecureAcceptAnything" };
const REJECT = { type: "reject" };

function policyOf(fallback: object, docker: Record<string, object[]> = {}): Policy {
  return parsePolicy(JSON.stringify({ default: [fallback], transports: { docker } }));
}

function listOf(...pods: [name: string, ...images: string[]][]): unknown {
  const items = pods.map(([name, ...images]) => ({
    ...podOf(...images),
    metadata: { name, namespace: "shop" },
  }));
  return { apiVersion: "v1", kind: "List", items };
}

async function report(
  pods: unknown,
  before: ImpactPolicy,
  after: ImpactPolicy,
  registries: FakeRegistries,
  { node = {}, ...options }: { node?: NodeByHand } & Partial<Omit<ImpactOptions, "node">> = {},
): Promise<ImpactReport> {
  const answers = await crioAnswers(node);
  try {
    return await impactBy(pods, before, after, answers, { registry: registries.registry, ...options });
  } finally {
    await answers.close();
  }
}

test("what fails now is told first, grouped by the requirement that is new", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store("quay.io/team/signed"), "1", { signedAs: "quay.io/team/signed" });
  await pushImage(registries.store("quay.io/team/unsigned"), "1");
  await pushImage(registries.store("quay.io/team/plain"), "1");
  await pushImage(registries.store("ghcr.io/a/b"), "1");
  const before = policyOf(ANYTHING, { "ghcr.io": [REJECT] });
  const requirement = signedRequirement();
  const after = policyOf(ANYTHING, { "quay.io/team": [requirement], "ghcr.io": [ANYTHING] });
  const pods = listOf(
    ["one", "quay.io/team/signed:1", "quay.io/team/unsigned:1"],
    ["two", "quay.io/team/unsigned:1", "quay.io/team/plain:1"],
    ["three", "ghcr.io/a/b:1", "docker.io/library/busybox:1"],
  );
  const found = await report(pods, before, after, registries);
  assert.equal(found.pods, 3);
  assert.equal(found.images, 5);
  assert.equal(found.evaluated, 4);
  assert.deepEqual(
    found.changes.map(({ kind, pods: count, before: a, after: b, images }) => [
      kind,
      count,
      a.scope,
      b.scope,
      images.map((each) => [each.image, each.pods]),
    ]),
    [
      [
        "fails-now",
        2,
        "default",
        'docker "quay.io/team"',
        [
          ["quay.io/team/plain:1", ["shop/two"]],
          ["quay.io/team/unsigned:1", ["shop/one", "shop/two"]],
        ],
      ],
      ["runs-now", 1, 'docker "ghcr.io"', 'docker "ghcr.io"', [["ghcr.io/a/b:1", ["shop/three"]]]],
    ],
  );
  assert.deepEqual(found.changes[0]?.before.requirement, ANYTHING);
  assert.equal(found.changes[0]?.after.requirement?.type, "sigstoreSigned");
  assert.ok(!registries.requests.some((request) => request.includes("busybox")));
});

test("another key is another reason, and the same policy asks nothing", async () => {
  const registries = fakeRegistries();
  const name = "quay.io/team/app";
  await pushImage(registries.store(name), "1", { signedAs: name });
  const mine = policyOf(REJECT, { [name]: [signedRequirement()] });
  const others = policyOf(REJECT, { [name]: [signedRequirement(otherKey)] });
  const rejecting = policyOf(REJECT);
  const pods = listOf(["one", `${name}:1`]);
  assert.deepEqual((await report(pods, others, rejecting, registries)).changes[0]?.kind, "other-reason");
  assert.deepEqual((await report(pods, mine, others, registries)).changes[0]?.kind, "fails-now");
  assert.deepEqual((await report(pods, others, mine, registries)).changes[0]?.kind, "runs-now");
  registries.requests.length = 0;
  const same = await report(pods, mine, policyOf(REJECT, { [name]: [signedRequirement()] }), registries);
  assert.deepEqual([same.changes, same.evaluated, registries.requests], [[], 0, []]);
});

test("a registry that is down makes a change undecided, and never unchanged", async () => {
  const registries = fakeRegistries();
  registries.down.add("quay.io");
  const found = await report(
    listOf(["one", "quay.io/a/b:1"]),
    policyOf(ANYTHING),
    policyOf(REJECT),
    registries,
  );
  assert.equal(found.changes[0]?.kind, "undecided");
  const image = found.changes[0]?.images[0];
  assert.ok(image?.before.kind === "undecided" && image.before.code === "ERR_OCI_NETWORK");
});

test("names that cannot be completed are undecided, and those that stand for nothing do not change", async () => {
  const registries = fakeRegistries();
  const pods = listOf(["one", "app:1"]);
  const rejecting = (error: Error): NodeByHand => ({ change: { names: async () => Promise.reject(error) } });
  const sides = [policyOf(ANYTHING), policyOf(REJECT)] as const;
  const unread = rejecting(new OciError("ERR_OCI_CONFIG_INVALID", "broken"));
  assert.equal((await report(pods, ...sides, registries, { node: unread })).changes[0]?.kind, "undecided");
  const none = rejecting(new OciError("ERR_OCI_NOT_FOUND", "no alias"));
  assert.deepEqual((await report(pods, ...sides, registries, { node: none })).changes, []);
});

test("policies of namespaces are asked for once each", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store("quay.io/a/b"), "1");
  const items = ["shop", "bank", "shop", ""].map((namespace, at) => ({
    ...podOf("quay.io/a/b:1"),
    metadata: { name: `p${at}`, namespace },
  }));
  const asked: string[] = [];
  const after: ImpactPolicy = async (namespace) => {
    asked.push(namespace);
    return namespace === "bank" ? policyOf(REJECT) : policyOf(ANYTHING);
  };
  const found = await report({ items }, policyOf(ANYTHING), after, registries);
  assert.deepEqual(asked, ["shop", "bank", "default"]);
  assert.deepEqual(found.changes[0]?.images[0]?.pods, ["bank/p1"]);
  const broken = async () => Promise.reject(new TypeError("no policy"));
  await assert.rejects(report({ items }, policyOf(ANYTHING), broken, registries), TypeError);
});

test("what is no Pod is told, and what is no list is refused", async () => {
  const registries = fakeRegistries();
  const sides = [policyOf(ANYTHING), policyOf(REJECT)] as const;
  const items = [{ spec: { containers: [{ image: 1 }] } }, null, podOf()];
  const found = await report({ items }, ...sides, registries);
  assert.deepEqual(
    found.unread.map(({ path }) => path),
    ["items[0].spec.containers[0].image", "items[1]"],
  );
  for (const list of [{}, null, "pods", { items: {} }]) {
    await assert.rejects(
      report(list, ...sides, registries),
      (error) => error instanceof ExplainError && error.code === "ERR_EXPLAIN_POD",
    );
  }
  await assert.rejects(report([], ...sides, registries, { concurrency: 0 }), RangeError);
});

test("5,000 Pods: each image is asked for once, and nothing is kept of what was decided", async () => {
  const registries = fakeRegistries();
  const names = Array.from({ length: 200 }, (_, at) => `quay.io/team-${at % 4}/app-${at}`);
  for (const name of names) await pushImage(registries.store(name), "1", { signedAs: name });
  const items = Array.from({ length: 5000 }, (_, at) => ({
    ...podOf(`${names[at % 200]}:1`, `${names[(at * 7) % 200]}:1`, "docker.io/library/busybox:1"),
    metadata: { name: `pod-${at}`, namespace: `ns-${at % 10}` },
  }));
  const before = policyOf(ANYTHING);
  const after = policyOf(ANYTHING, {
    "quay.io/team-0": [signedRequirement()],
    "quay.io/team-1": [signedRequirement(otherKey)],
  });
  const started = performance.now();
  const rss = process.memoryUsage().heapUsed;
  const found = await report({ items }, before, after, registries);
  const took = performance.now() - started;
  assert.deepEqual([found.pods, found.images, found.evaluated], [5000, 201, 100]);
  assert.deepEqual(
    found.changes.map(({ kind, images }) => [kind, images.length]),
    [["fails-now", 50]],
  );
  // Image, extension, tag and manifest of the signature, and its payload.
  const perImage = registries.requests.length / 100;
  assert.ok(perImage <= 4, `${perImage} requests an image`);
  assert.equal(new Set(registries.requests).size, registries.requests.length);
  assert.ok(took < 20_000, `${took} ms`);
  assert.ok(process.memoryUsage().heapUsed - rss < 200 * 1024 * 1024);
});

test("an abort rejects with its reason", async () => {
  const registries = fakeRegistries();
  const reason = new Error("enough");
  const pods = listOf(["one", "quay.io/a/b:1"]);
  const signal = AbortSignal.abort(reason);
  await assert.rejects(
    report(pods, policyOf(ANYTHING), policyOf(REJECT), registries, { signal }),
    (error) => error === reason,
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { PolicyError } from "../../../../src/policy/errors.ts";
import {
  type ComparedVerdict,
  type DiffPoliciesOptions,
  diffPolicies,
} from "../../../../src/policy/lint/diff-policies.ts";
import { parsePolicy } from "../../../../src/policy/parse.ts";
import type { Policy } from "../../../../src/policy/types.ts";
import type { RejectedVerdict, Verdict } from "../../../../src/policy/verdict.ts";

const reject = { type: "reject" };
const accept = { type: "insecureAcceptAnything" };
const signed = { type: "sigstoreSigned", keyPath: "/a" };
const other = { type: "sigstoreSigned", keyPath: "/b" };

const policy = (byDefault: unknown, scopes: Record<string, unknown> = {}): Policy =>
  parsePolicy(JSON.stringify({ default: byDefault, transports: { docker: scopes } }));

async function kindOf(before: unknown[], after: unknown[], options: DiffPoliciesOptions = {}) {
  const { changes } = await diffPolicies(policy(before), policy(after), ["quay.io/a"], options);
  return changes[0]?.kind;
}

test("images are grouped by what changes for them, and the rest is named as unchanged", async () => {
  const before = policy([reject], { "quay.io": [signed], "docker.io": [accept] });
  const after = policy([reject], { "quay.io": [signed, other], "docker.io/library": [accept] });
  const images = [
    "quay.io/a:1",
    "quay.io/b",
    "busybox",
    "docker.io/x/y:1",
    "ghcr.io/a",
    "quay.io/a:1",
    "quay.io/b:latest",
  ];
  const { changes, unchanged, invalid } = await diffPolicies(before, after, images);
  assert.deepEqual(invalid, []);
  assert.deepEqual(unchanged, ["ghcr.io/a:latest"]);
  assert.deepEqual(
    changes.map(({ kind, images: names }) => [kind, names]),
    [
      ["stricter", ["quay.io/a:1", "quay.io/b:latest"]],
      ["scope", ["docker.io/library/busybox:latest"]],
      ["stricter", ["docker.io/x/y:1"]],
    ],
  );
  const [first, , third] = changes;
  assert.deepEqual(first?.removed, []);
  assert.equal(first?.added.length, 1);
  assert.deepEqual(first?.before.scope, { kind: "scope", transport: "docker", scope: "quay.io" });
  assert.equal(first?.before.outcome.kind, "depends");
  assert.deepEqual(third?.before.outcome, { kind: "allowed" });
  assert.deepEqual(third?.after.outcome, { kind: "rejected", reason: "reject" });
  assert.deepEqual(third?.after.scope, { kind: "default" });
});

test("whether a change is looser or stricter is said where it can be", async () => {
  assert.equal(await kindOf([signed], [signed]), undefined);
  assert.equal(await kindOf([signed], [accept]), "looser");
  assert.equal(await kindOf([accept], [signed]), "stricter");
  assert.equal(await kindOf([reject], [signed]), "looser");
  assert.equal(await kindOf([signed], [reject]), "stricter");
  assert.equal(await kindOf([signed, other], [signed]), "looser");
  assert.equal(await kindOf([signed], [signed, other]), "stricter");
  assert.equal(await kindOf([signed], [other]), "different");
  assert.equal(await kindOf([signed], [accept, signed]), "different");
  assert.equal(await kindOf([accept], [reject]), "stricter");
  assert.equal(await kindOf([signed, reject], [accept, reject]), "looser");
});

test("verdicts come from the caller, only for images with other requirements, and so many at once", async () => {
  const asked: string[] = [];
  let running = 0;
  let most = 0;
  const evaluate = async (side: string, reference: string): Promise<ComparedVerdict> => {
    asked.push(`${side} ${reference}`);
    running++;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    if (side === "after" && reference.startsWith("quay.io/b"))
      return { kind: "rejected", reason: "no signature" };
    return { kind: "allowed" };
  };
  const before = policy([signed], { "ghcr.io": [other] });
  const images = ["quay.io/a:1", "quay.io/b:1", "ghcr.io/c:1", "quay.io/b:2"];
  const after = policy([other]);
  const { changes } = await diffPolicies(before, after, images, {
    evaluate,
    concurrency: 2,
  });
  assert.equal(most, 2);
  assert.equal(asked.length, 6);
  assert.ok(!asked.some((each) => each.includes("ghcr.io")));
  assert.deepEqual(
    changes.map(({ kind, images: names, after: side }) => [kind, names, side.outcome]),
    [
      ["stricter", ["quay.io/b:1", "quay.io/b:2"], { kind: "rejected", reason: "no signature" }],
      ["different", ["quay.io/a:1"], { kind: "allowed" }],
      ["scope", ["ghcr.io/c:1"], { kind: "depends" }],
    ],
  );
});

test("no verdict is never an allowed one", async () => {
  const failing = async (side: string): Promise<ComparedVerdict> => {
    if (side === "after") throw new Error("registry is down");
    return { kind: "allowed" };
  };
  const odd = async () => ({ kind: "yes" }) as unknown as ComparedVerdict;
  for (const evaluate of [failing, odd]) {
    const { changes } = await diffPolicies(policy([signed]), policy([other]), ["quay.io/a"], { evaluate });
    assert.equal(changes[0]?.after.outcome.kind, "undecided");
  }
  assert.equal(await kindOf([signed], [other], { evaluate: failing }), "stricter");
});

test("an abort ends the comparison with its reason", async () => {
  const reason = new Error("enough");
  const controller = new AbortController();
  const evaluate = () => new Promise<never>(() => controller.abort(reason));
  await assert.rejects(
    kindOf([signed], [other], { evaluate, signal: controller.signal }),
    (error) => error === reason,
  );
  await assert.rejects(kindOf([signed], [other], { signal: controller.signal }), (error) => error === reason);
});

test("a verdict of a verifier is one that can be compared", async () => {
  const verdict: Pick<RejectedVerdict, "kind" | "reason"> = { kind: "rejected", reason: "no signature" };
  const compared: (verdict: Verdict) => ComparedVerdict = (given) => given;
  const evaluate = async () => compared(verdict as Verdict);
  const { changes } = await diffPolicies(policy([signed]), policy([other]), ["quay.io/a"], { evaluate });
  assert.deepEqual(changes[0]?.after.outcome, verdict);
});

test("a policy that no node would read is refused", async () => {
  const empty: Policy = { default: [], transports: new Map() };
  await assert.rejects(diffPolicies(empty, policy([signed]), []), PolicyError);
  await assert.rejects(diffPolicies(policy([signed]), empty, []), PolicyError);
});

test("texts that are no images are named with the reason", async () => {
  const both = `quay.io/a:1@sha256:${"0".repeat(64)}`;
  const { invalid, changes } = await diffPolicies(policy([signed]), policy([other]), ["UPPER", both, ""]);
  assert.deepEqual(changes, []);
  assert.deepEqual(
    invalid.map(({ image, error }) => [image, error.code]),
    ["UPPER", both, ""].map((image) => [image, "ERR_POLICY_REFERENCE"]),
  );
  await assert.rejects(kindOf([signed], [other], { concurrency: 0 }), RangeError);
});

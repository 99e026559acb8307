import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv } from "ajv";
import { explainSubject } from "../../../src/explain/explain-subject.ts";
import { readPod } from "../../../src/explain/pod.ts";
import { explanationSchema } from "../../../src/explain/schema.ts";
import type { PodExplanation } from "../../../src/explain/trace.ts";
import {
  crioAnswers,
  fakeRegistries,
  type NodeByHand,
  otherKey,
  podOf,
  pushImage,
  signedPolicy,
} from "./place.ts";

const NAME = "quay.io/team/app";
const validate = new Ajv({ strict: true, allErrors: true }).compile(explanationSchema);

async function traceOf(pod: unknown, node: NodeByHand = {}, down: string[] = []): Promise<PodExplanation> {
  const registries = fakeRegistries();
  const annotations = { "seccomp-profile.crio.io": "quay.io/x/profile:1" };
  await pushImage(registries.store(NAME), "1", { signedAs: NAME });
  await pushImage(registries.store(NAME), "2", { annotations });
  for (const host of down) registries.down.add(host);
  const answers = await crioAnswers(node);
  try {
    const options = { registry: registries.registry, calls: ["mount", "clone", "nosuch"] };
    return await explainSubject(readPod(pod), answers, options);
  } finally {
    await answers.close();
  }
}

const profiled = podOf(`${NAME}:1`);
profiled.spec["securityContext"] = { seccompProfile: { type: "RuntimeDefault" } };
const demanding = podOf(`${NAME}:1`);
demanding.spec["hostUsers"] = false;
const local = podOf(`${NAME}:1`);
local.spec["securityContext"] = { seccompProfile: { type: "Localhost", localhostProfile: "a.json" } };
const allowedAnnotations = ["seccomp-profile.crio.io"];
const answered: NodeByHand = {
  change: {
    seccomp: async () => ({
      runtime: { kind: "cri-o", version: "1.36.0", allowedAnnotations },
      kubelet: {},
      defaultCapabilities: [],
    }),
  },
};

const CASES: [what: string, kind: PodExplanation["kind"], trace: () => Promise<PodExplanation>][] = [
  [
    "signed",
    "runs",
    () => traceOf(podOf(`${NAME}:1`), { policy: signedPolicy(NAME), checkedAtCreate: true }),
  ],
  ["by another key", "fails", () => traceOf(podOf(`${NAME}:1`), { policy: signedPolicy(NAME, otherKey) })],
  ["missing", "fails", () => traceOf(podOf(`${NAME}:none`))],
  ["no reference", "fails", () => traceOf(podOf("quay.io/UPPER"))],
  ["down", "undecided", () => traceOf(podOf(`${NAME}:1`), {}, ["quay.io"])],
  [
    "blocked",
    "fails",
    () => traceOf(podOf(`${NAME}:1`), { registriesConf: '[[registry]]\nlocation="quay.io"\nblocked=true' }),
  ],
  ["runtime default", "runs", () => traceOf(profiled)],
  ["a profile that is missing", "fails", () => traceOf(local)],
  [
    "a profile from a file",
    "runs",
    () =>
      traceOf(local, {
        files: { "/var/lib/kubelet/seccomp/a.json": '{"defaultAction":"SCMP_ACT_ERRNO"}' },
      }),
  ],
  ["a profile that the image names", "fails", () => traceOf(podOf(`${NAME}:2`), answered)],
  ["user namespaces", "undecided", () => traceOf(demanding)],
];

for (const [what, kind, make] of CASES) {
  test(`the schema describes a trace: ${what}`, async () => {
    const trace = JSON.parse(JSON.stringify(await make())) as PodExplanation;
    assert.equal(trace.kind, kind);
    assert.ok(validate(trace), JSON.stringify(validate.errors, null, 1));
  });
}

test("the schema refuses members that are missing, too many or of another type, at every depth", async () => {
  const trace = await traceOf(podOf(`${NAME}:1`), { policy: signedPolicy(NAME), checkedAtCreate: true });
  let changed = 0;
  const change = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    if (!Array.isArray(value)) {
      const fields = value as Record<string, unknown>;
      fields["unheard"] = 1;
      assert.equal(validate(plain), false);
      delete fields["unheard"];
      for (const [name, member] of Object.entries(fields)) {
        fields[name] = typeof member === "string" ? { not: "this" } : "not this";
        assert.equal(validate(plain), false, name);
        fields[name] = member;
        changed++;
      }
    }
    for (const member of Object.values(value)) change(member);
  };
  const plain = JSON.parse(JSON.stringify(trace));
  assert.ok(validate(plain));
  change(plain);
  assert.ok(changed > 50);
});

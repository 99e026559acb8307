import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { lintSeccompAnnotations } from "../../../../src/seccomp/lint/annotations.ts";
import type { ResolveSeccompInput } from "../../../../src/seccomp/resolve.ts";

const V1 = "seccomp-profile.kubernetes.cri-o.io";
const V2 = "seccomp-profile.crio.io";
const PINNED = `r.example/seccomp@sha256:${"0".repeat(64)}`;

function lint(
  annotations: Record<string, string>,
  {
    image = {},
    allowed = [V1, V2],
    profile,
    runtime,
  }: {
    image?: Record<string, string>;
    allowed?: string[];
    profile?: string;
    runtime?: ResolveSeccompInput["runtime"];
  } = {},
): string[] {
  const securityContext =
    profile === undefined ? {} : { securityContext: { seccompProfile: { type: profile } } };
  return lintSeccompAnnotations({
    pod: { metadata: { annotations }, spec: securityContext },
    container: { name: "ctr" },
    imageAnnotations: image,
    runtime: runtime ?? { kind: "cri-o", version: "1.36", allowedAnnotations: allowed },
  }).map(({ severity, code, on, key }) => `${severity} ${code} ${on} ${key}`);
}

describe("lintSeccompAnnotations", () => {
  test("has nothing to say of a pinned artifact that counts", () => {
    assert.deepEqual(lint({ [`${V2}/ctr`]: PINNED }), []);
    assert.deepEqual(lint({ [`${V1}/POD`]: PINNED }), []);
    assert.deepEqual(lint({}, { image: { [V2]: PINNED } }), []);
    assert.deepEqual(lint({ other: "x" }), []);
  });

  test("finds names that the node removes, since it allows only the other version's", () => {
    const [first] = [`${V2}/POD`];
    assert.deepEqual(lint({ [first]: PINNED }, { allowed: [V1] }), [
      `error annotation-not-allowed pod ${first}`,
    ]);
    assert.deepEqual(lint({ [`${V1}/POD`]: PINNED }, { allowed: [V2] }), [
      `error annotation-not-allowed pod ${V1}/POD`,
    ]);
    assert.deepEqual(lint({}, { image: { [V2]: PINNED }, allowed: [] }), [
      `error annotation-not-allowed image ${V2}`,
    ]);
  });

  test("finds annotations that do not count", () => {
    const annotations = { [`${V2}/POD`]: PINNED };
    assert.deepEqual(lint(annotations, { profile: "RuntimeDefault" }), [
      `warning annotation-ignored pod ${V2}/POD`,
    ]);
    assert.deepEqual(lint(annotations, { profile: "Unconfined" }), []);
    assert.deepEqual(lint(annotations, { runtime: { kind: "containerd" } }), [
      `error annotation-unsupported pod ${V2}/POD`,
    ]);
  });

  test("finds the plain key on a pod, empty values and tags", () => {
    assert.deepEqual(lint({ [V2]: PINNED }), [`error annotation-plain-key pod ${V2}`]);
    assert.deepEqual(lint({ [`${V2}/ctr`]: "" }), [`warning annotation-empty pod ${V2}/ctr`]);
    assert.deepEqual(lint({ [`${V2}/ctr`]: "r.example/seccomp:v1" }), [
      `warning artifact-not-pinned pod ${V2}/ctr`,
    ]);
  });
});

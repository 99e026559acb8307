import assert from "node:assert/strict";
import { test } from "node:test";
import { formatReference } from "../../../src/core/reference.ts";
import { createReference, policyPathFor } from "../../../src/policy/crio.ts";
import { createContainerMessage, criErrorMessage, pullMessage } from "../../../src/policy/messages.ts";

test("which policy applies to a namespace", () => {
  const exists = (path: string) => path === "/etc/crio/policies/team.json";
  assert.deepEqual(policyPathFor("team", { signaturePolicy: "/g.json" }, exists), {
    path: "/etc/crio/policies/team.json",
    checkedAtCreate: true,
  });
  assert.deepEqual(policyPathFor("other", { signaturePolicy: "/g.json" }, exists), {
    path: "/g.json",
    checkedAtCreate: true,
  });
  assert.deepEqual(policyPathFor("other", {}, exists), { checkedAtCreate: false });
  assert.deepEqual(
    policyPathFor("", {}, () => true),
    { checkedAtCreate: false },
  );
});

test("a file of which it cannot be told whether it exists is not passed over", () => {
  const failure = new Error("EACCES");
  assert.throws(
    () =>
      policyPathFor("team", { signaturePolicy: "/g.json" }, () => {
        throw failure;
      }),
    (error) => error === failure,
  );
});

test("a namespace cannot leave the directory", () => {
  for (const namespace of ["..", "../x", "a/b", "a\\b", ".", "A", "a.json", "-a", "a".repeat(64), "a\n"]) {
    assert.throws(() => policyPathFor(namespace, {}, () => true), TypeError, namespace);
  }
});

test("the reference at creation", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  assert.equal(formatReference(createReference("busybox")), "docker.io/library/busybox:latest");
  assert.equal(formatReference(createReference(`quay.io/a:1@${digest}`)), `quay.io/a@${digest}`);
  assert.equal(formatReference(createReference("quay.io/a:1")), "quay.io/a:1");
  for (const text of ["", "UPPER/x", "a b"]) {
    assert.throws(() => createReference(text), { code: "ERR_POLICY_REFERENCE" }, text);
  }
});

test("only two classes are marked", () => {
  assert.equal(criErrorMessage("m", "policy-requirement"), "SignatureValidationFailed: m");
  assert.equal(criErrorMessage("m", "invalid-signature"), "SignatureValidationFailed: m");
  assert.equal(criErrorMessage("m", "other"), "m");
  assert.equal(criErrorMessage("m", "policy-format"), "m");
  assert.equal(pullMessage("r", false), "Source image rejected: r");
  assert.equal(
    createContainerMessage("quay.io/a:1", "r", "policy-requirement"),
    'checking signature of "quay.io/a:1": verifying signatures: SignatureValidationFailed: r',
  );
});

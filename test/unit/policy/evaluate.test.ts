import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../src/core/digest.ts";
import { PolicyError } from "../../../src/policy/errors.ts";
import {
  dockerImage,
  type Evidence,
  evaluateRequirements,
  needsSignatures,
} from "../../../src/policy/evaluate.ts";
import { parsePolicy } from "../../../src/policy/parse.ts";
import { parseImageReference } from "../../../src/policy/reference.ts";
import type { Policy } from "../../../src/policy/types.ts";
import { mintKey, publicKeyPem } from "../../../src/testing/certificates.ts";
import { signImage } from "../../../src/testing/signatures.ts";
import { base64, storedSignature } from "./decide.ts";
import { imageManifest } from "./images.ts";

const NAME = "quay.example/app";
const manifest = imageManifest();
const digest = digestOf(manifest);
const [first, second, third] = [mintKey(), mintKey(), mintKey()];

const evidence: Evidence = {
  manifest,
  signatures: [first, second].map((signer) => ({
    source: "test",
    signature: storedSignature(signImage({ reference: NAME, digest, signer })),
  })),
  completeFormats: ["simple-signing", "sigstore-json"],
  file(path) {
    throw new PolicyError("ERR_POLICY_TRUST_ROOT", `no such file: ${path}`);
  },
  now: 0,
};
const image = dockerImage(parseImageReference(`${NAME}:1`));

function by(key: typeof first): object {
  const keyData = base64(publicKeyPem(key));
  return { type: "sigstoreSigned", keyData, signedIdentity: { type: "matchRepository" } };
}

function evaluate(requirements: unknown[], changes: Partial<Evidence> = {}) {
  const policy = parsePolicy(JSON.stringify({ default: requirements }));
  return evaluateRequirements(policy, image, { ...evidence, ...changes });
}

const ANY = { type: "insecureAcceptAnything" };
const REJECT = { type: "reject" };
const SIGNED_BY = { type: "signedBy", keyType: "GPGKeys", keyData: "YWJj" };
const simple = {
  source: "test",
  signature: { format: "simple-signing" as const, content: Buffer.from("x") },
};

test("all requirements must be met, each by whatever signature", async () => {
  assert.equal((await evaluate([by(first), by(second)])).kind, "allowed");
  assert.equal((await evaluate([by(first), by(third)])).kind, "rejected");
  assert.equal((await evaluate([by(third), by(first)])).kind, "rejected");
  assert.equal((await evaluate([ANY, by(first), ANY])).kind, "allowed");
});

test("the first requirement that is not met ends the evaluation", async () => {
  const evaluation = await evaluate([ANY, REJECT, by(third)]);
  assert.ok(evaluation.kind === "rejected");
  assert.equal(evaluation.reason, `Running image docker://${NAME}:1 is rejected by policy.`);
  assert.deepEqual(
    evaluation.requirements.map(({ kind, type }) => `${type} ${kind}`),
    ["insecureAcceptAnything met", "reject failed"],
  );
  assert.equal((await evaluate([REJECT, ANY])).kind, "rejected");
});

test("an empty list allows nothing", async () => {
  const policy: Policy = { default: [], transports: new Map() };
  const evaluation = await evaluateRequirements(policy, image, evidence);
  assert.ok(evaluation.kind === "rejected");
  assert.equal(evaluation.reason, "List of verification policy requirements must not be empty");
});

test("a requirement that no policy can hold is a mistake of the caller, never met", async () => {
  const policy = { default: [{ type: "allow" }], transports: new Map() } as unknown as Policy;
  await assert.rejects(evaluateRequirements(policy, image, evidence), TypeError);
});

test("evaluation is the same every time", async () => {
  assert.deepEqual(await evaluate([by(first), by(third)]), await evaluate([by(first), by(third)]));
});

test("signedBy never gets a verdict that was not made", async () => {
  await assert.rejects(evaluate([SIGNED_BY], { signatures: [], completeFormats: ["sigstore-json"] }), {
    code: "ERR_POLICY_UNSUPPORTED",
  });
  // A sigstore signature is none for it.
  const unsigned = await evaluate([SIGNED_BY]);
  assert.equal(
    unsigned.kind === "rejected" && unsigned.reason,
    "A signature was required, but no signature exists",
  );
  const reasonOf = async (members: object) => {
    const evaluation = await evaluate([{ type: "signedBy", ...members }], { signatures: [simple] });
    assert.ok(evaluation.kind === "rejected");
    return `${evaluation.errorClass}: ${evaluation.reason}`;
  };
  assert.equal(
    await reasonOf({ keyType: "X509Certificates", keyPath: "/missing" }),
    'other: Unimplemented "keyType" value "X509Certificates"',
  );
  assert.equal(await reasonOf({ keyType: "GPGKeys", keyPath: "/missing" }), "other: no such file: /missing");
  assert.equal(
    await reasonOf({ keyType: "GPGKeys", keyPaths: [] }),
    "policy-requirement: No public keys imported",
  );
  assert.equal(
    await reasonOf({ keyType: "GPGKeys", keyData: "" }),
    "policy-requirement: No public keys imported",
  );
});

test("simple signatures are counted where sigstore ones are wanted", async () => {
  const evaluation = await evaluate([by(first)], { signatures: [simple, simple] });
  assert.equal(
    evaluation.kind === "rejected" && evaluation.reason,
    "A signature was required, but no signature exists (2 non-sigstore signatures, 0 sigstore non-signature attachments)",
  );
});

test("errors that are not reasons to reject come out, and are no verdict", async () => {
  const fault = new Error("a fault");
  const file = () => {
    throw fault;
  };
  const requirement = { type: "sigstoreSigned", keyPath: "/k" };
  await assert.rejects(evaluate([requirement], { file }), (error) => error === fault);
});

test("whether signatures are needed", async () => {
  const needs = (...requirements: object[]) =>
    needsSignatures(parsePolicy(JSON.stringify({ default: requirements })).default);
  assert.equal(needs(ANY), false);
  assert.equal(needs(ANY, SIGNED_BY), true);
  assert.equal(needs(by(first)), true);
  assert.equal(needs(REJECT, SIGNED_BY), false);
  assert.equal(
    needs({ type: "signedBaseLayer", baseLayerIdentity: { type: "matchExact" } }, SIGNED_BY),
    false,
  );
});

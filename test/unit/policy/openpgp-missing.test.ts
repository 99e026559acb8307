import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { test } from "node:test";
import { signaturesWithAcceptedAuthor } from "../../../src/policy/accepted-signatures.ts";
import { dockerImage, type Evidence, evaluateRequirements } from "../../../src/policy/evaluate.ts";
import { parsePolicy } from "../../../src/policy/parse.ts";
import { parseImageReference } from "../../../src/policy/reference.ts";
import { imageManifest } from "./images.ts";

let isInstalled = false;
registerHooks({
  resolve(specifier, context, next) {
    if (specifier === "openpgp" && !isInstalled) throw new Error("no such package");
    return next(specifier, context);
  },
});

const policy = parsePolicy(
  JSON.stringify({ default: [{ type: "signedBy", keyType: "GPGKeys", keyData: "mA==" }] }),
);
const image = dockerImage(parseImageReference("quay.example/app:1"));
const evidence: Evidence = {
  manifest: imageManifest(),
  signatures: [
    { source: "test", signature: { format: "simple-signing", content: Buffer.from("x") } },
    { source: "test", signature: { format: "simple-signing", content: Buffer.from("y") } },
  ],
  completeFormats: ["simple-signing"],
  file: () => assert.fail(),
  now: 0,
};

test("cri-o#8666: without an OpenPGP library there is no verdict, and the error is of its own kind", async () => {
  const missing = {
    code: "ERR_POLICY_UNSUPPORTED",
    errorClass: "other",
    message: /package openpgp does not load/,
  };
  await assert.rejects(evaluateRequirements(policy, image, evidence), missing);
  await assert.rejects(signaturesWithAcceptedAuthor(policy, image, evidence), missing);
  // What needs no OpenPGP is decided all the same.
  const unsigned = await evaluateRequirements(policy, image, { ...evidence, signatures: [] });
  assert.equal(unsigned.kind, "rejected");
  // It is tried again: an installation may have been repaired.
  isInstalled = true;
  const evaluation = await evaluateRequirements(policy, image, evidence);
  assert.ok(evaluation.kind === "rejected");
  assert.match(evaluation.reason, /No public keys imported/);
});

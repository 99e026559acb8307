import assert from "node:assert/strict";
import { test } from "node:test";
import { signaturesWithAcceptedAuthor } from "../../../src/policy/accepted-signatures.ts";
import { PolicyError } from "../../../src/policy/errors.ts";
import { dockerImage, type Evidence } from "../../../src/policy/evaluate.ts";
import { parsePolicy } from "../../../src/policy/parse.ts";
import { parseImageReference } from "../../../src/policy/reference.ts";
import { createGpgKey } from "../../../src/testing/gpg-keys.ts";
import { digest, manifest, NAME, payload } from "./signed-by.ts";

const [key, other] = await Promise.all([createGpgKey(), createGpgKey()]);
const byKey = await key.sign(payload);
const byOther = await other.sign(payload);

const evidence: Evidence = {
  manifest,
  signatures: [byOther, byKey].map((content, index) => ({
    source: `place ${index}`,
    signature: { format: "simple-signing", content },
  })),
  completeFormats: ["simple-signing"],
  file(path) {
    if (path === "/key") return key.publicKey;
    throw new PolicyError("ERR_POLICY_TRUST_ROOT", `no such file: ${path}`);
  },
  now: Date.now() / 1000,
};

async function listed(requirements: unknown[], changes: Partial<Evidence> = {}) {
  const policy = parsePolicy(JSON.stringify({ default: requirements }));
  return signaturesWithAcceptedAuthor(policy, dockerImage(parseImageReference(NAME)), {
    ...evidence,
    ...changes,
  });
}

const signedBy = (keyPath: string) => ({ type: "signedBy", keyType: "GPGKeys", keyPath });
const BASE_LAYER = { type: "signedBaseLayer", baseLayerIdentity: { type: "matchExact" } };

test("only signatures that a requirement accepts and none rejects, with what they say", async () => {
  const [only, ...others] = await listed([signedBy("/key"), { type: "insecureAcceptAnything" }, BASE_LAYER]);
  assert.deepEqual(others, []);
  assert.equal(only?.source, "place 1");
  assert.equal(only.dockerManifestDigest, digest);
  assert.equal(only.dockerReference, NAME);
  assert.equal(only.timestamp, 1n);
});

test("requirements that say nothing about an author, or reject every one", async () => {
  const sigstore = { type: "sigstoreSigned", keyPath: "/key" };
  for (const requirements of [
    [{ type: "insecureAcceptAnything" }],
    [BASE_LAYER],
    [{ type: "reject" }],
    [signedBy("/key"), { type: "reject" }],
    [signedBy("/key"), sigstore],
    [sigstore],
    [signedBy("/missing")],
    [signedBy("/key"), signedBy("/missing")],
    [{ ...signedBy("/key"), keyType: "X509Certificates" }],
  ]) {
    assert.deepEqual(await listed(requirements), [], JSON.stringify(requirements));
  }
});

test("signatures of another format have no author", async () => {
  const signature = {
    format: "sigstore-json",
    mediaType: "application/vnd.dev.cosign.simplesigning.v1+json",
    payload,
    annotations: new Map(),
  } as const;
  const signatures = [{ source: "test", signature }];
  assert.deepEqual(await listed([signedBy("/key")], { signatures }), []);
});

test("where nobody looked for signatures there is no list, not even an empty one", async () => {
  await assert.rejects(listed([signedBy("/key")], { signatures: [], completeFormats: ["sigstore-json"] }), {
    code: "ERR_POLICY_UNSUPPORTED",
  });
});

test("faults are no reason to leave a signature out", async () => {
  const fault = new Error("a fault");
  const file = () => {
    throw fault;
  };
  await assert.rejects(listed([signedBy("/key")], { file }), (error) => error === fault);
});

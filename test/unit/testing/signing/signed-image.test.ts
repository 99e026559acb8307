/** Every state of signatures gets the verdict that it is listed with, and gets it for its own reason. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStore } from "../../../../src/oci/memory-store.ts";
import { PolicyError } from "../../../../src/policy/errors.ts";
import { parsePolicy } from "../../../../src/policy/parse.ts";
import { emptySource, sigstoreAttachments } from "../../../../src/policy/sources/index.ts";
import { createVerifier } from "../../../../src/policy/verifier.ts";
import { createAuthorities } from "../../../../src/testing/authorities.ts";
import { mintKey } from "../../../../src/testing/certificates.ts";
import {
  createSignedImage,
  type ExpectedVerdict,
  SIGNATURE_STATES,
  type SignatureState,
  type SignedTestImage,
} from "../../../../src/testing/signing/index.ts";

/** What the reason says, for each state that is not accepted. */
const REASONS: Readonly<Partial<Record<SignatureState, RegExp>>> = {
  unsigned: /^A signature was required, but no signature exists$/,
  "wrong-key": /^cryptographic signature verification failed/,
  "wrong-digest": /^Signature for digest sha256:[0-9a-f]{64} does not match$/,
  "wrong-identity": /^Signature for identity "registry.example\/other\/app:1" is not accepted$/,
  "tampered-payload": /^cryptographic signature verification failed/,
  "not-a-payload": /^expected a value at line 1/,
  "missing-signature": /^missing dev.cosignproject.cosign\/signature annotation$/,
  "broken-signature": /^cryptographic signature verification failed/,
  "missing-set": /^missing dev.sigstore.cosign\/bundle annotation$/,
  "wrong-log": /cryptographic signature verification of Rekor SET failed$/,
  "set-of-another-signature": /payload in Rekor SET does not match$/,
  "tampered-set": /cryptographic signature verification of Rekor SET failed$/,
  "keyless-inconsistent-issuer": /^inconsistent OIDC issuer extension values/,
  "keyless-without-issuer": /^Fulcio certificate is missing the issuer extension$/,
  "keyless-wrong-issuer": /^Unexpected Fulcio OIDC issuer "https:\/\/other.example"$/,
  "keyless-wrong-email": /^Required email "dev@example.com" not found \(got \["else@example.com"\]\)$/,
  "keyless-missing-set": /^missing dev.sigstore.cosign\/bundle annotation$/,
  "keyless-missing-certificate": /^missing dev.sigstore.cosign\/certificate annotation$/,
  "keyless-missing-chain": /^veryfing leaf certificate failed/,
  "keyless-wrong-chain": /^veryfing leaf certificate failed/,
  "keyless-expired-certificate": /^veryfing leaf certificate failed.*expired/,
  "keyless-not-yet-valid-certificate": /^veryfing leaf certificate failed.*not yet valid/,
  "keyless-certificate-of-another-key": /^cryptographic signature verification failed/,
  "all-wrong": /^None of the signatures were accepted, reasons: /,
  "signed-index-only": /^A signature was required, but no signature exists$/,
  "other-attachments-only": /\(0 non-sigstore signatures, 1 sigstore non-signature attachments\)$/,
};

async function verdictOf(
  image: SignedTestImage,
  reference = image.reference,
): Promise<[ExpectedVerdict, string]> {
  const verifier = createVerifier(parsePolicy(image.policy), {
    source: { repository: () => image.store },
    signatureSources: [emptySource("lookaside", ["simple-signing"]), sigstoreAttachments()],
  });
  try {
    const verdict = await verifier.evaluate(reference, { platform: { os: "linux", architecture: "amd64" } });
    return verdict.kind === "allowed"
      ? [{ kind: "allowed" }, ""]
      : [{ kind: "rejected", errorClass: verdict.errorClass }, verdict.reason];
  } catch (error) {
    assert.ok(error instanceof PolicyError, String(error));
    return [{ kind: "error", code: error.code }, error.message];
  }
}

for (const state of SIGNATURE_STATES) {
  test(`the state ${state} gets its verdict`, async () => {
    const image = await createSignedImage({ state });
    assert.equal(image.state, state);
    const [verdict, reason] = await verdictOf(image);
    assert.deepEqual(verdict, image.expected, reason);
    if (image.expected.kind === "rejected") assert.match(reason, REASONS[state] ?? /^$/);
    else assert.equal(REASONS[state], undefined);
    // By digest the name alone counts, and the content is the same.
    const repository = image.reference.replace(/:[^:/]+$/, "");
    const [byDigest] = await verdictOf(image, `${repository}@${image.digest}`);
    assert.deepEqual(byDigest, image.expected);
  });
}

test("there are states of each outcome", async () => {
  const expected = await Promise.all(
    SIGNATURE_STATES.map(async (state) => (await createSignedImage({ state })).expected),
  );
  const kinds = expected.map((each) => (each.kind === "rejected" ? each.errorClass : each.kind));
  assert.deepEqual([...new Set(kinds)].sort(), [
    "allowed",
    "error",
    "invalid-signature",
    "other",
    "policy-requirement",
  ]);
});

test("store, reference, authorities and key are those that are given", async () => {
  const store = memoryStore();
  const authorities = createAuthorities();
  const key = mintKey();
  const given = { store, authorities, key, reference: "quay.example/a/b:7" };
  const first = await createSignedImage({ state: "signed-by-key", ...given });
  assert.equal(first.reference, "quay.example/a/b:7");
  assert.equal((await store.resolve("7")).digest, first.digest);
  const second = await createSignedImage({ state: "signed-by-logged-key", ...given });
  assert.notEqual(second.digest, first.digest);
  // What one was signed by is what the policy of the other trusts.
  assert.deepEqual(await verdictOf({ ...second, policy: first.policy }), [{ kind: "allowed" }, ""]);
  const third = await createSignedImage({ state: "keyless", ...given });
  const fourth = await createSignedImage({ state: "keyless", store, authorities });
  assert.equal(third.policy, fourth.policy);
  assert.deepEqual(await verdictOf(third), [{ kind: "allowed" }, ""]);
});

test("an image in an index gets the verdict of its own signatures", async () => {
  for (const state of ["signed-by-key", "keyless", "wrong-digest", "unsigned"] as const) {
    const image = await createSignedImage({ state, inIndex: true });
    assert.equal((await image.store.resolve("1")).digest, image.indexDigest);
    assert.notEqual(image.indexDigest, image.digest);
    assert.deepEqual((await verdictOf(image))[0], image.expected);
  }
  const alone = await createSignedImage({ state: "signed-by-key" });
  assert.equal(alone.indexDigest, undefined);
  assert.equal((await alone.store.resolve("1")).digest, alone.digest);
});

test("only revoked certificates come with a list", async () => {
  for (const state of SIGNATURE_STATES) {
    const { revocationList } = await createSignedImage({ state });
    const isListed = revocationList?.startsWith("-----BEGIN X509 CRL-----\n") ?? false;
    assert.equal(isListed, state === "keyless-revoked-certificate", state);
  }
});

test("a state that does not exist is a mistake, and an abort ends it", async () => {
  // @ts-expect-error No such state.
  await assert.rejects(createSignedImage({ state: "toString" }), RangeError);
  const reason = new Error("enough");
  await assert.rejects(
    createSignedImage({ state: "keyless", signal: AbortSignal.abort(reason) }),
    (error) => error === reason,
  );
});

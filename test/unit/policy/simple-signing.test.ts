import assert from "node:assert/strict";
import { test } from "node:test";
import { createSimpleSignature, formatSimplePayload } from "../../../src/policy/openpgp/sign.ts";
import { parsePayload } from "../../../src/policy/payload.ts";
import { createGpgKey } from "../../../src/testing/gpg-keys.ts";
import { digest, NAME, outcomeOf } from "./signed-by.ts";

const image = { digest, dockerReference: NAME };

test("the payload is the JSON that other tools write", () => {
  const text = (claims: object) => Buffer.from(formatSimplePayload({ ...image, ...claims })).toString();
  assert.equal(
    text({ creator: "atomic 1.2.3", timestamp: 1458239713 }),
    `{"critical":{"identity":{"docker-reference":"${NAME}"},"image":{"docker-manifest-digest":"${digest}"},` +
      '"type":"atomic container signature"},"optional":{"creator":"atomic 1.2.3","timestamp":1458239713}}',
  );
  assert.match(text({ creator: "a<b>&\u2028\u2029" }), /"a\\u003cb\\u003e\\u0026\\u2028\\u2029"/);
  const before = Math.floor(Date.now() / 1000);
  const { creator, timestamp } = parsePayload(formatSimplePayload(image), "simple-signing");
  assert.equal(creator, "lading");
  assert.ok(Number(timestamp) >= before && Number(timestamp) <= Date.now() / 1000);
});

test("a payload without name, with another digest or an odd time is not made", () => {
  assert.throws(() => formatSimplePayload({ ...image, dockerReference: "" }), TypeError);
  assert.throws(() => formatSimplePayload({ ...image, creator: 1 as never }), TypeError);
  for (const timestamp of [1.5, Number.NaN, 2 ** 53]) {
    assert.throws(() => formatSimplePayload({ ...image, timestamp }), RangeError);
  }
  for (const wrong of ["", "sha256:", "sha256:../x", digest.toUpperCase()]) {
    assert.throws(() => formatSimplePayload({ ...image, digest: wrong }), { code: /^ERR_DIGEST_/ });
  }
});

test("what is signed is accepted, with keys of every kind, armored or not, by the key that may sign", async () => {
  for (const options of [{}, { algorithm: "p256" }, { algorithm: "rsa" }, { state: "subkey" }] as const) {
    const key = await createGpgKey(options);
    const { armoredPrivateKey, publicKey, signerFingerprint } = key;
    const signature = await createSimpleSignature({ ...image, privateKey: armoredPrivateKey });
    assert.equal(await outcomeOf({ keys: [publicKey], signatures: [signature] }), "allowed");
    assert.equal(signerFingerprint === key.fingerprint, !("state" in options));
    const binary = Buffer.from(
      armoredPrivateKey.replace(/^[\s\S]*?\n\n([\s\S]*)\n=[\s\S]*$/, "$1"),
      "base64",
    );
    const again = await createSimpleSignature({ ...image, privateKey: binary });
    assert.equal(await outcomeOf({ keys: [publicKey], signatures: [again] }), "allowed");
  }
});

test("each option is in the signature", async () => {
  const { armoredPrivateKey: privateKey, publicKey } = await createGpgKey();
  const other = `sha256:${"0".repeat(64)}`;
  const outcome = async (change: object) =>
    outcomeOf({
      keys: [publicKey],
      signatures: [await createSimpleSignature({ ...image, privateKey, ...change })],
    });
  assert.match(await outcome({ digest: other }), /^policy-requirement: Signature for digest/);
  assert.match(
    await outcome({ dockerReference: "quay.example/evil:1" }),
    /^policy-requirement: Signature for id/,
  );
  assert.equal(await outcome({ creator: "someone", timestamp: 7 }), "allowed");
});

test("passphrases: right, wrong, missing, empty, of any letters, and with a line break", async () => {
  for (const passphrase of ["secret", "pässwörd 密码 🔑", " "]) {
    const { armoredPrivateKey: privateKey, publicKey } = await createGpgKey({ passphrase });
    const signature = await createSimpleSignature({ ...image, privateKey, passphrase });
    assert.equal(await outcomeOf({ keys: [publicKey], signatures: [signature] }), "allowed");
    for (const wrong of [
      undefined,
      "",
      `${passphrase}x`,
      `${passphrase.toUpperCase()} `,
      `${passphrase}\n`,
      "\r",
    ]) {
      await assert.rejects(createSimpleSignature({ ...image, privateKey, passphrase: wrong }), {
        code: "ERR_POLICY_PASSPHRASE",
      });
    }
  }
  // Also where the key needs none, as with GnuPG.
  const { armoredPrivateKey: privateKey } = await createGpgKey();
  await assert.rejects(createSimpleSignature({ ...image, privateKey, passphrase: "a\nb" }), {
    code: "ERR_POLICY_PASSPHRASE",
    message: "invalid passphrase: must not contain a line break",
  });
  await createSimpleSignature({ ...image, privateKey, passphrase: "unneeded" });
});

test("what is no private key, or not one that signs, is refused", async () => {
  const key = await createGpgKey();
  const certifyOnly = await createGpgKey({ state: "certify-only" });
  const expired = await createGpgKey({ state: "expired" });
  for (const privateKey of [
    "",
    "garbage",
    key.armoredPublicKey,
    key.publicKey,
    Buffer.from([0xff, 0xff]),
    certifyOnly.armoredPrivateKey,
    expired.armoredPrivateKey,
  ]) {
    await assert.rejects(createSimpleSignature({ ...image, privateKey }), { code: "ERR_POLICY_PRIVATE_KEY" });
  }
});

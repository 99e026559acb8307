/** Until when an allowed evaluation holds: tried out at that second and at the next one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../src/core/digest.ts";
import { createTrustMemory } from "../../../src/policy/trust-memory.ts";
import type { Evaluation } from "../../../src/policy/verdict.ts";
import { createAuthorities, DEFAULT_OIDC_ISSUER } from "../../../src/testing/authorities.ts";
import { mintCertificate, mintKey, publicKeyPem } from "../../../src/testing/certificates.ts";
import { signImage } from "../../../src/testing/signatures.ts";
import { base64, type Decision, decide } from "./decide.ts";
import { imageManifest } from "./images.ts";

const NAME = "quay.example/team/app";
const EMAIL = "dev@example.com";
const NOW = Date.UTC(2026, 5, 1);
const HOUR = 3_600_000;
const manifest = imageManifest();
const digest = digestOf(manifest);

interface Ends {
  leaf: number;
  issuer: number;
  root: number;
}

/** An image signed under a certificate chain that ends at these times. */
function pkiDecision(ends: Ends): Decision {
  const authorities = createAuthorities({
    now: () => NOW,
    root: { notAfter: ends.root },
    intermediate: { notAfter: ends.issuer },
  });
  const signer = authorities.issue(EMAIL, { notAfter: ends.leaf });
  return {
    requirement: {
      type: "sigstoreSigned",
      pki: { caRootsData: base64(authorities.rootPem), subjectEmail: EMAIL },
      signedIdentity: { type: "matchRepository" },
    },
    signature: signImage({ reference: NAME, digest, signer }),
    manifest,
    reference: `${NAME}:1`,
    now: NOW,
  };
}

function validUntilOf(evaluation: Evaluation): number | undefined {
  assert.equal(evaluation.kind, "allowed");
  return evaluation.kind === "allowed" ? evaluation.validUntil : undefined;
}

test("with a PKI it is the first end of the chain, to the second", async () => {
  for (const first of ["leaf", "issuer", "root"] as const) {
    const ends = { leaf: NOW + 3 * HOUR, issuer: NOW + 3 * HOUR, root: NOW + 3 * HOUR, [first]: NOW + HOUR };
    const decision = pkiDecision(ends);
    const validUntil = validUntilOf(await decide(decision));
    assert.equal(validUntil, (NOW + HOUR) / 1000, first);
    assert.equal((await decide({ ...decision, now: NOW + HOUR })).kind, "allowed", first);
    assert.equal((await decide({ ...decision, now: NOW + HOUR + 1 })).kind, "rejected", first);
  }
});

test("of several chains the one that lasts longest counts", async () => {
  const key = mintKey();
  const root = (notAfter: number) =>
    mintCertificate({ subject: "root", key, isCa: true, notBefore: NOW - HOUR, notAfter });
  const [short, long] = [root(NOW + HOUR), root(NOW + 2 * HOUR)];
  const leaf = mintCertificate({
    subject: "leaf",
    issuer: short,
    emails: [EMAIL],
    notBefore: NOW - HOUR,
    notAfter: NOW + 3 * HOUR,
  });
  const signer = { key: leaf.key, certificatePem: leaf.pem, chainPem: "" };
  const decision: Decision = {
    ...pkiDecision({ leaf: NOW, issuer: NOW, root: NOW }),
    requirement: {
      type: "sigstoreSigned",
      pki: { caRootsData: base64(short.pem + long.pem), subjectEmail: EMAIL },
      signedIdentity: { type: "matchRepository" },
    },
    signature: signImage({ reference: NAME, digest, signer }),
  };
  assert.equal(validUntilOf(await decide(decision)), (NOW + 2 * HOUR) / 1000);
  assert.equal((await decide({ ...decision, now: NOW + 2 * HOUR })).kind, "allowed");
  assert.equal((await decide({ ...decision, now: NOW + 2 * HOUR + 1 })).kind, "rejected");
});

test("of several requirements the one that ends first counts", async () => {
  const decision = pkiDecision({ leaf: NOW + 5 * HOUR, issuer: NOW + 2 * HOUR, root: NOW + 3 * HOUR });
  const anything = { type: "insecureAcceptAnything" };
  const evaluation = await decide({ ...decision, others: [anything] });
  assert.equal(validUntilOf(evaluation), (NOW + 2 * HOUR) / 1000);
  const twice = await decide({ ...decision, others: [anything, decision.requirement] });
  assert.equal(validUntilOf(twice), (NOW + 2 * HOUR) / 1000);
});

test("bare keys, and certificates that are judged at the time in the log, do not end", async () => {
  const authorities = createAuthorities({ now: () => NOW });
  const key = mintKey();
  const base = pkiDecision({ leaf: NOW, issuer: NOW, root: NOW });
  const signedIdentity = { type: "matchRepository" };
  const rekorPublicKeyData = base64(authorities.logPublicKeyPem);
  const byKey: Decision = {
    ...base,
    requirement: {
      type: "sigstoreSigned",
      keyData: base64(publicKeyPem(key)),
      rekorPublicKeyData,
      signedIdentity,
    },
    signature: signImage({ reference: NAME, digest, signer: key, authorities }),
  };
  const byFulcio: Decision = {
    ...base,
    requirement: {
      type: "sigstoreSigned",
      fulcio: {
        caData: base64(authorities.rootPem),
        oidcIssuer: DEFAULT_OIDC_ISSUER,
        subjectEmail: EMAIL,
      },
      rekorPublicKeyData,
      signedIdentity,
    },
    signature: signImage({ reference: NAME, digest, signer: authorities.issue(EMAIL), authorities }),
  };
  const yearsLater = NOW + 10 * 365 * 24 * HOUR;
  for (const decision of [byKey, byFulcio]) {
    assert.equal(validUntilOf(await decide(decision)), undefined);
    assert.equal(validUntilOf(await decide({ ...decision, now: yearsLater })), undefined);
  }
});

test("what was parsed before is used again, and failures are tried again", async () => {
  const memory = createTrustMemory();
  let calls = 0;
  const parse = (content: Uint8Array) => {
    calls++;
    if (content.byteLength === 0) throw new RangeError("empty");
    return { length: content.byteLength };
  };
  const first = memory.parsed(parse, Buffer.from("abc"));
  assert.equal(memory.parsed(parse, Uint8Array.from(Buffer.from("abc"))), first);
  assert.notEqual(memory.parsed(parse, Buffer.from("abd")), first);
  assert.equal(calls, 2);
  for (let turn = 0; turn < 2; turn++) assert.throws(() => memory.parsed(parse, Buffer.alloc(0)), RangeError);
  assert.equal(calls, 4);
  const other = (content: Uint8Array) => content.byteLength;
  assert.equal(memory.parsed(other, Buffer.from("abc")), 3);
  let fails = true;
  const later = async (content: Uint8Array) => {
    if (fails) throw new RangeError("not yet");
    return content.byteLength;
  };
  await assert.rejects(memory.parsed(later, Buffer.from("x")), RangeError);
  fails = false;
  assert.equal(await memory.parsed(later, Buffer.from("x")), 1);
});

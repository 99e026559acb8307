/** A valid signature, and then each single change of it that must be refused. */
import assert from "node:assert/strict";
import { createHash, sign } from "node:crypto";
import { test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { createAuthorities, DEFAULT_OIDC_ISSUER, type HashedRekord } from "../../src/testing/authorities.ts";
import { mintKey, publicKeyPem, toPem } from "../../src/testing/certificates.ts";
import { type SignatureLayer, type SignImageOptions, signImage } from "../../src/testing/signatures.ts";
import { base64, type Decision, decide } from "../unit/policy/decide.ts";
import { imageManifest } from "../unit/policy/images.ts";

const NAME = "quay.example/team/app";
const authorities = createAuthorities();
const strangers = createAuthorities();
const key = mintKey();
const manifest = imageManifest();
const digest = digestOf(manifest);
const certified = authorities.issue("dev@example.com");

const SIGNATURE = "dev.cosignproject.cosign/signature";
const BUNDLE = "dev.sigstore.cosign/bundle";
const CERTIFICATE = "dev.sigstore.cosign/certificate";
const CHAIN = "dev.sigstore.cosign/chain";

const rekorPublicKeyData = base64(authorities.logPublicKeyPem);
const signedIdentity = { type: "matchExact" };

const byKey: Decision = {
  requirement: {
    type: "sigstoreSigned",
    keyData: base64(publicKeyPem(key)),
    rekorPublicKeyData,
    signedIdentity,
  },
  signature: signed({ signer: key }),
  manifest,
  reference: `${NAME}:1`,
};
const byFulcio: Decision = {
  ...byKey,
  requirement: {
    type: "sigstoreSigned",
    fulcio: {
      caData: base64(authorities.rootPem),
      oidcIssuer: DEFAULT_OIDC_ISSUER,
      subjectEmail: "dev@example.com",
    },
    rekorPublicKeyData,
    signedIdentity,
  },
  signature: signed({ signer: certified }),
};

function signed(options: Partial<SignImageOptions> & Pick<SignImageOptions, "signer">): SignatureLayer {
  return signImage({ reference: `${NAME}:1`, digest, authorities, ...options });
}

function withAnnotations(
  signature: SignatureLayer,
  change: Record<string, string | undefined>,
): SignatureLayer {
  const annotations: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...signature.annotations, ...change })) {
    if (value !== undefined) annotations[name] = value;
  }
  return { ...signature, annotations };
}

async function refuses(
  decision: Decision,
  signature: SignatureLayer,
  reason: RegExp,
  errorClass?: string,
): Promise<void> {
  const evaluation = await decide({ ...decision, signature });
  assert.ok(evaluation.kind === "rejected", String(reason));
  assert.match(evaluation.reason, reason);
  if (errorClass !== undefined) assert.equal(evaluation.errorClass, errorClass);
}

const both = [
  [byKey, key],
  [byFulcio, certified],
] as const;

test("the unchanged signatures are accepted", async () => {
  for (const [decision] of both) assert.equal((await decide(decision)).kind, "allowed");
});

test("an annotation that is missing", async () => {
  for (const [decision] of both) {
    const without = (name: string) => withAnnotations(decision.signature, { [name]: undefined });
    await refuses(
      decision,
      without(SIGNATURE),
      /^missing dev.cosignproject.cosign\/signature annotation$/,
      "other",
    );
    await refuses(decision, without(BUNDLE), /^missing dev.sigstore.cosign\/bundle annotation$/, "other");
  }
  const without = (name: string) => withAnnotations(byFulcio.signature, { [name]: undefined });
  await refuses(
    byFulcio,
    without(CERTIFICATE),
    /^missing dev.sigstore.cosign\/certificate annotation$/,
    "other",
  );
  await refuses(byFulcio, without(CHAIN), /signed by unknown authority/, "invalid-signature");
});

test("any changed byte of payload or signature", async () => {
  for (const [decision] of both) {
    const { payload, annotations } = decision.signature;
    for (const at of [0, 20, Math.floor(payload.length / 2), payload.length - 1]) {
      const changed = Buffer.from(payload);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await refuses(decision, { ...decision.signature, payload: changed }, /does not match|failed/);
    }
    for (const longer of [Buffer.concat([payload, Buffer.from(" ")]), payload.subarray(1), Buffer.alloc(0)]) {
      await refuses(decision, { ...decision.signature, payload: longer }, /does not match|failed/);
    }
    const bytes = Buffer.from(annotations[SIGNATURE] ?? "", "base64");
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await refuses(
        decision,
        withAnnotations(decision.signature, { [SIGNATURE]: changed.toString("base64") }),
        /./,
      );
    }
    for (const text of ["", "!", `${annotations[SIGNATURE]}AAAA`, annotations[SIGNATURE]?.slice(4)]) {
      await refuses(decision, withAnnotations(decision.signature, { [SIGNATURE]: text ?? "" }), /./);
    }
  }
});

test("a good signature for another digest, another name or by another key", async () => {
  for (const [decision, signer] of both) {
    const otherDigest = digestOf("other");
    await refuses(
      decision,
      signed({ signer, digest: otherDigest }),
      new RegExp(`^Signature for digest ${otherDigest} does not match$`),
      "policy-requirement",
    );
    for (const reference of [NAME, `${NAME}:2`, `quay.example/team/app2:1`, "evil.example/team/app:1", ""]) {
      await refuses(decision, signed({ signer, reference }), /^Signature for identity ".*" is not accepted$/);
    }
  }
  await refuses(
    byKey,
    signed({ signer: mintKey() }),
    /^No public key verified against the RekorSET: publicKey/,
  );
  const stranger = strangers.issue("dev@example.com");
  await refuses(byFulcio, signed({ signer: stranger }), /signed by unknown authority/);
  await refuses(byFulcio, signed({ signer: authorities.issue("evil@example.com") }), /^Required email/);
});

test("the digest of another algorithm never matches", async () => {
  for (const [decision, signer] of both) {
    await refuses(decision, signed({ signer, digest: digestOf(manifest, "sha512") }), /does not match$/);
    for (const text of [
      "",
      "sha256:",
      `sha256:${"0".repeat(63)}`,
      digest.toUpperCase(),
      "md5:00",
      "sha256:../x",
    ]) {
      await refuses(decision, signed({ signer, digest: text }), /^invalid docker-manifest-digest value/);
    }
  }
});

test("another manifest than the one that was signed", async () => {
  for (const [decision] of both) {
    const evaluation = await decide({ ...decision, manifest: imageManifest("other") });
    assert.equal(evaluation.kind, "rejected");
    const spaced = Buffer.concat([manifest, Buffer.from("\n")]);
    assert.equal((await decide({ ...decision, manifest: spaced })).kind, "rejected");
  }
});

test("a payload of another kind or shape", async () => {
  const critical = {
    identity: { "docker-reference": `${NAME}:1` },
    image: { "docker-manifest-digest": digest },
    type: "cosign container image signature",
  };
  const payloads: unknown[] = [
    { critical: { ...critical, type: "atomic container signature" }, optional: null },
    { critical: { ...critical, Type: critical.type }, optional: null },
    { critical: { ...critical, extra: 1 }, optional: null },
    { critical, optional: null, extra: 1 },
    { critical },
    { optional: null },
    { critical, optional: { timestamp: 1.5 } },
    { critical, optional: { creator: 1 } },
    { critical, optional: 1 },
    { critical: { ...critical, image: { "docker-manifest-digest": 1 } }, optional: null },
    { critical: { ...critical, identity: {} }, optional: null },
    [],
    null,
  ];
  for (const [decision, signer] of both) {
    for (const payload of [
      ...payloads.map((value) => JSON.stringify(value)),
      "",
      "{",
      `{"critical":${JSON.stringify(critical)},"critical":${JSON.stringify(critical)},"optional":null}`,
      `\ufeff{"critical":${JSON.stringify(critical)},"optional":null}`,
    ]) {
      const signature = signed({ signer, payload: Buffer.from(payload) });
      const evaluation = await decide({ ...decision, signature });
      assert.ok(evaluation.kind === "rejected", payload);
      assert.equal(evaluation.errorClass, "invalid-signature", payload);
    }
  }
});

test("CVE-2022-36056: a log entry for something else: the log's signature alone proves nothing", async () => {
  for (const [decision, signer] of both) {
    const entryOf = (options: Partial<SignImageOptions>) =>
      signed({ signer, ...options }).annotations[BUNDLE] ?? "";
    const swap = (bundle: string) => withAnnotations(decision.signature, { [BUNDLE]: bundle });
    await refuses(
      decision,
      swap(entryOf({ reference: `${NAME}:2` })),
      /signature in Rekor SET does not match/,
    );
    await refuses(decision, swap(entryOf({ signer: mintKey() })), /publicKey in Rekor SET does not match/);
    await refuses(decision, swap(entryOf({ authorities: strangers })), /verification of Rekor SET failed/);
    // The right signature and key, of which the log says that they are over another payload.
    await refuses(
      decision,
      swap(
        authorities.log({
          keyOrCertificatePem: pemOf(signer),
          signatureBase64: decision.signature.annotations[SIGNATURE] ?? "",
          payload: Buffer.from("other"),
        }),
      ),
      /payload in Rekor SET does not match/,
    );
  }
});

function pemOf(signer: typeof key | typeof certified): string {
  return "certificatePem" in signer ? signer.certificatePem : publicKeyPem(signer);
}

test("a log entry with any field changed after the log signed it", async () => {
  for (const [decision] of both) {
    const bundle = JSON.parse(decision.signature.annotations[BUNDLE] ?? "") as {
      SignedEntryTimestamp: string;
      Payload: Record<string, unknown>;
    };
    const changes: unknown[] = [
      {
        ...bundle,
        Payload: { ...bundle.Payload, integratedTime: Number(bundle.Payload["integratedTime"]) + 1 },
      },
      { ...bundle, Payload: { ...bundle.Payload, logIndex: 2 } },
      { ...bundle, Payload: { ...bundle.Payload, logID: "" } },
      { ...bundle, Payload: { ...bundle.Payload, extra: 1 } },
      { ...bundle, Payload: { ...bundle.Payload, body: "" } },
      { ...bundle, SignedEntryTimestamp: "" },
      { ...bundle, SignedEntryTimestamp: `${bundle.SignedEntryTimestamp}AAAA` },
      { ...bundle, extra: 1 },
      { Payload: bundle.Payload },
      { SignedEntryTimestamp: bundle.SignedEntryTimestamp },
      { signedEntryTimestamp: bundle.SignedEntryTimestamp, Payload: bundle.Payload },
      [],
      null,
    ];
    for (const change of changes) {
      await refuses(decision, withAnnotations(decision.signature, { [BUNDLE]: JSON.stringify(change) }), /./);
    }
    for (const text of ["", "{", "null", `${decision.signature.annotations[BUNDLE]} x`]) {
      await refuses(decision, withAnnotations(decision.signature, { [BUNDLE]: text }), /./);
    }
  }
});

test("a log entry whose body says something else, signed by the log itself", async () => {
  const bodies: ((body: HashedRekord) => unknown)[] = [
    (body) => ({ ...body, kind: "intoto" }),
    (body) => ({ ...body, kind: undefined }),
    (body) => ({ ...body, apiVersion: "0.0.2" }),
    (body) => ({ ...body, apiVersion: undefined }),
    (body) => ({ ...body, spec: undefined }),
    (body) => ({ ...body, spec: null }),
    (body) => ({ ...body, spec: { ...body.spec, data: undefined } }),
    (body) => ({ ...body, spec: { ...body.spec, signature: undefined } }),
    (body) => change(body, { data: { hash: undefined } }),
    (body) => change(body, { data: { hash: { algorithm: "sha256" } } }),
    (body) => change(body, { data: { hash: { algorithm: "sha512", value: body.spec.data.hash.value } } }),
    (body) => change(body, { data: { hash: { algorithm: "SHA256", value: body.spec.data.hash.value } } }),
    (body) => change(body, { data: { hash: { algorithm: "sha256", value: "00" } } }),
    (body) => change(body, { data: { hash: { algorithm: "sha256", value: "" } } }),
    (body) => change(body, { signature: { content: body.spec.signature.content } }),
    (body) => change(body, { signature: { publicKey: body.spec.signature.publicKey } }),
    (body) => change(body, { signature: { ...body.spec.signature, content: "AAAA" } }),
    (body) => change(body, { signature: { ...body.spec.signature, publicKey: { content: "" } } }),
    (body) =>
      change(body, { signature: { ...body.spec.signature, publicKey: { content: base64("no pem") } } }),
    (body) => change(body, { signature: { ...body.spec.signature, publicKey: { content: twice(body) } } }),
    (body) => change(body, { Data: { hash: { algorithm: "sha256", value: "00" } } }),
    () => "",
    () => null,
  ];
  for (const [decision, signer] of both) {
    for (const changeBody of bodies) {
      const signature = signed({ signer, log: { changeBody } });
      const evaluation = await decide({ ...decision, signature });
      assert.ok(evaluation.kind === "rejected", String(changeBody));
      assert.equal(evaluation.errorClass, "invalid-signature");
    }
  }
});

function change(body: HashedRekord, spec: object): unknown {
  return { ...body, spec: { ...body.spec, ...spec } };
}

function twice({ spec }: HashedRekord): string {
  const pem = Buffer.from(spec.signature.publicKey.content, "base64").toString();
  return base64(pem + pem);
}

test("the key of the log entry is the only one that may have signed", async () => {
  // The log recorded a signature by `key`; one by another configured key over the same payload is not it.
  const second = mintKey();
  const keyDatas = [base64(publicKeyPem(key)), base64(publicKeyPem(second))];
  const { keyData: _, ...requirement } = byKey.requirement;
  const decision = { ...byKey, requirement: { ...requirement, keyDatas } };
  assert.equal((await decide(decision)).kind, "allowed");
  const bySecond = sign("sha256", byKey.signature.payload, second).toString("base64");
  await refuses(
    decision,
    withAnnotations(byKey.signature, {
      [SIGNATURE]: bySecond,
      [BUNDLE]: authorities.log({
        keyOrCertificatePem: publicKeyPem(key),
        signatureBase64: bySecond,
        payload: byKey.signature.payload,
      }),
    }),
    /^cryptographic signature verification failed/,
  );
});

test("another certificate than the one that was logged", async () => {
  const again = authorities.issue("dev@example.com", { key: certified.key });
  await refuses(
    byFulcio,
    withAnnotations(byFulcio.signature, { [CERTIFICATE]: again.certificatePem }),
    /^publicKey in Rekor SET does not match$/,
  );
  await refuses(
    byFulcio,
    withAnnotations(byFulcio.signature, { [CERTIFICATE]: certified.certificatePem + again.certificatePem }),
    /has trailing data$/,
  );
  const two = signed({ signer: { ...certified, certificatePem: `${certified.certificatePem}\n` } });
  await refuses(byFulcio, two, /has trailing data$/);
});

test("a chain annotation that is broken, or has text after it", async () => {
  const chain = certified.chainPem;
  for (const text of [
    `${chain}x`,
    "x",
    chain.slice(0, -30),
    toPem("CERTIFICATE", Buffer.from("3003020101", "hex")) + chain,
    chain.repeat(40),
  ]) {
    await refuses(
      byFulcio,
      withAnnotations(byFulcio.signature, { [CHAIN]: text }),
      /^loading certificate chain/,
    );
  }
});

test("an ECDSA signature in another encoding of the same numbers", async () => {
  const bytes = Buffer.from(byKey.signature.annotations[SIGNATURE] ?? "", "base64");
  const { rekorPublicKeyData: _, ...requirement } = byKey.requirement;
  const decision = { ...byKey, requirement };
  const decoded = (signature: Buffer) =>
    withAnnotations(byKey.signature, { [SIGNATURE]: signature.toString("base64") });
  assert.equal((await decide({ ...decision, signature: decoded(bytes) })).kind, "allowed");
  // A length in long form, and bytes after the sequence.
  const longForm = Buffer.concat([bytes.subarray(0, 1), Buffer.from([0x81]), bytes.subarray(1)]);
  for (const signature of [longForm, Buffer.concat([bytes, Buffer.from([0])]), bytes.subarray(0, -1)]) {
    await refuses(decision, decoded(signature), /^cryptographic signature verification failed/);
  }
  // Two numbers of zero are no signature, in either encoding.
  for (const zero of [Buffer.alloc(64), Buffer.from("3006020100020100", "hex"), Buffer.alloc(132)]) {
    await refuses(decision, decoded(zero), /^cryptographic signature verification failed/);
  }
});

test("a raw ECDSA signature is accepted, and no longer one", async () => {
  const { rekorPublicKeyData: _, ...requirement } = byKey.requirement;
  const decision = { ...byKey, requirement };
  const raw = sign("sha256", byKey.signature.payload, { key, dsaEncoding: "ieee-p1363" });
  const encoded = (signature: Buffer) =>
    withAnnotations(byKey.signature, { [SIGNATURE]: signature.toString("base64") });
  assert.equal((await decide({ ...decision, signature: encoded(raw) })).kind, "allowed");
  for (const signature of [
    raw.subarray(1),
    Buffer.concat([raw, raw, raw]),
    Buffer.concat([raw, Buffer.from([0])]),
  ]) {
    await refuses(decision, encoded(signature), /^cryptographic signature verification failed/);
  }
});

test("a signature over the hash instead of the payload", async () => {
  const { rekorPublicKeyData: _, ...requirement } = byKey.requirement;
  const hash = createHash("sha256").update(byKey.signature.payload).digest();
  const overHash = sign("sha256", hash, key).toString("base64");
  await refuses(
    { ...byKey, requirement },
    withAnnotations(byKey.signature, { [SIGNATURE]: overHash }),
    /^cryptographic signature verification failed/,
  );
});

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import { type Digest, digestOf } from "../../../../src/core/digest.ts";
import { describeContent } from "../../../../src/oci/descriptor.ts";
import { type MemoryStore, memoryStore } from "../../../../src/oci/memory-store.ts";
import type { Store } from "../../../../src/oci/store.ts";
import { parsePolicy } from "../../../../src/policy/parse.ts";
import { parsePayload } from "../../../../src/policy/payload.ts";
import { type SignImageOptions, signImage } from "../../../../src/policy/signing/sign-image.ts";
import { signPayload, type TransparencyLog } from "../../../../src/policy/signing/sign-payload.ts";
import { createKeySigner, type Signer } from "../../../../src/policy/signing/signer.ts";
import { sigstoreAttachments } from "../../../../src/policy/sources/index.ts";
import { createVerifier } from "../../../../src/policy/verifier.ts";
import { createAuthorities } from "../../../../src/testing/authorities.ts";
import { mintKey } from "../../../../src/testing/certificates.ts";
import { imageManifest, pushImage, pushIndex } from "../images.ts";

const NAME = "quay.example/team/app";
const key = mintKey();
const signer = await createKeySigner(key);
const PAYLOAD = Buffer.from("payload");

async function verdictOf(
  store: Store,
  reference: string,
  signedIdentity: object,
  log?: string,
): Promise<string> {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const requirement = {
    type: "sigstoreSigned",
    keyData: base64(signer.publicKey),
    ...(log === undefined ? {} : { rekorPublicKeyData: base64(log) }),
    signedIdentity,
  };
  const verifier = createVerifier(parsePolicy(JSON.stringify({ default: [requirement] })), {
    source: { repository: () => store },
    signatureSources: [sigstoreAttachments()],
  });
  const verdict = await verifier.evaluate(reference);
  return verdict.kind === "allowed" ? "allowed" : verdict.reason;
}

async function imageStore(): Promise<{ store: MemoryStore; digest: Digest }> {
  const store = memoryStore();
  const { digest } = await pushImage(store, "1");
  return { store, digest };
}

function claimsOf(bytes: Uint8Array) {
  return parsePayload(bytes, "sigstore");
}

async function signedPayload(options: SignImageOptions, reference = `${NAME}:1`): Promise<Uint8Array> {
  const { store } = await imageStore();
  const { signed } = await signImage(store, reference, signer, options);
  assert.equal(signed.length, 1);
  return signed[0]?.signature.payload ?? assert.fail();
}

test("an image that is signed with a key is accepted by a policy with that key", async () => {
  const { store, digest } = await imageStore();
  assert.equal(
    await verdictOf(store, `${NAME}:1`, { type: "matchRepository" }),
    "A signature was required, but no signature exists",
  );
  const result = await signImage(store, `${NAME}:1`, signer);
  assert.equal(result.kind, "image");
  assert.equal(result.digest, digest);
  assert.equal(result.reference, `${NAME}:1`);
  assert.equal(await verdictOf(store, `${NAME}:1`, { type: "matchRepository" }), "allowed");
  assert.equal(await verdictOf(store, `${NAME}@${digest}`, { type: "matchRepository" }), "allowed");
});

test("the identity decides which policies accept the signature", async () => {
  const cases: [SignImageOptions["identity"], claimed: string, byDefault: string][] = [
    [undefined, NAME, `Signature for identity "${NAME}" is not accepted`],
    ["repository", NAME, `Signature for identity "${NAME}" is not accepted`],
    ["reference", `${NAME}:1`, "allowed"],
    [
      { dockerReference: "x.example/y:2" },
      "x.example/y:2",
      'Signature for identity "x.example/y:2" is not accepted',
    ],
  ];
  for (const [identity, claimed, expected] of cases) {
    const { store, digest } = await imageStore();
    const { signed } = await signImage(store, `${NAME}:1`, signer, { identity });
    const claims = claimsOf(signed[0]?.signature.payload ?? new Uint8Array());
    assert.deepEqual(claims, { dockerManifestDigest: digest, dockerReference: claimed });
    assert.equal(await verdictOf(store, `${NAME}:1`, { type: "matchRepoDigestOrExact" }), expected);
  }
  // @ts-expect-error No such identity.
  await assert.rejects(signedPayload({ identity: "tag" }), RangeError);
});

test("Docker's registry is spelled as cosign spells it, and as others do for a reference", async () => {
  assert.equal(
    claimsOf(await signedPayload({}, "busybox:1")).dockerReference,
    "index.docker.io/library/busybox",
  );
  const full = await signedPayload({ identity: "reference" }, "busybox:1");
  assert.equal(claimsOf(full).dockerReference, "docker.io/library/busybox:1");
});

test("a bare name means latest, and a digest the manifest itself", async () => {
  const { store, digest } = await imageStore();
  await assert.rejects(signImage(store, NAME, signer), { code: "ERR_OCI_NOT_FOUND" });
  const { signed } = await signImage(store, `${NAME}@${digest}`, signer, { identity: "reference" });
  assert.equal(claimsOf(signed[0]?.signature.payload ?? PAYLOAD).dockerReference, `${NAME}@${digest}`);
  await assert.rejects(signImage(store, `${NAME}:1@${digest}`, signer, { identity: "reference" }), {
    code: "ERR_POLICY_REFERENCE",
  });
  await signImage(store, `${NAME}:1@${digest}`, signer);
});

test("creator, timestamp and annotations stand in the payload", async () => {
  const options = { creator: "lading", timestamp: 1700000000, annotations: { build: "7", when: ["a"] } };
  const { optional } = JSON.parse(Buffer.from(await signedPayload(options)).toString());
  assert.deepEqual(optional, { build: "7", creator: "lading", timestamp: 1700000000, when: ["a"] });
  const plain = JSON.parse(Buffer.from(await signedPayload({})).toString());
  assert.equal(plain.optional, null);
});

test("the target is what the image is called in the store", async () => {
  const { store, digest } = await imageStore();
  const result = await signImage(store, `${NAME}:elsewhere`, signer, { target: "1", identity: "reference" });
  assert.equal(result.digest, digest);
  assert.equal(claimsOf(result.signed[0]?.signature.payload ?? PAYLOAD).dockerReference, `${NAME}:elsewhere`);
});

test("another manifest than the reference's digest is not signed", async () => {
  const { store } = await imageStore();
  const other = digestOf("other");
  await assert.rejects(signImage(store, `${NAME}@${other}`, signer, { target: "1" }), {
    code: "ERR_POLICY_MANIFEST",
  });
  const lying: Store = { ...store, resolve: async () => describeContent(Buffer.from("other"), "a/b") };
  await assert.rejects(signImage(lying, `${NAME}:1`, signer), { code: "ERR_OCI_NOT_FOUND" });
});

test("what is no reference is refused before anything is read", async () => {
  const untouched = new Proxy({} as Store, { get: () => assert.fail("the store was used") });
  for (const reference of ["", "UPPER/x", "quay.example/a b", `${NAME}@sha256:1`]) {
    await assert.rejects(
      signImage(untouched, reference, signer),
      { code: "ERR_POLICY_REFERENCE" },
      reference,
    );
  }
});

test("of an index it must be said what is signed", async () => {
  const store = memoryStore();
  const a = await pushImage(store, undefined, "a");
  const b = await pushImage(store, undefined, "b");
  const inner = await pushIndex(store, undefined, [b]);
  const index = await pushIndex(store, "1", [a, inner, a]);
  await assert.rejects(signImage(store, `${NAME}:1`, signer), { code: "ERR_POLICY_INSTANCE" });
  const alone = await signImage(store, `${NAME}:1`, signer, { recursive: false });
  assert.equal(alone.kind, "index");
  assert.deepEqual(
    alone.signed.map(({ digest }) => digest),
    [index.digest],
  );
  const all = await signImage(store, `${NAME}:1`, signer, { recursive: true, identity: "reference" });
  assert.deepEqual(
    all.signed.map(({ digest }) => digest),
    [a.digest, b.digest, inner.digest, index.digest],
  );
  for (const { digest } of [a, b]) {
    assert.equal(await verdictOf(store, `${NAME}@${digest}`, { type: "matchRepository" }), "allowed");
  }
});

test("an index with a manifest that is missing is not signed in part", async () => {
  const store = memoryStore();
  const a = await pushImage(store, undefined, "a");
  const missing = { ...describeContent(imageManifest("gone"), a.mediaType) };
  await pushIndex(store, "1", [a, missing]);
  const counting: Signer = { sign: async () => assert.fail("nothing may be signed") };
  await assert.rejects(signImage(store, `${NAME}:1`, counting, { recursive: true }), {
    code: "ERR_OCI_NOT_FOUND",
  });
});

test("an index that is nested too deeply is refused", async () => {
  const store = memoryStore();
  let entry = await pushImage(store);
  for (let depth = 0; depth < 10; depth++)
    entry = await pushIndex(store, depth === 9 ? "1" : undefined, [entry]);
  await assert.rejects(signImage(store, `${NAME}:1`, signer, { recursive: true }), {
    code: "ERR_POLICY_INSTANCE",
  });
});

test("signatures that somebody else makes are checked before they are stored", async () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const { publicKey } = signer;
  const hashed = createHash("sha256").update(PAYLOAD).digest();
  const wrong: Record<string, Signer> = {
    "another key": { publicKey, sign: async (payload) => sign("sha256", payload, mintKey()) },
    "other bytes": { publicKey, sign: async () => sign("sha256", Buffer.from("x"), key) },
    "hashed twice": { publicKey, sign: async () => sign("sha256", hashed, key) },
    "r and s side by side": {
      publicKey,
      sign: async (payload) => sign("sha256", payload, { key, dsaEncoding: "ieee-p1363" }),
    },
    "another kind of key": { publicKey, sign: async (payload) => sign("sha256", payload, rsa) },
    nothing: { publicKey, sign: async () => new Uint8Array(0) },
    "no bytes": { publicKey, sign: async () => ({}) as Uint8Array },
    "a public key that is none": { publicKey: "key", sign: (payload) => signer.sign(payload) },
    "a certificate that is none": {
      sign: async (payload) => ({ signature: await signer.sign(payload), certificatePem: "", chainPem: "" }),
    },
  };
  for (const [name, each] of Object.entries(wrong)) {
    await assert.rejects(signPayload(PAYLOAD, each), { code: "ERR_POLICY_SIGNER" }, name);
  }
  const { store } = await imageStore();
  await assert.rejects(signImage(store, `${NAME}:1`, wrong["other bytes"] ?? signer), {
    code: "ERR_POLICY_SIGNER",
  });
  assert.equal(store.tags().length, 1);
});

test("a signer cannot change what is signed, and its failure comes out as it is", async () => {
  const spoiling: Signer = {
    async sign(payload) {
      const signature = await signer.sign(Uint8Array.from(payload));
      payload.fill(0);
      return signature;
    },
  };
  const given = Buffer.from("payload");
  const { payload } = await signPayload(given, { ...spoiling, publicKey: signer.publicKey });
  assert.deepEqual(Buffer.from(payload), Buffer.from("payload"));
  assert.equal(given.toString(), "payload");
  const failure = new Error("the service is down");
  const failing: Signer = {
    sign: async () => {
      throw failure;
    },
  };
  await assert.rejects(signPayload(PAYLOAD, failing), (error) => error === failure);
});

test("a signature is recorded in a log, whose promise must hold", async () => {
  const authorities = createAuthorities();
  const other = createAuthorities();
  const logOf = (by: typeof authorities, publicKey?: string): TransparencyLog => ({
    publicKey,
    record: async (entry) => by.log(entry),
  });
  const { store } = await imageStore();
  const log = logOf(authorities, authorities.logPublicKeyPem);
  await signImage(store, `${NAME}:1`, signer, { log });
  const repository = { type: "matchRepository" };
  assert.equal(await verdictOf(store, `${NAME}:1`, repository, authorities.logPublicKeyPem), "allowed");
  const wrong: Record<string, TransparencyLog> = {
    "another log's key": logOf(authorities, other.logPublicKeyPem),
    "another entry": {
      publicKey: authorities.logPublicKeyPem,
      record: async (entry) => authorities.log({ ...entry, payload: Buffer.from("x") }),
    },
    "no promise": { publicKey: authorities.logPublicKeyPem, record: async () => "{}" },
    "a key that is none": logOf(authorities, "key"),
  };
  for (const [name, each] of Object.entries(wrong)) {
    await assert.rejects(signPayload(PAYLOAD, signer, { log: each }), { code: "ERR_POLICY_SIGNER" }, name);
  }
  const { publicKey: _, ...anonymous } = signer;
  await assert.rejects(signPayload(PAYLOAD, anonymous, { log }), TypeError);
});

test("an abort ends the wait for a signer and a log with the caller's reason", async () => {
  const reason = new Error("enough");
  const is = (error: unknown) => error === reason;
  const never = new Promise<never>(() => {});
  const { store } = await imageStore();
  for (const [each, log] of [
    [{ sign: () => never }, undefined],
    [signer, { record: () => never }],
  ] as const) {
    const controller = new AbortController();
    const pending = signImage(store, `${NAME}:1`, each, { log, signal: controller.signal });
    setTimeout(() => controller.abort(reason), 10);
    await assert.rejects(pending, is);
  }
  await assert.rejects(signImage(store, `${NAME}:1`, signer, { signal: AbortSignal.abort(reason) }), is);
  assert.equal(store.tags().length, 1);
});

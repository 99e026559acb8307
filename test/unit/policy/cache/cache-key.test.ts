import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/core/digest.ts";
import {
  type KeyBase,
  type KeySubject,
  keyWithFiles,
  verdictKeys,
} from "../../../../src/policy/cache/cache-key.ts";
import { emptySource, type SignatureSource } from "../../../../src/policy/sources/signature-source.ts";

const base: KeyBase = {
  policy: digestOf("policy"),
  source: "the fleet's mirrors",
  signatureSources: [emptySource("lookaside")],
  options: { requireSignatureVerification: true },
};
const subject: KeySubject = {
  reference: "quay.example/app:1",
  digest: digestOf("image"),
  choice: { platform: { os: "linux", architecture: "amd64" }, instanceDigest: undefined },
};

function keyOf(change: Partial<KeyBase & KeySubject> = {}): string {
  const { reference, digest, choice, ...rest } = { ...base, ...subject, ...change };
  return verdictKeys(rest)({ reference, digest, choice });
}

function unnamed(): SignatureSource {
  return { name: "lookaside", formats: ["simple-signing"], list: async () => [] };
}

test("each single thing that decides is in the key", () => {
  const changes: Partial<KeyBase & KeySubject>[] = [
    {},
    { policy: digestOf("other policy") },
    { source: "other mirrors" },
    { source: { repository: () => {} } },
    { source: { repository: () => {} } },
    { signatureSources: [] },
    { signatureSources: [emptySource("lookaside"), emptySource("lookaside")] },
    { signatureSources: [emptySource("other")] },
    { signatureSources: [emptySource("lookaside", ["simple-signing"])] },
    { signatureSources: [emptySource("lookaside", ["sigstore-json"])] },
    { signatureSources: [{ ...emptySource("lookaside"), identity: "x" }] },
    { signatureSources: [unnamed()] },
    { signatureSources: [unnamed()] },
    { signatureSources: [emptySource("a"), emptySource("b")] },
    { signatureSources: [emptySource("b"), emptySource("a")] },
    { options: {} },
    { options: { requireSignatureVerification: false } },
    { options: { requireSignatureVerification: "true" } },
    { options: { requireSignatureVerification: true, dialect: "node" } },
    { options: { requireSignatureVerification: true, dialect: "extended" } },
    { options: { requireSignatureVerification: true, subject: { email: "a@example.com" } } },
    { options: { requireSignatureVerification: true, subject: { email: "b@example.com" } } },
    { options: { requireSignatureVerification: true, match: () => true } },
    { options: { requireSignatureVerification: true, match: () => false } },
    { options: { requireSignatureVerification: true, data: Buffer.from("a") } },
    { options: { requireSignatureVerification: true, data: Buffer.from("b") } },
    { options: { requireSignatureVerification: true, count: 1 } },
    { options: { requireSignatureVerification: true, count: 1n } },
    { options: { requireSignatureVerification: true, count: "1" } },
    { options: { requireSignatureVerification: true, count: null } },
    { options: { requireSignatureVerification: true, list: ["a", "b"] } },
    { options: { requireSignatureVerification: true, list: ["a,b"] } },
    { options: { requireSignatureVerification: true, list: [["a"], "b"] } },
    { reference: "quay.example/app:2" },
    { reference: "quay.example/app" },
    { digest: digestOf("other image") },
    { choice: {} },
    { choice: { platform: { os: "linux", architecture: "arm64" } } },
    { choice: { platform: { os: "linux", architecture: "amd64", variant: "v1" } } },
    { choice: { instanceDigest: digestOf("instance") } },
    { choice: { instanceDigest: digestOf("other instance") } },
  ];
  const keys = changes.map(keyOf);
  for (const key of keys) assert.match(key, /^[0-9a-f]{64}$/);
  assert.equal(new Set(keys).size, changes.length);
});

test("parts do not run into each other", () => {
  const reference = subject.reference;
  assert.notEqual(
    keyOf({ reference: `${reference}","x` }),
    keyOf({ reference, source: `x","${String(base.source)}` }),
  );
  assert.notEqual(keyOf({ source: "a" }), keyOf({ source: ["a"] }));
  assert.notEqual(keyOf({ source: "undefined" }), keyOf({ source: undefined }));
});

test("the order of members, and members without a value, do not matter", () => {
  const choice = { instanceDigest: undefined, platform: { architecture: "amd64", os: "linux" } };
  assert.equal(keyOf({ choice }), keyOf());
  assert.equal(keyOf({ options: { requireSignatureVerification: true, x: undefined } }), keyOf());
});

test("what is not plain data stands for itself alone", () => {
  const source = { repository: () => {} };
  assert.equal(keyOf({ source }), keyOf({ source }));
  const signatureSources = [unnamed()];
  assert.equal(keyOf({ signatureSources }), keyOf({ signatureSources: [...signatureSources] }));
  assert.throws(() => keyOf({ options: { symbol: Symbol("x") } }), TypeError);
});

test("files are in the key by name and content, in order", () => {
  const files = [
    ["/a", digestOf("a")],
    ["/b", digestOf("b")],
  ] as const;
  const variants = [
    files,
    [files[1], files[0]],
    [files[0]],
    [files[0], ["/b", digestOf("a")]],
    [files[0], ["/c", digestOf("b")]],
    [],
  ] as const;
  const keys = variants.map((variant) => keyWithFiles("key", variant));
  assert.equal(new Set([...keys, keyWithFiles("other", files), "key"]).size, variants.length + 2);
});

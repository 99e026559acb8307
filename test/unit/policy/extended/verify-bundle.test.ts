import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { digestOf } from "../../../../src/core/digest.ts";
import {
  BUNDLE_MEDIA_TYPES,
  type ManagedKey,
  parseTrustedRoot,
  verifyBundle,
} from "../../../../src/policy/extended/index.ts";
import {
  type BundleJson,
  createBundleAuthorities,
  mintKey,
  publicKeyPem,
  type SignBundleOptions,
  signStatement,
  type TimestampOptions,
  type TrustedRootJson,
} from "../../../../src/testing/index.ts";
import {
  CONTENT,
  DIGEST,
  EMAIL,
  MESSAGE,
  made,
  NOW,
  outcome,
  SIGNER,
  signed,
  trustedRoot,
  verified,
  who,
} from "./bundles.ts";

const INVALID = "ERR_POLICY_INVALID_SIGNATURE";
const OTHER = "ERR_POLICY_REQUIREMENT";
const HOUR = 3_600_000;

const SHAPES: Readonly<Record<string, Partial<SignBundleOptions>>> = {
  "version 0.1": { version: "0.1" },
  "version 0.2": { version: "0.2" },
  "version 0.3": {},
  "an in-toto entry": { entry: "intoto" },
  "Rekor 2": { logs: [made.logV2] },
  "Rekor 2 and a dsse entry": { logs: [made.logV2], entry: "dsse" },
  "both logs": { logs: [made.logV1, made.logV2] },
  "a timestamp besides": { timestampAuthorities: [made.timestampAuthority] },
};

for (const [name, shape] of Object.entries(SHAPES)) {
  test(`a bundle with ${name} is verified for its artifact alone`, async () => {
    const bundle = signed(shape);
    const { signer, statement, times, logEntries, digest } = await verified(bundle);
    assert.equal(signer.kind === "keyless" && signer.subject.value, EMAIL);
    assert.equal(statement?.subject.digest, DIGEST);
    assert.equal(digest, digestOf(bundle));
    assert.ok(times.length >= 1 && times.every(({ at }) => at === NOW));
    assert.equal(logEntries.length, shape.logs?.length ?? 1);
    assert.equal(await outcome(bundle, { artifact: { digest: digestOf("other") } }), OTHER);
    assert.equal(await outcome(bundle, { artifact: { bytes: MESSAGE } }), "accepted");
    assert.equal(await outcome(bundle, { artifact: { bytes: Buffer.from("other") } }), OTHER);
  });
}

test("a signature over the artifact itself is verified over its bytes and over its digest", async () => {
  for (const logs of [[made.logV1], [made.logV2]]) {
    const bundle = signed({ content: { message: MESSAGE }, logs });
    assert.equal(await outcome(bundle, { artifact: { bytes: MESSAGE } }), "accepted");
    assert.equal(await outcome(bundle, { artifact: { digest: DIGEST } }), "accepted");
    assert.equal(await outcome(bundle, { artifact: { bytes: Buffer.from("other") } }), OTHER);
    assert.equal(await outcome(bundle, { artifact: { digest: digestOf("other") } }), OTHER);
    const sha512 = { digest: digestOf(MESSAGE, "sha512") };
    assert.equal(await outcome(bundle, { artifact: sha512 }), "ERR_POLICY_UNSUPPORTED");
  }
});

/** Changes after signing; each breaks a bundle that holds otherwise. */
const TAMPERED: Readonly<Record<string, (bundle: BundleJson) => void>> = {
  "another payload": (bundle) => {
    const other = Buffer.from(JSON.stringify(signStatement(DIGEST, { predicate: { more: 1 } })));
    if (bundle.dsseEnvelope) bundle.dsseEnvelope.payload = other.toString("base64");
  },
  "another signature": (bundle) => {
    const other = JSON.parse(signed()) as BundleJson;
    if (bundle.dsseEnvelope) bundle.dsseEnvelope.signatures = other.dsseEnvelope?.signatures ?? [];
  },
  "another payload type": (bundle) => {
    if (bundle.dsseEnvelope) bundle.dsseEnvelope.payloadType = "application/json";
  },
  "two signatures": (bundle) => {
    bundle.dsseEnvelope?.signatures.push(...bundle.dsseEnvelope.signatures);
  },
  "no signature": (bundle) => {
    if (bundle.dsseEnvelope) bundle.dsseEnvelope.signatures = [];
  },
  "no log entry": (bundle) => {
    bundle.verificationMaterial.tlogEntries = [];
  },
  "the log entry of another bundle": (bundle) => {
    const other = JSON.parse(signed()) as BundleJson;
    bundle.verificationMaterial.tlogEntries = other.verificationMaterial.tlogEntries;
  },
  "a log entry twice": (bundle) => {
    bundle.verificationMaterial.tlogEntries.push(...bundle.verificationMaterial.tlogEntries);
  },
  "a good log entry and one of another bundle": (bundle) => {
    const other = JSON.parse(signed()) as BundleJson;
    bundle.verificationMaterial.tlogEntries.push(...other.verificationMaterial.tlogEntries);
  },
  "a later integrated time": (bundle) => {
    for (const entry of bundle.verificationMaterial.tlogEntries) {
      entry.integratedTime = String(NOW / 1000 + 60);
    }
  },
  "no inclusion promise": (bundle) => {
    for (const entry of bundle.verificationMaterial.tlogEntries) delete entry.inclusionPromise;
  },
  "no inclusion proof": (bundle) => {
    for (const entry of bundle.verificationMaterial.tlogEntries) delete entry.inclusionProof;
  },
  "a hash of the proof changed": (bundle) => {
    const proof = bundle.verificationMaterial.tlogEntries[0]?.inclusionProof;
    if (proof) proof.hashes[0] = Buffer.alloc(32).toString("base64");
  },
  "a checkpoint of another size": (bundle) => {
    const proof = bundle.verificationMaterial.tlogEntries[0]?.inclusionProof;
    if (proof?.checkpoint)
      proof.checkpoint.envelope = proof.checkpoint.envelope.replace(/\n[0-9]+\n/, "\n99\n");
  },
  "the certificate of somebody else": (bundle) => {
    const rawBytes = Buffer.from(made.certify("other@example.com").certificate).toString("base64");
    bundle.verificationMaterial.certificate = { rawBytes };
  },
  "another certificate for the same key and person": (bundle) => {
    const again = made.certify(EMAIL, { key: who.key });
    bundle.verificationMaterial.certificate = {
      rawBytes: Buffer.from(again.certificate).toString("base64"),
    };
  },
  "a timestamp of another signature": (bundle) => {
    bundle.verificationMaterial.timestampVerificationData.rfc3161Timestamps = [
      { signedTimestamp: made.timestampAuthority.timestamp(Buffer.from("other")).toString("base64") },
    ];
  },
  "a timestamp of an unknown authority": (bundle) => {
    const stranger = createBundleAuthorities({ now: () => NOW }).timestampAuthority;
    const signature = Buffer.from(bundle.dsseEnvelope?.signatures[0]?.sig ?? "", "base64");
    bundle.verificationMaterial.timestampVerificationData.rfc3161Timestamps = [
      { signedTimestamp: stranger.timestamp(signature).toString("base64") },
    ];
  },
  "a timestamp that is none": (bundle) => {
    bundle.verificationMaterial.timestampVerificationData.rfc3161Timestamps = [{ signedTimestamp: "MAA=" }];
  },
};

for (const [name, change] of Object.entries(TAMPERED)) {
  test(`CVE-2022-36056: a bundle with ${name} is refused`, async () => {
    assert.equal(await outcome(signed({}, change)), INVALID);
  });
}

test("CVE-2026-22703: the log must have seen this certificate, in every kind of entry", async () => {
  // A second certificate for the same key and person: signature and digest of the entry fit, its certificate does not.
  const again = made.certify(EMAIL, { key: who.key });
  const rawBytes = Buffer.from(again.certificate).toString("base64");
  const kinds: readonly Partial<SignBundleOptions>[] = [
    { entry: "dsse" },
    { entry: "intoto" },
    { entry: "hashedrekord" },
    { logs: [made.logV2], entry: "hashedrekord" },
    { logs: [made.logV2], entry: "dsse" },
  ];
  for (const options of kinds) {
    const exchanged = signed(options, ({ verificationMaterial }) => {
      verificationMaterial.certificate = { rawBytes };
    });
    assert.equal(await outcome(signed(options)), "accepted");
    await assert.rejects(verified(exchanged), { message: /another certificate or key/ });
  }
});

test("CVE-2026-39984: the certificate that a timestamp names is the one that its signature is checked with", async () => {
  const stranger = createBundleAuthorities({ now: () => NOW }).timestampAuthority;
  const { timestampAuthority } = made;
  const stamped = (options: TimestampOptions) =>
    signed({ logs: [made.logV2] }, ({ dsseEnvelope, verificationMaterial }) => {
      const signature = Buffer.from(dsseEnvelope?.signatures[0]?.sig ?? "", "base64");
      const signedTimestamp = timestampAuthority.timestamp(signature, options).toString("base64");
      verificationMaterial.timestampVerificationData.rfc3161Timestamps = [{ signedTimestamp }];
    });
  assert.equal(await outcome(stamped({})), "accepted");
  assert.equal(await outcome(stamped({ embedCertificate: true })), "accepted");
  assert.equal(await outcome(stamped({ key: stranger.leaf.key })), INVALID);
  const embedCertificate = stranger.leaf.der;
  assert.equal(await outcome(stamped({ key: stranger.leaf.key, embedCertificate })), INVALID);
});

test("CVE-2025-66564: a timestamp of any length or depth is refused without much work", async () => {
  const nested = Array.from({ length: 3000 }).reduce<Buffer>(
    (inner) => Buffer.concat([Buffer.of(0x30, 0x84, 0, 0, inner.length >> 8, inner.length & 0xff), inner]),
    Buffer.alloc(0),
  );
  for (const token of [
    Buffer.alloc(1_000_000, 0x30),
    nested,
    Buffer.alloc(1_000_000, 0x24),
    Buffer.of(0x30),
  ]) {
    const bundle = signed({ logs: [made.logV2] }, ({ verificationMaterial }) => {
      const signedTimestamp = token.toString("base64");
      verificationMaterial.timestampVerificationData.rfc3161Timestamps = [{ signedTimestamp }];
    });
    const started = performance.now();
    assert.equal(await outcome(bundle), INVALID);
    assert.ok(performance.now() - started < 3000);
  }
});

/** Options of the one who signs; each makes a bundle that must not count. */
const WRONGLY_SIGNED: Readonly<Record<string, Partial<SignBundleOptions>>> = {
  "signed after the certificate's end": { at: NOW + HOUR },
  "signed before the certificate's start": { at: NOW - HOUR },
  "time-stamped after the certificate's end": { logs: [made.logV2], at: NOW + HOUR },
  "in no log": { logs: [] },
  "in no log and time-stamped": { logs: [], timestampAuthorities: [made.timestampAuthority] },
  "in a log of version 2 without a time": { logs: [made.logV2], timestampAuthorities: [] },
  "in a log that is not trusted": { logs: [createBundleAuthorities({ now: () => NOW }).logV1] },
  "certified without a certificate log": { signer: made.certify(EMAIL, { certificateLog: false }) },
  "certified for another purpose": {
    signer: made.certify(EMAIL, { extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"] }),
  },
  "certified for no purpose": { signer: made.certify(EMAIL, { extendedKeyUsage: undefined }) },
  "by a certificate authority's key": { signer: made.certify(EMAIL, { isCa: true }) },
  "with an unknown critical extension": {
    signer: made.certify(EMAIL, {
      extensions: [{ oid: "1.2.3.4", critical: true, value: Buffer.of(5, 0) }],
    }),
  },
  "certified by a stranger": { signer: createBundleAuthorities({ now: () => NOW }).certify(EMAIL) },
};

for (const [name, options] of Object.entries(WRONGLY_SIGNED)) {
  test(`a bundle that is ${name} is refused`, async () => {
    assert.equal(await outcome(signed(options)), INVALID);
  });
}

test("CVE-2026-24122: every certificate of the chain must count at the time of signing", async () => {
  // The root ends before the certificate does; the leaf alone is still valid.
  const json = made.trustedRoot();
  const [fulcio] = json.certificateAuthorities;
  assert.ok(fulcio);
  fulcio.validFor.end = new Date(NOW - 1).toISOString();
  assert.equal(await outcome(signed(), { signer: { ...SIGNER, trustedRoot: rootOf(json) } }), INVALID);
  fulcio.validFor.end = new Date(NOW).toISOString();
  assert.equal(await outcome(signed(), { signer: { ...SIGNER, trustedRoot: rootOf(json) } }), "accepted");
});

function rootOf(json: TrustedRootJson): typeof trustedRoot {
  return parseTrustedRoot(JSON.stringify(json));
}

/** Changes to the root; each takes away what the bundle rests on. */
const ROOTS: Readonly<Record<string, [(root: TrustedRootJson) => void, Partial<SignBundleOptions>]>> = {
  "without certificate authorities": [(root) => root.certificateAuthorities.splice(0), {}],
  "without logs": [(root) => root.tlogs.splice(0), {}],
  "without certificate logs": [(root) => root.ctlogs.splice(0), {}],
  "without timestamp authorities": [(root) => root.timestampAuthorities.splice(0), { logs: [made.logV2] }],
  "whose certificate authority starts later": [
    ({ certificateAuthorities: [first] }) => setWindow(first?.validFor, { start: NOW + 1000 }),
    {},
  ],
  "whose log starts later": [
    ({ tlogs: [first] }) => setWindow(first?.publicKey.validFor, { start: NOW + 1000 }),
    {},
  ],
  "whose log ended": [({ tlogs: [first] }) => setWindow(first?.publicKey.validFor, { end: NOW - 1 }), {}],
  "whose log of version 2 starts later": [
    ({ tlogs: [, second] }) => setWindow(second?.publicKey.validFor, { start: NOW + 1000 }),
    { logs: [made.logV2] },
  ],
  "whose log of version 2 ended": [
    ({ tlogs: [, second] }) => setWindow(second?.publicKey.validFor, { end: NOW - 1 }),
    { logs: [made.logV2] },
  ],
  "whose certificate log ended": [
    ({ ctlogs: [first] }) => setWindow(first?.publicKey.validFor, { end: NOW - 1 }),
    {},
  ],
  "whose timestamp authority ended": [
    ({ timestampAuthorities: [first] }) => setWindow(first?.validFor, { end: NOW - 1 }),
    { logs: [made.logV2] },
  ],
};

function setWindow(
  window: { start?: string; end?: string } | undefined,
  { start, end }: { start?: number; end?: number },
): void {
  assert.ok(window);
  if (start !== undefined) window.start = new Date(start).toISOString();
  if (end !== undefined) window.end = new Date(end).toISOString();
}

for (const [name, [change, options]] of Object.entries(ROOTS)) {
  test(`a root ${name} vouches for nothing`, async () => {
    const json = made.trustedRoot();
    change(json);
    const bundle = signed(options);
    assert.equal(await outcome(bundle), "accepted");
    assert.equal(await outcome(bundle, { signer: { ...SIGNER, trustedRoot: rootOf(json) } }), INVALID);
  });
}

test("evidence that is asked for must be there, each log and authority counted once", async () => {
  const plain = signed();
  const both = signed(
    { logs: [made.logV1, made.logV2], timestampAuthorities: [made.timestampAuthority] },
    ({ dsseEnvelope, verificationMaterial }) => {
      const signature = Buffer.from(dsseEnvelope?.signatures[0]?.sig ?? "", "base64");
      // A second time by the same authority.
      const later = made.timestampAuthority.timestamp(signature, { at: NOW + 1000 });
      const signedTimestamp = later.toString("base64");
      verificationMaterial.timestampVerificationData.rfc3161Timestamps.push({ signedTimestamp });
    },
  );
  const withEvidence = (evidence: object) => ({ signer: { ...SIGNER, evidence } });
  assert.equal(await outcome(plain, withEvidence({ transparencyLogs: 1 })), "accepted");
  assert.equal(await outcome(plain, withEvidence({ transparencyLogs: 2 })), INVALID);
  assert.equal(await outcome(plain, withEvidence({ timestampAuthorities: 1 })), INVALID);
  assert.equal(await outcome(both, withEvidence({ transparencyLogs: 2 })), "accepted");
  assert.equal(await outcome(both, withEvidence({ timestampAuthorities: 1 })), "accepted");
  assert.equal(await outcome(both, withEvidence({ timestampAuthorities: 2 })), INVALID);
  assert.equal(await outcome(plain, withEvidence({ certificateLogs: 2 })), INVALID);
  // Two entries of one log that differ: still one log.
  const twice = signed({ logs: [made.logV1, made.logV1] });
  assert.equal(await outcome(twice, withEvidence({ transparencyLogs: 2 })), INVALID);
  const unlogged = signed({ signer: made.certify(EMAIL, { certificateLog: false }) });
  assert.equal(await outcome(unlogged, withEvidence({ certificateLogs: 0 })), "accepted");
  const stamped = signed({ logs: [], timestampAuthorities: [made.timestampAuthority] });
  assert.equal(await outcome(stamped, withEvidence({ transparencyLogs: 0 })), "accepted");
  // Without a log there is still no certificate without an observed time.
  assert.equal(await outcome(signed({ logs: [] }), withEvidence({ transparencyLogs: 0 })), INVALID);
});

test("what was signed must be of a kind that counts", async () => {
  const provenance = "https://slsa.dev/provenance/v1";
  const attested = signed({ content: { statement: signStatement(DIGEST, { predicateType: provenance }) } });
  const message = signed({ content: { message: MESSAGE } });
  assert.equal(await outcome(attested), OTHER);
  assert.equal(await outcome(attested, { content: { predicateTypes: [provenance] } }), "accepted");
  assert.equal(await outcome(attested, { content: { predicateTypes: "any" } }), "accepted");
  assert.equal(await outcome(attested, { content: { predicateTypes: [provenance.toUpperCase()] } }), OTHER);
  assert.equal(await outcome(attested, { content: { messageSignature: true } }), OTHER);
  assert.equal(await outcome(message, { content: { predicateTypes: "any" } }), OTHER);
  assert.equal(await outcome(message, { content: { messageSignature: true } }), "accepted");
  for (const content of [{}, { predicateTypes: [] }, { messageSignature: false }, { predicateType: "any" }]) {
    await assert.rejects(verified(attested, { content }), TypeError);
  }
});

test("CVE-2022-35930: a statement about something else, or about nothing, does not count", async () => {
  const hex = DIGEST.slice("sha256:".length);
  const subjects: Readonly<Record<string, [subject: unknown, expected: string]>> = {
    "the artifact": [[{ digest: { sha256: hex } }], "accepted"],
    "the artifact among others": [
      [{ digest: { sha256: "00" } }, { name: "x", digest: { sha256: hex, sha1: "00" } }],
      "accepted",
    ],
    "another digest": [[{ digest: { sha256: hex.replace(/./, "z") } }], OTHER],
    "a prefix of the digest": [[{ digest: { sha256: hex.slice(0, 63) } }], OTHER],
    "more than the digest": [[{ digest: { sha256: `${hex}0` } }], OTHER],
    "the digest in capitals": [[{ digest: { sha256: hex.toUpperCase() } }], OTHER],
    "the digest under another algorithm": [[{ digest: { sha512: hex } }], OTHER],
    "the digest with its algorithm": [[{ digest: { sha256: DIGEST } }], OTHER],
    "the digest as a name": [[{ name: DIGEST, digest: { sha256: "00" } }], OTHER],
    "no digest": [[{ name: "x" }], OTHER],
    "no subject": [[], INVALID],
    "subject null": [null, INVALID],
    "a digest that is no text": [[{ digest: { sha256: 1 } }], INVALID],
  };
  for (const [name, [subject, expected]] of Object.entries(subjects)) {
    const statement = { ...signStatement(DIGEST), subject: subject as never };
    assert.equal(await outcome(signed({ content: { statement } })), expected, name);
  }
});

test("a payload that is no statement is refused", async () => {
  const good = signStatement(DIGEST);
  const { predicateType, ...untyped } = good;
  const payloads: unknown[] = [
    "{",
    "[]",
    "null",
    { ...good, _type: "https://in-toto.io/Statement/v2" },
    { ...good, _type: undefined },
    { ...good, predicateType: "" },
    untyped,
    JSON.stringify(good).replace("{", `{"predicateType":"${predicateType}",`),
  ];
  for (const each of payloads) {
    const payload = Buffer.from(typeof each === "string" ? each : JSON.stringify(each));
    const content = { payload, payloadType: "application/vnd.in-toto+json" };
    assert.equal(await outcome(signed({ content })), INVALID, String(payload));
  }
  const content = { payload: Buffer.from(JSON.stringify(good)), payloadType: "application/json" };
  assert.equal(await outcome(signed({ content })), INVALID);
});

test("a managed key: only that key, with the evidence asked for, while it counts", async () => {
  const key = mintKey();
  const signer: ManagedKey = { kind: "key", publicKey: publicKeyPem(key), trustedRoot };
  const bundle = signed({ signer: key });
  assert.equal((await verified(bundle, { signer })).signer.kind, "key");
  assert.equal(await outcome(bundle), OTHER);
  assert.equal(await outcome(signed(), { signer }), OTHER);
  const other = { ...signer, publicKey: publicKeyPem(mintKey()) };
  assert.equal(await outcome(bundle, { signer: other }), INVALID);
  assert.equal(await outcome(signed({ signer: key, logs: [] }), { signer }), INVALID);
  const none = { transparencyLogs: 0 };
  const unlogged = signed({ signer: key, logs: [] });
  assert.equal(await outcome(unlogged, { signer: { ...signer, evidence: none } }), "accepted");
  const bare: ManagedKey = { kind: "key", publicKey: publicKeyPem(key) };
  assert.equal(await outcome(unlogged, { signer: bare }), "accepted");
  assert.equal(await outcome(bundle, { signer: bare }), "accepted");
  for (const [validFor, expected] of [
    [{ start: NOW, end: NOW }, "accepted"],
    [{ start: NOW + 1 }, INVALID],
    [{ end: NOW - 1 }, INVALID],
  ] as const) {
    assert.equal(await outcome(bundle, { signer: { ...signer, validFor } }), expected);
  }
  // When a key counts means nothing for a signature whose time nobody observed.
  const windowed: ManagedKey = { ...signer, evidence: none, validFor: { start: 0 } };
  assert.equal(await outcome(unlogged, { signer: windowed }), INVALID);
  // An entry without a time of its own, and no other time: whether the log's key counted then is open.
  const timeless = signed({ signer: key, logs: [made.logV2], timestampAuthorities: [] });
  assert.equal(await outcome(timeless, { signer }), INVALID);
});

test("managed keys of every kind that cosign makes", async () => {
  for (const [name, { privateKey, publicKey }] of Object.entries({
    "P-384": generateKeyPairSync("ec", { namedCurve: "P-384" }),
    "P-521": generateKeyPairSync("ec", { namedCurve: "P-521" }),
    rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
    ed25519: generateKeyPairSync("ed25519"),
  })) {
    const pem = publicKey.export({ format: "pem", type: "spki" }).toString();
    const signer: ManagedKey = { kind: "key", publicKey: pem, trustedRoot };
    assert.equal(await outcome(signed({ signer: privateKey }), { signer }), "accepted", name);
    const message = signed({ signer: privateKey, content: { message: MESSAGE } });
    assert.equal(await outcome(message, { signer, artifact: { bytes: MESSAGE } }), "accepted", name);
    // Ed25519 signs the bytes themselves.
    const expected = name === "ed25519" ? INVALID : "accepted";
    assert.equal(await outcome(message, { signer }), expected, name);
  }
});

test("a bundle of another version, or with other members, is refused", async () => {
  for (const mediaType of [
    "application/vnd.dev.sigstore.bundle+json;version=0.4",
    "application/vnd.dev.sigstore.bundle.v0.4+json",
    "application/vnd.dev.sigstore.bundle.v0.3+jsonx",
    "",
  ]) {
    assert.equal(await outcome(signed({}, (bundle) => Object.assign(bundle, { mediaType }))), INVALID);
  }
  assert.equal(BUNDLE_MEDIA_TYPES.length, 4);
  assert.equal(await outcome(signed({}, (bundle) => Object.assign(bundle, { extra: 1 }))), INVALID);
  assert.equal(await outcome(signed().replace("{", '{"mediaType":"x",')), INVALID);
  assert.equal(await outcome(signed().replace('"payload":"', '"payload":" ')), INVALID);
  const both = signed({}, (bundle) => {
    bundle.messageSignature = {
      messageDigest: { algorithm: "SHA2_256", digest: "AA==" },
      signature: "AA==",
    };
  });
  assert.equal(await outcome(both), INVALID);
  const neither = signed({}, (bundle) => {
    delete bundle.dsseEnvelope;
  });
  assert.equal(await outcome(neither), INVALID);
});

test("CVE-2024-29902: bundles that are too long, or list too much, are refused before any of it is checked", async () => {
  const huge = signed({ content: { payload: Buffer.alloc(4 * 1024 * 1024), payloadType: "x" } });
  assert.equal(await outcome(huge), INVALID);
  const many = signed({}, ({ verificationMaterial }) => {
    const [entry] = verificationMaterial.tlogEntries;
    assert.ok(entry);
    verificationMaterial.tlogEntries = Array.from({ length: 9 }, () => entry);
  });
  assert.equal(await outcome(many), INVALID);
  const stamps = signed({}, ({ verificationMaterial }) => {
    verificationMaterial.timestampVerificationData.rfc3161Timestamps = Array.from({ length: 9 }, () => ({
      signedTimestamp: "MAA=",
    }));
  });
  assert.equal(await outcome(stamps), INVALID);
});

test("options that ask for nothing, or for what there is not, are mistakes", async () => {
  const bundle = signed();
  const key = publicKeyPem(mintKey());
  const wrong: object[] = [
    { signer: undefined },
    { signer: { kind: "anyone" } },
    { signer: { ...SIGNER, issuer: "" } },
    { signer: { ...SIGNER, issuer: undefined } },
    { signer: { ...SIGNER, subjct: SIGNER.subject } },
    { signer: { ...SIGNER, trustedRoot: undefined } },
    { signer: { ...SIGNER, subject: {} } },
    { signer: { ...SIGNER, subject: { kind: "email" } } },
    { signer: { ...SIGNER, subject: { kind: "mail", exact: EMAIL } } },
    { signer: { ...SIGNER, subject: { kind: "email", exact: EMAIL, pattern: ".*" } } },
    { signer: { ...SIGNER, subject: { kind: "email", exact: undefined } } },
    { signer: { ...SIGNER, extensions: { issuer: undefined } } },
    { signer: { ...SIGNER, extensions: { buildSigner: { exact: "x" } } } },
    { signer: { ...SIGNER, evidence: { logs: 1 } } },
    { signer: { ...SIGNER, evidence: { transparencyLogs: -1 } } },
    { signer: { ...SIGNER, evidence: { transparencyLogs: 0.5 } } },
    { signer: { ...SIGNER, evidence: { certificateLogs: Number.NaN } } },
    { signer: { kind: "key", publicKey: key, evidence: { transparencyLogs: 1 } } },
    { signer: { kind: "key", publicKey: key, validFor: { start: 0 } } },
    { signer: { kind: "key", publicKey: key, trustedRoot, validFor: { start: 2, end: 1 } } },
    { artifact: undefined },
    { artifact: {} },
    { artifact: { digest: "sha256:abc" } },
    { artifact: { bytes: "text" } },
    { artifact: { bytes: MESSAGE, digest: DIGEST } },
    { content: undefined },
    { threshold: 1 },
  ];
  for (const each of wrong) {
    const options = { artifact: { digest: DIGEST }, signer: SIGNER, content: CONTENT, ...each };
    await assert.rejects(
      verifyBundle(bundle, options as never),
      (error) => error instanceof TypeError || error instanceof RangeError,
      JSON.stringify(Object.keys(each)),
    );
  }
  await assert.rejects(verified(bundle, { signer: { kind: "key", publicKey: "none" } }), {
    code: "ERR_POLICY_TRUST_ROOT",
  });
});

import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { digestOf } from "../../../../src/core/digest.ts";
import { PolicyError } from "../../../../src/policy/errors.ts";
import { parseTrustedRoot } from "../../../../src/policy/extended/index.ts";
import { mintCertificate, type TrustedRootJson } from "../../../../src/testing/index.ts";
import { made, NOW } from "./bundles.ts";

function refusal(text: string | Uint8Array): PolicyError {
  try {
    parseTrustedRoot(text);
  } catch (error) {
    assert.ok(error instanceof PolicyError);
    return error;
  }
  assert.fail("the root was read");
}

function changed(change: (root: TrustedRootJson) => void): string {
  const root = made.trustedRoot();
  change(root);
  return JSON.stringify(root);
}

test("a root is read, with the digest of its text", () => {
  const text = JSON.stringify(made.trustedRoot());
  const root = parseTrustedRoot(text);
  assert.equal(root.digest, digestOf(text));
  assert.equal(root.message.tlogs.length, 2);
  for (const mediaType of [
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
  ]) {
    assert.equal(
      parseTrustedRoot(changed((json) => Object.assign(json, { mediaType }))).mediaType,
      mediaType,
    );
  }
});

test("null stands for an absent member, as protobuf has it", () => {
  const root = changed(({ tlogs: [log] }) =>
    Object.assign(log ?? {}, { checkpointKeyId: null, operator: null }),
  );
  assert.equal(parseTrustedRoot(root).message.tlogs[0]?.checkpointKeyId, undefined);
  const missing = changed(({ tlogs: [log] }) => Object.assign(log ?? {}, { logId: null }));
  assert.match(refusal(missing).message, /logId/);
});

/** Each takes a bound of validity away, or turns it round. */
const WINDOWS: readonly ((root: TrustedRootJson) => unknown)[] = [
  ({ tlogs: [log] }) => delete log?.publicKey.validFor.start,
  ({ ctlogs: [log] }) => delete log?.publicKey.validFor.start,
  ({ certificateAuthorities: [authority] }) => delete authority?.validFor.start,
  ({ timestampAuthorities: [authority] }) => delete authority?.validFor.start,
  ({ tlogs: [log] }) => Object.assign(log?.publicKey ?? {}, { validFor: undefined }),
  ({ certificateAuthorities: [authority] }) => Object.assign(authority ?? {}, { validFor: undefined }),
  ({ tlogs: [log] }) => Object.assign(log?.publicKey.validFor ?? {}, { start: null }),
  ({ tlogs: [log] }) => Object.assign(log?.publicKey.validFor ?? {}, { end: "1999-01-01T00:00:00Z" }),
];

test("an authority that does not say from when it counts makes the whole root invalid", () => {
  for (const change of WINDOWS) {
    assert.equal(refusal(changed((root) => void change(root))).code, "ERR_POLICY_TRUST_ROOT");
  }
});

test("times are RFC 3339, and real", () => {
  const withStart = (start: unknown) =>
    changed(({ tlogs: [log] }) => Object.assign(log?.publicKey.validFor ?? {}, { start }));
  const startOf = (start: string) =>
    parseTrustedRoot(withStart(start)).message.tlogs[0]?.publicKey?.validFor?.start?.toISOString();
  assert.equal(startOf("2024-02-29T23:59:59Z"), "2024-02-29T23:59:59.000Z");
  assert.equal(startOf("2024-02-29T23:59:59.123456789Z"), "2024-02-29T23:59:59.123Z");
  assert.equal(startOf("2024-03-01T01:00:00+02:00"), "2024-02-29T23:00:00.000Z");
  for (const start of [
    "2023-02-29T00:00:00Z",
    "2023-02-30T00:00:00Z",
    "2023-00-10T00:00:00Z",
    "2023-13-10T00:00:00Z",
    "2023-01-00T00:00:00Z",
    "2023-01-01T24:60:00Z",
    "2023-01-01 00:00:00Z",
    "2023-01-01T00:00:00",
    "2023-01-01",
    "1",
    "",
    1,
  ]) {
    assert.equal(refusal(withStart(start)).code, "ERR_POLICY_TRUST_ROOT", String(start));
  }
});

test("keys and certificates are read at once, and those that verification could not keep to are refused", () => {
  const window = { notBefore: NOW, notAfter: NOW + 1000 };
  const certificates: readonly (readonly [string, Uint8Array])[] = [
    ["none", Buffer.of(0x30, 0)],
    [
      "with name constraints",
      mintCertificate({
        subject: "x",
        ...window,
        isCa: true,
        nameConstraints: { permittedEmails: ["example.com"] },
      }).der,
    ],
    [
      "with an unknown critical extension",
      mintCertificate({
        subject: "x",
        ...window,
        isCa: true,
        extensions: [{ oid: "1.2.3.4", critical: true, value: Buffer.of(5, 0) }],
      }).der,
    ],
  ];
  for (const [name, der] of certificates) {
    const rawBytes = Buffer.from(der).toString("base64");
    for (const list of ["certificateAuthorities", "timestampAuthorities"] as const) {
      const text = changed((root) => root[list][0]?.certChain.certificates.push({ rawBytes }));
      assert.equal(refusal(text).code, "ERR_POLICY_TRUST_ROOT", name);
    }
  }
  const withKey = (rawBytes: string, keyDetails: unknown) =>
    changed(({ tlogs: [log] }) => Object.assign(log?.publicKey ?? {}, { rawBytes, keyDetails }));
  const key = made.logV1.publicKey.toString("base64");
  assert.equal(refusal(withKey("AAAA", "PKIX_ECDSA_P256_SHA_256")).code, "ERR_POLICY_TRUST_ROOT");
  assert.equal(refusal(withKey(key, "PKIX_RSA_PSS")).code, "ERR_POLICY_TRUST_ROOT");
  assert.equal(refusal(withKey(key, "PKIX_UNKNOWN")).code, "ERR_POLICY_TRUST_ROOT");
  assert.equal(refusal(withKey(key, 99)).code, "ERR_POLICY_TRUST_ROOT");
  parseTrustedRoot(withKey(key, 5));
  const pkcs1 = generateKeyPairSync("rsa", { modulusLength: 2048 })
    .publicKey.export({ format: "der", type: "pkcs1" })
    .toString("base64");
  parseTrustedRoot(withKey(pkcs1, "PKCS1_RSA_PKCS1V5"));
  assert.equal(refusal(withKey(pkcs1, "PKIX_ECDSA_P256_SHA_256")).code, "ERR_POLICY_TRUST_ROOT");
});

test("what a root does not have is refused, with its place", () => {
  const wrong: readonly (readonly [string, string])[] = [
    [changed((root) => Object.assign(root, { mediaType: "application/json" })), "$['mediaType']"],
    [changed((root) => Object.assign(root, { revoked: [] })), "$['revoked']"],
    [changed(({ tlogs: [log] }) => Object.assign(log ?? {}, { base_url: "x" })), "$['tlogs'][0]['base_url']"],
    [
      changed(({ tlogs: [log] }) => Object.assign(log ?? {}, { hashAlgorithm: "SHA2_512" })),
      "$['tlogs'][0]['hashAlgorithm']",
    ],
    [
      changed(({ certificateAuthorities: [authority] }) => authority?.certChain.certificates.splice(0)),
      "$['certificateAuthorities'][0]['certChain']",
    ],
    [JSON.stringify(made.trustedRoot()).replace("{", '{"mediaType":"x",'), "$['mediaType']"],
    ["[]", "$"],
    ["", "$"],
  ];
  for (const [text, path] of wrong) {
    const { code, position } = refusal(text);
    assert.equal(code, "ERR_POLICY_TRUST_ROOT");
    assert.equal(position?.path, path);
  }
  const many = changed(({ tlogs }) => {
    const [log] = tlogs;
    if (log) for (let count = 0; count < 128; count++) tlogs.push(log);
  });
  assert.equal(refusal(many).code, "ERR_POLICY_TRUST_ROOT");
  assert.equal(refusal(Buffer.alloc(1024 * 1024 + 1, 0x20)).code, "ERR_POLICY_TRUST_ROOT");
});

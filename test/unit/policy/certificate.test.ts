import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { type Certificate, parseCertificate } from "../../../src/policy/certificate.ts";
import { PolicyError } from "../../../src/policy/errors.ts";
import { createAuthorities } from "../../../src/testing/authorities.ts";
import { derUtf8, mintCertificate } from "../../../src/testing/certificates.ts";

const VALIDITY = { notBefore: Date.UTC(2026, 0, 1), notAfter: Date.UTC(2050, 0, 1) };

function refuses(der: Uint8Array, label: string): void {
  assert.throws(
    () => parseCertificate(der),
    (error) => error instanceof PolicyError && error.code === "ERR_POLICY_INVALID_SIGNATURE",
    label,
  );
}

test("reads what OpenSSL reads", () => {
  const root = mintCertificate({
    subject: "root",
    isCa: true,
    maxPathLength: 3,
    keyUsage: 0x06,
    ...VALIDITY,
  });
  const leaf = mintCertificate({
    subject: "leaf",
    issuer: root,
    emails: ["a@example.com", "b@example.com"],
    hosts: ["*.example.com"],
    uris: ["https://example.com/x"],
    extendedKeyUsage: ["1.3.6.1.5.5.7.3.3", "2.5.29.37.0"],
    ...VALIDITY,
  });
  for (const minted of [root, leaf]) {
    const ours = parseCertificate(minted.der);
    const theirs = new X509Certificate(minted.der);
    assert.equal(ours.notBefore * 1000, Date.parse(theirs.validFrom));
    assert.equal(ours.notAfter * 1000, Date.parse(theirs.validTo));
    assert.deepEqual(ours.publicKeyInfo, theirs.publicKey.export({ format: "der", type: "spki" }));
    assert.deepEqual(ours.raw, theirs.raw);
    assert.equal(ours.basicConstraints?.isCa ?? false, theirs.ca);
  }
  const { subjectAltName, extendedKeyUsage, issuer } = parseCertificate(leaf.der);
  assert.deepEqual(subjectAltName?.emails, ["a@example.com", "b@example.com"]);
  assert.deepEqual(subjectAltName?.hosts, ["*.example.com"]);
  assert.deepEqual(subjectAltName?.uris, ["https://example.com/x"]);
  assert.deepEqual(extendedKeyUsage, ["1.3.6.1.5.5.7.3.3", "2.5.29.37.0"]);
  assert.deepEqual(issuer, parseCertificate(root.der).subject);
  assert.deepEqual(parseCertificate(root.der).basicConstraints, { isCa: true, maxPathLength: 3 });
});

test("anything before, after or missing is refused", () => {
  const { der } = mintCertificate({ subject: "x", ...VALIDITY });
  refuses(Buffer.concat([der, Buffer.from([0])]), "a byte long");
  refuses(Buffer.concat([Buffer.from([0]), der]), "a byte before");
  for (let length = 0; length < der.length; length += 5) refuses(der.subarray(0, length), `cut at ${length}`);
  refuses(Buffer.from("3000", "hex"), "empty");
});

test("what only BER allows is refused", () => {
  const { der } = mintCertificate({ subject: "x", ...VALIDITY });
  assert.equal(der[1], 0x82);
  // The outer length in three octets instead of two, and in the indefinite form.
  const longer = Buffer.concat([Buffer.from([0x30, 0x83, 0]), der.subarray(2)]);
  const indefinite = Buffer.concat([Buffer.from([0x30, 0x80]), der.subarray(4), Buffer.from([0, 0])]);
  refuses(longer, "padded length");
  refuses(indefinite, "indefinite length");
});

test("extensions that are twice there, or that cannot be read, spoil the certificate", () => {
  const extension = (oid: string, hex: string) => ({ oid, value: Buffer.from(hex, "hex") });
  const withExtensions = (...extensions: { oid: string; value: Uint8Array }[]) =>
    mintCertificate({ subject: "x", extensions, ...VALIDITY }).der;
  refuses(withExtensions(extension("1.2.3", "0500"), extension("1.2.3", "0500")), "twice");
  for (const [oid, hex] of [
    ["2.5.29.15", "0500"],
    ["2.5.29.15", "030207ff"],
    ["2.5.29.17", "0500"],
    ["2.5.29.17", "3003810180"],
    ["2.5.29.17", "30038703010203".slice(0, 12)],
    ["2.5.29.17", "300587030102030000"],
    ["2.5.29.19", "30030101ff00"],
    ["2.5.29.19", "3003010101"],
    ["2.5.29.19", "3003020181"],
    ["2.5.29.30", "0500"],
    ["2.5.29.35", "0500"],
    ["2.5.29.37", "30020500"],
    ["2.5.29.14", "0500"],
  ] as const) {
    refuses(withExtensions(extension(oid, hex)), `${oid} ${hex}`);
  }
});

test("only critical extensions that are not understood are unhandled", () => {
  const parse = (extensions: { oid: string; critical?: boolean; value: Uint8Array }[]): Certificate =>
    parseCertificate(mintCertificate({ subject: "x", extensions, ...VALIDITY }).der);
  assert.deepEqual(parse([{ oid: "1.2.3", value: derUtf8("") }]).unhandledCritical, []);
  assert.deepEqual(parse([{ oid: "1.2.3", critical: true, value: derUtf8("") }]).unhandledCritical, [
    "1.2.3",
  ]);
  // An alternative name of which no form is understood.
  const otherName = Buffer.from("300ca00a06032a0304a0030c0161", "hex");
  assert.deepEqual(parse([{ oid: "2.5.29.17", critical: true, value: otherName }]).unhandledCritical, [
    "2.5.29.17",
  ]);
  // Policy constraints, which could forbid the chain.
  assert.deepEqual(
    parse([{ oid: "2.5.29.36", critical: true, value: Buffer.from("3000", "hex") }]).unhandledCritical,
    ["2.5.29.36"],
  );
});

test("a key usage without the bit for certificates takes that right away; an empty one does not", () => {
  const usage = (keyUsage?: number) =>
    parseCertificate(
      mintCertificate({ subject: "x", ...(keyUsage === undefined ? {} : { keyUsage }), ...VALIDITY }).der,
    ).maySignCertificates;
  assert.equal(usage(), true);
  assert.equal(usage(0x04), true);
  assert.equal(usage(0x06), true);
  assert.equal(usage(0x80), false);
  assert.equal(usage(0x02), false);
});

test("every authority's certificate is read", () => {
  const { root, issuer, issue } = createAuthorities();
  const leaf = issue("a@example.com");
  assert.doesNotThrow(() => [root.der, issuer.der].map(parseCertificate));
  assert.ok(leaf.certificatePem.startsWith("-----BEGIN CERTIFICATE-----\n"));
});

/**
 * Hostile signatures, log entries, certificates, manifests and blobs: an error of lading or the right answer,
 * never another exception, and never an acceptance of what was changed.
 */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { digestOf } from "../../src/core/digest.ts";
import { parseJson } from "../../src/core/strict-json.ts";
import { canonicalJson } from "../../src/policy/canonical-json.ts";
import { parseCertificate } from "../../src/policy/certificate.ts";
import { PolicyError } from "../../src/policy/errors.ts";
import { verifyFulcioCertificate } from "../../src/policy/fulcio.ts";
import { manifestDigest } from "../../src/policy/manifest-digest.ts";
import { parsePayload } from "../../src/policy/payload.ts";
import { nextPemBlock, pemBlocks, pemText } from "../../src/policy/pem.ts";
import { parsePublicKeyPem } from "../../src/policy/public-key.ts";
import { verifyRekorSet } from "../../src/policy/rekor.ts";
import { payloadSignatureProblem } from "../../src/policy/signature.ts";
import { parseSignatureBlob } from "../../src/policy/signature-blob.ts";
import { createAuthorities, DEFAULT_OIDC_ISSUER } from "../../src/testing/authorities.ts";
import { mintCertificate, publicKeyPem, toPem } from "../../src/testing/certificates.ts";
import { signImage } from "../../src/testing/signatures.ts";
import { imageManifest } from "../unit/policy/images.ts";
import { mutated } from "../unit/policy/mutated.ts";
import { property } from "./runs.ts";

const EMAIL = "dev@example.com";
const now = Date.now();
const authorities = createAuthorities({ now: () => now });
const signer = authorities.issue(EMAIL, { hosts: ["a.example"], uris: ["https://a.example/"] });
const manifest = imageManifest();
const layer = signImage({
  reference: "quay.example/app:1",
  digest: digestOf(manifest),
  signer,
  authorities,
  optional: { creator: "test", timestamp: 1 },
});
const signatureBase64 = layer.annotations["dev.cosignproject.cosign/signature"] ?? "";
const set = layer.annotations["dev.sigstore.cosign/bundle"] ?? "";
const logKeys = [parsePublicKeyPem(authorities.logPublicKeyPem)];
const leafDer = new X509Certificate(signer.certificatePem).raw;
// Half as many runs where each one checks signatures.
const slower = { ...property, numRuns: Math.ceil(property.numRuns / 2) };

/** The result, or nothing where the function threw what it may throw; anything else fails the test. */
function orNothing<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    assert.ok(error instanceof PolicyError, String(error instanceof Error ? error.stack : error));
    return undefined;
  }
}

test("parsePayload reads a payload or throws an invalid signature", () => {
  const inputs = fc.oneof(mutated(layer.payload), fc.json().map(Buffer.from), fc.uint8Array());
  fc.assert(
    fc.property(inputs, fc.constantFrom("sigstore", "simple-signing"), (bytes, format) => {
      const payload = orNothing(() => parsePayload(bytes, format));
      if (payload) assert.match(payload.dockerManifestDigest, /^sha(256|384|512):[0-9a-f]+$/);
    }),
    property,
  );
});

test("a log entry that was changed in any way that counts is refused", () => {
  const given = { keyOrCertificatePem: signer.certificatePem, signatureBase64, payload: layer.payload };
  const canonical = canonicalJson(parseJson(set));
  fc.assert(
    fc.property(fc.oneof(mutated(Buffer.from(set)).map(String), fc.json(), fc.string()), (text) => {
      const time = orNothing(() => verifyRekorSet(text, logKeys, given));
      if (time === undefined) return;
      // What is still accepted says the same: other white space, say, or another spelling of the base64.
      const { Payload: accepted } = JSON.parse(text) as { Payload: unknown };
      const { Payload: original } = JSON.parse(canonical) as { Payload: unknown };
      assert.deepEqual(accepted, original);
    }),
    slower,
  );
});

test("changed keys, signatures and payloads do not fit a log entry", () => {
  const inputs = fc.tuple(
    fc.oneof(fc.constant(signer.certificatePem), mutated(Buffer.from(signer.certificatePem)).map(String)),
    fc.oneof(fc.constant(signatureBase64), mutated(Buffer.from(signatureBase64)).map(String)),
    fc.oneof(fc.constant(Buffer.from(layer.payload)), mutated(layer.payload)),
  );
  fc.assert(
    fc.property(inputs, ([keyOrCertificatePem, signature, payload]) => {
      const given = { keyOrCertificatePem, signatureBase64: signature, payload };
      if (orNothing(() => verifyRekorSet(set, logKeys, given)) === undefined) return;
      assert.deepEqual(Buffer.from(payload), Buffer.from(layer.payload));
      assert.deepEqual(Buffer.from(signature, "base64"), Buffer.from(signatureBase64, "base64"));
      assert.deepEqual(nextPemBlock(pemText(keyOrCertificatePem))?.bytes, leafDer);
    }),
    slower,
  );
});

test("a certificate that is read is one that OpenSSL reads the same way", () => {
  const constrained = mintCertificate({
    subject: "x",
    notBefore: now,
    notAfter: now,
    isCa: true,
    maxPathLength: 1,
    nameConstraints: { permittedEmails: ["example.com"], excludedHosts: ["a.example"] },
  }).der;
  const inputs = fc.oneof(
    mutated(leafDer),
    mutated(constrained),
    mutated(authorities.issuer.der),
    fc.uint8Array(),
  );
  fc.assert(
    fc.property(inputs, (der) => {
      const certificate = orNothing(() => parseCertificate(der));
      if (!certificate) return;
      assert.deepEqual(certificate.raw, Buffer.from(der));
      let theirs: X509Certificate;
      try {
        theirs = new X509Certificate(der);
      } catch {
        // OpenSSL may refuse more: an empty name or a broken key are no matter of reading here.
        return;
      }
      assert.equal(certificate.notAfter * 1000, Date.parse(theirs.validTo));
      assert.equal(certificate.notBefore * 1000, Date.parse(theirs.validFrom));
    }),
    property,
  );
});

test("a leaf that was changed is not accepted, whatever is changed", () => {
  const requirement = {
    anchors: [parseCertificate(authorities.root.der)],
    oidcIssuer: DEFAULT_OIDC_ISSUER,
    subjectEmail: EMAIL,
  };
  const { chainPem } = signer;
  const at = Math.floor(now / 1000);
  assert.doesNotThrow(() =>
    verifyFulcioCertificate(requirement, { certificatePem: toPem("CERTIFICATE", leafDer), chainPem }, at),
  );
  fc.assert(
    fc.property(mutated(leafDer), (der) => {
      const certificatePem = toPem("CERTIFICATE", der);
      const key = orNothing(() => verifyFulcioCertificate(requirement, { certificatePem, chainPem }, at));
      if (key) assert.deepEqual(Buffer.from(der), leafDer);
    }),
    slower,
  );
});

test("a chain that was changed may fail, and never makes another root trusted", () => {
  const requirement = {
    anchors: [parseCertificate(authorities.root.der)],
    oidcIssuer: DEFAULT_OIDC_ISSUER,
    subjectEmail: EMAIL,
  };
  const stranger = createAuthorities({ now: () => now });
  const foreign = stranger.issue(EMAIL);
  const at = Math.floor(now / 1000);
  fc.assert(
    fc.property(mutated(Buffer.from(foreign.chainPem)).map(String), (chainPem) => {
      const { certificatePem } = foreign;
      const key = orNothing(() => verifyFulcioCertificate(requirement, { certificatePem, chainPem }, at));
      assert.equal(key, undefined);
    }),
    slower,
  );
});

test("PEM readers answer for every text", () => {
  const inputs = fc.oneof(mutated(Buffer.from(signer.chainPem)), fc.uint8Array());
  fc.assert(
    fc.property(inputs, (bytes) => {
      const block = nextPemBlock(pemText(bytes));
      if (block) assert.ok(block.rest.length < bytes.length);
      assert.ok((pemBlocks(bytes)?.length ?? 0) <= bytes.length);
      orNothing(() => parsePublicKeyPem(bytes));
    }),
    property,
  );
});

test("a changed signature or key verifies nothing", () => {
  const key = parsePublicKeyPem(publicKeyPem(signer.key));
  const signature = Buffer.from(signatureBase64, "base64");
  assert.equal(payloadSignatureProblem(key, layer.payload, signature), undefined);
  fc.assert(
    fc.property(fc.oneof(mutated(signature), fc.uint8Array({ maxLength: 140 })), (bytes) => {
      const isGood = payloadSignatureProblem(key, layer.payload, bytes) === undefined;
      assert.equal(isGood, signature.equals(bytes));
    }),
    slower,
  );
});

test("manifestDigest and parseSignatureBlob answer or throw a PolicyError", () => {
  const schema1 = Buffer.from(
    `{"schemaVersion":1,"signatures":[{"protected":"${Buffer.from('{"formatLength":1,"formatTail":""}').toString("base64url")}"}]}`,
  );
  const blob = Buffer.from('\0sigstore-json\n{"mimeType":"m","payload":"YQ==","annotations":{"a":"b"}}');
  const inputs = fc.oneof(mutated(schema1), mutated(manifest), mutated(blob), fc.uint8Array());
  fc.assert(
    fc.property(inputs, (bytes) => {
      orNothing(() => manifestDigest(bytes));
      orNothing(() => parseSignatureBlob(bytes));
    }),
    property,
  );
});

test("the canonical form is a fixed point, and says what the text says", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const canonical = canonicalJson(parseJson(text));
      assert.equal(canonicalJson(parseJson(canonical)), canonical);
      // Written and read once more, since a number is never -0 in a canonical text.
      assert.deepEqual(JSON.parse(canonical), JSON.parse(JSON.stringify(JSON.parse(text))));
    }),
    property,
  );
});

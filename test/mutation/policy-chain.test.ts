/** Certificates: every one of the chain, made wrong in each way that must be refused. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { chainProblem } from "../../src/policy/chain.ts";
import { dockerImage, evaluateRequirements } from "../../src/policy/evaluate.ts";
import { verifyFulcioCertificate } from "../../src/policy/fulcio.ts";
import { parseCertificateList } from "../../src/policy/leaf.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import { verifyPkiCertificate } from "../../src/policy/pki.ts";
import { parseImageReference } from "../../src/policy/reference.ts";
import type { StoredSignature } from "../../src/policy/signature-blob.ts";
import {
  type AuthoritiesOptions,
  type CertifiedKey,
  createAuthorities,
  DEFAULT_OIDC_ISSUER,
  type IssueOptions,
} from "../../src/testing/authorities.ts";
import { derUtf8, type MintOptions, mintCertificate, mintKey } from "../../src/testing/certificates.ts";
import { signImage } from "../../src/testing/signatures.ts";
import { base64, decide, storedSignature } from "../unit/policy/decide.ts";
import { imageManifest } from "../unit/policy/images.ts";

const NAME = "quay.example/team/app";
const EMAIL = "dev@example.com";
const NOW = Date.UTC(2026, 5, 1);
const HOUR = 3600_000;
const manifest = imageManifest();
const digest = digestOf(manifest);

interface Setup {
  authorities?: AuthoritiesOptions;
  leaf?: IssueOptions;
  /** When the log recorded the signature, in milliseconds. */
  at?: number;
  /** PEM of the trust anchors; default the root. */
  anchors?: (pems: { root: string; issuer: string; leaf: string }) => string;
  /** The chain annotation; default intermediate and root. */
  chain?: (pems: { root: string; issuer: string; leaf: string }) => string;
}

/** The reason why a signature that was made with such certificates is refused; nothing if it is accepted. */
async function outcome({
  authorities: options = {},
  leaf = {},
  at = NOW,
  anchors,
  chain,
}: Setup): Promise<string | undefined> {
  const authorities = createAuthorities({ now: () => NOW, ...options });
  const issued = authorities.issue(EMAIL, leaf);
  const pems = { root: authorities.rootPem, issuer: authorities.issuer.pem, leaf: issued.certificatePem };
  const signer = chain ? { ...issued, chainPem: chain(pems) } : issued;
  const evaluation = await decide({
    requirement: {
      type: "sigstoreSigned",
      fulcio: {
        caData: base64(anchors?.(pems) ?? pems.root),
        oidcIssuer: DEFAULT_OIDC_ISSUER,
        subjectEmail: EMAIL,
      },
      rekorPublicKeyData: base64(authorities.logPublicKeyPem),
      signedIdentity: { type: "matchRepository" },
    },
    signature: signImage({
      reference: NAME,
      digest,
      signer,
      authorities,
      log: { integratedTime: Math.floor(at / 1000) },
    }),
    manifest,
    reference: `${NAME}:1`,
    // Fulcio certificates are checked at the time of the log entry, so the present does not matter.
    now: NOW + 10 * 365 * 24 * HOUR,
  });
  return evaluation.kind === "rejected" ? evaluation.reason : undefined;
}

test("the unchanged chain is accepted, with and without an intermediate", async () => {
  assert.equal(await outcome({}), undefined);
  assert.equal(await outcome({ authorities: { intermediate: false } }), undefined);
});

test("CVE-2026-24122: every certificate of the chain must be valid when the log recorded the signature", async () => {
  const expired = { notBefore: NOW - 3 * HOUR, notAfter: NOW - HOUR };
  const future = { notBefore: NOW + HOUR, notAfter: NOW + 3 * HOUR };
  for (const validity of [expired, future]) {
    for (const setup of [
      { leaf: validity },
      { authorities: { intermediate: validity } },
      { authorities: { root: validity } },
      { authorities: { root: validity, intermediate: false as const } },
    ]) {
      assert.match((await outcome(setup)) ?? "", /has expired or is not yet valid/, JSON.stringify(setup));
    }
  }
});

test("both bounds of validity are inclusive, to the second", async () => {
  const last = NOW + 600_000;
  assert.equal(await outcome({ at: NOW }), undefined);
  assert.equal(await outcome({ at: last }), undefined);
  assert.match((await outcome({ at: NOW - 1000 })) ?? "", /is before 2026-06-01T00:00:00Z$/);
  assert.match((await outcome({ at: last + 1000 })) ?? "", /is after 2026-06-01T00:10:00Z$/);
});

test("who issues must be a certificate authority that may sign certificates", async () => {
  const notCa: Partial<MintOptions>[] = [{ isCa: false }, { isCa: undefined }, { keyUsage: 0x80 }];
  for (const change of notCa) {
    assert.match(
      (await outcome({ authorities: { intermediate: change } })) ?? "",
      /signed by unknown authority/,
    );
    assert.match((await outcome({ authorities: { root: change } })) ?? "", /signed by unknown authority/);
    assert.match(
      (await outcome({ authorities: { root: change, intermediate: false } })) ?? "",
      /signed by unknown authority/,
    );
  }
  assert.equal(await outcome({ authorities: { intermediate: { keyUsage: undefined } } }), undefined);
});

test("a path length of zero lets no intermediate follow", async () => {
  assert.match(
    (await outcome({ authorities: { root: { maxPathLength: 0 } } })) ?? "",
    /too many intermediates/,
  );
  assert.equal(await outcome({ authorities: { root: { maxPathLength: 1 } } }), undefined);
  assert.equal(
    await outcome({ authorities: { root: { maxPathLength: 0 }, intermediate: false } }),
    undefined,
  );
});

test("purposes, where a certificate limits them, must include code signing", async () => {
  const serverAuth = ["1.3.6.1.5.5.7.3.1"];
  for (const setup of [
    { leaf: { extendedKeyUsage: serverAuth } },
    { authorities: { intermediate: { extendedKeyUsage: serverAuth } } },
    { authorities: { root: { extendedKeyUsage: serverAuth } } },
  ]) {
    assert.match((await outcome(setup)) ?? "", /incompatible key usage/, JSON.stringify(setup));
  }
  for (const purposes of [undefined, ["2.5.29.37.0"], [...serverAuth, "1.3.6.1.5.5.7.3.3"]]) {
    assert.equal(await outcome({ leaf: { extendedKeyUsage: purposes } }), undefined);
  }
});

test("a critical extension that is not understood is refused at any place", async () => {
  const extensions = [{ oid: "1.2.3.4", critical: true, value: derUtf8("x") }];
  for (const setup of [
    { leaf: { extensions } },
    { authorities: { intermediate: { extensions } } },
    { authorities: { root: { extensions } } },
  ]) {
    assert.match((await outcome(setup)) ?? "", /unhandled critical extension/);
  }
  assert.equal(await outcome({ leaf: { extensions: [{ oid: "1.2.3.4", value: derUtf8("x") }] } }), undefined);
});

test("name constraints of any authority hold for the leaf", async () => {
  for (const place of ["root", "intermediate"] as const) {
    const constrained = (nameConstraints: MintOptions["nameConstraints"]) =>
      outcome({ authorities: { [place]: { nameConstraints } } });
    for (const allowed of ["example.com", EMAIL, ""]) {
      assert.equal(await constrained({ permittedEmails: [allowed] }), undefined, allowed);
    }
    for (const refused of ["other.example", ".example.com", "evil@example.com", "xample.com"]) {
      assert.match(
        (await constrained({ permittedEmails: [refused] })) ?? "",
        /not authorized to sign for this name/,
      );
    }
    assert.match((await constrained({ excludedEmails: ["example.com"] })) ?? "", /not authorized/);
    assert.equal(await constrained({ excludedEmails: ["other.example"] }), undefined);
    // Constraints on names of a form that the leaf has none of do not matter.
    assert.equal(await constrained({ permittedHosts: ["other.example"] }), undefined);
  }
  const host = (nameConstraints: MintOptions["nameConstraints"]) =>
    outcome({ leaf: { hosts: ["a.b.example.com"] }, authorities: { root: { nameConstraints } } });
  for (const allowed of ["example.com", "b.example.com", "a.b.example.com", ".example.com", "EXAMPLE.COM"]) {
    assert.equal(await host({ permittedHosts: [allowed] }), undefined, allowed);
  }
  for (const refused of ["c.example.com", ".a.b.example.com", "ample.com", "x.a.b.example.com"]) {
    assert.match(
      (await host({ permittedHosts: [refused] })) ?? "",
      /not permitted by any constraint/,
      refused,
    );
  }
});

test("more names and constraints than can be compared are refused, and soon", async () => {
  const many = Array.from({ length: 3000 }, (_, index) => `${index}.example`);
  const started = performance.now();
  const reason = await outcome({
    leaf: { hosts: many },
    authorities: { intermediate: { nameConstraints: { excludedHosts: many.map((host) => `x.${host}`) } } },
  });
  assert.match(reason ?? "", /not authorized to sign for this name: more than/);
  assert.ok(performance.now() - started < 10_000);
});

test("no chain, however long, makes more comparisons than one certificate may", async () => {
  const validity = { notBefore: NOW - HOUR, notAfter: NOW + HOUR };
  const hosts = Array.from({ length: 400 }, (_, index) => `${index}.example`);
  const nameConstraints = { excludedHosts: hosts.map((host) => `x.${host}`) };
  let issuer = mintCertificate({ subject: "top", isCa: true, ...validity });
  const chain: string[] = [];
  for (let place = 0; place < 12; place++) {
    issuer = mintCertificate({
      subject: `${place}`,
      issuer,
      isCa: true,
      hosts,
      nameConstraints,
      ...validity,
    });
    chain.push(issuer.pem);
  }
  const leaf = mintCertificate({ subject: "leaf", issuer, hosts, ...validity });
  const [root = "", ...pems] = [mintCertificate({ subject: "root", isCa: true, ...validity }).pem, ...chain];
  const parse = (pem: string) => parseCertificateList(pem);
  const [parsedLeaf] = parse(leaf.pem);
  assert.ok(parsedLeaf);
  const started = performance.now();
  const options = { anchors: parse(root), intermediates: parse(pems.join("")), at: NOW / 1000 };
  assert.match(chainProblem(parsedLeaf, options) ?? "", /more than 250000 comparisons/);
  assert.ok(performance.now() - started < 2000);
});

test("trust anchors are what the policy names, and only that", async () => {
  assert.equal(
    await outcome({ anchors: ({ issuer }) => issuer }),
    undefined,
    "an anchor need not be self-signed",
  );
  assert.equal(await outcome({ anchors: ({ leaf }) => leaf }), undefined, "the leaf itself may be an anchor");
  const stranger = createAuthorities({ now: () => NOW });
  assert.match((await outcome({ anchors: () => stranger.rootPem })) ?? "", /signed by unknown authority/);
  assert.equal(await outcome({ anchors: ({ root }) => stranger.rootPem + root }), undefined);
});

test("a root in the signature's own chain is never trusted", async () => {
  const stranger = createAuthorities({ now: () => NOW });
  const anchors = () => stranger.rootPem;
  for (const chain of [
    ({ root, issuer }: { root: string; issuer: string }) => issuer + root,
    ({ root, issuer }: { root: string; issuer: string }) => issuer + root + root,
    ({ root }: { root: string }) => root,
  ]) {
    assert.match((await outcome({ anchors, chain })) ?? "", /signed by unknown authority/);
  }
});

test("the last certificate of the chain is dropped, whatever it is", async () => {
  assert.match((await outcome({ chain: ({ issuer }) => issuer })) ?? "", /signed by unknown authority/);
  assert.match(
    (await outcome({ chain: ({ root, issuer }) => root + issuer })) ?? "",
    /signed by unknown authority/,
  );
  assert.equal(await outcome({ chain: ({ issuer }) => issuer + issuer }), undefined);
});

test("an authority of the same name with another key signs nothing", async () => {
  const twin = createAuthorities({ now: () => NOW });
  assert.match((await outcome({ anchors: () => twin.rootPem })) ?? "", /possibly because of/);
  const { pem } = twin.issuer;
  assert.equal(await outcome({ chain: ({ issuer, root }) => pem + issuer + root }), undefined);
  assert.match((await outcome({ chain: ({ root }) => pem + root })) ?? "", /signed by unknown authority/);
});

test("a maze of authorities that sign each other ends in time", async () => {
  // Ten keys under one name, all certified by each other: more paths than can be walked.
  const keys = Array.from(
    { length: 10 },
    () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
  );
  const validity = { notBefore: NOW - HOUR, notAfter: NOW + HOUR };
  const maze: string[] = [];
  for (const issuerKey of keys) {
    const issuer = mintCertificate({ subject: "test intermediate", key: issuerKey, isCa: true, ...validity });
    for (const key of keys.slice(0, 6)) {
      maze.push(mintCertificate({ subject: "test intermediate", key, issuer, isCa: true, ...validity }).pem);
    }
  }
  const started = performance.now();
  const reason = await outcome({
    authorities: { intermediate: { key: keys[0] } },
    anchors: () => createAuthorities({ now: () => NOW }).rootPem,
    chain: ({ root }) => maze.join("") + root,
  });
  assert.match(reason ?? "", /signature check attempts limit reached|signed by unknown authority/);
  assert.ok(performance.now() - started < 10_000);
});

test("the work for all signatures of an image is bounded, far above what honest ones need", async () => {
  const validity = { notBefore: NOW - HOUR, notAfter: NOW + HOUR };
  const keys = [mintKey(), mintKey(), mintKey()];
  const issuers = keys.map((key) => mintCertificate({ subject: "maze", key, isCa: true, ...validity }));
  const serials = [1, 2, 3, 4, 5];
  const maze = issuers.flatMap((issuer) =>
    keys.flatMap((key) =>
      serials.map(
        (n) =>
          mintCertificate({ subject: "maze", key, issuer, isCa: true, hosts: [`${n}.example`], ...validity })
            .pem,
      ),
    ),
  );
  const [issuer] = issuers;
  assert.ok(issuer);
  const lost = mintCertificate({ subject: "leaf", issuer, emails: [EMAIL], ...validity });
  const honest = createAuthorities({ now: () => NOW });
  const stranger = createAuthorities({ now: () => NOW });
  const pki = { caRootsData: base64(honest.rootPem), subjectEmail: EMAIL };
  const sign = (signer: CertifiedKey) =>
    storedSignature(signImage({ reference: NAME, digest, signer, authorities: honest }));
  const good = sign(honest.issue(EMAIL));
  const foreign = sign(stranger.issue(EMAIL));
  const endless = sign({ key: lost.key, certificatePem: lost.pem, chainPem: maze.join("") });
  const evaluate = (signatures: StoredSignature[]) =>
    evaluateRequirements(
      parsePolicy(
        JSON.stringify({
          default: [{ type: "sigstoreSigned", pki, signedIdentity: { type: "matchRepository" } }],
        }),
      ),
      dockerImage(parseImageReference(`${NAME}:1`)),
      {
        manifest,
        signatures: signatures.map((signature) => ({ source: "test", signature })),
        completeFormats: ["sigstore-json"],
        file: () => assert.fail(),
        now: NOW / 1000,
      },
    );
  assert.equal((await evaluate([...Array<StoredSignature>(127).fill(foreign), good])).kind, "allowed");
  assert.equal((await evaluate([endless, endless, good])).kind, "allowed");
  const worn = await evaluate([...Array<StoredSignature>(20).fill(endless), good]);
  assert.match(worn.kind === "rejected" ? worn.reason : "", /limit reached[^;]*$/);
});

test("the OIDC issuer stands in the certificate, once, and in the right form", async () => {
  assert.equal(await outcome({ leaf: { issuerExtensions: "v1" } }), undefined);
  assert.equal(await outcome({ leaf: { issuerExtensions: "v2" } }), undefined);
  assert.match((await outcome({ leaf: { issuerExtensions: "none" } })) ?? "", /missing the issuer extension/);
  assert.match(
    (await outcome({ leaf: { oidcIssuer: "https://evil.example" } })) ?? "",
    /^Unexpected Fulcio OIDC issuer/,
  );
  const v1 = (value: Uint8Array) => ({ oid: "1.3.6.1.4.1.57264.1.1", value });
  const v2 = (value: Uint8Array) => ({ oid: "1.3.6.1.4.1.57264.1.8", value });
  const wanted = Buffer.from(DEFAULT_OIDC_ISSUER);
  const only = async (...extensions: { oid: string; value: Uint8Array }[]) =>
    (await outcome({ leaf: { issuerExtensions: "none", extensions } })) ?? "";
  assert.match(
    await only(v1(Buffer.from("https://evil.example")), v2(derUtf8(DEFAULT_OIDC_ISSUER))),
    /^inconsistent/,
  );
  assert.match(await only(v1(wanted), v2(derUtf8("https://evil.example"))), /^inconsistent/);
  assert.match(await only(v1(wanted), v1(wanted)), /duplicate extensions/);
  assert.match(await only(v2(wanted)), /^invalid ASN.1/);
  assert.match(
    await only(v2(Buffer.concat([derUtf8(DEFAULT_OIDC_ISSUER), Buffer.from([5, 0])]))),
    /trailing data$/,
  );
  assert.match(await only(v2(Buffer.from("020101", "hex"))), /^invalid ASN.1/);
  assert.match(await only(v1(derUtf8(DEFAULT_OIDC_ISSUER))), /^Unexpected Fulcio OIDC issuer/);
});

test("an e-mail address counts only as an alternative name of that form", async () => {
  assert.match((await outcome({ leaf: { emails: [] } })) ?? "", /\(got \[\]\)$/);
  assert.match((await outcome({ leaf: { emails: [], uris: [`mailto:${EMAIL}`] } })) ?? "", /\(got \[\]\)$/);
  assert.match((await outcome({ leaf: { emails: [], uris: [EMAIL] } })) ?? "", /\(got \[\]\)$/);
  assert.match((await outcome({ leaf: { emails: [], subject: EMAIL } })) ?? "", /\(got \[\]\)$/);
  assert.match(
    (await outcome({ leaf: { emails: ["a@b.example", "c@d.example"] } })) ?? "",
    /"a@b.example" "c@d.example"/,
  );
  assert.equal(await outcome({ leaf: { emails: ["a@b.example", EMAIL] } }), undefined);
});

test("without a subject to look for there is no answer at all", async () => {
  const authorities = createAuthorities({ now: () => NOW });
  const { certificatePem, chainPem } = authorities.issue("", {});
  const anchors = parseCertificateList(authorities.rootPem);
  const both = { oidcIssuer: DEFAULT_OIDC_ISSUER, subjectEmail: EMAIL };
  for (const change of [{ oidcIssuer: "" }, { subjectEmail: "" }]) {
    assert.throws(
      () =>
        verifyFulcioCertificate({ anchors, ...both, ...change }, { certificatePem, chainPem }, NOW / 1000),
      TypeError,
    );
  }
  assert.throws(
    () => verifyPkiCertificate({ anchors, intermediates: [] }, { certificatePem, chainPem }, NOW / 1000),
    TypeError,
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FULCIO_EXTENSIONS,
  type FulcioExtension,
  type KeylessIdentity,
  type SubjectKind,
  type SubjectRequirement,
} from "../../../../src/policy/extended/index.ts";
import { DEFAULT_OIDC_ISSUER, type IssueOptions } from "../../../../src/testing/index.ts";
import { EMAIL, made, outcome, SIGNER, signed, verified } from "./bundles.ts";

const OTHER = "ERR_POLICY_REQUIREMENT";
const INVALID = "ERR_POLICY_INVALID_SIGNATURE";
const ARC = "1.3.6.1.4.1.57264.1.";
const WORKFLOW = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.0.0";

/** DER of a value of less than 65536 bytes. */
function der(tag: number, ...contents: Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const head = length < 0x80 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...head), content]);
}

function utf8(text: string): Buffer {
  return der(0x0c, Buffer.from(text));
}

/** The identifier of Fulcio's names of its own form, and of another form. */
const OWN_FORM = Buffer.from("060a2b0601040183bf300107", "hex");
const OTHER_FORM = Buffer.from("060a2b0601040183bf300163", "hex");

/** A subject alternative name extension with these names. */
function names(...contents: Uint8Array[]): Partial<IssueOptions> {
  return { emails: [], extensions: [{ oid: "2.5.29.17", critical: true, value: der(0x30, ...contents) }] };
}

function bundleFor(options: IssueOptions): string {
  return signed({ signer: made.certify(EMAIL, options) });
}

function subjectIs(subject: SubjectRequirement): { signer: KeylessIdentity } {
  return { signer: { ...SIGNER, subject } };
}

const SUBJECTS: readonly [kind: SubjectKind, value: string, options: IssueOptions][] = [
  ["email", EMAIL, {}],
  ["uri", WORKFLOW, { emails: [], uris: [WORKFLOW] }],
  ["dns", "builder.example.com", { emails: [], hosts: ["builder.example.com"] }],
  ["otherName", "jäger!example", names(der(0xa0, OWN_FORM, der(0xa0, utf8("jäger!example"))))],
];

/** What looks like a text, or holds it, and is not it. */
function lookAlikes(text: string): string[] {
  return [
    text.slice(0, -1),
    text.slice(1),
    `${text}x`,
    `x${text}`,
    `${text} `,
    ` ${text}`,
    `${text}\n`,
    `.${text}`,
    `${text}.`,
    text.toUpperCase(),
    text.replace("e", "."),
    text.replace("e", "E"),
    // Cyrillic, Greek and full-width letters, and one that folds to ASCII.
    text.replace("e", "\u0435"),
    text.replace("o", "\u03bf"),
    text.replace("a", "\uff41"),
    text.replace("e", "e\u0301"),
    text.replace("e", "e\u200b"),
    `^${text}$`,
    `.*`,
    text.replace(".", "\\."),
    text.replace(/./g, "."),
    encodeURI(`${text}%20`),
  ].filter((each) => each !== text);
}

for (const [kind, value, options] of SUBJECTS) {
  test(`a subject of the form ${kind} is compared exactly`, async () => {
    const bundle = bundleFor(options);
    const { signer } = await verified(bundle, subjectIs({ kind, exact: value }));
    assert.deepEqual(signer.kind === "keyless" && signer.subject, { kind, value });
    for (const exact of lookAlikes(value)) {
      assert.equal(await outcome(bundle, subjectIs({ kind, exact })), OTHER, JSON.stringify(exact));
    }
    for (const [otherKind] of SUBJECTS) {
      if (otherKind === kind) continue;
      assert.equal(await outcome(bundle, subjectIs({ kind: otherKind, exact: value })), OTHER, otherKind);
      assert.equal(await outcome(bundle, subjectIs({ kind: otherKind, pattern: ".*" })), OTHER, otherKind);
    }
    for (const exact of ["", `${value}\0`, `\0`, `${value}\ud800`]) {
      await assert.rejects(outcome(bundle, subjectIs({ kind, exact })), TypeError);
    }
  });
}

test("a pattern must match the whole name, and nothing of its syntax reaches beyond it", async () => {
  const bundle = bundleFor({ emails: [], uris: [WORKFLOW] });
  const patterns: readonly [pattern: string, expected: string][] = [
    ["https://github\\.com/acme/app/\\.github/workflows/release\\.yml@refs/tags/v[0-9.]+", "accepted"],
    ["https://github.com/acme/.*", "accepted"],
    [".*@refs/tags/.*", "accepted"],
    ["^https://.*$", "accepted"],
    ["https://github\\.com/acme/", OTHER],
    ["acme", OTHER],
    ["refs/tags/v1.0.0", OTHER],
    ["https://github\\.com/acme/app|x", OTHER],
    ["x|https://github\\.com/acme/app", OTHER],
    ["(?i)HTTPS://GITHUB\\.COM/ACME/.*", "accepted"],
    ["HTTPS://.*", OTHER],
    ["https://github\\.com/acmee/.*", OTHER],
    // Empty alternatives match the empty text only.
    ["|x", OTHER],
    [".", OTHER],
  ];
  for (const [pattern, expected] of patterns) {
    assert.equal(await outcome(bundle, subjectIs({ kind: "uri", pattern })), expected, pattern);
  }
  for (const pattern of ["(", "[", "a{2,1}", "(?=x)", "(a)\\1", "*"]) {
    await assert.rejects(outcome(bundle, subjectIs({ kind: "uri", pattern })), TypeError, pattern);
  }
  const long = "a".repeat(1025);
  await assert.rejects(outcome(bundle, subjectIs({ kind: "uri", pattern: long })), RangeError);
});

test("a pattern that takes other engines for ever takes no time", async () => {
  const email = `${"a".repeat(60)}@b`;
  const bundle = bundleFor({ emails: [email] });
  const started = performance.now();
  assert.equal(await outcome(bundle, subjectIs({ kind: "email", pattern: "(a+)+(a+)+!" })), OTHER);
  assert.ok(performance.now() - started < 2000);
});

test("the issuer is compared exactly, in both of its extensions", async () => {
  const withIssuer = (issuer: string) => ({ signer: { ...SIGNER, issuer } });
  for (const issuerExtensions of ["both", "v1", "v2"] as const) {
    const bundle = bundleFor({ issuerExtensions });
    assert.equal(await outcome(bundle, withIssuer(DEFAULT_OIDC_ISSUER)), "accepted");
    for (const issuer of lookAlikes(DEFAULT_OIDC_ISSUER)) {
      assert.equal(await outcome(bundle, withIssuer(issuer)), OTHER, issuer);
    }
  }
  assert.equal(await outcome(bundleFor({ issuerExtensions: "none" })), INVALID);
  const disagreeing = bundleFor({
    issuerExtensions: "v2",
    extensions: [{ oid: `${ARC}1`, value: Buffer.from("https://other.example") }],
  });
  assert.equal(await outcome(disagreeing), INVALID);
});

test("CVE-2026-48815: every extension that is asked for is compared", async () => {
  const arcs: Readonly<Partial<Record<FulcioExtension, number>>> = Object.fromEntries(
    FULCIO_EXTENSIONS.map((name, at) => [name, at < 6 ? at + 1 : at + 2]),
  );
  const asked = FULCIO_EXTENSIONS.filter((name) => name !== "issuer" && name !== "issuerV1");
  assert.equal(asked.length, 19);
  const extensions = asked.map((name) => {
    const arc = arcs[name] ?? 0;
    const text = `value of ${name}`;
    return { oid: `${ARC}${arc}`, value: arc < 7 ? Buffer.from(text) : utf8(text) };
  });
  const bundle = bundleFor({ extensions });
  const without = signed();
  const all = Object.fromEntries(asked.map((name) => [name, { exact: `value of ${name}` }]));
  assert.equal(await outcome(bundle, { signer: { ...SIGNER, extensions: all } }), "accepted");
  for (const name of asked) {
    const only = (wanted: object) => ({ signer: { ...SIGNER, extensions: { [name]: wanted } as never } });
    assert.equal(await outcome(bundle, only({ exact: `value of ${name}` })), "accepted", name);
    assert.equal(await outcome(bundle, only({ pattern: "value of .*" })), "accepted", name);
    assert.equal(await outcome(without, only({ exact: `value of ${name}` })), OTHER, name);
    assert.equal(await outcome(without, only({ pattern: ".*" })), OTHER, name);
    for (const exact of lookAlikes(`value of ${name}`).slice(0, 4)) {
      assert.equal(await outcome(bundle, only({ exact })), OTHER, exact);
    }
    assert.equal(await outcome(bundle, only({ pattern: "value" })), OTHER, name);
  }
  const { signer } = await verified(bundle);
  assert.ok(signer.kind === "keyless");
  for (const name of asked) assert.equal(signer.extensions[name], `value of ${name}`);
  const issuers = { issuer: { exact: DEFAULT_OIDC_ISSUER }, issuerV1: { exact: DEFAULT_OIDC_ISSUER } };
  assert.equal(await outcome(bundle, { signer: { ...SIGNER, extensions: issuers } }), "accepted");
});

test("certificates whose name is open to more than one reading are refused", async () => {
  const email = (text: string | Buffer) => der(0x81, Buffer.from(text));
  const odd: Readonly<Record<string, Partial<IssueOptions>>> = {
    "no name": { emails: [] },
    "two e-mail addresses": { emails: [EMAIL, "other@example.com"] },
    "an address and a URI": { uris: ["https://example.com"] },
    "the same name twice": { emails: [EMAIL, EMAIL] },
    "no name in the extension": names(),
    "an empty address": names(email("")),
    "NUL in the address": names(email(`${EMAIL}\0.example`)),
    "a line break in the address": names(email(`${EMAIL}\n`)),
    // A reader that keeps seven bits would take it for the address.
    "an eighth bit in the address": names(email(Buffer.from(EMAIL).fill(0xf3, 0, 1))),
    "UTF-8 in the address": names(email("jäger@example.com")),
    "an IP address": names(der(0x87, Buffer.of(127, 0, 0, 1))),
    "a name of another form": names(der(0xa0, OTHER_FORM, der(0xa0, utf8(EMAIL)))),
    "an own form that is no UTF-8": names(der(0xa0, OWN_FORM, der(0xa0, der(0x0c, Buffer.of(0xff))))),
    "an own form of another type": names(der(0xa0, OWN_FORM, der(0xa0, der(0x16, Buffer.from(EMAIL))))),
    "an extension that is no UTF-8": { extensions: [{ oid: `${ARC}9`, value: der(0x0c, Buffer.of(0xff)) }] },
    "an extension of another type": { extensions: [{ oid: `${ARC}9`, value: der(0x16, Buffer.of(65)) }] },
    "more after an extension": {
      extensions: [{ oid: `${ARC}9`, value: Buffer.concat([utf8("a"), utf8("b")]) }],
    },
  };
  for (const [name, options] of Object.entries(odd)) {
    const kinds: readonly SubjectKind[] = ["email", "uri", "dns", "otherName"];
    for (const kind of kinds) {
      const subject = { kind, pattern: "(?s).*" };
      assert.equal(await outcome(bundleFor(options), subjectIs(subject)), INVALID, `${name} as ${kind}`);
    }
  }
});

/**
 * CVE-2026-48815: a field of a policy that is ignored. The fields are read off the types and off the parser's tables; each
 * is changed alone, in a policy that allows, to whatever else it could be, and the outcome must no longer be "allowed".
 * A new field fails here until there is a policy with it.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { PolicyError } from "../../src/policy/errors.ts";
import { dockerImage, evaluateRequirements } from "../../src/policy/evaluate.ts";
import { formatPolicy } from "../../src/policy/format.ts";
import { formatSimplePayload } from "../../src/policy/openpgp/sign.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import { parseImageReference } from "../../src/policy/reference.ts";
import type { StoredSignature } from "../../src/policy/signature-blob.ts";
import type { Policy, PolicyRequirement } from "../../src/policy/types.ts";
import { createAuthorities, DEFAULT_OIDC_ISSUER } from "../../src/testing/authorities.ts";
import { mintKey, publicKeyPem } from "../../src/testing/certificates.ts";
import { createGpgKey } from "../../src/testing/gpg-keys.ts";
import { signImage } from "../../src/testing/signatures.ts";
import { storedSignature } from "../unit/policy/decide.ts";
import { imageManifest } from "../unit/policy/images.ts";
import { type Field, fieldsOfTypes, fieldsOfValue, membersOfParser } from "./policy-grammar.ts";

const NAME = "quay.example/team/app";
const EMAIL = "dev.one@example.com";
const HOST = "signer.example.com";
const SIGNED = "vendor.example/their/app";
const manifest = imageManifest();
const digest = digestOf(manifest);
const authorities = createAuthorities();
const strangers = createAuthorities();
const key = mintKey();
const certified = authorities.issue(EMAIL, { hosts: [HOST] });
const gpg = await createGpgKey();
const otherGpg = await createGpgKey();

const files: Record<string, string | Uint8Array> = {
  "/key.pem": publicKeyPem(key),
  "/log.pem": authorities.logPublicKeyPem,
  "/ca.pem": authorities.rootPem,
  "/intermediate.pem": authorities.issuer.pem,
  "/ring.gpg": gpg.publicKey,
};
/** What stands in the place of each of them. */
const others: Record<string, string | Uint8Array> = {
  "/key.pem": publicKeyPem(mintKey()),
  "/log.pem": strangers.logPublicKeyPem,
  "/ca.pem": strangers.rootPem,
  "/intermediate.pem": strangers.issuer.pem,
  "/ring.gpg": otherGpg.publicKey,
};

interface Case {
  requirement: PolicyRequirement;
  signatures: StoredSignature[];
}

function byKey(reference: string): StoredSignature {
  return storedSignature(signImage({ reference, digest, signer: key, authorities }));
}

async function byGpg(dockerReference: string): Promise<StoredSignature> {
  const payload = formatSimplePayload({ digest, dockerReference, timestamp: 1 });
  return { format: "simple-signing", content: await gpg.sign(payload) };
}

const byFulcio = storedSignature(
  signImage({ reference: `${NAME}:1`, digest, signer: certified, authorities }),
);
// Without a chain of its own, so that the policy's intermediates count.
const byPki = storedSignature(
  signImage({ reference: `${NAME}:1`, digest, signer: { ...certified, chainPem: "" } }),
);

/** Every way to name the content of a file under a member's name. */
function waysOf(prefix: string, path: string): Record<string, unknown>[] {
  const data = Buffer.from(files[path] ?? "").toString("base64");
  return [
    { [`${prefix}Path`]: path },
    { [`${prefix}Paths`]: [path] },
    { [`${prefix}Data`]: data },
    { [`${prefix}Datas`]: [data] },
  ];
}

/** Each identity, with a name that it accepts for the image. */
const IDENTITIES: [identity: Record<string, string>, signed: string][] = [
  [{ type: "matchExact" }, `${NAME}:1`],
  [{ type: "matchRepoDigestOrExact" }, `${NAME}:1`],
  [{ type: "matchRepository" }, NAME],
  [{ type: "exactReference", dockerReference: `${SIGNED}:9` }, `${SIGNED}:9`],
  [{ type: "exactRepository", dockerRepository: SIGNED }, SIGNED],
  [
    { type: "remapIdentity", prefix: "quay.example/team", signedPrefix: "vendor.example/their" },
    `${SIGNED}:1`,
  ],
];

/** Policies that allow the image, which together have every field that can be met. */
async function allowingCases(): Promise<Case[]> {
  const cases: [requirement: object, signatures: StoredSignature[]][] = [
    [{ type: "insecureAcceptAnything" }, []],
  ];
  const sigstore = { type: "sigstoreSigned", signedIdentity: { type: "matchExact" } };
  for (const keys of waysOf("key", "/key.pem")) {
    for (const rekor of waysOf("rekorPublicKey", "/log.pem")) {
      cases.push([{ ...sigstore, ...keys, ...rekor }, [byKey(`${NAME}:1`)]]);
    }
  }
  const subject = { oidcIssuer: DEFAULT_OIDC_ISSUER, subjectEmail: EMAIL };
  for (const ca of waysOf("ca", "/ca.pem").filter((way) => !("caPaths" in way || "caDatas" in way))) {
    for (const rekor of waysOf("rekorPublicKey", "/log.pem")) {
      cases.push([{ ...sigstore, fulcio: { ...ca, ...subject }, ...rekor }, [byFulcio]]);
    }
  }
  for (const form of ["Path", "Data"]) {
    const way = (prefix: string, path: string) =>
      waysOf(prefix, path).filter((each) => `${prefix}${form}` in each)[0];
    const pki = {
      ...way("caRoots", "/ca.pem"),
      ...way("caIntermediates", "/intermediate.pem"),
      subjectEmail: EMAIL,
      subjectHostname: HOST,
    };
    cases.push([{ ...sigstore, pki }, [byPki]]);
  }
  const signedBy = { type: "signedBy", keyType: "GPGKeys" };
  for (const keys of waysOf("key", "/ring.gpg").filter((way) => !("keyDatas" in way))) {
    cases.push([
      { ...signedBy, ...keys, signedIdentity: { type: "matchExact" } },
      [await byGpg(`${NAME}:1`)],
    ]);
  }
  for (const [signedIdentity, signed] of IDENTITIES) {
    const keys = { keyPath: "/key.pem", rekorPublicKeyPath: "/log.pem" };
    cases.push([{ ...sigstore, ...keys, signedIdentity }, [byKey(signed)]]);
    cases.push([{ ...signedBy, keyPath: "/ring.gpg", signedIdentity }, [await byGpg(signed)]]);
  }
  return cases.map(([members, signatures]) => ({ requirement: requirementOf(members), signatures }));
}

function requirementOf(members: object): PolicyRequirement {
  return parsePolicy(JSON.stringify({ default: [members] })).default[0] ?? assert.fail();
}

/** What comes out; a policy that no verifier takes counts as refused. */
async function outcome(requirement: PolicyRequirement, signatures: StoredSignature[]): Promise<string> {
  try {
    const given: Policy = { default: [requirement], transports: new Map() };
    const evaluation = await evaluateRequirements(
      // As a verifier takes it.
      parsePolicy(formatPolicy(given)),
      dockerImage(parseImageReference(`${NAME}:1`)),
      {
        manifest,
        signatures: signatures.map((signature) => ({ source: "test", signature })),
        completeFormats: ["simple-signing", "sigstore-json"],
        file(path) {
          const content = files[path] ?? others[path.replace(/^\/other/, "")];
          if (content === undefined) throw new PolicyError("ERR_POLICY_TRUST_ROOT", `no such file: ${path}`);
          return Buffer.from(content);
        },
        now: Date.now() / 1000,
      },
    );
    return evaluation.kind;
  } catch (error) {
    assert.ok(error instanceof PolicyError, String(error));
    return error.code;
  }
}

/** Discriminants: another form of the same thing lacks members, or is laxer; an unknown one must be refused. */
function isForm(path: string): boolean {
  return /(^|\.)(type|kind)$/.test(path.replace(/<[^>]*>/g, ""));
}

/** Values that must not do in the place of one. */
function changesOf({ path, value }: Field): unknown[] {
  if (value instanceof Uint8Array) {
    const [name] = Object.entries(files).find(([, content]) => Buffer.from(content).equals(value)) ?? [];
    assert.ok(name !== undefined, path);
    return [Buffer.from(others[name] ?? ""), value.subarray(0, value.length / 2), new Uint8Array(0)];
  }
  if (isForm(path)) return [`${value}x`, `x${value}`, value.toUpperCase(), "", "constructor", undefined];
  if (value.startsWith("/")) return [`/other${value}`, `${value}x`, value.slice(0, -1), "/", ""];
  if (path === "signedBy.keyType")
    return ["signedByGPGKeys", "X509Certificates", "signedByX509CAs", "gpgkeys", ""];
  // No trailing dot or capitals: with host names these say the same.
  return [`${value}x`, `x${value}`, value.slice(0, -1), value.slice(1), value.replace(".", "x"), ""];
}

/** Fields that no policy that allows can have. */
const NEVER_MET = /^reject\.|^signedBaseLayer\.|^signedBy\.keys<datas>/;

test("every field of the types, changed alone, makes an allowed image refused", async () => {
  const covered = new Set<string>();
  for (const { requirement, signatures } of await allowingCases()) {
    const text = JSON.stringify(requirement);
    assert.equal(await outcome(requirement, signatures), "allowed", text);
    for (const field of fieldsOfValue(requirement)) {
      covered.add(field.path);
      for (const change of changesOf(field)) {
        const changed = field.replaced(change) as PolicyRequirement;
        let result: string;
        try {
          result = await outcome(changed, signatures);
        } catch (error) {
          // Outside what the types allow: no verdict either.
          if (!(error instanceof assert.AssertionError) && !(error instanceof TypeError)) throw error;
          assert.ok(isForm(field.path), `${text}: ${field.path} as ${String(change)}: ${String(error)}`);
          continue;
        }
        assert.notEqual(result, "allowed", `${text}: ${field.path} as ${String(change)}`);
      }
    }
  }
  const fields = [...fieldsOfTypes()].filter((path) => !NEVER_MET.test(path));
  assert.deepEqual([...covered].sort(), fields.sort());
});

test("what can be written down and never met is never met", async () => {
  const signatures = [byKey(`${NAME}:1`), byFulcio, await byGpg(`${NAME}:1`)];
  const never: PolicyRequirement[] = [
    { type: "reject" },
    ...IDENTITIES.map(([identity]) =>
      requirementOf({ type: "signedBaseLayer", baseLayerIdentity: identity }),
    ),
  ];
  const covered = new Set<string>();
  for (const requirement of never) {
    for (const { path } of fieldsOfValue(requirement)) covered.add(path);
    assert.equal(await outcome(requirement, signatures), "rejected", JSON.stringify(requirement));
  }
  // The types let a keyring be among several texts of data; the format does not.
  const ring = Buffer.from(files["/ring.gpg"] ?? "");
  const datas: PolicyRequirement = {
    type: "signedBy",
    keyType: "GPGKeys",
    keys: { kind: "datas", datas: [ring] },
    signedIdentity: { type: "matchExact" },
  };
  assert.equal(await outcome(datas, signatures), "ERR_POLICY_UNKNOWN_KEY");
  for (const { path } of fieldsOfValue(datas)) if (NEVER_MET.test(path)) covered.add(path);
  const fields = [...fieldsOfTypes()].filter((path) => NEVER_MET.test(path));
  assert.deepEqual([...covered].sort(), fields.sort());
});

test("every member that the parser knows stands in one of these policies", async () => {
  const root = resolve(import.meta.dirname, "../../src/policy");
  const sources = globSync("parse*.ts", { cwd: root }).map((file) =>
    readFileSync(resolve(root, file), "utf8"),
  );
  const used = new Set(["default", "transports", "baseLayerIdentity"]);
  for (const { requirement } of await allowingCases()) {
    const text = formatPolicy({ default: [requirement], transports: new Map() });
    JSON.parse(text, function (this: unknown, name: string, value: unknown) {
      if (!Array.isArray(this) && name !== "") used.add(name);
      return value;
    });
  }
  assert.deepEqual([...membersOfParser(sources)].sort(), [...used].sort());
});

test("default and transports: the list that covers the image decides, and no other", async () => {
  const [accept, reject] = [[{ type: "insecureAcceptAnything" }], [{ type: "reject" }]];
  const decide = async (policy: object) =>
    (
      await evaluateRequirements(
        parsePolicy(JSON.stringify(policy)),
        dockerImage(parseImageReference(`${NAME}:1`)),
        { manifest, signatures: [], completeFormats: [], file: () => assert.fail(), now: 0 },
      )
    ).kind;
  assert.equal(await decide({ default: accept }), "allowed");
  assert.equal(await decide({ default: reject }), "rejected");
  assert.equal(await decide({ default: reject, transports: { docker: { [NAME]: accept } } }), "allowed");
  for (const transports of [
    { docker: { [`${NAME}x`]: accept } },
    { docker: { [NAME.slice(0, -1)]: accept } },
    { docker: { [NAME.toUpperCase()]: accept } },
    { docker: { "*.quay.example": accept } },
    { docker: { "": reject, "team/app": accept } },
    { docker: { [NAME]: accept, [`${NAME}:1`]: reject } },
    { Docker: { [NAME]: accept } },
    { "docker-daemon": { [NAME]: accept } },
    { "": { [NAME]: accept } },
  ]) {
    assert.equal(await decide({ default: reject, transports }), "rejected", JSON.stringify(transports));
  }
  // Every requirement of a list counts.
  for (const list of [
    [...accept, ...reject],
    [...reject, ...accept],
  ]) {
    assert.equal(await decide({ default: list }), "rejected");
  }
});

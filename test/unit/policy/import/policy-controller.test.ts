import assert from "node:assert/strict";
import { test } from "node:test";
import { PolicyError, type PolicyErrorCode } from "../../../../src/policy/errors.ts";
import {
  type ImportPolicyControllerOptions,
  importPolicyController,
} from "../../../../src/policy/import/policy-controller.ts";
import { scopeOfGlob } from "../../../../src/policy/import/policy-controller-globs.ts";
import type { Policy, PolicyRequirement } from "../../../../src/policy/types.ts";
import { createAuthorities } from "../../../../src/testing/authorities.ts";
import { mintKey, publicKeyPem } from "../../../../src/testing/certificates.ts";

const PEM = publicKeyPem(mintKey());
const OTHER_PEM = publicKeyPem(mintKey());
const { rootPem, logPublicKeyPem } = createAuthorities();
const ROOT = { certificates: rootPem, logKeys: [logPublicKeyPem] };

const key = { key: { data: PEM } };
const otherKey = { key: { data: OTHER_PEM } };
const identity = { issuer: "https://issuer.example", subject: "a@b.example" };
const keyless = {
  keyless: { url: "https://fulcio.example", identities: [identity], insecureIgnoreSCT: true },
  ctlog: { url: "https://rekor.example" },
};

interface Given {
  globs?: readonly string[];
  authorities?: readonly object[];
  spec?: object;
  apiVersion?: string;
}

function object({ globs = ["ghcr.io/**"], authorities = [key], spec = {}, apiVersion }: Given): object {
  return {
    apiVersion: apiVersion ?? "policy.sigstore.dev/v1beta1",
    kind: "ClusterImagePolicy",
    metadata: { name: "p" },
    spec: { images: globs.map((glob) => ({ glob })), authorities, ...spec },
  };
}

const from = (given: Given | Given[], options: Partial<ImportPolicyControllerOptions> = {}) =>
  importPolicyController(
    [given]
      .flat()
      .map((each) => JSON.stringify(object(each)))
      .join("\n---\n"),
    { noMatchPolicy: "deny", ...options },
  );
const at = (policy: Policy, scope: string) => policy.transports.get("docker")?.get(scope);

async function refused(
  given: Promise<unknown>,
  code: PolicyErrorCode = "ERR_POLICY_IMPORT",
): Promise<PolicyError> {
  let found: PolicyError | undefined;
  await assert.rejects(given, (error) => {
    assert.ok(error instanceof PolicyError, String(error));
    assert.equal(error.code, code, error.message);
    found = error;
    return true;
  });
  assert.ok(found);
  return found;
}

const lossCodes = (error: PolicyError) => error.losses?.map((loss) => loss.code);

test("a key becomes a sigstoreSigned requirement that asks for the image's repository", async () => {
  for (const apiVersion of ["policy.sigstore.dev/v1beta1", "policy.sigstore.dev/v1alpha1"]) {
    const { policy, losses, registriesD } = await from({ apiVersion });
    assert.deepEqual(policy.default, [{ type: "reject" }]);
    assert.deepEqual(at(policy, "ghcr.io"), [
      {
        type: "sigstoreSigned",
        trust: { kind: "keys", keys: { kind: "data", data: Buffer.from(PEM) } },
        signedIdentity: { type: "matchRepository" },
      },
    ]);
    assert.deepEqual(
      losses.map(({ code, effect, object: name }) => [code, effect, name]),
      [["signed-identity", "accepts-less", "ClusterImagePolicy/p"]],
    );
    assert.equal(registriesD[0]?.text, 'docker:\n  "ghcr.io":\n    use-sigstore-attachments: true\n');
  }
});

test("what becomes of other images follows the controller's own setting, which must be said", async () => {
  for (const noMatchPolicy of ["warn", "allow"] as const) {
    const { policy } = await from({}, { noMatchPolicy });
    assert.deepEqual(policy.default, [{ type: "insecureAcceptAnything" }]);
  }
  // @ts-expect-error Not one of the three.
  await assert.rejects(from({}, { noMatchPolicy: "" }), TypeError);
  // @ts-expect-error There is no default.
  await assert.rejects(importPolicyController("", {}), TypeError);
  // @ts-expect-error This loss cannot be accepted.
  await assert.rejects(from({}, { accept: ["attestations"] }), TypeError);
  const { policy } = await importPolicyController("", { noMatchPolicy: "deny" });
  assert.deepEqual(policy, { default: [{ type: "reject" }], transports: new Map() });
});

test("keyless needs the certificates and log keys that the controller fetches by itself", async () => {
  const { policy, losses } = await from({ authorities: [keyless] }, { trustRoots: { "": ROOT } });
  const [requirement] = at(policy, "ghcr.io") ?? [];
  assert.ok(requirement?.type === "sigstoreSigned" && requirement.trust.kind === "fulcio");
  assert.equal(requirement.trust.oidcIssuer, identity.issuer);
  assert.equal(requirement.trust.subjectEmail, identity.subject);
  assert.deepEqual(requirement.trust.ca, { kind: "data", data: Buffer.from(rootPem) });
  assert.deepEqual(requirement.trust.rekor, { kind: "datas", datas: [Buffer.from(logPublicKeyPem)] });
  assert.deepEqual(
    losses.map(({ code }) => code),
    ["log-lookup", "signed-identity"],
  );
  assert.deepEqual(lossCodes(await refused(from({ authorities: [keyless] }))), ["trust-root", "trust-root"]);
  const named = {
    keyless: { trustRootRef: "mine", identities: [identity], insecureIgnoreSCT: true },
    ctlog: { trustRootRef: "mine" },
  };
  await refused(from({ authorities: [named] }, { trustRoots: { "": ROOT } }));
  assert.ok(await from({ authorities: [named] }, { trustRoots: { mine: ROOT } }));
  const own = { ...keyless, keyless: { ...keyless.keyless, url: undefined, "ca-cert": { data: rootPem } } };
  const logOnly = { trustRoots: { "": { logKeys: [logPublicKeyPem] } } };
  assert.ok(await from({ authorities: [own] }, logOnly));
  assert.deepEqual(lossCodes(await refused(from({ authorities: [keyless] }, logOnly))), ["trust-root"]);
});

test("a key whose signatures must be in a log keeps that demand, or is not imported", async () => {
  const logged = { ...key, ctlog: { url: "https://rekor.example" } };
  assert.deepEqual(lossCodes(await refused(from({ authorities: [logged] }))), ["trust-root"]);
  const { policy } = await from({ authorities: [logged] }, { trustRoots: { "": ROOT } });
  const [requirement] = at(policy, "ghcr.io") ?? [];
  assert.ok(
    requirement?.type === "sigstoreSigned" && requirement.trust.kind === "keys" && requirement.trust.rekor,
  );
  const off = await from({ authorities: [{ ...key, ctlog: {} }] });
  const [unlogged] = at(off.policy, "ghcr.io") ?? [];
  assert.ok(unlogged?.type === "sigstoreSigned" && unlogged.trust.kind === "keys" && !unlogged.trust.rekor);
});

test("every loss that would accept more, or that nothing stands for, ends the import", async () => {
  const withIdentity = (...identities: object[]) => ({
    authorities: [{ ...keyless, keyless: { ...keyless.keyless, identities } }],
  });
  const cases: [given: Given, code: string][] = [
    [{ spec: { policy: { type: "cue", data: "x: 1" } } }, "policy-language"],
    [{ authorities: [{ ...key, attestations: [{ name: "a", predicateType: "custom" }] }] }, "attestations"],
    [{ authorities: [key, keyless] }, "any-of-authorities"],
    [{ authorities: [key, { ...otherKey, ctlog: { url: "https://r.example" } }] }, "any-of-authorities"],
    [withIdentity(identity, { ...identity, subject: "c@d.example" }), "any-of-identities"],
    [withIdentity(), "any-identity"],
    [withIdentity({ issuer: "https://i.example" }), "any-identity"],
    [withIdentity({ subject: "a@b.example" }), "any-identity"],
    [withIdentity({ ...identity, issuer: undefined, issuerRegExp: ".*" }), "identity-pattern"],
    [withIdentity({ issuer: "https://i.example", subjectRegExp: ".*@b.example" }), "identity-pattern"],
    [
      withIdentity({ ...identity, subject: "https://github.com/a/b/.github/workflows/c@refs/heads/main" }),
      "subject-kind",
    ],
    [withIdentity({ ...identity, subject: "spiffe://a@b" }), "subject-kind"],
    [{ authorities: [{ ...key, rfc3161timestamp: { trustRootRef: "t" } }] }, "timestamp"],
    [{ authorities: [{ ...key, signatureFormat: "bundle" }] }, "signature-format"],
    [{ authorities: [{ key: { data: PEM, hashAlgorithm: "sha512" } }] }, "hash-algorithm"],
    [{ authorities: [{ key: { kms: "awskms:///alias/x" } }] }, "key-reference"],
    [{ authorities: [{ key: { secretRef: { name: "s" } } }] }, "key-reference"],
    [{ authorities: [{ ...keyless, keyless: { ...keyless.keyless, insecureIgnoreSCT: false } }] }, "sct"],
    [{ globs: ["ghcr.io/*-app"] }, "glob"],
    [{ globs: ["nginx"] }, "glob"],
    [{ globs: ["ghcr.io/a/**"] }, "glob-same-name"],
    [{ globs: ["ghcr.io/a/*"] }, "glob-depth"],
    [{ globs: ["*.example.com/**"] }, "glob-port"],
    [{ spec: { match: [{ group: "apps", version: "v1", resource: "deployments" }] } }, "match"],
  ];
  for (const [given, code] of cases) {
    const error = await refused(from(given, { trustRoots: { "": ROOT } }));
    assert.ok(lossCodes(error)?.includes(code as never), `${code}: ${lossCodes(error)}`);
    assert.ok(error.losses?.every(({ effect }) => effect !== "accepts-less"));
    assert.ok(error.losses?.every(({ position }) => position.line === 1));
  }
});

test("losses that only refuse more are reported", async () => {
  const cases: [given: Given, code: string][] = [
    [{ spec: { mode: "warn" } }, "mode-warn"],
    [{ authorities: [{ ...key, source: [{ oci: "ghcr.io/sigs", tagPrefix: "x" }] }] }, "signature-source"],
    [{ authorities: [{ static: { action: "fail", message: "no" } }] }, "message"],
    [{ authorities: [{ ...keyless, ctlog: {} }] }, "log-required"],
    [{ authorities: [{ keyless: { ...keyless.keyless, trustRootRef: "mine" } }] }, "log-required"],
  ];
  for (const [given, code] of cases) {
    const { losses } = await from(given, { trustRoots: { "": ROOT, mine: ROOT } });
    assert.ok(
      losses.some((loss) => loss.code === code && loss.effect === "accepts-less"),
      code,
    );
  }
});

test("keyless without a word on logs demands an entry of the public one, as the controller does", async () => {
  const { policy, losses } = await from(
    { authorities: [{ keyless: keyless.keyless }] },
    { trustRoots: { "": ROOT } },
  );
  const [requirement] = at(policy, "ghcr.io") ?? [];
  assert.ok(requirement?.type === "sigstoreSigned" && requirement.trust.kind === "fulcio");
  assert.deepEqual(
    losses.map(({ code }) => code),
    ["signed-identity"],
  );
});

test("a caller may take some losses knowingly, never one that lets unsigned images in", async () => {
  const wide = { globs: ["ghcr.io/a/*"] };
  await refused(from(wide, { accept: ["glob-depth"] }));
  const { policy, losses } = await from(wide, { accept: ["glob-depth", "glob-same-name"] });
  assert.ok(at(policy, "ghcr.io/a"));
  assert.deepEqual(
    losses.filter(({ effect }) => effect === "accepts-more").map(({ code }) => code),
    ["glob-depth", "glob-same-name"],
  );
  const pass = { ...wide, authorities: [{ static: { action: "pass" } }] };
  await refused(from(pass, { accept: ["glob-depth", "glob-same-name"] }));
  const match = { spec: { match: [{ resource: "pods", version: "v1" }] } };
  await refused(from({ ...match, authorities: pass.authorities }, { accept: ["match"] }));
  assert.ok(await from(match, { accept: ["match"] }));
});

test("where other images are accepted anyhow, a wider scope only refuses more", async () => {
  const { policy, losses } = await from({ globs: ["ghcr.io/a/**"] }, { noMatchPolicy: "allow" });
  assert.ok(at(policy, "ghcr.io/a"));
  assert.deepEqual(
    losses.map(({ code, effect }) => [code, effect]),
    [
      ["glob-same-name", "accepts-less"],
      ["signed-identity", "accepts-less"],
    ],
  );
  const fail = { globs: ["ghcr.io/a/**"], authorities: [{ static: { action: "fail" } }] };
  assert.deepEqual(at((await from(fail)).policy, "ghcr.io/a"), [{ type: "reject" }]);
});

test("of several authorities any is enough: keys become a list, a pass accepts, a fail among others is nothing", async () => {
  const requirementOf = async (...authorities: object[]): Promise<readonly PolicyRequirement[] | undefined> =>
    at((await from({ authorities })).policy, "ghcr.io");
  const [both] = (await requirementOf(key, otherKey)) ?? [];
  assert.ok(both?.type === "sigstoreSigned" && both.trust.kind === "keys");
  assert.deepEqual(both.trust.keys, { kind: "datas", datas: [Buffer.from(PEM), Buffer.from(OTHER_PEM)] });
  const pass = { static: { action: "pass" } };
  const fail = { static: { action: "fail" } };
  assert.deepEqual(await requirementOf(key, pass), [{ type: "insecureAcceptAnything" }]);
  assert.deepEqual(await requirementOf(fail, fail), [{ type: "reject" }]);
  const [same] = (await requirementOf(key, fail)) ?? [];
  assert.ok(same?.type === "sigstoreSigned" && same.trust.kind === "keys" && same.trust.keys.kind === "data");
});

test("an image must meet every policy with a pattern for it: narrower scopes repeat what wider ones ask", async () => {
  const { policy, registriesD } = await from([
    { globs: ["**"] },
    { globs: ["ghcr.io/**"], authorities: [otherKey] },
    { globs: ["ghcr.io/a/b:1", "quay.io/**"], authorities: [{ static: { action: "pass" } }] },
    { globs: ["ghcr.io/**"], authorities: [otherKey] },
  ]);
  const keysAt = (scope: string) =>
    at(policy, scope)?.map((each) => {
      if (each.type !== "sigstoreSigned" || each.trust.kind !== "keys" || each.trust.keys.kind !== "data")
        return each.type;
      return Buffer.from(each.trust.keys.data).toString() === PEM ? "one" : "other";
    });
  assert.deepEqual(keysAt(""), ["one"]);
  assert.deepEqual(keysAt("ghcr.io"), ["one", "other"]);
  assert.deepEqual(keysAt("ghcr.io/a/b:1"), ["one", "other", "insecureAcceptAnything"]);
  assert.deepEqual(keysAt("quay.io"), ["one", "insecureAcceptAnything"]);
  assert.match(registriesD[0]?.text ?? "", /^default-docker:\n {2}use-sigstore-attachments: true\ndocker:\n/);
});

test("keys that are kept elsewhere are asked for", async () => {
  const asked: unknown[] = [];
  const keyOf = (reference: unknown) => {
    asked.push(reference);
    return PEM;
  };
  const authorities = [
    { key: { kms: "awskms:///alias/x" } },
    { key: { secretRef: { name: "s", namespace: "n" } } },
  ];
  const { policy } = await from({ authorities }, { keyOf });
  assert.equal(at(policy, "ghcr.io")?.length, 1);
  assert.deepEqual(asked, [{ kms: "awskms:///alias/x" }, { secret: { name: "s", namespace: "n" } }]);
  await refused(from({ authorities }, { keyOf: () => "no key" }));
});

test("globs and their scopes", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const scopes: [glob: string, scope: string, ...wider: string[]][] = [
    ["**", ""],
    ["*", "docker.io/library", "glob-depth", "glob-same-name"],
    ["*/*", "docker.io", "glob-depth"],
    ["index.docker.io/**", "docker.io"],
    ["ghcr.io/**", "ghcr.io"],
    ["localhost:5000/**", "localhost:5000"],
    ["registry:5000/**", "registry:5000"],
    ["*.example.com/**", "*.example.com", "glob-port"],
    ["ghcr.io/a/b/**", "ghcr.io/a/b", "glob-same-name"],
    ["ghcr.io/a/*", "ghcr.io/a", "glob-depth", "glob-same-name"],
    ["ghcr.io/*", "ghcr.io", "glob-depth"],
    ["ghcr.io/a/b:*", "ghcr.io/a/b", "glob-depth"],
    ["ghcr.io/a/b@sha256:*", "ghcr.io/a/b", "glob-depth"],
    ["ghcr.io/a/b:1.0", "ghcr.io/a/b:1.0"],
    [`index.docker.io/library/busybox@${digest}`, `docker.io/library/busybox@${digest}`],
  ];
  for (const [glob, scope, ...wider] of scopes) {
    assert.deepEqual(scopeOfGlob(glob), { kind: "scope", scope, wider }, glob);
  }
  for (const glob of [
    "nginx",
    "nginx:1",
    "library/nginx:1",
    "docker.io/**",
    "index.docker.io/busybox:1",
    "ghcr.io/a/b",
    "ghcr.io/a*",
    "ghcr.io/a**",
    "ghcr.io/*/b:1",
    "ghcr.io/**/b",
    "**/b",
    "*example.com/**",
    "*.example.com/a/**",
    "*.*.com/**",
    "registry/**",
    "ghcr.io/A/**",
    "ghcr.io//**",
    "ghcr.io/a/b:1@sha256:*",
    `ghcr.io/a/b:1@${digest}`,
    "***",
  ]) {
    assert.equal(scopeOfGlob(glob).kind, "none", glob);
  }
});

test("objects that the controller would refuse, and unknown members, are refused by name", async () => {
  for (const given of [
    { globs: [] },
    { globs: [""] },
    { globs: ["ghcr.io/[a-z]/**"] },
    { authorities: [] },
    { authorities: [{}] },
    { authorities: [{ ...key, ...keyless }] },
    { authorities: [{ key: {} }] },
    { authorities: [{ key: { data: PEM, kms: "x" } }] },
    { authorities: [{ key: { data: "no PEM" } }] },
    { authorities: [{ static: { action: "maybe" } }] },
    { authorities: [{ static: { action: "pass" }, ctlog: {} }] },
    { authorities: [{ ...key, signatureFormat: "other" }] },
    {
      authorities: [{ keyless: { url: "https://f", "ca-cert": { data: rootPem }, identities: [identity] } }],
    },
    { spec: { mode: "maybe" } },
  ]) {
    await refused(from(given));
  }
  const unknown = await refused(from({ authorities: [{ ...key, ctLog: {} }] }), "ERR_POLICY_UNKNOWN_KEY");
  assert.equal(unknown.message, 'Unknown key "ctLog"');
  assert.equal(unknown.hint, 'did you mean "ctlog"?');
  assert.equal(unknown.position?.path, "$[0]['spec']['authorities'][0]['ctLog']");
  await refused(from({ authorities: [{ ...key, name: 5 }] }), "ERR_POLICY_WRONG_TYPE");
  await refused(from({ apiVersion: "config.openshift.io/v1" }));
});

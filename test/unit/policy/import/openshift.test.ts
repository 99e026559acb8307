import assert from "node:assert/strict";
import { test } from "node:test";
import { PolicyError, type PolicyErrorCode } from "../../../../src/policy/errors.ts";
import {
  type ImportOpenShiftOptions,
  importOpenShiftPolicies,
  openShiftBasePolicy,
} from "../../../../src/policy/import/openshift.ts";
import { isImageOfScope, isNestedScope } from "../../../../src/policy/import/openshift-scopes.ts";
import { parseImageReference } from "../../../../src/policy/reference.ts";
import { dockerLookup, selectRequirements } from "../../../../src/policy/scope.ts";
import { parseRegistriesD, signatureSettings } from "../../../../src/policy/sources/registries-d.ts";
import type { Policy } from "../../../../src/policy/types.ts";

const KEY = Buffer.from("a public key in PEM").toString("base64");
const LOG = Buffer.from("a log's key in PEM").toString("base64");
const CA = Buffer.from("certificates in PEM").toString("base64");
const ROOTS = Buffer.from("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n").toString(
  "base64",
);
const ZEROS = "0".repeat(64);

const publicKey = { policyType: "PublicKey", publicKey: { keyData: KEY, rekorKeyData: LOG } };
const fulcio = {
  policyType: "FulcioCAWithRekor",
  fulcioCAWithRekor: {
    fulcioCAData: CA,
    rekorKeyData: LOG,
    fulcioSubject: { oidcIssuer: "https://issuer.example/", signedEmail: "a@b.example" },
  },
};
const pki = {
  policyType: "PKI",
  pki: {
    caRootsData: ROOTS,
    caIntermediatesData: ROOTS,
    pkiCertificateSubject: { email: "a@b.example", hostname: "host.example" },
  },
};

interface Given {
  scopes: readonly string[];
  rootOfTrust?: unknown;
  signedIdentity?: unknown;
  namespace?: string;
  name?: string;
  apiVersion?: string;
}

function object(given: Given): object {
  const { scopes, rootOfTrust = publicKey, signedIdentity, namespace, name = "p", apiVersion } = given;
  return {
    apiVersion: apiVersion ?? "config.openshift.io/v1",
    kind: namespace === undefined ? "ClusterImagePolicy" : "ImagePolicy",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), labels: { any: "thing" } },
    spec: { scopes, policy: { rootOfTrust, ...(signedIdentity === undefined ? {} : { signedIdentity }) } },
    status: { conditions: [] },
  };
}

const list = (...items: object[]) => JSON.stringify({ apiVersion: "v1", kind: "List", items });
const from = (given: Given[], options: Partial<ImportOpenShiftOptions> = {}) =>
  importOpenShiftPolicies(list(...given.map(object)), { base: openShiftBasePolicy(), ...options });
const scopesOf = (policy: Policy | undefined, transport = "docker") => [
  ...(policy?.transports.get(transport)?.keys() ?? []),
];
const typesAt = (policy: Policy | undefined, scope: string) =>
  policy?.transports
    .get("docker")
    ?.get(scope)
    ?.map((each) => (each.type === "sigstoreSigned" ? each.trust.kind : each.type));

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

test("each root of trust and identity becomes the requirement that says the same", async () => {
  const identities: [given: unknown, expected: object][] = [
    [undefined, { type: "matchRepoDigestOrExact" }],
    [{ matchPolicy: "MatchRepoDigestOrExact" }, { type: "matchRepoDigestOrExact" }],
    [{ matchPolicy: "MatchRepository" }, { type: "matchRepository" }],
    [
      { matchPolicy: "ExactRepository", exactRepository: { repository: "a.example/b" } },
      { type: "exactRepository", dockerRepository: "a.example/b" },
    ],
    [
      { matchPolicy: "RemapIdentity", remapIdentity: { prefix: "a.example", signedPrefix: "b.example/c" } },
      { type: "remapIdentity", prefix: "a.example", signedPrefix: "b.example/c" },
    ],
  ];
  const data = (base64: string) => ({ kind: "data", data: Buffer.from(base64, "base64") });
  const trusts: [given: unknown, expected: object][] = [
    [publicKey, { kind: "keys", keys: data(KEY), rekor: data(LOG) }],
    [
      { policyType: "PublicKey", publicKey: { keyData: KEY } },
      { kind: "keys", keys: data(KEY) },
    ],
    [
      { policyType: "PublicKey", publicKey: { keyData: KEY, rekorKeyData: "" } },
      { kind: "keys", keys: data(KEY) },
    ],
    [
      fulcio,
      {
        kind: "fulcio",
        ca: data(CA),
        oidcIssuer: "https://issuer.example/",
        subjectEmail: "a@b.example",
        rekor: data(LOG),
      },
    ],
    [
      pki,
      {
        kind: "pki",
        caRoots: data(ROOTS),
        caIntermediates: data(ROOTS),
        subjectEmail: "a@b.example",
        subjectHostname: "host.example",
      },
    ],
  ];
  for (const apiVersion of ["config.openshift.io/v1", "config.openshift.io/v1alpha1"]) {
    for (const [rootOfTrust, trust] of trusts) {
      for (const [signedIdentity, identity] of identities) {
        const { policy } = await from([{ scopes: ["quay.io"], rootOfTrust, signedIdentity, apiVersion }]);
        assert.deepEqual(policy.transports.get("docker")?.get("quay.io"), [
          { type: "sigstoreSigned", trust, signedIdentity: identity },
        ]);
      }
    }
  }
});

test("cluster policies are written for docker and, as far as it has such scopes, atomic; the base stays", async () => {
  const { policy, registriesD, namespacePolicies, losses } = await from([
    { scopes: ["test0.com", "test1.com/a/b/c"], rootOfTrust: fulcio },
    { scopes: ["test0.com", "*.example.com", `a.com/a1/a2@sha256:${ZEROS}`] },
  ]);
  assert.deepEqual(policy.default, [{ type: "insecureAcceptAnything" }]);
  assert.deepEqual(scopesOf(policy, "docker-daemon"), [""]);
  assert.deepEqual(typesAt(policy, "test0.com"), ["fulcio", "keys"]);
  assert.deepEqual(scopesOf(policy), [
    "test0.com",
    "test1.com/a/b/c",
    "*.example.com",
    `a.com/a1/a2@sha256:${ZEROS}`,
  ]);
  assert.deepEqual(scopesOf(policy, "atomic"), ["test0.com", "*.example.com", `a.com/a1/a2@sha256:${ZEROS}`]);
  assert.deepEqual(losses, []);
  assert.equal(namespacePolicies.size, 0);
  const [file] = registriesD;
  assert.equal(file?.name, "sigstore-registries.yaml");
  const config = await parseRegistriesD([{ path: "f", text: file?.text ?? "" }]);
  assert.deepEqual(config.warnings, []);
  assert.equal(config.defaultDocker, undefined);
  for (const scope of scopesOf(policy)) assert.equal(config.docker.get(scope)?.useSigstoreAttachments, true);
  assert.equal(config.docker.size, 4);
  for (const name of ["x.example.com/y", "test0.com/z"]) {
    const settings = signatureSettings(config, parseImageReference(`${name}:1`));
    assert.equal(settings.useSigstoreAttachments?.value, true);
  }
});

test("a namespace gets the cluster's policy and its own scopes, except those that lie in the cluster's", async () => {
  const { policy, namespacePolicies, registriesD, losses } = await from([
    { scopes: ["test0.com", "test2.com"], namespace: "ns" },
    {
      scopes: ["test0.com/below", "x.wild.example/y", "other.com/ns/repo"],
      namespace: "other",
      rootOfTrust: pki,
    },
    { scopes: ["test2.com"], namespace: "ns", rootOfTrust: fulcio, name: "q" },
    { scopes: ["test0.com", "*.wild.example"], rootOfTrust: fulcio },
  ]);
  assert.deepEqual(scopesOf(policy), ["test0.com", "*.wild.example"]);
  assert.deepEqual([...namespacePolicies.keys()], ["ns", "other"]);
  const ns = namespacePolicies.get("ns");
  assert.deepEqual(scopesOf(ns), ["test0.com", "*.wild.example", "test2.com"]);
  assert.deepEqual(typesAt(ns, "test0.com"), ["fulcio"]);
  assert.deepEqual(typesAt(ns, "test2.com"), ["keys", "fulcio"]);
  assert.deepEqual(scopesOf(ns, "atomic"), scopesOf(ns));
  assert.deepEqual(scopesOf(namespacePolicies.get("other")), [
    "test0.com",
    "*.wild.example",
    "other.com/ns/repo",
  ]);
  assert.deepEqual(
    losses.map(({ code, effect, object: name }) => [code, effect, name]),
    [
      ["cluster-scope-wins", "accepts-less", "ImagePolicy/ns/p"],
      ["cluster-scope-wins", "accepts-less", "ImagePolicy/other/p"],
      ["cluster-scope-wins", "accepts-less", "ImagePolicy/other/p"],
    ],
  );
  assert.match(losses[0]?.position.path ?? "", /\['items'\]\[0\]\['spec'\]\['scopes'\]\[0\]$/);
  assert.match(registriesD[0]?.text ?? "", /"test2\.com":\n {4}use-sigstore-attachments: true/);
});

test("a namespace's tag below a scope of the cluster is refused: it would replace the cluster's requirements", async () => {
  for (const scope of [
    "test0.com/a/b:v1",
    `test0.com/a/b@sha256:${ZEROS}`,
    `a.wild.example/b/c@sha256:${ZEROS}`,
  ]) {
    const cluster = { scopes: ["test0.com/a/b", "*.wild.example"] };
    const error = await refused(from([cluster, { scopes: [scope], namespace: "ns" }]));
    assert.equal(error.losses?.[0]?.code, "cluster-scope-replaced");
    assert.equal(error.losses?.length, 1);
    assert.ok(error.position);
  }
  const { namespacePolicies } = await from([
    { scopes: ["test0.com/a"] },
    { scopes: ["test0.com/ab/c:v1"], namespace: "ns" },
  ]);
  assert.equal(namespacePolicies.size, 1);
});

test("what an image of the namespace must meet is never less than what the cluster asks for it", async () => {
  const { policy, namespacePolicies } = await from([
    { scopes: ["test0.com/a", "*.wild.example"], rootOfTrust: fulcio },
    { scopes: ["test0.com", "wild.example", "z.other.example/x"], namespace: "ns" },
  ]);
  const namespace = namespacePolicies.get("ns");
  assert.ok(namespace);
  for (const name of ["test0.com/a/b:1", "test0.com/a:2", "x.wild.example/y:1", "x.wild.example:5000/y:1"]) {
    const lookup = dockerLookup(parseImageReference(name));
    const there = selectRequirements(namespace, lookup);
    const here = selectRequirements(policy, lookup);
    assert.deepEqual([there.scope, there.requirements], [here.scope, here.requirements], name);
  }
  assert.deepEqual(typesAt(namespace, "test0.com"), ["keys"]);
});

test("allowed and blocked registries change the default as the operator does", async () => {
  const given = [{ scopes: ["quay.io/a/b"] }];
  const allowed = await from(given, { allowedRegistries: ["quay.io/a", "registry:5000"] });
  assert.deepEqual(allowed.policy.default, [{ type: "reject" }]);
  assert.deepEqual(typesAt(allowed.policy, "quay.io/a"), ["insecureAcceptAnything"]);
  assert.deepEqual(typesAt(allowed.policy, "quay.io/a/b"), ["keys"]);
  const same = await from(given, { allowedRegistries: ["quay.io/a/b"] });
  assert.deepEqual(typesAt(same.policy, "quay.io/a/b"), ["keys"]);
  const blocked = await from(given, { blockedRegistries: ["bad.example"] });
  assert.deepEqual(typesAt(blocked.policy, "bad.example"), ["reject"]);
  await refused(from(given, { allowedRegistries: ["quay.io/c"] }));
  await refused(from(given, { blockedRegistries: ["quay.io"] }));
  await refused(from(given, { allowedRegistries: ["quay.io"], blockedRegistries: ["x.example"] }));
  for (const registry of ["registry", "QUAY", "quay.io/A", "", "a*b.example", "https://quay.io"]) {
    await refused(from(given, { blockedRegistries: [registry] }));
  }
});

test("mirrors are looked at for attachments, and get no policy", async () => {
  const { policy, registriesD } = await from([{ scopes: ["quay.io"] }], { mirrors: ["mirror.example/q"] });
  assert.deepEqual(scopesOf(policy), ["quay.io"]);
  assert.match(registriesD[0]?.text ?? "", /"mirror\.example\/q":/);
});

test("without any policy the base comes out, and no file", async () => {
  const { policy, registriesD } = await importOpenShiftPolicies("---\n---\n", {
    base: openShiftBasePolicy(),
  });
  assert.deepEqual(policy, openShiftBasePolicy());
  assert.deepEqual(registriesD, []);
});

test("YAML of several documents is read, and what is wrong is found by line", async () => {
  const yaml = `# two policies
apiVersion: config.openshift.io/v1
kind: ClusterImagePolicy
metadata:
  name: signed
  creationTimestamp: "2026-01-01T00:00:00Z"
spec:
  scopes:
    - quay.io/é-none
---
`;
  const error = await refused(importOpenShiftPolicies(yaml, { base: openShiftBasePolicy() }));
  assert.equal(error.position?.line, 9);
  assert.equal(error.position?.column, 7);
  const misspelt = yaml.replace("scopes:", "scope:");
  const unknown = await refused(
    importOpenShiftPolicies(misspelt, { base: openShiftBasePolicy() }),
    "ERR_POLICY_UNKNOWN_KEY",
  );
  assert.equal(unknown.hint, 'did you mean "scopes"?');
  assert.equal(unknown.position?.line, 8);
  const missing = yaml.replace("quay.io/é-none", "quay.io");
  await refused(importOpenShiftPolicies(missing, { base: openShiftBasePolicy() }), "ERR_POLICY_MISSING_KEY");
});

test("what the API server would refuse is refused", async () => {
  const bad: Given[] = [
    { scopes: ["quay"] },
    { scopes: ["busybox:latest"] },
    { scopes: ["quay.io/A"] },
    { scopes: ["quay.io/a/"] },
    { scopes: ["*.example.com/a"] },
    { scopes: ["*example.com"] },
    { scopes: ["a.*.example.com"] },
    { scopes: ["quay.io/a@sha256:00"] },
    { scopes: [""] },
    { scopes: [`${"a".repeat(510)}.io`] },
    { scopes: Array.from({ length: 257 }, (_, index) => `a${index}.example`) },
    { scopes: ["quay.io"], rootOfTrust: { policyType: "PublicKey" } },
    { scopes: ["quay.io"], rootOfTrust: { ...publicKey, ...fulcio, policyType: "PublicKey" } },
    { scopes: ["quay.io"], rootOfTrust: { policyType: "publicKey", publicKey: { keyData: KEY } } },
    {
      scopes: ["quay.io"],
      rootOfTrust: { policyType: "PublicKey", publicKey: { keyData: "A".repeat(8196) } },
    },
    { scopes: ["quay.io"], rootOfTrust: { ...pki, pki: { ...pki.pki, caRootsData: CA } } },
    { scopes: ["quay.io"], signedIdentity: { matchPolicy: "MatchExact" } },
    { scopes: ["quay.io"], signedIdentity: { matchPolicy: "ExactRepository" } },
    {
      scopes: ["quay.io"],
      signedIdentity: { matchPolicy: "MatchRepository", exactRepository: { repository: "a.example/b" } },
    },
    {
      scopes: ["quay.io"],
      signedIdentity: { matchPolicy: "ExactRepository", exactRepository: { repository: "a.example/b:1" } },
    },
    {
      scopes: ["quay.io"],
      signedIdentity: {
        matchPolicy: "RemapIdentity",
        remapIdentity: { prefix: "busybox", signedPrefix: "a.example" },
      },
    },
    // Nodes could not read what the operator would write.
    { scopes: ["quay.io/a:v1"] },
    { scopes: ["quay.io"], namespace: "" },
  ];
  for (const given of bad) await refused(from([given]));
  await refused(from([{ scopes: ["quay.io", "quay.io"] }]), "ERR_POLICY_DUPLICATE_KEY");
  const change = (path: "oidcIssuer" | "signedEmail", value: string) => {
    const changed = structuredClone(fulcio);
    changed.fulcioCAWithRekor.fulcioSubject[path] = value;
    return from([{ scopes: ["quay.io"], rootOfTrust: changed }]);
  };
  await refused(change("oidcIssuer", "issuer"));
  for (const email of ["a", "@b", "a@", "a b@c"]) await refused(change("signedEmail", email));
  for (const hostname of ["A.example", "-a.example", "a..example", "*", "a.*.example"]) {
    const rootOfTrust = { ...pki, pki: { ...pki.pki, pkiCertificateSubject: { hostname } } };
    await refused(from([{ scopes: ["quay.io"], rootOfTrust }]));
  }
  const noSubject = { ...pki, pki: { ...pki.pki, pkiCertificateSubject: {} } };
  await refused(from([{ scopes: ["quay.io"], rootOfTrust: noSubject }]), "ERR_POLICY_SUBJECT_MISSING");
});

test("objects of other kinds, and a base that the operator would throw away, are refused", async () => {
  const base = openShiftBasePolicy();
  const other = { ...object({ scopes: ["quay.io"] }), apiVersion: "policy.sigstore.dev/v1beta1" };
  await refused(importOpenShiftPolicies(JSON.stringify(other), { base }));
  const kind = { ...object({ scopes: ["quay.io"] }), kind: "ClusterImagePolcy" };
  const error = await refused(importOpenShiftPolicies(JSON.stringify(kind), { base }));
  assert.equal(error.hint, 'did you mean "ClusterImagePolicy"?');
  for (const transport of ["docker", "atomic"]) {
    const transports = new Map([[transport, new Map([["x.example", [{ type: "reject" } as const]]])]]);
    await refused(from([{ scopes: ["quay.io"] }], { base: { default: base.default, transports } }));
  }
});

test("nesting is told as the operator tells it", () => {
  const nested: [scope: string, outer: string, expected: boolean][] = [
    ["a.com", "a.com", true],
    ["a.com/b", "a.com", true],
    ["a.comb", "a.com", false],
    ["a.com/b:1", "a.com/b", false],
    ["a.com/b:1", "a.com", true],
    ["x.a.com/b", "*.a.com", true],
    ["*.x.a.com", "*.a.com", true],
    ["a.com", "*.a.com", false],
    ["x.a.com:5000/b", "*.a.com", true],
    ["q.io/x.a.com", "*.a.com", false],
    ["q.io/b/x.a.com:1", "*.a.com", false],
    ["a.com:5000", "a.com", false],
  ];
  for (const [scope, outer, expected] of nested) {
    assert.equal(isNestedScope(scope, outer), expected, `${scope} in ${outer}`);
  }
  assert.equal(isImageOfScope("a.com/b:1", "a.com/b"), true);
  assert.equal(isImageOfScope("a.com:5000/b", "a.com:5000"), false);
  assert.equal(isImageOfScope("a.com:5000", "a.com"), false);
});

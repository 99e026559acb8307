/** Whatever is imported, the result is a policy that can be read, or the error is one of the policy module. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PolicyError } from "../../src/policy/errors.ts";
import { formatPolicy } from "../../src/policy/format.ts";
import { importOpenShiftPolicies, openShiftBasePolicy } from "../../src/policy/import/openshift.ts";
import { importPolicyController } from "../../src/policy/import/policy-controller.ts";
import { isGlob, scopeOfGlob } from "../../src/policy/import/policy-controller-globs.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import { tryParseImageReference } from "../../src/policy/reference.ts";
import { dockerLookup } from "../../src/policy/scope.ts";
import { scopeCovers } from "../../src/policy/scope-cover.ts";
import type { Policy } from "../../src/policy/types.ts";
import { mutated } from "../unit/policy/mutated.ts";
import { property } from "./runs.ts";

const OPENSHIFT = `
apiVersion: config.openshift.io/v1
kind: ClusterImagePolicy
metadata: {name: a}
spec:
  scopes: [quay.io/a, "*.example.com"]
  policy:
    rootOfTrust: {policyType: PublicKey, publicKey: {keyData: YWJj}}
    signedIdentity: {matchPolicy: MatchRepository}
---
apiVersion: config.openshift.io/v1
kind: ImagePolicy
metadata:
  name: b
  namespace: n
spec:
  scopes:
  - other.example/b
  policy:
    rootOfTrust:
      policyType: FulcioCAWithRekor
      fulcioCAWithRekor:
        fulcioCAData: YWJj
        rekorKeyData: YWJj
        fulcioSubject: {oidcIssuer: "https://i.example", signedEmail: a@b.example}
`;

const CONTROLLER = `
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: a}
spec:
  images: [{glob: "ghcr.io/**"}, {glob: "index.docker.io/library/x:1"}]
  mode: enforce
  authorities:
  - name: one
    static: {action: fail, message: "no"}
---
apiVersion: v1
kind: List
items:
- apiVersion: policy.sigstore.dev/v1alpha1
  kind: ClusterImagePolicy
  metadata: {name: b}
  spec: {images: [{glob: "**"}], authorities: [{static: {action: pass}}]}
`;

const inputs = (valid: string) =>
  fc.oneof(mutated(Buffer.from(valid)), fc.string(), fc.json(), fc.uint8Array(), fc.constant(valid));

async function check(run: () => Promise<{ policy: Policy; others?: Iterable<Policy> }>): Promise<void> {
  let result: { policy: Policy; others?: Iterable<Policy> };
  try {
    result = await run();
  } catch (error) {
    assert.ok(error instanceof PolicyError, String(error));
    return;
  }
  for (const policy of [result.policy, ...(result.others ?? [])]) {
    assert.equal(formatPolicy(parsePolicy(formatPolicy(policy))), formatPolicy(policy));
  }
}

test("importOpenShiftPolicies gives policies that can be read, or throws a PolicyError", async () => {
  await fc.assert(
    fc.asyncProperty(inputs(OPENSHIFT), (input) =>
      check(async () => {
        const found = await importOpenShiftPolicies(input, { base: openShiftBasePolicy() });
        return { policy: found.policy, others: found.namespacePolicies.values() };
      }),
    ),
    property,
  );
});

test("importPolicyController gives a policy that can be read, or throws a PolicyError", async () => {
  await fc.assert(
    fc.asyncProperty(inputs(CONTROLLER), (input) =>
      check(() => importPolicyController(input, { noMatchPolicy: "deny" })),
    ),
    property,
  );
});

test("brackets, colons and dashes without end are refused in time", async () => {
  for (const part of ["[", "]", "{", "- ", "a: ", "? ", "&a ", "*a ", "---\n", "!!x ", "|\n ", '"', "'"]) {
    const input = part.repeat(20_000);
    await check(() => importPolicyController(input, { noMatchPolicy: "deny" }));
  }
});

/** A pattern as the controller reads it: `*` is anything but a slash, `**` anything. */
function globMatches(glob: string, name: string): boolean {
  const source = glob
    .replaceAll(".", "\\.")
    .replaceAll("**", "#")
    .replaceAll("*", "[^/]*")
    .replaceAll("#", ".*");
  return new RegExp(`^${source}$`).test(name);
}

const words = fc.constantFrom("a", "b-c", "library", "*", "**", "x.y");
const globs = fc
  .tuple(
    fc.constantFrom("ghcr.io", "index.docker.io", "*.example.com", "localhost:5000", "*", "**"),
    fc.array(words, { maxLength: 3 }),
    fc.constantFrom("", ":1", ":*", "@sha256:*", ":**"),
  )
  .map(([host, path, end]) => [host, ...path].join("/") + end);
const names = fc
  .tuple(
    fc.constantFrom("ghcr.io", "docker.io", "x.example.com", "localhost:5000", "x.example.com:5000"),
    fc.array(fc.constantFrom("a", "b-c", "library", "x.y"), { minLength: 1, maxLength: 3 }),
    fc.constantFrom(":1", ":2", `@sha256:${"0".repeat(64)}`),
  )
  .map(([host, path, end]) => [host, ...path].join("/") + end);

test("a scope covers every image that its glob names in full, and no more unless it says so", () => {
  fc.assert(
    fc.property(globs, names, (glob, name) => {
      fc.pre(isGlob(glob));
      const found = scopeOfGlob(glob);
      const reference = tryParseImageReference(name);
      fc.pre(found.kind === "scope" && reference !== undefined);
      const { identity, namespaces } = dockerLookup(reference);
      const covered = [identity, ...namespaces, ""].includes(found.scope);
      const full = identity.replace(/^docker\.io\//, "index.docker.io/");
      const short: Record<string, string> = {
        "*": "index.docker.io/library/*",
        "*/*": "index.docker.io/*/*",
      };
      const matches = globMatches(short[glob] ?? glob, full);
      if (matches) assert.ok(covered, `${glob} names ${full}, ${found.scope} does not`);
      // Tags and digests are one to the controller, which resolves every tag first.
      const isTagGlob = /:\*{1,2}$/.test(glob);
      if (covered && found.wider.length === 0 && !isTagGlob)
        assert.ok(matches, `${found.scope} covers ${full}`);
    }),
    property,
  );
});

test("a scope that covers another one covers each of its images", () => {
  const scopes = fc.constantFrom(
    "",
    "ghcr.io",
    "ghcr.io/a",
    "ghcr.io/a/b-c",
    "ghcr.io/a:1",
    "*.example.com",
    "*.com",
    "x.example.com",
    "x.example.com:5000",
    "localhost:5000/a",
    "docker.io/library",
  );
  fc.assert(
    fc.property(scopes, scopes, names, (outer, inner, name) => {
      const reference = tryParseImageReference(name);
      fc.pre(reference !== undefined);
      const { identity, namespaces } = dockerLookup(reference);
      const candidates = [identity, ...namespaces, ""];
      if (scopeCovers(outer, inner) && candidates.includes(inner)) assert.ok(candidates.includes(outer));
    }),
    property,
  );
});

/** Any policy that the format can spell is written as a text that is read back as the same policy. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatPolicy } from "../../src/policy/format.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import type { Policy, PolicyRequirement, SignedIdentity, SigstoreTrust } from "../../src/policy/types.ts";
import { property } from "./runs.ts";

const texts = fc.oneof(
  fc.string({ minLength: 1, unit: "grapheme" }),
  fc.constantFrom("__proto__", "\u0000", '"', "é"),
);
const bytes = fc.uint8Array({ maxLength: 8 });
const data = fc.oneof(
  texts.map((path) => ({ kind: "path", path }) as const),
  bytes.map((content) => ({ kind: "data", data: content }) as const),
);
const keys = fc.oneof(
  data,
  fc.array(texts, { minLength: 1, maxLength: 3 }).map((paths) => ({ kind: "paths", paths }) as const),
  fc.array(bytes, { minLength: 1, maxLength: 3 }).map((datas) => ({ kind: "datas", datas }) as const),
);
const prefixes = fc.constantFrom("a.example", "a.example:5000", "localhost/b", "a.example/b/c", "busybox");
const identities: fc.Arbitrary<SignedIdentity> = fc.oneof(
  fc
    .constantFrom("matchExact", "matchRepoDigestOrExact", "matchRepository")
    .map((type) => ({ type }) as const),
  fc.constantFrom("a.example/b:1", `busybox@sha256:${"0".repeat(64)}`).map((dockerReference) => {
    return { type: "exactReference", dockerReference } as const;
  }),
  fc.constantFrom("a.example/b", "busybox:1").map((dockerRepository) => {
    return { type: "exactRepository", dockerRepository } as const;
  }),
  fc.tuple(prefixes, prefixes).map(([prefix, signedPrefix]) => {
    return { type: "remapIdentity", prefix, signedPrefix } as const;
  }),
);
const trusts: fc.Arbitrary<SigstoreTrust> = fc.oneof(
  fc.record({ kind: fc.constant("keys" as const), keys, rekor: keys }, { requiredKeys: ["kind", "keys"] }),
  fc.record({
    kind: fc.constant("fulcio" as const),
    ca: data,
    oidcIssuer: texts,
    subjectEmail: texts,
    rekor: keys,
  }),
  fc
    .record(
      {
        kind: fc.constant("pki" as const),
        caRoots: data,
        caIntermediates: data,
        subjectEmail: texts,
        subjectHostname: texts,
      },
      { requiredKeys: ["kind", "caRoots"] },
    )
    .filter(({ subjectEmail, subjectHostname }) => (subjectEmail ?? subjectHostname) !== undefined),
);
const requirements: fc.Arbitrary<PolicyRequirement> = fc.oneof(
  fc.constantFrom("insecureAcceptAnything", "reject").map((type) => ({ type }) as const),
  identities.map((baseLayerIdentity) => ({ type: "signedBaseLayer", baseLayerIdentity }) as const),
  fc.record({
    type: fc.constant("signedBy" as const),
    keyType: fc.constantFrom("GPGKeys", "signedByGPGKeys", "X509Certificates", "signedByX509CAs"),
    keys: keys.filter(({ kind }) => kind !== "datas"),
    signedIdentity: identities,
  }),
  fc.record({ type: fc.constant("sigstoreSigned" as const), trust: trusts, signedIdentity: identities }),
);
const lists = fc.array(requirements, { minLength: 1, maxLength: 3 });
const policies: fc.Arbitrary<Policy> = fc.record({
  default: lists,
  transports: fc
    .array(
      fc.tuple(
        fc.constantFrom("docker", "ostree", "__proto__", ""),
        fc.array(fc.tuple(texts, lists), { maxLength: 3 }),
      ),
      {
        maxLength: 3,
      },
    )
    .map((entries) => new Map(entries.map(([name, scopes]) => [name, new Map(scopes)] as const))),
});

test("every policy of the grammar survives formatting and parsing", () => {
  fc.assert(
    fc.property(policies, (generated) => {
      // Plain objects and views of bytes, on both sides.
      const policy: Policy = structuredClone(generated);
      const again = parsePolicy(formatPolicy(policy));
      assert.deepEqual(structuredClone(again), policy);
      // Order counts: scopes are tried by name, but a diff of two texts shows the order.
      assert.deepEqual([...again.transports.keys()], [...policy.transports.keys()]);
      assert.equal(formatPolicy(again), formatPolicy(policy));
    }),
    property,
  );
});

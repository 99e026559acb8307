/** Whatever comes in, the parsers of policies, scopes and references throw errors of lading or nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { formatReference } from "../../src/core/reference.ts";
import { PolicyError } from "../../src/policy/errors.ts";
import { formatPolicy } from "../../src/policy/format.ts";
import { matchesIdentity } from "../../src/policy/identity.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import { parseImageReference, tryParseImageReference } from "../../src/policy/reference.ts";
import { dockerLookup, pathLookup, selectRequirements } from "../../src/policy/scope.ts";
import { validateScope } from "../../src/policy/scope-validate.ts";
import type { SignedIdentity } from "../../src/policy/types.ts";
import { mutated } from "../unit/policy/mutated.ts";
import { property } from "./runs.ts";

const VALID = JSON.stringify({
  default: [{ type: "reject" }],
  transports: {
    docker: {
      "quay.io": [
        {
          type: "signedBy",
          keyType: "GPGKeys",
          keyPaths: ["/a"],
          signedIdentity: { type: "matchRepository" },
        },
        {
          type: "sigstoreSigned",
          fulcio: { caData: "YWJj", oidcIssuer: "i", subjectEmail: "e" },
          rekorPublicKeyPaths: ["/r"],
          signedIdentity: { type: "remapIdentity", prefix: "a.example", signedPrefix: "b.example/c" },
        },
        { type: "sigstoreSigned", pki: { caRootsPath: "/a", subjectHostname: "h" } },
        {
          type: "signedBaseLayer",
          baseLayerIdentity: { type: "exactReference", dockerReference: "a.example/b:1" },
        },
      ],
    },
    dir: { "/a": [{ type: "insecureAcceptAnything" }] },
  },
});

test("parsePolicy reads a policy or throws a PolicyError, and what it reads survives formatting", () => {
  const texts = fc.oneof(mutated(Buffer.from(VALID)), fc.json().map(Buffer.from), fc.uint8Array());
  fc.assert(
    fc.property(texts, (text) => {
      let policy: ReturnType<typeof parsePolicy>;
      try {
        policy = parsePolicy(text);
      } catch (error) {
        assert.ok(error instanceof PolicyError, String(error));
        assert.equal(error.errorClass, "policy-format");
        assert.ok(error.position !== undefined || error.code === "ERR_POLICY_TOO_LARGE");
        return;
      }
      assert.ok(policy.default.length > 0);
      assert.deepEqual(parsePolicy(formatPolicy(policy)), policy);
    }),
    property,
  );
});

const TRANSPORTS = ["docker", "atomic", "docker-daemon", "containers-storage", "dir", "oci", "tarball", "x"];

test("validateScope answers for every text", () => {
  const scopes = fc.oneof(
    fc.string(),
    mutated(Buffer.from("[overlay@/a/b]quay.io/a:1@sha256:00@ff")).map(String),
  );
  fc.assert(
    fc.property(fc.constantFrom(...TRANSPORTS), scopes, (transport, scope) => {
      assert.ok(["string", "undefined"].includes(typeof validateScope(transport, scope)));
    }),
    property,
  );
});

const references = fc
  .tuple(
    fc.constantFrom("", "quay.io/", "localhost:5000/", "a.b.example.com:80/", "[::1]/", "192.0.2.1/"),
    fc.array(fc.stringMatching(/^[a-z0-9]{1,5}$/), { minLength: 1, maxLength: 4 }),
    fc.constantFrom("", ":latest", ":V1.0", `@sha256:${"a".repeat(64)}`),
  )
  .map(([domain, path, suffix]) => domain + path.join("/") + suffix);

test("a docker image's candidates are itself, parents of its name, and wildcards for its host", () => {
  fc.assert(
    fc.property(references, (text) => {
      const reference = parseImageReference(text);
      const { identity, namespaces } = dockerLookup(reference);
      const name = `${reference.domain}/${reference.path}`;
      assert.ok(identity.startsWith(`${name}:`) || identity.startsWith(`${name}@`));
      for (const scope of namespaces) {
        const isParent = name === scope || name.startsWith(`${scope}/`);
        const host = reference.domain.split(":")[0] ?? "";
        const isWildcard = scope.startsWith("*.") && host.endsWith(scope.slice(1)) && host !== scope.slice(2);
        assert.ok(isParent !== isWildcard, scope);
      }
      assert.equal(new Set(namespaces).size, namespaces.length);
    }),
    property,
  );
});

test("the scope that is chosen is a candidate, and the first one in the policy", () => {
  fc.assert(
    fc.property(references, fc.array(fc.string(), { maxLength: 4 }), fc.nat(), (text, others, pick) => {
      const lookup = dockerLookup(parseImageReference(text));
      const candidates = [lookup.identity, ...lookup.namespaces, ""];
      const planted = candidates[pick % candidates.length] ?? "";
      const scopes = new Map([...others, planted].map((scope) => [scope, [{ type: "reject" as const }]]));
      const policy = { default: [{ type: "reject" as const }], transports: new Map([["docker", scopes]]) };
      const { scope } = selectRequirements(policy, lookup);
      assert.ok(scope.kind === "scope");
      assert.equal(
        scope.scope,
        candidates.find((candidate) => scopes.has(candidate)),
      );
    }),
    property,
  );
});

test("pathLookup ends for every text", () => {
  fc.assert(
    fc.property(fc.string(), (path) => {
      const { namespaces } = pathLookup("oci", path);
      for (const parent of namespaces) assert.ok(path.startsWith(parent));
    }),
    property,
  );
});

const identities: fc.Arbitrary<SignedIdentity> = fc.oneof(
  fc.constantFrom<SignedIdentity>(
    { type: "matchExact" },
    { type: "matchRepoDigestOrExact" },
    { type: "matchRepository" },
  ),
  references.map((dockerReference) => ({ type: "exactReference" as const, dockerReference })),
  references.map((dockerRepository) => ({ type: "exactRepository" as const, dockerRepository })),
  fc.record({ type: fc.constant("remapIdentity" as const), prefix: fc.string(), signedPrefix: fc.string() }),
);

test("an identity matches only what is a reference, and nothing where its name was changed", () => {
  const signed = fc.oneof(
    references,
    fc.string(),
    references.chain((text) => mutated(Buffer.from(text)).map(String)),
  );
  fc.assert(
    fc.property(identities, fc.option(references, { nil: undefined }), signed, (identity, image, text) => {
      const reference = image === undefined ? undefined : parseImageReference(image);
      if (!matchesIdentity(identity, reference, text)) return;
      const claimed = tryParseImageReference(text);
      assert.ok(claimed);
      const { type } = identity;
      const names =
        type === "exactReference"
          ? identity.dockerReference
          : type === "exactRepository"
            ? identity.dockerRepository
            : type === "remapIdentity"
              ? undefined
              : image;
      if (names === undefined) return;
      const wanted = parseImageReference(names);
      assert.equal(claimed.domain, wanted.domain);
      assert.equal(claimed.path, wanted.path);
    }),
    property,
  );
});

test("parseImageReference reads a reference or throws an error of lading, and formats back", () => {
  const texts = fc.oneof(
    fc.string(),
    references.chain((text) => mutated(Buffer.from(text)).map(String)),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        const reference = parseImageReference(text);
        if (reference.domain !== "")
          assert.deepEqual(parseImageReference(formatReference(reference)), reference);
      } catch (error) {
        assert.ok(isLadingError(error), String(error));
      }
    }),
    property,
  );
});

/** Whatever a policy says, it can be checked and compared; and what is said of its scopes holds for every image. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PolicyError } from "../../src/policy/errors.ts";
import { diffPolicies } from "../../src/policy/lint/diff-policies.ts";
import { lintPolicy } from "../../src/policy/lint/lint-policy.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import { tryParseImageReference } from "../../src/policy/reference.ts";
import { dockerLookup, selectRequirements } from "../../src/policy/scope.ts";
import { parseRegistriesD, signatureSettings } from "../../src/policy/sources/registries-d.ts";
import type { Policy } from "../../src/policy/types.ts";
import { mutated } from "../unit/policy/mutated.ts";
import { property } from "./runs.ts";

const signed = { type: "sigstoreSigned", keyData: "YWJj" };
const VALID = JSON.stringify({
  default: [{ type: "reject" }, { type: "insecureAcceptAnything" }],
  transports: {
    docker: {
      "": [{ type: "insecureAcceptAnything" }],
      "quay.io/a": [
        {
          ...signed,
          signedIdentity: { type: "remapIdentity", prefix: "quay.io/b", signedPrefix: "c.example" },
        },
        {
          type: "sigstoreSigned",
          pki: { caRootsData: "YWJj", caIntermediatesPath: "/i", subjectEmail: "e" },
        },
        { type: "signedBy", keyType: "GPGKeys", keyPaths: ["/a", "b"] },
      ],
      "*.example.com": [{ type: "signedBaseLayer", baseLayerIdentity: { type: "matchExact" } }],
    },
    "containers-storage": { "[overlay@/a]quay.io/b:1": [signed] },
    dir: { "/a": [signed] },
    x: { y: [signed] },
  },
});

test("every policy that can be read can be checked, and each finding leads to a place of the text", async () => {
  const readFile = async () => Buffer.from("-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n");
  await fc.assert(
    fc.asyncProperty(mutated(Buffer.from(VALID)), async (text) => {
      let policy: Policy;
      try {
        policy = parsePolicy(text);
      } catch (error) {
        assert.ok(error instanceof PolicyError);
        return;
      }
      const registriesD = { defaultDocker: undefined, docker: new Map() };
      const findings = await lintPolicy(policy, { text, readFile, registriesD });
      for (const { position, path, message } of findings) {
        assert.ok(position && message !== "");
        assert.ok(path.startsWith(position.path) || position.path === path, `${position.path} of ${path}`);
      }
      const same = await diffPolicies(policy, policy, ["quay.io/a/b", "busybox"]);
      assert.deepEqual(same.changes, []);
    }),
    property,
  );
});

const hosts = [
  "quay.io",
  "Quay.io",
  "docker.io",
  "index.docker.io",
  "localhost:5000",
  "x.example.com",
  "busybox",
  "",
];
const words = ["a", "library", "A", "b.c", "x__y", ""];
const scopes = fc
  .tuple(
    fc.constantFrom("", "*.", "*"),
    fc.constantFrom(...hosts),
    fc.array(fc.constantFrom(...words), { maxLength: 3 }),
    fc.constantFrom("", ":1", ":5000", `@sha256:${"0".repeat(64)}`, `:1@sha256:${"0".repeat(64)}`, "/", "*"),
  )
  .map(([star, host, path, end]) => star + [host, ...path].join("/") + end);
const names = fc
  .tuple(
    fc.constantFrom(...hosts.filter((host) => host !== ""), "a.quay.io", "b.x.example.com:80"),
    fc.array(fc.constantFrom("a", "library", "b.c", "x__y"), { maxLength: 3 }),
    fc.constantFrom("", ":1", ":5000", `@sha256:${"0".repeat(64)}`),
  )
  .map(([host, path, end]) => [host, ...path].join("/") + end);

const withScopes = (entries: Record<string, unknown>): Policy =>
  parsePolicy(JSON.stringify({ default: [{ type: "reject" }], transports: { docker: entries } }));

test("no image has a scope that is called unreachable", async () => {
  await fc.assert(
    fc.asyncProperty(scopes, fc.array(names, { maxLength: 20 }), async (scope, images) => {
      const policy = withScopes({ [scope]: [{ type: "reject" }] });
      const findings = await lintPolicy(policy);
      if (!findings.some(({ code }) => code === "scope-unreachable")) return;
      for (const image of images) {
        const reference = tryParseImageReference(image);
        if (!reference || (reference.tag !== undefined && reference.digest !== undefined)) continue;
        const selected = selectRequirements(policy, dockerLookup(reference));
        assert.deepEqual(selected.scope, { kind: "default" }, `${scope} is the scope of ${image}`);
      }
    }),
    property,
  );
});

test("where attachments are not called disabled, each image of the scope has them looked for", async () => {
  const few = fc.constantFrom(
    "quay.io",
    "quay.io/a",
    "quay.io/a/b.c",
    "*.io",
    "*.example.com",
    "x.example.com/a",
  );
  const settings = fc.dictionary(few, fc.constantFrom(true, false), { maxKeys: 3 });
  const images = fc.constantFrom(
    "quay.io/a:1",
    "quay.io/a/b.c:1",
    "quay.io/x:1",
    "x.example.com/a/b:1",
    "y.example.com/a:1",
  );
  await fc.assert(
    fc.asyncProperty(few, settings, fc.boolean(), images, async (scope, sections, byDefault, image) => {
      const docker = Object.entries(sections).map(
        ([name, value]) => `  ${JSON.stringify(name)}: {use-sigstore-attachments: ${value}}\n`,
      );
      const text = `default-docker: {use-sigstore-attachments: ${byDefault}}\ndocker:\n${docker.join("")}`;
      const registriesD = await parseRegistriesD([{ path: "d.yaml", text }]);
      const policy = withScopes({ [scope]: [signed] });
      const findings = await lintPolicy(policy, { registriesD });
      if (findings.some(({ code }) => code === "attachments-disabled")) return;
      const reference = tryParseImageReference(image);
      assert.ok(reference);
      if (selectRequirements(policy, dockerLookup(reference)).scope.kind === "default") return;
      assert.equal(signatureSettings(registriesD, reference).useSigstoreAttachments?.value, true);
    }),
    { ...property, numRuns: Math.min(property.numRuns, 2000) },
  );
});

/** What an image is called, and by which names it is looked up, for any text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { digestOf } from "../../src/core/digest.ts";
import { isLadingError } from "../../src/core/errors.ts";
import { formatReference, referenceName } from "../../src/core/reference.ts";
import { createReference, namespacePolicyPath } from "../../src/policy/crio.ts";
import { PolicyError } from "../../src/policy/errors.ts";
import { hostnameProblem } from "../../src/policy/hostname.ts";
import { manifestDigest, manifestMatchesDigest } from "../../src/policy/manifest-digest.ts";
import { parseImageReference } from "../../src/policy/reference.ts";
import { dockerDaemonLookup, storageLookup, unknownDigestLookup } from "../../src/policy/scope.ts";
import { mutated } from "../unit/policy/mutated.ts";
import { property } from "./runs.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const texts = fc.oneof(
  fc.constantFrom("busybox", "quay.io/a/b:1", `quay.io/a/b@${DIGEST}`, `a.example:80/b:1@${DIGEST}`),
  mutated(Buffer.from(`quay.io/crio/signed:v1@${DIGEST}`)).map((bytes) => bytes.toString("latin1")),
  fc.string(),
);

test("createReference gives a reference with a tag or a digest, never both, or throws a PolicyError", () => {
  fc.assert(
    fc.property(texts, (text) => {
      try {
        const reference = createReference(text);
        assert.notEqual(reference.tag === undefined, reference.digest === undefined);
        assert.deepEqual(parseImageReference(formatReference(reference)), reference);
      } catch (error) {
        assert.ok(error instanceof PolicyError && error.code === "ERR_POLICY_REFERENCE", String(error));
      }
    }),
    property,
  );
});

test("lookups in every store name the image, then only what contains it", () => {
  fc.assert(
    fc.property(
      texts,
      fc.option(fc.stringMatching(/^[0-9a-f]{64}$/), { nil: undefined }),
      (text, imageId) => {
        try {
          const reference = parseImageReference(text);
          const name = referenceName(reference);
          const pushed = unknownDigestLookup(reference);
          assert.equal(pushed.identity, name);
          const stored = storageLookup({ driver: "overlay", root: "/s", reference, imageId });
          assert.ok(stored.identity.startsWith(`[overlay@/s]${formatReference(reference)}`));
          for (const scope of stored.namespaces) {
            const inner = scope.replace(/^\[(?:overlay@)?\/s\]/, "");
            assert.ok(`${formatReference(reference)}/`.startsWith(inner), scope);
          }
          const local = dockerDaemonLookup(text, parseImageReference);
          assert.equal(local.transport, "docker-daemon");
        } catch (error) {
          if (!isLadingError(error)) throw error;
        }
      },
    ),
    property,
  );
});

test("no namespace leads a policy's path out of its directory", () => {
  const name = fc.oneof(fc.stringMatching(/^[a-z0-9./-]{0,20}$/), fc.string());
  fc.assert(
    fc.property(name, (namespace) => {
      try {
        const path = namespacePolicyPath(namespace, "/etc/crio/policies");
        assert.match(path, /^\/etc\/crio\/policies\/[a-z0-9-]{1,63}\.json$/);
      } catch (error) {
        assert.ok(error instanceof TypeError, String(error));
      }
    }),
    property,
  );
});

test("a manifest fits its own digest only, whatever text stands for another", () => {
  const content = Buffer.from('{"schemaVersion":2}');
  const own = manifestDigest(content);
  fc.assert(
    fc.property(
      fc.oneof(mutated(Buffer.from(own)).map(String), fc.string(), fc.constant(digestOf("x"))),
      (text) => {
        try {
          assert.equal(manifestMatchesDigest(content, text), text === own);
        } catch (error) {
          if (!isLadingError(error)) throw error;
          assert.notEqual(text, own);
        }
      },
    ),
    property,
  );
});

test("a certificate covers the host that it names, and none beside, below or above it", () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,6}$/);
  const host = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => `x.${labels.join(".")}a`);
  fc.assert(
    fc.property(host, label, fc.string(), (name, other, text) => {
      const names = (...hosts: string[]) => ({ hosts, emails: [], uris: [], addresses: [] });
      assert.equal(hostnameProblem(names(name), name.toUpperCase()), undefined);
      const parent = name.slice(name.indexOf(".") + 1);
      for (const wrong of [`${other}.${name}`, parent, `${name}.${other}`, `${other}${name}`]) {
        assert.equal(typeof hostnameProblem(names(name), wrong), "string", wrong);
      }
      assert.equal(hostnameProblem(names(`*.${parent}`), name), undefined);
      assert.equal(typeof hostnameProblem(names(`*.${parent}`), parent), "string");
      assert.equal(typeof hostnameProblem(names(`*.${name}`), `${other}.${other}.${name}`), "string");
      // Any text at all: an answer, and none that covers every host.
      assert.equal(
        typeof hostnameProblem(names(text), "host.test"),
        text === "host.test" ? "undefined" : "string",
      );
      hostnameProblem(names(name), text);
    }),
    property,
  );
});

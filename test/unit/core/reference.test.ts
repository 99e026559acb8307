import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../src/core/digest.ts";
import type { CoreError } from "../../../src/core/errors.ts";
import {
  familiarName,
  formatReference,
  isIdentifier,
  isReferenceDomain,
  isTag,
  parseDockerReference,
  parseFullReference,
  parseRawReference,
  parseReference,
  parseReferenceName,
  type Reference,
  referenceName,
  trimReference,
  withDefaultTag,
  withDigest,
  withTag,
} from "../../../src/core/reference.ts";

const invalid = { code: "ERR_REFERENCE_INVALID" };
const digest = digestOf("abc");

test("the limit counts the path, or the whole name where that is asked for", () => {
  const path = "a".repeat(255);
  const nameLimit = { lengthLimit: "name" } as const;
  for (const parse of [parseReference, parseRawReference, parseReferenceName]) {
    assert.equal(parse(`quay.io/${path}`).path, path);
    assert.throws(() => parse(`quay.io/${path}`, nameLimit), invalid);
    assert.throws(() => parse(`quay.io/${path}a`), invalid);
    assert.equal(parse(`quay.io/${"a".repeat(247)}`, nameLimit).path.length, 247);
    assert.throws(() => parse(`quay.io/${"a".repeat(248)}`, nameLimit), invalid);
  }
  // Completed names count as completed: docker.io/library/ is 18 characters.
  assert.equal(parseReference("a".repeat(237), nameLimit).path.length, 245);
  assert.throws(() => parseReference("a".repeat(238), nameLimit), invalid);
  assert.throws(() => parseReference("a".repeat(248)), invalid);
});

test("the raw grammar completes nothing", () => {
  assert.deepEqual(parseRawReference("alpine"), { domain: "", path: "alpine" });
  assert.deepEqual(parseRawReference("grafana/loki:3"), { domain: "grafana", path: "loki", tag: "3" });
  assert.deepEqual(parseRawReference("a_b/c"), { domain: "", path: "a_b/c" });
  assert.deepEqual(parseRawReference("0".repeat(64)), { domain: "", path: "0".repeat(64) });
  assert.throws(
    () => parseRawReference(""),
    (error: CoreError) => error.message === "repository name must have at least one component",
  );
  assert.throws(
    () => parseRawReference("Quay.io/Org/x"),
    (error: CoreError) => error.message === "repository name must be lowercase",
  );
});

test("the digest's own error is the cause", () => {
  assert.throws(
    () => parseReference(`x@sha256:${"a".repeat(32)}`),
    (error: CoreError) => (error.cause as CoreError).code === "ERR_DIGEST_INVALID",
  );
  assert.throws(
    () => parseReference(`x@md5:${"a".repeat(32)}`),
    (error: CoreError) =>
      error.code === "ERR_REFERENCE_INVALID" && (error.cause as CoreError).code === "ERR_DIGEST_UNSUPPORTED",
  );
});

test("a full reference is one that normalising does not change", () => {
  assert.deepEqual(parseFullReference("quay.io/a/b:t"), { domain: "quay.io", path: "a/b", tag: "t" });
  for (const text of ["alpine", "docker.io/alpine", "index.docker.io/library/alpine", "Alpine"]) {
    assert.throws(() => parseFullReference(text), invalid, text);
  }
});

test("what Docker pulls has a tag or a digest, not both", () => {
  const pulled = (text: string) => formatReference(parseDockerReference(text));
  assert.equal(pulled("x"), "docker.io/library/x:latest");
  assert.equal(pulled("x:1"), "docker.io/library/x:1");
  assert.equal(pulled(`x:1@${digest}`), `docker.io/library/x@${digest}`);
  assert.equal(pulled(`x@${digest}`), `docker.io/library/x@${digest}`);
});

test("parts are replaced, the rest is kept, and the given reference is left alone", () => {
  const reference: Reference = Object.freeze({ domain: "quay.io", path: "a", tag: "1", digest });
  assert.deepEqual(withTag(reference, "2"), { domain: "quay.io", path: "a", tag: "2", digest });
  const other = digestOf("other");
  assert.deepEqual(withDigest(reference, other), { domain: "quay.io", path: "a", tag: "1", digest: other });
  assert.deepEqual(trimReference(reference), { domain: "quay.io", path: "a" });
  assert.equal(referenceName(reference), "quay.io/a");
  assert.deepEqual(withDefaultTag(reference), reference);
  assert.deepEqual(withDefaultTag({ domain: "quay.io", path: "a" }), {
    domain: "quay.io",
    path: "a",
    tag: "latest",
  });
  assert.deepEqual(withDefaultTag({ domain: "quay.io", path: "a", digest }), {
    domain: "quay.io",
    path: "a",
    digest,
  });
});

test("no part can smuggle in another", () => {
  const name = { domain: "quay.io", path: "a" };
  for (const tag of ["", "a:b", "a/b", "a@b", "-a", "a\n", "\u00e9", "a".repeat(129), `1@${digest}`]) {
    assert.throws(() => withTag(name, tag), invalid, tag);
    assert.equal(isTag(tag), false);
  }
  for (const text of [
    "",
    "x",
    "sha256:abc",
    `${digest}\n`,
    `${digest}@${digest}`,
    `x/${digest}`,
    "a".repeat(1e6),
  ]) {
    assert.throws(() => withDigest(name, text), invalid, text.slice(0, 80));
  }
  for (const text of ["", "a:b", "a@b", `a@${digest}`, "quay.io/", "a b"]) {
    assert.throws(() => parseReferenceName(text), invalid, text);
  }
});

test("a list of one text is no part of a reference", () => {
  const name = { domain: "quay.io", path: "a" };
  assert.throws(() => withTag(name, ["1"] as unknown as string));
  assert.throws(() => withDigest(name, [digest] as unknown as string));
  assert.equal(isTag(["1"] as unknown as string), false);
});

test("familiar names shorten the default domain and library only", () => {
  assert.equal(familiarName({ domain: "docker.io", path: "library/x" }), "x");
  assert.equal(familiarName({ domain: "docker.io", path: "library/x/y" }), "library/x/y");
  assert.equal(familiarName({ domain: "docker.io", path: "librarys/x" }), "librarys/x");
  assert.equal(familiarName({ domain: "quay.io", path: "library/x" }), "quay.io/library/x");
});

test("domains and identifiers", () => {
  for (const text of ["a", "A.b", "a-b:1", "[::]", "[::1]:5000"])
    assert.equal(isReferenceDomain(text), true, text);
  for (const text of [
    "",
    "a/",
    ".a",
    "a.",
    "a..b",
    "-a",
    "a-",
    "a:",
    "a:b",
    "a_b",
    "[]",
    "[g]",
    "a\n",
    "[::1]x",
  ]) {
    assert.equal(isReferenceDomain(text), false, text);
  }
  assert.equal(isIdentifier("0".repeat(64)), true);
  for (const text of ["0".repeat(63), "0".repeat(65), "A".repeat(64), `${"0".repeat(64)}\n`]) {
    assert.equal(isIdentifier(text), false);
  }
});

test("hostile texts are refused quickly", () => {
  const start = performance.now();
  for (const part of [
    "a",
    "a/",
    "a.",
    "a-",
    "-",
    "_",
    "a_",
    "a:",
    "@",
    "a@",
    ":",
    "[",
    "[:",
    "A",
    "0",
    "a+",
    "\u00e9",
  ]) {
    for (const size of [60_000, 1_000_000]) {
      const hostile = part.repeat(size / part.length);
      for (const text of [hostile, `${hostile}!`, `quay.io/${hostile}!`, `x:${hostile}!`, `x@${hostile}!`]) {
        assert.throws(() => parseReference(text), invalid);
        assert.throws(() => parseRawReference(text), invalid);
        isReferenceDomain(text);
        isTag(text);
      }
    }
  }
  assert.ok(performance.now() - start < 20_000);
});

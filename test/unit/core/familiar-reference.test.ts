import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../src/core/digest.ts";
import {
  formatAnyReference,
  matchFamiliarReference,
  parseAnyReference,
  sortReferences,
} from "../../../src/core/familiar-reference.ts";
import { parseReference } from "../../../src/core/reference.ts";

const digest = digestOf("abc");

test("an identifier and a digest stand for content, anything else for a name", () => {
  assert.deepEqual(parseAnyReference(digest), { kind: "digest", digest });
  assert.deepEqual(parseAnyReference(digest.slice("sha256:".length)), { kind: "digest", digest });
  assert.deepEqual(parseAnyReference("abcdef"), { kind: "named", reference: parseReference("abcdef") });
  assert.equal(formatAnyReference(parseAnyReference(`x@${digest}`)), `docker.io/library/x@${digest}`);
  assert.equal(formatAnyReference(parseAnyReference(digest)), digest);
  // What is no digest that is computed reads as a name with a tag, as in the reference implementation.
  assert.equal(formatAnyReference(parseAnyReference("md5:abc")), "docker.io/library/md5:abc");
  assert.equal(formatAnyReference(parseAnyReference(`${digest}0`)), `docker.io/library/${digest}0`);
  for (const text of ["", "A", `${digest}/`, `@${digest}`]) {
    assert.throws(() => parseAnyReference(text), { code: "ERR_REFERENCE_INVALID" }, text);
  }
});

test("patterns cover the short form with tag, or without", () => {
  const cases: [pattern: string, text: string, covers: boolean][] = [
    ["alpine", "alpine:3", true],
    ["alpine:3", "alpine:3", true],
    ["alpine:*", "alpine:3", true],
    ["alpine:4", "alpine:3", false],
    ["alp*", "docker.io/library/alpine", true],
    ["docker.io/library/alpine", "alpine", false],
    ["quay.io/*/x", "quay.io/a/x:1", true],
    ["quay.io/*", "quay.io/a/x", false],
    ["*", "quay.io/x", false],
    ["quay.io/?", "quay.io/x:1", true],
  ];
  for (const [pattern, text, covers] of cases) {
    assert.equal(matchFamiliarReference(pattern, parseReference(text)), covers, `${pattern} ${text}`);
  }
  assert.throws(() => matchFamiliarReference("[", parseReference("x")), { code: "ERR_PATTERN_INVALID" });
});

test("sorting puts the most specific first, in full form, and what cannot be read last", () => {
  const given = [
    "Bad",
    "b",
    digest,
    `a:1@${digest}`,
    "\u{1f600}",
    "a:2",
    "\uffee",
    `a@${digest}`,
    "a:1",
    "a",
  ];
  const copy = [...given];
  assert.deepEqual(sortReferences(given), [
    `docker.io/library/a:1@${digest}`,
    "docker.io/library/a:1",
    "docker.io/library/a:2",
    `docker.io/library/a@${digest}`,
    "docker.io/library/a",
    "docker.io/library/b",
    digest,
    "Bad",
    "\uffee",
    "\u{1f600}",
  ]);
  assert.deepEqual(given, copy);
  assert.deepEqual(sortReferences([]), []);
});

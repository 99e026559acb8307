import assert from "node:assert/strict";
import { test } from "node:test";
import { formatReference } from "../../../src/core/reference.ts";
import { matchesIdentity, matchesRemapPrefix, remapReference } from "../../../src/policy/identity.ts";
import { parseImageReference } from "../../../src/policy/reference.ts";
import type { SignedIdentity } from "../../../src/policy/types.ts";

const DIGEST_A = `sha256:${"a".repeat(64)}`;
const DIGEST_B = `sha256:${"b".repeat(64)}`;

function matches(identity: SignedIdentity, image: string | undefined, signed: string): boolean {
  return matchesIdentity(identity, image === undefined ? undefined : parseImageReference(image), signed);
}

test("matchExact compares tag and digest too", () => {
  const identity: SignedIdentity = { type: "matchExact" };
  assert.ok(matches(identity, "busybox:1", "docker.io/library/busybox:1"));
  assert.ok(matches(identity, `quay.io/a:1@${DIGEST_A}`, `quay.io/a:1@${DIGEST_A}`));
  for (const [image, signed] of [
    ["quay.io/a:1", "quay.io/a"],
    ["quay.io/a", "quay.io/a"],
    ["quay.io/a:1", "quay.io/a:2"],
    ["quay.io/a:1", `quay.io/a:1@${DIGEST_A}`],
    [`quay.io/a@${DIGEST_A}`, `quay.io/a@${DIGEST_B}`],
    ["quay.io/a:1", "Quay.io/a:1"],
    ["quay.io/a:1", "quay.io:443/a:1"],
    ["quay.io/a:1", ""],
    ["quay.io/a:1", "quay.io/a:1 "],
    ["quay.io/a:1", "https://quay.io/a:1"],
  ] as const) {
    assert.equal(matches(identity, image, signed), false, `${image} ~ ${signed}`);
  }
  assert.equal(matches(identity, undefined, "quay.io/a:1"), false);
});

test("matchRepoDigestOrExact ignores what is signed beside the name only for a digest reference", () => {
  const identity: SignedIdentity = { type: "matchRepoDigestOrExact" };
  assert.ok(matches(identity, `quay.io/a@${DIGEST_A}`, "quay.io/a:1"));
  assert.ok(matches(identity, `quay.io/a@${DIGEST_A}`, `quay.io/a@${DIGEST_B}`));
  assert.ok(matches(identity, "quay.io/a:1", "quay.io/a:1"));
  assert.equal(matches(identity, `quay.io/a@${DIGEST_A}`, "quay.io/a"), false);
  assert.equal(matches(identity, `quay.io/a:1@${DIGEST_A}`, "quay.io/a:1"), false);
  assert.equal(matches(identity, "quay.io/a", "quay.io/a:1"), false);
  assert.equal(matches(identity, `quay.io/a@${DIGEST_A}`, "quay.io/b:1"), false);
});

test("matchRepository compares names alone, whole", () => {
  const identity: SignedIdentity = { type: "matchRepository" };
  for (const signed of ["quay.io/a", "quay.io/a:9", `quay.io/a@${DIGEST_B}`]) {
    assert.ok(matches(identity, "quay.io/a:1", signed));
  }
  for (const signed of ["quay.io/a/b", "quay.io/aa", "quay.io/A", "a", "quay.io", "\u0430"]) {
    assert.equal(matches(identity, "quay.io/a:1", signed), false, signed);
  }
});

test("exactReference and exactRepository do not ask what the image is called", () => {
  const reference: SignedIdentity = { type: "exactReference", dockerReference: "quay.io/a:1" };
  const repository: SignedIdentity = { type: "exactRepository", dockerRepository: "quay.io/a:ignored" };
  for (const image of [undefined, "other.io/b:2"]) {
    assert.ok(matches(reference, image, "quay.io/a:1"));
    assert.equal(matches(reference, image, "quay.io/a:2"), false);
    assert.ok(matches(repository, image, "quay.io/a:2"));
    assert.equal(matches(repository, image, "quay.io/b:1"), false);
  }
});

test("remapIdentity replaces whole components at the start, once", () => {
  const image = parseImageReference("example.com:5000/ns/app:1");
  for (const prefix of ["example.com:5000", "example.com:5000/ns", "example.com:5000/ns/app"]) {
    assert.ok(matchesRemapPrefix(prefix, image), prefix);
  }
  for (const prefix of [
    "example.com",
    "example.com:500",
    "example.com:5000/n",
    "com:5000",
    "example.com:5000/ns/app:1",
  ]) {
    assert.equal(matchesRemapPrefix(prefix, image), false, prefix);
  }
  const remap = (prefix: string, signedPrefix: string) => {
    const remapped = remapReference({ prefix, signedPrefix }, image);
    return remapped && formatReference(remapped);
  };
  assert.equal(remap("example.com:5000/ns", "vendor.io/x"), "vendor.io/x/app:1");
  assert.equal(remap("other.io", "vendor.io"), "example.com:5000/ns/app:1");
  // What comes out must be a full reference: these are not.
  assert.equal(remap("example.com:5000/ns/app", "busybox"), undefined);
  assert.equal(remap("example.com:5000/ns/app", "vendor.io"), undefined);
  const nested = parseImageReference("a.io/a.io/a.io:1");
  const once = remapReference({ prefix: "a.io", signedPrefix: "b.io" }, nested);
  assert.equal(once && formatReference(once), "b.io/a.io/a.io:1");
});

test("an identity that no policy can hold is a mistake of the caller, never a match", () => {
  const identity = { type: "matchAnything" } as unknown as SignedIdentity;
  assert.throws(() => matches(identity, "quay.io/a:1", "quay.io/a:1"), TypeError);
});

test("references are read as containers/image reads them", () => {
  assert.throws(() => parseImageReference("UPPER/app"), { code: "ERR_REFERENCE_INVALID" });
  assert.equal(parseImageReference("UPPER.example/app").domain, "UPPER.example");
  const host = "h.example";
  assert.doesNotThrow(() => parseImageReference(`${host}/${"a".repeat(255 - host.length - 1)}`));
  assert.throws(() => parseImageReference(`${host}/${"a".repeat(255 - host.length)}`), {
    code: "ERR_REFERENCE_INVALID",
  });
});

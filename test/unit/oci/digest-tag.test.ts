import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../src/core/digest.ts";
import { isTag } from "../../../src/core/reference.ts";
import { cosignTag, referrersTag } from "../../../src/oci/digest-tag.ts";

test("a referrers tag is a tag, whatever the digest", () => {
  const sha256 = digestOf("abc");
  assert.equal(referrersTag(sha256), sha256.replace(":", "-"));
  for (const digest of [
    digestOf("abc", "sha512"),
    digestOf("abc", "sha384"),
    "multihash+base58:QmRZxt=",
    `${"a".repeat(300)}:${"=".repeat(300)}`,
    "a.b_c-d+e:_",
  ]) {
    assert.equal(isTag(referrersTag(digest)), true, digest);
  }
  assert.equal(referrersTag(`${"a".repeat(300)}:${"b".repeat(300)}`), `${"a".repeat(32)}-${"b".repeat(64)}`);
  assert.equal(referrersTag("multihash+base58:Qm="), "multihash-base58-Qm-");
});

test("what is no digest has no referrers tag", () => {
  for (const text of ["", "latest", "sha256:", "sha256:a/b", "sha256:a\n", "../x:y", "x".repeat(1e6)]) {
    assert.throws(() => referrersTag(text), { code: "ERR_DIGEST_INVALID" }, text.slice(0, 20));
  }
});

test("cosign's tags name what they hold", () => {
  const digest = digestOf("abc");
  assert.equal(cosignTag(digest, "sig"), `${digest.replace(":", "-")}.sig`);
  assert.throws(() => cosignTag(digestOf("abc", "sha512"), "sig"), { code: "ERR_DIGEST_UNSUPPORTED" });
  for (const suffix of ["", "SIG", "s/g", "../sig", "a".repeat(11), "sig\n"]) {
    assert.throws(() => cosignTag(digest, suffix), RangeError, suffix);
  }
});

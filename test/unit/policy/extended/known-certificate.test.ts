import assert from "node:assert/strict";
import { test } from "node:test";
import { rememberEncoding, rememberSignatures } from "../../../../src/policy/extended/known-certificate.ts";
import { loadSigstore, rootMaterial } from "../../../../src/policy/extended/trust-material.ts";
import { parseTrustedRoot } from "../../../../src/policy/extended/trusted-root.ts";
import { createBundleAuthorities } from "../../../../src/testing/index.ts";
import { made } from "./bundles.ts";

const ROOT = parseTrustedRoot(JSON.stringify(made.trustedRoot()));

test("what is remembered about certificates is what is computed about them", async () => {
  const library = await loadSigstore();
  const fresh = library.toTrustMaterial(ROOT.message).certificateAuthorities[0]?.certChain ?? [];
  const known = library.toTrustMaterial(ROOT.message).certificateAuthorities[0]?.certChain ?? [];
  known.forEach(rememberEncoding);
  rememberSignatures(known);
  const [issuer, root] = known;
  assert.ok(issuer && root && known.length === 2);
  const strangers = createBundleAuthorities().trustedRoot();
  const other = library.toTrustMaterial(parseTrustedRoot(JSON.stringify(strangers)).message);
  const stranger = other.certificateAuthorities[0]?.certChain[1];
  assert.ok(stranger);
  // Twice, so that the second answer is the remembered one.
  for (let turn = 0; turn < 2; turn++) {
    assert.equal(issuer.verify(root), true);
    assert.equal(root.verify(root), true);
    assert.equal(root.verify(), true);
    assert.equal(root.verify(issuer), false);
    assert.equal(issuer.verify(issuer), false);
    assert.equal(issuer.verify(), false);
    assert.equal(issuer.verify(stranger), false);
    assert.equal(root.verify(stranger), false);
    for (const [at, certificate] of known.entries()) {
      assert.ok(fresh[at] && certificate.root.toDER().equals(fresh[at].root.toDER()));
      assert.ok(certificate.tbsCertificate.toDER().equals(fresh[at].tbsCertificate.toDER()));
      assert.ok(certificate.clone().root.toDER().equals(fresh[at].root.toDER()));
    }
  }
});

test("the material of a root is made once, and is that of this root", async () => {
  const library = await loadSigstore();
  assert.equal(rootMaterial(library, ROOT), rootMaterial(library, ROOT));
  const again = parseTrustedRoot(JSON.stringify(made.trustedRoot()));
  assert.notEqual(rootMaterial(library, ROOT), rootMaterial(library, again));
  const nothing = rootMaterial(library, undefined);
  assert.deepEqual(Object.values(nothing).flat(), []);
});

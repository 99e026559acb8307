/** Artifacts in the in-process registry: pushed, attached, discovered and pulled over HTTP. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { attachArtifact, discoverReferrers, pullArtifact, pushArtifact } from "../../src/oci/index.ts";
import { pairFor } from "./registry-setup.ts";

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lading-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

for (const referrers of ["api", "off"] as const) {
  test(`an artifact with referrers, in a registry with the referrers API ${referrers}`, async (t) => {
    const { repository } = await pairFor(t, { referrers });
    const source = folderFor(t);
    mkdirSync(join(source, "tree"));
    writeFileSync(join(source, "tree/f"), "in the tree");
    writeFileSync(join(source, "big"), Buffer.alloc(5_000_000, "0123456789"));
    const files = [{ path: join(source, "tree") }, { path: join(source, "big") }];
    const pushed = await pushArtifact(repository, { artifactType: "application/x", files }, "v1");
    const note = [{ content: Buffer.from("{}"), title: "sbom.json" }];
    const sbom = await attachArtifact(repository, "v1", {
      artifactType: "application/spdx+json",
      files: note,
    });
    await attachArtifact(repository, sbom.descriptor, {
      artifactType: "application/vnd.cncf.notary.signature",
    });
    const tree = await discoverReferrers(repository, "v1");
    assert.equal(tree.subject.digest, pushed.descriptor.digest);
    const [found] = tree.referrers;
    assert.deepEqual([tree.referrers.length, found?.convention], [1, "spdx"]);
    assert.equal(found?.descriptor.digest, sbom.descriptor.digest);
    assert.equal(found?.referrers[0]?.convention, "notation-signature");
    assert.deepEqual((await discoverReferrers(repository, "v1", { artifactType: "a/b" })).referrers, []);
    const directory = folderFor(t);
    await pullArtifact(repository, "v1", { directory });
    await pullArtifact(repository, sbom.descriptor.digest, { directory });
    assert.deepEqual(readdirSync(directory).sort(), ["big", "sbom.json", "tree"]);
    assert.equal(readFileSync(join(directory, "tree/f"), "utf8"), "in the tree");
    assert.ok(readFileSync(join(directory, "big")).equals(readFileSync(join(source, "big"))));
  });
}

test("a blob that is cut off on its way leaves nothing behind", async (t) => {
  let cut = false;
  const { repository } = await pairFor(t, {
    alter: (request, reply) =>
      cut && request.method === "GET" && request.path.includes("/blobs/")
        ? { ...reply, body: (reply.body as Uint8Array).subarray(1) }
        : reply,
  });
  const files = [{ content: Buffer.from("content"), title: "f" }];
  await pushArtifact(repository, { artifactType: "application/x", files }, "v1");
  cut = true;
  const directory = folderFor(t);
  await assert.rejects(pullArtifact(repository, "v1", { directory }), { code: "ERR_SIZE_MISMATCH" });
  assert.deepEqual(readdirSync(directory), []);
});

/** Copies from and to registries over HTTP. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { copyImage, createLayout, OciError, pushImage } from "../../src/oci/index.ts";
import { blobsOnDisk, contentsOf, imageOf, referrerOf, twoPlatforms } from "../unit/oci/stores/samples.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";
import { clientFor, pairFor, serverFor } from "./registry-setup.ts";

async function layoutFor(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "lading-copy-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return createLayout(join(folder, "layout"));
}

test("an image with its referrers goes to a layout and to another registry, byte for byte", async (t) => {
  const { repository } = await pairFor(t);
  const graph = twoPlatforms();
  const root = await pushImage(repository, graph, "v1");
  const signature = referrerOf(root, "application/sig");
  await pushImage(repository, signature);
  const layout = await layoutFor(t);
  await copyImage(repository, "v1", layout, "v1", { referrers: true });
  const all = new Map([...contentsOf(graph), ...contentsOf(signature)]);
  assert.deepEqual(await blobsOnDisk(layout.path), new Map([...all].map(([d, c]) => [d, Buffer.from(c)])));

  const elsewhere = await serverFor(t);
  const other = clientFor(t).repository(`${elsewhere.host}/c/d`);
  const report = await copyImage(layout, "v1", other, "v2", { referrers: true });
  assert.equal((await other.resolve("v2")).digest, root.digest);
  assert.equal(report.copied.length, all.size);
  const again = await copyImage(layout, "v1", other, "v2", { referrers: true });
  assert.deepEqual([again.copied, again.skipped.length], [[], all.size]);
  const back = await layoutFor(t);
  await copyImage(other, "v2", back, "v1", { referrers: true });
  assert.deepEqual(await blobsOnDisk(back.path), await blobsOnDisk(layout.path));
});

test("within one registry blobs are mounted, not sent", async (t) => {
  const { server, registry, repository } = await pairFor(t);
  const graph = twoPlatforms();
  const root = await pushImage(repository, graph, "v1");
  const target = registry.repository(`${server.host}/c/d`);
  const report = await copyImage(repository, "v1", target, "v1");
  assert.equal((await target.resolve("v1")).digest, root.digest);
  const blobs = new Set(
    graph.children.flatMap(({ blobs }) => blobs.map(({ descriptor }) => descriptor.digest)),
  );
  assert.deepEqual(new Set(report.mounted.map(({ digest }) => digest)), blobs);
});

test("an abort in the middle of a layer leaves neither a name nor a connection nor a file", async (t) => {
  const { repository } = await pairFor(t);
  await pushImage(repository, imageOf("amd64", "x".repeat(8_000_000)), "v1");
  const layout = await layoutFor(t);
  const abort = new AbortController();
  const reason = new Error("enough");
  const copying = copyImage(repository, "v1", layout, "v1", {
    signal: abort.signal,
    onProgress: ({ kind }) => {
      if (kind === "progress") abort.abort(reason);
    },
  });
  await assert.rejects(copying, (error) => error === reason);
  await assert.rejects(layout.resolve("v1"), { code: "ERR_OCI_NOT_FOUND" });
  const { temporary } = await layout.gc({ minAgeMs: 0, dryRun: true });
  assert.deepEqual(temporary, []);
});

test("says that the registry failed, with its own error as cause", async (t) => {
  const { repository } = await pairFor(t);
  const layout = await layoutFor(t);
  await assert.rejects(copyImage(repository, "absent", layout, "v1"), (error) => {
    assert.ok(error instanceof OciError && error.cause instanceof OciError);
    assert.deepEqual([error.code, error.side], ["ERR_OCI_COPY_FAILED", "source"]);
    assert.deepEqual([error.cause.code, error.cause.statusCode], ["ERR_OCI_NOT_FOUND", 404]);
    return true;
  });
});

test("nothing is left of copies once the clients are closed", async (t) => {
  const before = countResources();
  await t.test("copy", async (t) => {
    const { repository } = await pairFor(t);
    await pushImage(repository, twoPlatforms(), "v1");
    await copyImage(repository, "v1", await layoutFor(t), "v1");
  });
  await assertNothingLeft(before);
});

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { LadingError } from "../../../../src/core/errors.ts";
import {
  applyLayers,
  createLayer,
  imageLayers,
  memoryStore,
  packImage,
  packManifest,
  pushImage,
} from "../../../../src/oci/index.ts";

const code = (expected: string) => (error: LadingError) => error.code === expected;

test("an image in a store is applied, each layer compared with its diff id", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "lading-image-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const layers = [
    await createLayer([{ path: "etc/motd", content: "one" }]),
    await createLayer([{ path: "etc/motd", content: "two" }], { compression: "none" }),
  ];
  const image = packImage({ platform: { os: "linux", architecture: "amd64" }, layers });
  const store = memoryStore();
  await pushImage(store, image, "t");
  const sources = await imageLayers(store, image.manifest.value);
  const { diffIds } = await applyLayers(sources, root, { staged: true });
  assert.deepEqual(
    diffIds,
    layers.map(({ diffId }) => diffId),
  );
  assert.equal(readFileSync(join(root, "etc/motd"), "utf8"), "two");

  const swapped = { ...image.manifest.value, layers: [...image.manifest.value.layers].reverse() };
  const wrong = await imageLayers(store, swapped);
  await assert.rejects(
    applyLayers(wrong, join(root, "x"), { staged: true }),
    code("ERR_OCI_DIFF_ID_MISMATCH"),
  );
  const fewer = { ...swapped, layers: swapped.layers.slice(1) };
  await assert.rejects(imageLayers(store, fewer), code("ERR_OCI_DOCUMENT_INVALID"));
});

test("what is no image has no layers to apply", async () => {
  const { value } = packManifest({ artifactType: "application/x" });
  await assert.rejects(imageLayers(memoryStore(), value), code("ERR_OCI_MEDIA_TYPE_UNSUPPORTED"));
});

test("an encrypted layer without key fails when it is read", async () => {
  const layer = await createLayer([{ path: "a", content: "x" }]);
  const mediaType = `${layer.descriptor.mediaType}+encrypted`;
  const image = packImage({ platform: { os: "linux", architecture: "amd64" }, layers: [layer] });
  const store = memoryStore();
  await pushImage(store, image, "t");
  const layers = [{ ...layer.descriptor, mediaType }];
  const [source] = await imageLayers(store, { ...image.manifest.value, layers });
  const read = async () => {
    for await (const _ of source?.open({}) ?? []);
  };
  await assert.rejects(read(), code("ERR_OCI_LAYER_ENCRYPTED"));
});

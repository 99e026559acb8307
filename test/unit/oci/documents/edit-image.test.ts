import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/core/digest.ts";
import {
  DOCKER_CONFIG,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
} from "../../../../src/core/media-types.ts";
import { describeContent } from "../../../../src/oci/descriptor.ts";
import { editImage } from "../../../../src/oci/documents/edit-image.ts";
import { parseImageConfig } from "../../../../src/oci/documents/image-config.ts";
import { createLayer } from "../../../../src/oci/layer-writer.ts";
import { parseManifest } from "../../../../src/oci/manifest.ts";

const diffId = digestOf("x");
const base = { mediaType: OCI_LAYER_GZIP, digest: digestOf("compressed"), size: 10 };

function imageOf({ docker = false, history = true } = {}) {
  const document = {
    architecture: "amd64",
    os: "linux",
    config: { Env: ["A=b"], Cmd: ["old"], Future: 1 },
    rootfs: { type: "layers", diff_ids: [diffId] },
    ...(history ? { history: [{ created_by: "base" }] } : {}),
    extra: "E",
  };
  // A number that a double cannot hold must survive the edit.
  const text = JSON.stringify(document).replace('"E"', "9007199254740993");
  const mediaType = docker ? DOCKER_CONFIG : OCI_CONFIG;
  const config = parseImageConfig(Buffer.from(text), { mediaType });
  const type = docker ? DOCKER_MANIFEST : OCI_MANIFEST;
  const manifest = parseManifest(
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: type,
        config: describeContent(config.bytes, mediaType),
        layers: [{ ...base, unknown: true }],
        annotations: { keep: "1", drop: "2" },
        future: [1],
      }),
    ),
  );
  assert.ok(manifest.kind === "manifest");
  return { manifest, config };
}

test("a layer is added to manifest, configuration and history", async () => {
  const layer = await createLayer([{ path: "f", content: "x" }]);
  const edited = editImage(imageOf(), {
    layers: [{ ...layer, history: { created_by: "edit" } }],
    created: "2024-01-01T00:00:00Z",
  });
  assert.deepEqual(edited.manifest.value.layers, [base, layer.descriptor]);
  assert.deepEqual(edited.config.value.rootfs.diff_ids, [diffId, layer.diffId]);
  assert.deepEqual(edited.config.value.history, [
    { created_by: "base" },
    { created: "2024-01-01T00:00:00Z", created_by: "edit", empty_layer: false },
  ]);
  assert.equal(edited.config.value.created, "2024-01-01T00:00:00Z");
  const { digest, size } = edited.manifest.value.config;
  assert.deepEqual([digest, size], [digestOf(edited.config.bytes), edited.config.bytes.byteLength]);
  assert.deepEqual(
    edited.blobs.map((blob) => blob.descriptor.digest),
    [digest, layer.descriptor.digest],
  );
});

test("what is not edited is kept, unknown members and large numbers included", () => {
  const edited = editImage(imageOf(), {});
  assert.deepEqual(edited.config.plain, imageOf().config.plain);
  assert.equal(edited.config.plain["extra"], 9007199254740993n);
  assert.deepEqual(edited.manifest.plain, imageOf().manifest.plain);
  assert.equal(edited.manifest.descriptor.digest, imageOf().manifest.descriptor.digest);
});

test("settings and annotations are replaced, added and removed", () => {
  const edited = editImage(imageOf(), {
    config: { Cmd: ["new"], Env: null, User: "u" },
    annotations: { drop: null, add: "3" },
  });
  assert.deepEqual(edited.config.plain["config"], { Cmd: ["new"], Future: 1, User: "u" });
  assert.deepEqual(edited.manifest.value.annotations, { keep: "1", add: "3" });
  const bare = editImage(imageOf(), { annotations: { drop: null, keep: null } });
  assert.equal(bare.manifest.value.annotations, undefined);
  assert.throws(() => editImage(imageOf(), { config: { Env: "A=b" } }), { code: "ERR_JSON_TYPE" });
});

test("an image without history gets none that begins in the middle", async () => {
  const layer = await createLayer([{ path: "f", content: "x" }]);
  assert.equal(editImage(imageOf({ history: false }), { layers: [layer] }).config.value.history, undefined);
});

test("layers of an image of Docker's types get Docker's types", async () => {
  const layer = await createLayer([{ path: "f", content: "x" }]);
  const { manifest, config, blobs } = editImage(imageOf({ docker: true }), { layers: [layer] });
  assert.equal(manifest.mediaType, DOCKER_MANIFEST);
  assert.equal(manifest.value.layers[1]?.mediaType, DOCKER_LAYER_GZIP);
  assert.equal(blobs[1]?.descriptor.mediaType, DOCKER_LAYER_GZIP);
  assert.equal(config.descriptor.mediaType, DOCKER_CONFIG);
  const zstd = {
    ...layer,
    descriptor: { ...layer.descriptor, mediaType: "application/vnd.oci.image.layer.v1.tar+zstd" },
  };
  assert.throws(() => editImage(imageOf({ docker: true }), { layers: [zstd] }), TypeError);
});

test("a configuration that is not the manifest's is refused", () => {
  const image = imageOf();
  const other = editImage(image, { config: { User: "u" } }).config;
  assert.throws(() => editImage({ manifest: image.manifest, config: other }, {}), TypeError);
  assert.throws(() => editImage(image, { created: "now" }), TypeError);
});

test("a layer without content is named by the edited image only", async () => {
  const layer = await createLayer([{ path: "f", content: "x" }]);
  const { descriptor, diffId: id } = layer;
  for (const docker of [false, true]) {
    const whole = editImage(imageOf({ docker }), { layers: [layer] });
    const edited = editImage(imageOf({ docker }), { layers: [{ descriptor, diffId: id }] });
    assert.deepEqual(edited.manifest, whole.manifest);
    assert.deepEqual([whole.blobs.length, edited.blobs.length], [2, 1]);
  }
});

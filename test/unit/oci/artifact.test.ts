import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../src/core/digest.ts";
import { OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "../../../src/core/media-types.ts";
import {
  createLayer,
  describeArtifact,
  describeContent,
  embeddedContent,
  emptyContent,
  fetchBlob,
  fetchManifest,
  memoryStore,
  packArtifact,
  packImage,
  packIndex,
  packManifest,
  packSeccompProfile,
  pushImage,
} from "../../../src/oci/index.ts";

const platform = { os: "linux", architecture: "amd64" };

test("the empty content is the one of the image spec", () => {
  const { descriptor, content } = emptyContent();
  assert.equal(descriptor.digest, "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
  assert.equal(descriptor.size, 2);
  assert.deepEqual(embeddedContent(descriptor), content);
});

test("an artifact without content has an empty config and an empty layer", () => {
  const { value } = packManifest({ artifactType: "application/x" });
  assert.equal(value.config.mediaType, OCI_EMPTY);
  assert.deepEqual(
    value.layers.map(({ mediaType }) => mediaType),
    [OCI_EMPTY],
  );
  assert.throws(() => packManifest({}), TypeError);
  assert.throws(() => packManifest({ config: emptyContent().descriptor }), TypeError);
});

test("an image may have no layers", () => {
  const config = describeContent(Buffer.from("{}"), OCI_CONFIG);
  assert.deepEqual(packManifest({ config }).value.layers, []);
});

test("a seccomp profile has the form that oras gives it", () => {
  const profile = Buffer.from('{"defaultAction":"SCMP_ACT_ERRNO"}');
  const { manifest, blobs } = packSeccompProfile(profile);
  assert.deepEqual(JSON.parse(Buffer.from(manifest.bytes).toString()), {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: {
      mediaType: "application/vnd.cncf.seccomp-profile.config.v1+json",
      digest: digestOf("{}"),
      size: 2,
    },
    layers: [
      {
        mediaType: OCI_LAYER,
        digest: digestOf(profile),
        size: profile.length,
        annotations: { "org.opencontainers.image.title": "seccomp.json" },
      },
    ],
  });
  assert.deepEqual(
    blobs.map(({ content }) => Buffer.from(content).toString()),
    ["{}", profile.toString()],
  );
});

test("an artifact is described with its titles", () => {
  const subject = describeContent(Buffer.from("s"), OCI_MANIFEST);
  const { manifest } = packArtifact({
    artifactType: "application/x",
    files: [
      { content: Buffer.from("1"), title: "a", mediaType: "text/plain", annotations: { k: "v" } },
      { content: Buffer.from("2") },
    ],
    subject,
    annotations: { note: "n" },
  });
  const described = describeArtifact(manifest);
  assert.equal(described.artifactType, "application/x");
  assert.deepEqual(
    described.files.map(({ title }) => title),
    ["a", undefined],
  );
  assert.deepEqual(described.subject, subject);
  assert.deepEqual(described.annotations, { note: "n" });
  const twice = [
    { content: Buffer.from("1"), title: "a" },
    { content: Buffer.from("2"), title: "a" },
  ];
  assert.throws(() => packArtifact({ artifactType: "a/b", files: twice }), TypeError);
});

test("an image and an index are stored so that nothing is ever missing, and read back", async () => {
  const layer = await createLayer([{ path: "pause", content: "x", mode: 0o755 }]);
  const image = packImage({
    platform,
    layers: [layer],
    config: { Cmd: ["/pause"] },
    annotations: { a: "b" },
  });
  const index = packIndex([{ graph: image, platform }]);
  const store = memoryStore();
  const order: string[] = [];
  const watching = {
    ...store,
    push: (...args: Parameters<typeof store.push>) => {
      order.push(args[0].mediaType);
      return store.push(...args);
    },
  };
  await pushImage(watching, index, "v1");
  assert.deepEqual(order, [OCI_CONFIG, layer.descriptor.mediaType, OCI_MANIFEST, OCI_INDEX]);
  const read = await fetchManifest(store, "v1");
  assert.ok(read.kind === "index");
  assert.deepEqual(read.value.manifests[0]?.platform, platform);
  const child = await fetchManifest(store, read.value.manifests[0]?.digest ?? "");
  assert.ok(child.kind === "manifest");
  assert.deepEqual(child.value.annotations, { a: "b" });
  const config = JSON.parse(
    Buffer.from(await fetchBlob(store, child.value.config, { maxBytes: 1e4 })).toString(),
  );
  assert.deepEqual(config, {
    architecture: "amd64",
    os: "linux",
    config: { Cmd: ["/pause"] },
    rootfs: { type: "layers", diff_ids: [layer.diffId] },
  });
});

test("a layer without content is named by the image, and pushed by whoever has it", async () => {
  const layer = await createLayer([{ path: "f", content: "x" }]);
  const { descriptor, diffId } = layer;
  const whole = packImage({ platform, layers: [layer] });
  const image = packImage({ platform, layers: [{ descriptor, diffId }] });
  assert.deepEqual(image.manifest, whole.manifest);
  assert.deepEqual(
    image.blobs.map(({ descriptor }) => descriptor.mediaType),
    [OCI_CONFIG],
  );
});

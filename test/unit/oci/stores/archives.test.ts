/** Archives: read in every form, written the same each time, refused when damaged. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { collectBytes, streamOf } from "../../../../src/core/bytes.ts";
import { digestOf } from "../../../../src/core/digest.ts";
import { OCI_LAYER, OCI_LAYER_GZIP } from "../../../../src/core/media-types.ts";
import {
  copyImage,
  createLayout,
  fetchBlob,
  fetchManifest,
  type ImageGraph,
  memoryStore,
  openDockerArchive,
  openLayout,
  openLayoutArchive,
  packDockerArchive,
  packImage,
  packLayoutArchive,
  pushImage,
  writeArchiveFile,
} from "../../../../src/oci/index.ts";
import {
  blobsOnDisk,
  contentsOf,
  folderFor,
  imageOf,
  indexText,
  referrerOf,
  twoPlatforms,
} from "./samples.ts";

const MAX = { maxBytes: 100_000_000 };
const code = (code: string) => ({ code });
const LAYOUT_INVALID = code("ERR_OCI_LAYOUT_INVALID");
const ARCHIVE_INVALID = code("ERR_OCI_ARCHIVE_INVALID");

type File = Partial<Header> & { name: string; content?: Uint8Array | string };

/** A tar archive made by another program than the one under test. */
async function tarOf(...files: File[]): Promise<Buffer> {
  const archive = pack();
  const whole = collectBytes(archive as AsyncIterable<Uint8Array>, MAX);
  for (const { content, ...header } of files) {
    const mtime = new Date(0);
    if (content === undefined) archive.entry({ mtime, ...header });
    else archive.entry({ mtime, ...header }, Buffer.from(content));
  }
  archive.finalize();
  return Buffer.from(await whole);
}

function layoutFiles(graph: ImageGraph, name: string, prefix = ""): File[] {
  const entry = { ...graph.manifest.descriptor, annotations: { "org.opencontainers.image.ref.name": name } };
  const blobs = [...contentsOf(graph)].map(([digest, content]) => ({
    name: `${prefix}blobs/${digest.replace(":", "/")}`,
    content,
  }));
  return [
    ...blobs,
    { name: `${prefix}index.json`, content: indexText(entry) },
    { name: `${prefix}oci-layout`, content: '{"imageLayoutVersion":"1.0.0"}' },
  ];
}

async function fileFor(t: TestContext, content: Uint8Array): Promise<string> {
  const path = join(await folderFor(t), "archive");
  await writeFile(path, content);
  return path;
}

async function layoutArchiveFor(t: TestContext, content: Uint8Array) {
  const archive = await openLayoutArchive(await fileFor(t, content));
  t.after(() => archive.close());
  return archive;
}

async function dockerArchiveFor(t: TestContext, content: Uint8Array, options = {}) {
  const archive = await openDockerArchive(await fileFor(t, content), options);
  t.after(() => archive.close());
  return archive;
}

describe("OCI archives", () => {
  test("are read in any order, with any prefix, compressed or not, and nothing stays beside them", async (t) => {
    const graph = twoPlatforms();
    const plain = await tarOf(...layoutFiles(graph, "v1"));
    const dotted = await tarOf(
      { name: "./", type: "directory" },
      ...layoutFiles(graph, "v1", "./").reverse(),
    );
    const concatenated = Buffer.concat([gzipSync(plain.subarray(0, 700)), gzipSync(plain.subarray(700))]);
    for (const bytes of [plain, dotted, gzipSync(plain), concatenated, zstdCompressSync(plain)]) {
      const archive = await layoutArchiveFor(t, bytes);
      const target = memoryStore();
      await copyImage(archive, "v1", target, "v1");
      for (const [digest, content] of contentsOf(graph)) {
        const found = await fetchBlob(
          target,
          { mediaType: "a/b", digest: digest as never, size: content.byteLength },
          MAX,
        );
        assert.ok(Buffer.from(found).equals(content));
      }
      assert.deepEqual(await readdir(join(archive.path, "..")), ["archive"]);
      const child = graph.children[0]?.manifest.descriptor.digest ?? "";
      assert.equal((await archive.resolve(child)).digest, child);
      const tags = [];
      for await (const tag of archive.tags()) tags.push(tag);
      assert.deepEqual(tags, ["v1"]);
      await assert.rejects(archive.resolve("v2"), code("ERR_OCI_NOT_FOUND"));
    }
  });

  test("GHSA-f36w-mj3v-6jqv: are read up to their limits, whatever they unpack to or declare", async (t) => {
    const path = await fileFor(t, gzipSync(Buffer.alloc(20_000_000)));
    await assert.rejects(openLayoutArchive(path, { maxUnpackedBytes: 1_000_000 }), code("ERR_TOO_LARGE"));
    assert.deepEqual(await readdir(join(path, "..")), ["archive"]);
    const graph = twoPlatforms();
    const good = await fileFor(t, await tarOf(...layoutFiles(graph, "v1")));
    await assert.rejects(openLayoutArchive(good, { maxEntries: 3 }), code("ERR_TOO_LARGE"));
    await assert.rejects(openLayoutArchive(good, { maxManifestBytes: 20 }), code("ERR_TOO_LARGE"));
    const huge = await tarOf({ name: "oci-layout", content: "x" });
    // The largest size that 11 octal digits hold.
    huge.write("77777777777", 124);
    huge.write("        ", 148);
    const sum = huge.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    huge.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    await assert.rejects(openLayoutArchive(await fileFor(t, huge)), LAYOUT_INVALID);
  });

  test("that are damaged fail with a code of their own", async (t) => {
    const graph = imageOf("amd64", "x".repeat(2000));
    const files = layoutFiles(graph, "v1");
    const good = await tarOf(...files);
    const flipped = Buffer.from(good);
    flipped[3] = (flipped[3] ?? 0) ^ 1;
    const without = (name: string) => tarOf(...files.filter((file) => file.name !== name));
    const cases: Uint8Array[] = [
      Buffer.alloc(0),
      Buffer.from("no archive"),
      Buffer.alloc(2000, "x"),
      Buffer.alloc(1024),
      flipped,
      good.subarray(0, 600),
      good.subarray(0, 1000),
      gzipSync(good).subarray(0, 300),
      await without("oci-layout"),
      await without("index.json"),
      await tarOf(...files, { name: "index.json", content: indexText() }),
      await tarOf(...files, { name: "./oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' }),
      await tarOf(...files.slice(0, -1), {
        name: "../oci-layout",
        content: '{"imageLayoutVersion":"1.0.0"}',
      }),
      await tarOf(...files.slice(0, -1), { name: "oci-layout", type: "symlink", linkname: "oci-layout" }),
      await tarOf(...files.slice(0, -1), { name: "oci-layout", type: "symlink", linkname: "../etc/passwd" }),
    ];
    for (const [position, bytes] of cases.entries()) {
      await assert.rejects(openLayoutArchive(await fileFor(t, bytes)), LAYOUT_INVALID, `case ${position}`);
    }
    for (const magic of ["BZh91AY", "\u00fd7zXZ\0\0"]) {
      const path = await fileFor(t, Buffer.from(magic, "latin1"));
      await assert.rejects(openLayoutArchive(path), code("ERR_OCI_COMPRESSION_UNSUPPORTED"));
    }
    await assert.rejects(openLayoutArchive("/nonexistent/archive"), code("ERR_OCI_FILE"));
    await assert.rejects(openLayoutArchive("/dev/null"), code("ERR_OCI_FILE"));
    const missing = await layoutArchiveFor(t, await tarOf(...files.slice(1)));
    await assert.rejects(fetchManifest(missing, "v1"), code("ERR_OCI_NOT_FOUND"));
    const [first, ...rest] = files;
    assert.ok(first);
    const size = Buffer.from(first.content ?? "").byteLength;
    const swapped = await layoutArchiveFor(t, await tarOf({ ...first, content: "y".repeat(size) }, ...rest));
    await assert.rejects(fetchManifest(swapped, "v1"), code("ERR_DIGEST_MISMATCH"));
    const longer = await layoutArchiveFor(
      t,
      await tarOf({ ...first, content: "y".repeat(size + 1) }, ...rest),
    );
    await assert.rejects(fetchManifest(longer, "v1"), code("ERR_SIZE_MISMATCH"));
  });

  test("say so when they were closed, and hand over the reason of an abort", async (t) => {
    const graph = twoPlatforms();
    const path = await fileFor(t, await tarOf(...layoutFiles(graph, "v1")));
    const archive = await openLayoutArchive(path);
    await archive.close();
    await archive.close();
    await assert.rejects(fetchManifest(archive, "v1"), code("ERR_OCI_CLOSED"));
    const reason = new Error("enough");
    await assert.rejects(openLayoutArchive(path, { signal: AbortSignal.abort(reason) }), (e) => e === reason);
  });

  test("that are written equal each other, and other programs unpack them", async (t) => {
    const folder = await folderFor(t);
    const source = await createLayout(join(folder, "source"));
    const graph = twoPlatforms();
    const root = await pushImage(source, graph, "v1");
    const signature = referrerOf(root, "application/sig");
    await pushImage(source, signature);
    const other = imageOf("s390x", "other");
    await pushImage(source, other, "old-name");
    const images = [{ reference: "v1", name: "docker.io/library/a:1" }, { reference: "old-name" }];
    const packed = () => collectBytes(packLayoutArchive(source, images, { referrers: true }), MAX);
    const bytes = await packed();
    assert.ok(Buffer.from(bytes).equals(await packed()));
    const path = join(folder, "out.tar");
    await writeArchiveFile(path, streamOf(bytes));
    await mkdir(join(folder, "unpacked"));
    execFileSync("tar", ["-xf", path, "-C", join(folder, "unpacked")]);
    const unpacked = await openLayout(join(folder, "unpacked"));
    assert.equal((await unpacked.resolve("docker.io/library/a:1")).digest, root.digest);
    assert.equal((await unpacked.resolve("@1")).digest, other.manifest.descriptor.digest);
    await assert.rejects(unpacked.resolve("old-name"), code("ERR_OCI_NOT_FOUND"));
    const referrers = [];
    for await (const { digest } of unpacked.referrers(root)) referrers.push(digest);
    assert.deepEqual(referrers, [signature.manifest.descriptor.digest]);
    const expected = new Map([...contentsOf(graph), ...contentsOf(other), ...contentsOf(signature)]);
    assert.deepEqual(
      await blobsOnDisk(unpacked.path),
      new Map([...expected].map(([d, c]) => [d, Buffer.from(c)])),
    );
    await assert.rejects(
      collectBytes(packLayoutArchive(source, [{ reference: "v1", name: "@1" }]), MAX),
      TypeError,
    );
  });

  test("hold names and sizes that do not fit into a plain header", async (t) => {
    const store = memoryStore();
    const text = Buffer.from("of sha512");
    const layer = { mediaType: OCI_LAYER, digest: digestOf(text, "sha512"), size: text.byteLength };
    const graph = packImage({
      platform: { os: "linux", architecture: "amd64" },
      layers: [{ descriptor: layer, content: text, diffId: digestOf(text) }],
    });
    await pushImage(store, graph, "v1");
    const bytes = await collectBytes(packLayoutArchive(store, [{ reference: "v1", name: "v1" }]), MAX);
    const archive = await layoutArchiveFor(t, bytes);
    assert.ok(text.equals(await fetchBlob(archive, layer, MAX)));
    const listing = execFileSync("tar", ["-tf", archive.path], { encoding: "utf8" });
    assert.ok(listing.includes(`blobs/sha512/${layer.digest.slice(7)}\n`));
  });

  test("are not begun unless the check allows each image", async () => {
    const store = memoryStore();
    await pushImage(store, twoPlatforms(), "v1");
    const pieces: Uint8Array[] = [];
    const check = () => ({ kind: "rejected" });
    await assert.rejects(async () => {
      for await (const piece of packLayoutArchive(store, [{ reference: "v1" }], { check }))
        pieces.push(piece);
    }, code("ERR_OCI_COPY_REFUSED"));
    assert.deepEqual(pieces, []);
  });

  test("have their name only once they are complete", async (t) => {
    const folder = await folderFor(t);
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(1000);
      throw new RangeError("source");
    }
    await assert.rejects(writeArchiveFile(join(folder, "out"), failing()), RangeError);
    assert.deepEqual(await readdir(folder), []);
  });
});

describe("archives of docker save", () => {
  const [one, two] = [Buffer.from("layer one"), Buffer.from("layer two")];
  const configOf = (...diffIds: string[]) =>
    JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: diffIds } });
  const list = (...images: object[]): File => ({ name: "manifest.json", content: JSON.stringify(images) });
  const config = configOf(digestOf(one), digestOf(two));
  const configName = `${digestOf(config).slice(7)}.json`;
  const legacy = (first: Uint8Array = one): File[] => [
    { name: "a/", type: "directory" },
    { name: "a/VERSION", content: "1.0" },
    { name: "a/json", content: "{}" },
    { name: "a/layer.tar", content: first },
    { name: "b/layer.tar", content: two },
    { name: "c/layer.tar", type: "symlink", linkname: "../b/layer.tar" },
    { name: "repositories", content: "{}" },
    { name: configName, content: config },
  ];
  const image = { Config: configName, RepoTags: ["busybox:1"], Layers: ["a/layer.tar", "c/layer.tar"] };

  test("are images whose layers are what lies there, links followed", async (t) => {
    for (const [layer, mediaType] of [
      [one, OCI_LAYER],
      [gzipSync(one), OCI_LAYER_GZIP],
      [zstdCompressSync(one), "application/vnd.oci.image.layer.v1.tar+zstd"],
    ] as const) {
      for (const pack of [(bytes: Buffer) => bytes, gzipSync]) {
        const archive = await dockerArchiveFor(t, pack(await tarOf(...legacy(layer), list(image))));
        const store = memoryStore();
        await copyImage(archive, "docker.io/library/busybox:1", store, "v1");
        const manifest = await fetchManifest(store, "v1");
        assert.ok(manifest.kind === "manifest");
        assert.equal(manifest.value.config.digest, digestOf(config));
        assert.deepEqual(
          manifest.value.layers.map(({ digest, mediaType }) => [digest, mediaType]),
          [
            [digestOf(layer), mediaType],
            [digestOf(two), OCI_LAYER],
          ],
        );
        for (const each of ["busybox:1", "", "@0", manifest.descriptor.digest]) {
          assert.equal((await archive.resolve(each)).digest, manifest.descriptor.digest, each);
        }
        for (const each of ["busybox", "busybox:2", "@1", digestOf("x")]) {
          await assert.rejects(archive.resolve(each), code("ERR_OCI_NOT_FOUND"), each);
        }
      }
    }
  });

  test("unpack all frames of zstd and all members of gzip, of a layer and of the whole", async (t) => {
    const halves = [one.subarray(0, 700), one.subarray(700)];
    const frames = Buffer.concat(halves.map((half) => zstdCompressSync(half)));
    const members = Buffer.concat(halves.map((half) => gzipSync(half)));
    for (const layer of [frames, members]) {
      // Its config names what all of it unpacks to: with a part of it the image would be refused.
      const archive = await dockerArchiveFor(t, await tarOf(...legacy(layer), list(image)));
      const manifest = await fetchManifest(archive, "");
      assert.ok(manifest.kind === "manifest");
      assert.equal(manifest.value.layers[0]?.digest, digestOf(layer));
    }
    const whole = await tarOf(...legacy(), list(image));
    const parts = [whole.subarray(0, 1000), whole.subarray(1000)];
    const packed = Buffer.concat(parts.map((part) => zstdCompressSync(part)));
    const archive = await dockerArchiveFor(t, packed);
    assert.equal((await fetchManifest(archive, "")).kind, "manifest");
    const cut = await dockerArchiveFor(t, packed.subarray(0, -3)).catch((error: unknown) => error);
    assert.equal((cut as { code?: unknown }).code, "ERR_OCI_ARCHIVE_INVALID");
  });

  test("can be given with Docker's media types", async (t) => {
    const bytes = await tarOf(...legacy(gzipSync(one)), list(image));
    const archive = await dockerArchiveFor(t, bytes, { mediaTypes: "docker" });
    const manifest = await fetchManifest(archive, "");
    assert.ok(manifest.kind === "manifest");
    assert.equal(manifest.mediaType, "application/vnd.docker.distribution.manifest.v2+json");
    assert.deepEqual(
      [manifest.value.config, ...manifest.value.layers].map(({ mediaType }) => mediaType),
      ["container.image.v1+json", "image.rootfs.diff.tar.gzip", "image.rootfs.diff.tar"].map(
        (each) => `application/vnd.docker.${each}`,
      ),
    );
    const zstd = await tarOf(...legacy(zstdCompressSync(one)), list(image));
    const unsupported = await dockerArchiveFor(t, zstd, { mediaTypes: "docker" });
    await assert.rejects(unsupported.resolve(""), code("ERR_OCI_UNSUPPORTED"));
  });

  test("choose among several images by name only", async (t) => {
    const second = configOf(digestOf(two));
    const files = [...legacy(), { name: "second.json", content: second }];
    const images = [image, { Config: "second.json", RepoTags: null, Layers: ["b/layer.tar"], Parent: "x" }];
    const archive = await dockerArchiveFor(t, await tarOf(...files, list(...images)));
    await assert.rejects(archive.resolve(""), ARCHIVE_INVALID);
    const manifest = await fetchManifest(archive, "@1");
    assert.ok(manifest.kind === "manifest");
    assert.equal(manifest.value.config.digest, digestOf(second));
  });

  test("that are damaged or say two things fail with a code", async (t) => {
    const cases: [File[], string][] = [
      [[...legacy(), list({ ...image, Config: "none.json" })], "ERR_OCI_ARCHIVE_INVALID"],
      [[...legacy(), list({ ...image, Layers: ["a/layer.tar", "d"] })], "ERR_OCI_ARCHIVE_INVALID"],
      [[...legacy(), list({ ...image, Layers: ["a/layer.tar"] })], "ERR_OCI_ARCHIVE_INVALID"],
      [[...legacy(), list({ ...image, Layers: null })], "ERR_OCI_ARCHIVE_INVALID"],
      [[...legacy(), list({ ...image, Layers: ["c/layer.tar", "a/layer.tar"] })], "ERR_OCI_DIFF_ID_MISMATCH"],
      [[...legacy(gzipSync(two)), list(image)], "ERR_OCI_DIFF_ID_MISMATCH"],
      [[...legacy(gzipSync(one).subarray(0, 15)), list(image)], "ERR_OCI_ARCHIVE_INVALID"],
      [[...legacy(), { name: "a/layer.tar", content: one }, list(image)], "ERR_OCI_ARCHIVE_INVALID"],
      [[...legacy(), { name: configName, content: config }, list(image)], "ERR_OCI_ARCHIVE_INVALID"],
      [
        [
          { name: `${"0".repeat(64)}.json`, content: config },
          ...legacy(),
          list({ ...image, Config: `${"0".repeat(64)}.json` }),
        ],
        "ERR_DIGEST_MISMATCH",
      ],
      [
        [...legacy(), { name: "x.json", content: '{"rootfs":{"type":"other"}}' }, list({ Config: "x.json" })],
        "ERR_OCI_ARCHIVE_INVALID",
      ],
      [[...legacy(), { name: "x.json", content: "{}" }, list({ Config: "x.json" })], "ERR_JSON_MISSING_KEY"],
      ...['{"rootfs":{"type":"layers"},"Rootfs":{}}', '{"rootfs":{"type":"layers","Diff_IDs":[]}}'].map(
        (content): [File[], string] => [
          [{ name: "x.json", content }, list({ Config: "x.json" })],
          "ERR_OCI_MANIFEST_AMBIGUOUS",
        ],
      ),
    ];
    for (const [position, [files, expected]] of cases.entries()) {
      const archive = await dockerArchiveFor(t, await tarOf(...files));
      await assert.rejects(archive.resolve("@0"), code(expected), `case ${position}`);
    }
    const lists: [File[], string][] = [
      [[], "ERR_OCI_ARCHIVE_INVALID"],
      [[list(image), list(image)], "ERR_OCI_ARCHIVE_INVALID"],
      [[{ name: "manifest.json", content: "{}" }], "ERR_JSON_TYPE"],
      [[list({ config: "x", Config: "y" })], "ERR_OCI_MANIFEST_AMBIGUOUS"],
      [[list({})], "ERR_JSON_MISSING_KEY"],
    ];
    for (const [position, [files, expected]] of lists.entries()) {
      const path = await fileFor(t, await tarOf(...legacy(), ...files));
      await assert.rejects(openDockerArchive(path), code(expected), `list ${position}`);
    }
  });

  test("that are written can be read as both kinds", async (t) => {
    const folder = await folderFor(t);
    const store = memoryStore();
    const graph = twoPlatforms();
    await pushImage(store, graph, "v1");
    const platform = { os: "linux", architecture: "amd64" };
    const images = [{ reference: "v1", tags: ["busybox", "quay.io/a/b:2"] }];
    const path = join(folder, "out.tar");
    await writeArchiveFile(path, packDockerArchive(store, images, { platform }));
    const again = await collectBytes(packDockerArchive(store, images, { platform }), MAX);
    assert.ok((await readFile(path)).equals(again));
    const amd = graph.children[0];
    const docker = await openDockerArchive(path);
    assert.deepEqual(
      docker.images.map(({ repoTags }) => repoTags),
      [["busybox:latest", "quay.io/a/b:2"]],
    );
    const manifest = await fetchManifest(docker, "busybox");
    assert.ok(manifest.kind === "manifest" && amd?.manifest.kind === "manifest");
    assert.deepEqual(manifest.value.config.digest, amd.manifest.value.config.digest);
    await docker.close();
    const layout = await openLayoutArchive(path);
    assert.equal((await layout.resolve("quay.io/a/b:2")).digest, amd.manifest.descriptor.digest);
    await layout.close();
    await assert.rejects(collectBytes(packDockerArchive(store, images), MAX), code("ERR_OCI_UNSUPPORTED"));
    const digested = [{ reference: "v1", tags: [`a@${digestOf("x")}`] }];
    await assert.rejects(
      collectBytes(packDockerArchive(store, digested, { platform }), MAX),
      code("ERR_REFERENCE_INVALID"),
    );
  });
});

test("an archive that is a link to a file is read; one that is a directory is not", async (t) => {
  const folder = await folderFor(t);
  await writeFile(join(folder, "a"), await tarOf(...layoutFiles(imageOf("amd64", "x"), "v1")));
  await symlink("a", join(folder, "b"));
  const archive = await openLayoutArchive(join(folder, "b"));
  await archive.close();
  await assert.rejects(openLayoutArchive(folder), code("ERR_OCI_FILE"));
});

/** Layout directories: what is stored, named, found and refused. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rename, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { collectBytes, streamOf } from "../../../../src/core/bytes.ts";
import { digestOf } from "../../../../src/core/digest.ts";
import {
  createLayout,
  type Descriptor,
  describeContent,
  fetchBlob,
  fetchManifest,
  isRefName,
  type Layout,
  openLayout,
  pushImage,
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

const BLOB = "application/octet-stream";
const REF_NAME = "org.opencontainers.image.ref.name";
const code = (code: string) => ({ code });

async function layoutFor(t: TestContext): Promise<Layout> {
  return createLayout(join(await folderFor(t), "layout"));
}

async function listOf<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of source) all.push(each);
  return all;
}

async function leftOvers({ path }: Layout): Promise<string[]> {
  return (await readdir(path)).filter((name) => !["blobs", "index.json", "oci-layout"].includes(name));
}

describe("a layout", () => {
  test("keeps what is pushed, byte for byte, and is found again", async (t) => {
    const layout = await layoutFor(t);
    const graph = twoPlatforms();
    const root = await pushImage(layout, graph, "1.0");
    const again = await openLayout(layout.path);
    assert.deepEqual(
      await blobsOnDisk(layout.path),
      new Map([...contentsOf(graph)].map(([d, c]) => [d, Buffer.from(c)])),
    );
    assert.equal((await again.resolve("1.0")).digest, root.digest);
    assert.deepEqual((await fetchManifest(again, "1.0")).bytes, Uint8Array.from(graph.manifest.bytes));
    assert.deepEqual(await listOf(again.tags()), ["1.0"]);
    assert.deepEqual(JSON.parse(await readFile(join(layout.path, "oci-layout"), "utf8")), {
      imageLayoutVersion: "1.0.0",
    });
    assert.deepEqual(await leftOvers(layout), []);
  });

  test("finds a manifest by digest whether it is listed or not, and no blob", async (t) => {
    const layout = await layoutFor(t);
    const graph = twoPlatforms();
    await pushImage(layout, graph, "1.0");
    const child = graph.children[0]?.manifest.descriptor;
    assert.ok(child);
    const { mediaType, digest, size } = await layout.resolve(child.digest);
    assert.deepEqual(
      { mediaType, digest, size },
      { mediaType: child.mediaType, digest: child.digest, size: child.size },
    );
    const layer = graph.children[0]?.blobs[0]?.descriptor.digest ?? "";
    await assert.rejects(layout.resolve(layer), code("ERR_OCI_NOT_FOUND"));
    await assert.rejects(layout.resolve(digestOf("absent")), code("ERR_OCI_NOT_FOUND"));
  });

  test("CVE-2024-3727: a digest that would steer a path is refused before any file is touched", async (t) => {
    const layout = await layoutFor(t);
    await writeFile(join(layout.path, "secret"), "secret");
    for (const digest of [
      "sha256:../../secret",
      "sha256:..",
      `sha256:${"A".repeat(64)}`,
      "../x:y",
      "sha256:",
    ]) {
      const hostile = { mediaType: BLOB, digest, size: 6 } as unknown as Descriptor;
      await assert.rejects(listOf(layout.fetch(hostile)), code("ERR_DIGEST_INVALID"));
      await assert.rejects(layout.push(hostile, Buffer.from("secret")), code("ERR_DIGEST_INVALID"));
      await assert.rejects(layout.exists(hostile), code("ERR_DIGEST_INVALID"));
      await assert.rejects(layout.delete(hostile), code("ERR_DIGEST_INVALID"));
    }
    assert.deepEqual((await readdir(layout.path)).sort(), ["blobs", "index.json", "oci-layout", "secret"]);
  });

  // Few bytes are verified before there is a file, many while one is written.
  for (const scale of [10, 1000]) {
    test(`does not keep content that is not what its descriptor says: ${3 * scale} KB`, async (t) => {
      const layout = await layoutFor(t);
      const content = Buffer.alloc(3000 * scale, "abc");
      const right = describeContent(content, BLOB);
      const cases: [Descriptor, string][] = [
        [{ ...right, size: right.size - 1 }, "ERR_SIZE_MISMATCH"],
        [{ ...right, size: right.size + 1 }, "ERR_SIZE_MISMATCH"],
        [{ ...right, digest: digestOf("other") }, "ERR_DIGEST_MISMATCH"],
      ];
      for (const [descriptor, expected] of cases) {
        for (const given of [
          content,
          streamOf(content),
          streamOf(content.subarray(0, 10), content.subarray(10)),
        ]) {
          await assert.rejects(layout.push(descriptor, given), code(expected));
        }
      }
      assert.deepEqual([...(await blobsOnDisk(layout.path)).keys()], []);
      assert.deepEqual(await leftOvers(layout), []);
    });

    test(`writes what was hashed even if the source uses its buffer again: ${2.1 * scale} KB`, async (t) => {
      const layout = await layoutFor(t);
      const whole = Buffer.concat([
        Buffer.alloc(700 * scale, "a"),
        Buffer.alloc(700 * scale, "b"),
        Buffer.alloc(700 * scale, "c"),
      ]);
      async function* reusing(): AsyncGenerator<Uint8Array> {
        const buffer = Buffer.alloc(700 * scale);
        for (const letter of "abc") yield buffer.fill(letter);
      }
      const descriptor = describeContent(whole, BLOB);
      await layout.push(descriptor, reusing());
      assert.ok(whole.equals(await fetchBlob(layout, descriptor, { maxBytes: 3_000_000 })));
    });

    test(`fails with the error of the source, the signal's reason, and leaves nothing: ${4 * scale} KB`, async (t) => {
      const layout = await layoutFor(t);
      const descriptor = describeContent(Buffer.alloc(4000 * scale), BLOB);
      const failure = new Error("source");
      let released = 0;
      async function* failing(end: () => Promise<void>): AsyncGenerator<Uint8Array> {
        try {
          yield Buffer.alloc(1500 * scale);
          await end();
        } finally {
          released++;
        }
      }
      await assert.rejects(
        layout.push(
          descriptor,
          failing(() => Promise.reject(failure)),
        ),
        (e) => e === failure,
      );
      const abort = new AbortController();
      const reason = { why: "enough" };
      const waiting = failing(() => {
        abort.abort(reason);
        return Promise.resolve();
      });
      await assert.rejects(layout.push(descriptor, waiting, { signal: abort.signal }), (e) => e === reason);
      assert.equal(released, 2);
      assert.equal(await layout.exists(descriptor), false);
      assert.deepEqual(await leftOvers(layout), []);
    });
  }

  test("notices blobs that were changed, cut off or replaced by something else", async (t) => {
    const layout = await layoutFor(t);
    const content = Buffer.from("0123456789");
    const descriptor = describeContent(content, BLOB);
    const path = join(layout.path, "blobs/sha256", descriptor.digest.slice(7));
    await layout.push(descriptor, content);
    await writeFile(path, "0123456788");
    await assert.rejects(listOf(layout.fetch(descriptor)), code("ERR_DIGEST_MISMATCH"));
    await truncate(path, 9);
    await assert.rejects(listOf(layout.fetch(descriptor)), code("ERR_SIZE_MISMATCH"));
    assert.equal(await layout.exists(descriptor), false);
    await layout.push(descriptor, content);
    assert.deepEqual(Buffer.from(await collectBytes(layout.fetch(descriptor), { maxBytes: 10 })), content);
    await rm(path);
    await mkdir(path);
    await assert.rejects(listOf(layout.fetch(descriptor)), code("ERR_OCI_LAYOUT_INVALID"));
  });

  test("follows no link out of its directory, neither for reading nor for writing", async (t) => {
    const folder = await folderFor(t);
    const layout = await createLayout(join(folder, "layout"));
    const content = Buffer.from("outside");
    const descriptor = describeContent(content, BLOB);
    const blob = join(layout.path, "blobs/sha256", descriptor.digest.slice(7));
    await writeFile(join(folder, "outside"), content);
    await symlink(join(folder, "outside"), blob);
    await assert.rejects(listOf(layout.fetch(descriptor)), code("ERR_OCI_LAYOUT_INVALID"));
    assert.equal(await layout.exists(descriptor), false);
    await rm(blob);
    await writeFile(join(layout.path, "inside"), content);
    await symlink("../../inside", blob);
    assert.deepEqual(await listOf(layout.fetch(descriptor)), [content]);

    await mkdir(join(folder, "elsewhere"));
    await rename(join(layout.path, "blobs/sha256"), join(folder, "moved"));
    await symlink(join(folder, "elsewhere"), join(layout.path, "blobs/sha256"));
    const again = await openLayout(layout.path);
    await assert.rejects(again.push(descriptor, content), code("ERR_OCI_LAYOUT_INVALID"));
    await writeFile(join(folder, "elsewhere", descriptor.digest.slice(7)), content);
    await assert.rejects(again.delete(descriptor), code("ERR_OCI_LAYOUT_INVALID"));
    assert.deepEqual(await readdir(join(folder, "elsewhere")), [descriptor.digest.slice(7)]);
    await rename(join(layout.path, "index.json"), join(folder, "index.json"));
    await symlink(join(folder, "index.json"), join(layout.path, "index.json"));
    await assert.rejects(openLayout(layout.path), code("ERR_OCI_LAYOUT_INVALID"));
  });

  test("refuses a directory that is none, or of another version", async (t) => {
    const folder = await folderFor(t);
    await assert.rejects(openLayout(join(folder, "absent")), code("ERR_OCI_FILE"));
    await assert.rejects(openLayout(folder), code("ERR_OCI_LAYOUT_INVALID"));
    const cases: [marker: string, index: string | undefined, expected: string][] = [
      ['{"imageLayoutVersion":"1.0.0"}', undefined, "ERR_OCI_LAYOUT_INVALID"],
      ['{"imageLayoutVersion":"2.0.0"}', indexText(), "ERR_OCI_LAYOUT_INVALID"],
      ['{"imageLayoutVersion":""}', indexText(), "ERR_OCI_LAYOUT_INVALID"],
      ["{}", indexText(), "ERR_JSON_MISSING_KEY"],
      ['"1.0.0"', indexText(), "ERR_JSON_TYPE"],
      ['{"imageLayoutVersion":1}', indexText(), "ERR_JSON_TYPE"],
      ['{"ImageLayoutVersion":"1.0.0"}', indexText(), "ERR_OCI_MANIFEST_AMBIGUOUS"],
      [
        '{"imageLayoutVersion":"1.0.0","imagelayoutversion":"2.0.0"}',
        indexText(),
        "ERR_OCI_MANIFEST_AMBIGUOUS",
      ],
      ['{"imageLayoutVersion":"1.0.0","imageLayoutVersion":"1.0.0"}', indexText(), "ERR_JSON_DUPLICATE_KEY"],
      ["", indexText(), "ERR_JSON_SYNTAX"],
      [" ".repeat(70_000), indexText(), "ERR_OCI_LAYOUT_INVALID"],
      ['{"imageLayoutVersion":"1.0.0"}', "", "ERR_JSON_SYNTAX"],
      [
        '{"imageLayoutVersion":"1.0.0"}',
        '{"schemaVersion":2,"manifests":[],"layers":[]}',
        "ERR_OCI_MANIFEST_AMBIGUOUS",
      ],
      [
        '{"imageLayoutVersion":"1.0.0"}',
        '{"schemaVersion":2,"manifests":[],"manifests":[]}',
        "ERR_JSON_DUPLICATE_KEY",
      ],
    ];
    for (const [marker, index, expected] of cases) {
      await writeFile(join(folder, "oci-layout"), marker);
      if (index !== undefined) await writeFile(join(folder, "index.json"), index);
      await assert.rejects(openLayout(folder), code(expected), `${marker} ${index}`);
    }
    await writeFile(join(folder, "index.json"), indexText());
    await openLayout(folder);
    await assert.rejects(openLayout(folder, { maxIndexBytes: 10 }), code("ERR_TOO_LARGE"));
    await assert.rejects(openLayout(folder, { maxIndexBytes: -1 }), RangeError);
  });
});

describe("names of a layout", () => {
  test("a name moves, and what is not concerned stays as it was written", async (t) => {
    const layout = await layoutFor(t);
    const [first, second] = [imageOf("amd64", "one"), imageOf("amd64", "two")];
    const foreign = `{"mediaType":"application/x","digest":"${digestOf("x")}","size":10,"weird":[1.50,-0,{"a":null}]}`;
    await writeFile(
      join(layout.path, "index.json"),
      `{"schemaVersion":2,"x":12345678901234567890,"manifests":[${foreign}],"annotations":{"k":"v"}}`,
    );
    await pushImage(layout, first, "v1");
    await pushImage(layout, second, "v2");
    await pushImage(layout, second, "v1");
    const text = await readFile(join(layout.path, "index.json"), "utf8");
    assert.ok(
      text.includes(foreign) && text.includes('"x":12345678901234567890') && text.includes('"k":"v"'),
    );
    const { manifests } = (await layout.index()).value;
    assert.deepEqual(
      manifests.map(({ digest, annotations }) => [digest, annotations?.[REF_NAME]]),
      [
        [digestOf("x"), undefined],
        [second.manifest.descriptor.digest, "v1"],
        [second.manifest.descriptor.digest, "v2"],
      ],
    );
    await layout.untag("v1");
    await assert.rejects(layout.resolve("v1"), code("ERR_OCI_NOT_FOUND"));
    await assert.rejects(layout.untag("v1"), code("ERR_OCI_NOT_FOUND"));
    assert.equal((await layout.resolve("v2")).digest, second.manifest.descriptor.digest);
  });

  test("are looked up as containers/image and containerd write them", async (t) => {
    const layout = await layoutFor(t);
    const images = ["a", "b", "c"].map((text) => imageOf("amd64", text));
    for (const image of images) await pushImage(layout, image);
    const [a, b, c] = images.map(({ manifest }) => manifest.descriptor);
    assert.ok(a && b && c);
    const named = (descriptor: Descriptor, annotations: Record<string, string>) => ({
      ...descriptor,
      annotations,
    });
    await writeFile(
      join(layout.path, "index.json"),
      indexText(
        { mediaType: "application/x", digest: a.digest, size: a.size, annotations: { [REF_NAME]: "twice" } },
        named(b, { [REF_NAME]: "twice" }),
        named(a, { [REF_NAME]: "twice" }),
        named(c, { [REF_NAME]: "1.0", "io.containerd.image.name": "docker.io/library/c:1.0" }),
        { mediaType: "application/x", digest: a.digest, size: a.size, annotations: { [REF_NAME]: "odd" } },
      ),
    );
    assert.equal((await layout.resolve("twice")).digest, b.digest);
    assert.equal((await layout.resolve("docker.io/library/c:1.0")).digest, c.digest);
    assert.equal((await layout.resolve("1.0")).digest, c.digest);
    assert.equal((await layout.resolve("@2")).digest, a.digest);
    for (const absent of ["@5", "@-1", "@", "Twice", "twic", "c:1.0", "@999999999999"]) {
      await assert.rejects(layout.resolve(absent), code("ERR_OCI_NOT_FOUND"), absent);
    }
    await assert.rejects(layout.resolve(""), code("ERR_OCI_LAYOUT_INVALID"));
    await assert.rejects(layout.resolve("odd"), code("ERR_OCI_MEDIA_TYPE_UNSUPPORTED"));
    await writeFile(join(layout.path, "index.json"), indexText(c));
    assert.equal((await layout.resolve("")).digest, c.digest);
    await writeFile(join(layout.path, "index.json"), indexText());
    await assert.rejects(layout.resolve(""), code("ERR_OCI_NOT_FOUND"));
  });

  test("only texts of the grammar become names", async (t) => {
    const good = ["v1", "_a", "docker.io/library/busybox:1.37", "a@sha256:b", "a--b/c+d", "x".repeat(1024)];
    const bad = ["", "@1", "a b", "a//b", "/a", "a/", "é", "a\n", digestOf("x"), "x".repeat(1025), "a---b/c"];
    for (const name of good) assert.ok(isRefName(name), name);
    for (const name of bad) assert.ok(!isRefName(name), name);
    const layout = await layoutFor(t);
    const { manifest } = imageOf("amd64", "x");
    await assert.rejects(layout.tag(manifest.descriptor, "v1"), code("ERR_OCI_NOT_FOUND"));
    await layout.push(manifest.descriptor, manifest.bytes);
    await assert.rejects(layout.tag(manifest.descriptor, "@1"), code("ERR_REFERENCE_INVALID"));
    const { size, ...rest } = manifest.descriptor;
    await assert.rejects(layout.tag({ ...rest, size: size + 1 }, "v1"), code("ERR_SIZE_MISMATCH"));
    await assert.rejects(
      layout.tag({ ...rest, size, mediaType: BLOB }, "v1"),
      code("ERR_OCI_MEDIA_TYPE_UNSUPPORTED"),
    );
    assert.deepEqual(await listOf(layout.tags()), []);
  });
});

describe("referrers of a layout", () => {
  test("are found by their own subject, with type and annotations, also under the fallback tag", async (t) => {
    const layout = await layoutFor(t);
    const image = imageOf("amd64", "x");
    const subject = await pushImage(layout, image, "v1");
    const other = imageOf("amd64", "y");
    await pushImage(layout, other, "other");
    const signature = referrerOf(subject, "application/sig");
    await pushImage(layout, signature);
    await pushImage(layout, referrerOf(subject, "application/sbom", "sbom"));
    await pushImage(layout, referrerOf(other.manifest.descriptor, "application/sig", "of another"));
    const found = await listOf(layout.referrers(subject));
    assert.deepEqual(found.map(({ artifactType }) => artifactType).sort(), [
      "application/sbom",
      "application/sig",
    ]);
    const filtered = await listOf(layout.referrers(subject, { artifactType: "application/sig" }));
    assert.deepEqual(
      filtered.map(({ digest, annotations }) => [digest, annotations]),
      [[signature.manifest.descriptor.digest, { note: "signature" }]],
    );
    // As programs without a Referrers API keep them.
    const { digest, mediaType } = signature.manifest.descriptor;
    const list = Buffer.from(indexText({ mediaType, digest, size: signature.manifest.descriptor.size }));
    const listing = describeContent(list, "application/vnd.oci.image.index.v1+json");
    await layout.push(listing, list);
    await writeFile(
      join(layout.path, "index.json"),
      indexText({ ...listing, annotations: { [REF_NAME]: subject.digest.replace(":", "-") } }),
    );
    assert.deepEqual(
      (await listOf(layout.referrers(subject))).map((each) => each.digest),
      [digest],
    );
  });
});

describe("garbage of a layout", () => {
  test("goes when it is old and nothing leads to it; a reachable manifest that is damaged stops all", async (t) => {
    const layout = await layoutFor(t);
    const kept = twoPlatforms();
    const root = await pushImage(layout, kept, "kept");
    await pushImage(layout, referrerOf(root, "application/sig"));
    const before = new Set((await blobsOnDisk(layout.path)).keys());
    const dropped = imageOf("amd64", "dropped", "shared");
    await pushImage(layout, dropped, "dropped");
    await layout.untag("dropped");
    await writeFile(join(layout.path, ".lading-0123.tmp"), "left");
    await writeFile(join(layout.path, "blobs/sha256/README"), "no blob");
    assert.deepEqual((await layout.gc()).removed, []);
    const preview = await layout.gc({ minAgeMs: 0, dryRun: true });
    const report = await layout.gc({ minAgeMs: 0 });
    assert.deepEqual(report, preview);
    const gone = [...contentsOf(dropped)].filter(([digest]) => !before.has(digest));
    assert.deepEqual(report.removed, gone.map(([digest]) => digest).sort());
    assert.deepEqual(report.temporary, [".lading-0123.tmp"]);
    assert.equal(report.bytes, 4 + gone.reduce((sum, [, content]) => sum + content.byteLength, 0));
    const after = new Set((await blobsOnDisk(layout.path)).keys());
    assert.deepEqual(after, new Set([...before, "sha256:README"]));

    const orphan = describeContent(Buffer.from("orphan"), BLOB);
    await layout.push(orphan, Buffer.from("orphan"));
    await writeFile(join(layout.path, "blobs/sha256", root.digest.slice(7)), "{}");
    await assert.rejects(layout.gc({ minAgeMs: 0 }), code("ERR_SIZE_MISMATCH"));
    assert.equal(await layout.exists(orphan), true);
  });

  test("spares old content that was pushed again", async (t) => {
    const layout = await layoutFor(t);
    const [used, unused] = ["used", "unused"].map((text) => Buffer.from(text));
    assert.ok(used && unused);
    const long = new Date(Date.now() - 7_200_000);
    for (const content of [used, unused]) {
      const descriptor = describeContent(content, BLOB);
      await layout.push(descriptor, content);
      await utimes(join(layout.path, "blobs/sha256", descriptor.digest.slice(7)), long, long);
    }
    await layout.push(describeContent(used, BLOB), streamOf(used));
    assert.deepEqual((await layout.gc()).removed, [digestOf(unused)]);
  });
});

test("a deleted manifest loses its entries, and what it names stays", async (t) => {
  const layout = await layoutFor(t);
  const image = imageOf("amd64", "x");
  const root = await pushImage(layout, image, "v1");
  await layout.delete(root);
  await assert.rejects(layout.resolve("v1"), code("ERR_OCI_NOT_FOUND"));
  await assert.rejects(layout.delete(root), code("ERR_OCI_NOT_FOUND"));
  assert.deepEqual(await layout.exists(image.blobs[0]?.descriptor ?? root), true);
});

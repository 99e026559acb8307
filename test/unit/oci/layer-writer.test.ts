import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { extract } from "tar-stream";
import { digestOf } from "../../../src/core/digest.ts";
import { OCI_LAYER, OCI_LAYER_GZIP } from "../../../src/core/media-types.ts";
import { createLayer, type LayerFile } from "../../../src/oci/layer-writer.ts";

async function entriesOf(tar: Uint8Array) {
  const reader = extract();
  reader.end(Buffer.from(tar));
  const found: {
    name: string;
    type: unknown;
    mode: unknown;
    linkname: unknown;
    text: string;
    mtime: number;
  }[] = [];
  for await (const entry of reader) {
    const { name, type, mode, linkname, uid, gid, mtime } = entry.header;
    assert.deepEqual([uid, gid], [0, 0]);
    let text = "";
    for await (const chunk of entry) text += String(chunk);
    found.push({ name, type, mode, linkname, text, mtime: Number(mtime) });
  }
  return found;
}

const files: LayerFile[] = [
  { path: "/usr/bin/tool", content: "#!/bin/sh\n", mode: 0o755 },
  { path: "usr/bin/-a", content: new Uint8Array() },
  { path: "usr/bin/.wh.old", content: "" },
  { path: "./usr/lib", kind: "symlink", target: "/../lib" },
  { path: "usr-x", content: "ž" },
  { path: "usr/bin/same", kind: "link", target: "/usr/bin/tool" },
  { path: "empty", kind: "directory", mode: 0o700 },
];

test("entries are sorted, parents added, whiteouts first", async () => {
  const layer = await createLayer(files, { compression: "none" });
  const entries = await entriesOf(layer.content);
  assert.deepEqual(
    entries.map(({ name, type, mode }) => `${name} ${type} ${Number(mode).toString(8)}`),
    [
      "empty/ directory 700",
      "usr/ directory 755",
      "usr/bin/ directory 755",
      "usr/bin/.wh.old file 644",
      "usr/bin/-a file 644",
      "usr/bin/same link 644",
      "usr/bin/tool file 755",
      "usr/lib symlink 777",
      "usr-x file 644",
    ],
  );
  assert.deepEqual(
    entries.filter(({ linkname }) => linkname).map(({ linkname }) => linkname),
    ["usr/bin/tool", "/../lib"],
  );
  assert.equal(entries.at(-1)?.text, "ž");
  assert.ok(entries.every(({ mtime }) => mtime === 0));
  assert.equal(layer.descriptor.mediaType, OCI_LAYER);
  assert.equal(layer.diffId, layer.descriptor.digest);
});

test("equal files give equal bytes in any order, and the diff id is of the tar", async () => {
  const one = await createLayer(files);
  const other = await createLayer([...files].reverse());
  assert.deepEqual(one, other);
  assert.equal(one.descriptor.mediaType, OCI_LAYER_GZIP);
  assert.equal(one.diffId, digestOf(gunzipSync(one.content)));
  assert.deepEqual([...one.content.subarray(3, 10)], [0, 0, 0, 0, 0, one.content[8], 255]);
  const later = await createLayer(files, { mtimeSeconds: 1_700_000_000 });
  assert.notEqual(later.diffId, one.diffId);
});

test("an empty layer, a large file and a long name", async () => {
  assert.deepEqual(await entriesOf((await createLayer([], { compression: "none" })).content), []);
  const content = Buffer.alloc(3_000_000, "abc");
  const path = `${"d".repeat(90)}/${"e".repeat(90)}/${"ž".repeat(100)}`;
  const layer = await createLayer([{ path, content }], { compression: "none" });
  const entry = (await entriesOf(layer.content)).at(-1);
  assert.equal(entry?.name, path);
  assert.equal(entry?.text.length, 3_000_000);
});

test("paths that are none are mistakes of the caller", async () => {
  for (const path of ["", "/", ".", "../x", "a/../b", "a\\b", "a\0b"]) {
    await assert.rejects(createLayer([{ path, content: "" }]), TypeError, JSON.stringify(path));
    await assert.rejects(createLayer([{ path: "a", kind: "link", target: path }]), TypeError);
  }
  await assert.rejects(createLayer([{ path: "a", kind: "symlink", target: "" }]), TypeError);
  await assert.rejects(
    createLayer([
      { path: "a", content: "" },
      { path: "/a", content: "" },
    ]),
    TypeError,
  );
  await assert.rejects(
    createLayer([
      { path: "a", content: "" },
      { path: "a/b", content: "" },
    ]),
    TypeError,
  );
});

test("zstd: the same archive under its own media type", async () => {
  const layer = await createLayer(files, { compression: "zstd" });
  const plain = await createLayer(files, { compression: "none" });
  assert.ok(zstdDecompressSync(layer.content).equals(plain.content));
  assert.equal(layer.descriptor.mediaType, "application/vnd.oci.image.layer.v1.tar+zstd");
  assert.equal(layer.descriptor.digest, digestOf(layer.content));
  assert.equal(layer.diffId, plain.diffId);
});

import assert from "node:assert/strict";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { extract } from "tar-stream";
import { collectBytes, streamOf } from "../../../../src/core/bytes.ts";
import { verifyBytes } from "../../../../src/core/digest.ts";
import type { LadingError } from "../../../../src/core/errors.ts";
import {
  applyLayers,
  createLayerFromDirectory,
  type DirectoryLayer,
  readLayer,
} from "../../../../src/oci/layers/index.ts";

const LONG = "l".repeat(120);
const ACCENTS = `${"é".repeat(60)}/x`;

function tree(t: TestContext, order: "forward" | "backward"): string {
  const root = mkdtempSync(join(tmpdir(), "lading-create-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const steps = [
    () => writeFileSync(join(root, "b"), "bee"),
    () => writeFileSync(join(root, ".wh.old"), ""),
    () => writeFileSync(join(root, LONG), "long"),
    () => writeFileSync(Buffer.from(`${root}/caf\xe9`, "latin1"), "latin"),
    () => writeFileSync(join(root, "big"), Buffer.alloc(2_500_000, "0123456789")),
    () => symlinkSync("../outside", join(root, "link")),
  ];
  for (const step of order === "forward" ? steps : steps.reverse()) step();
  mkdirSync(join(root, "dir/sub"), { recursive: true });
  mkdirSync(join(root, "é".repeat(60)));
  writeFileSync(join(root, ACCENTS), "accents");
  writeFileSync(join(root, "dir", "tool"), "#!", { mode: 0o755 });
  chmodSync(join(root, "dir", "tool"), 0o4755);
  linkSync(join(root, "b"), join(root, "dir", "b2"));
  for (const name of ["b", "dir", "dir/sub", "dir/tool"]) utimesSync(join(root, name), 1000, 1000.75);
  utimesSync(join(root, "big"), 2_000_000_000, 2_000_000_000);
  return root;
}

const bytesOf = (layer: DirectoryLayer) => collectBytes(layer.open(), { maxBytes: 1e8 });
const code = (expected: string) => (error: LadingError) => error.code === expected;

describe("a layer of a directory", () => {
  for (const compression of ["none", "gzip", "zstd"] as const) {
    test(`${compression}: equal trees give equal bytes, which the descriptor describes`, async (t) => {
      const one = await createLayerFromDirectory(tree(t, "forward"), { compression });
      const other = await createLayerFromDirectory(tree(t, "backward"), { compression });
      assert.deepEqual([one.descriptor, one.diffId], [other.descriptor, other.diffId]);
      const bytes = await bytesOf(one);
      verifyBytes(bytes, one.descriptor);
      const reader = readLayer(streamOf(bytes), { diffId: one.diffId });
      for await (const { mtimeSeconds, uid, gid } of reader)
        assert.deepEqual([mtimeSeconds, uid, gid], [0, 0, 0]);
      assert.equal(reader.compression, compression);
      const suffix = compression === "none" ? "tar" : `tar+${compression}`;
      assert.equal(one.descriptor.mediaType, `application/vnd.oci.image.layer.v1.${suffix}`);
    });
  }

  test("entries are sorted, whiteouts first, and every kind is kept", async (t) => {
    const layer = await createLayerFromDirectory(tree(t, "forward"));
    const seen: string[][] = [];
    for await (const { path, kind, target, mode, size } of readLayer(layer.open())) {
      seen.push([path, kind, target, mode.toString(8), String(size)]);
    }
    const accents = "é".repeat(60);
    assert.deepEqual(seen, [
      [".wh.old", "file", "", "644", "0"],
      ["b", "file", "", "644", "3"],
      ["big", "file", "", "644", "2500000"],
      ["caf\udce9", "file", "", "644", "5"],
      ["dir", "directory", "", "755", "0"],
      ["dir/b2", "link", "b", "644", "0"],
      ["dir/sub", "directory", "", "755", "0"],
      ["dir/tool", "file", "", "4755", "2"],
      ["link", "symlink", "../outside", "777", "0"],
      [LONG, "file", "", "644", "4"],
      [accents, "directory", "", "755", "0"],
      [ACCENTS, "file", "", "644", "7"],
    ]);
  });

  test("another reader of tar agrees", async (t) => {
    const layer = await createLayerFromDirectory(tree(t, "forward"), { compression: "none" });
    const reader = extract();
    reader.end(Buffer.from(await bytesOf(layer)));
    const names: string[] = [];
    for await (const entry of reader) {
      names.push(entry.header.name);
      entry.resume();
    }
    assert.ok(names.includes(LONG) && names.includes(ACCENTS) && names.includes("dir/tool"));
    assert.equal(names.length, 12);
  });

  test("times are kept up to SOURCE_DATE_EPOCH, owners where asked for", async (t) => {
    const root = tree(t, "forward");
    const layer = await createLayerFromDirectory(root, { sourceDateEpoch: 1_700_000_000, owners: "keep" });
    const times = new Map<string, number>();
    for await (const { path, mtimeSeconds, uid } of readLayer(layer.open())) {
      times.set(path, mtimeSeconds);
      assert.equal(uid, process.getuid?.());
    }
    assert.deepEqual([times.get("b"), times.get("dir/tool"), times.get("big")], [1000, 1000, 1_700_000_000]);
    for (const sourceDateEpoch of [-1, 0.5]) {
      await assert.rejects(createLayerFromDirectory(root, { sourceDateEpoch }), RangeError);
    }
  });

  test("applied, it is the tree again; of an empty directory, nothing", async (t) => {
    const root = tree(t, "forward");
    rmSync(join(root, ".wh.old"));
    const layer = await createLayerFromDirectory(root, { sourceDateEpoch: 2e9, owners: "keep" });
    const target = mkdtempSync(join(tmpdir(), "lading-create-"));
    t.after(() => rmSync(target, { recursive: true, force: true }));
    await applyLayers([layer], target);
    const again = await createLayerFromDirectory(target, { sourceDateEpoch: 2e9, owners: "keep" });
    assert.deepEqual(again.diffId, layer.diffId);
    assert.equal(readdirSync(target).length, readdirSync(root).length);
    const empty = await createLayerFromDirectory(join(root, "dir/sub"), { compression: "none" });
    assert.equal(empty.descriptor.size, 1024);
  });

  test("a file that changes after it was described is refused by its digest, an absent one by the disk", async (t) => {
    const root = tree(t, "forward");
    const layer = await createLayerFromDirectory(root);
    writeFileSync(join(root, "b"), "wasp");
    const bytes = await bytesOf(layer);
    assert.throws(() => verifyBytes(bytes, layer.descriptor), /ERR_|size|digest|bytes/i);
    await assert.rejects(createLayerFromDirectory(join(root, "absent")), { code: "ENOENT" });
    await assert.rejects(createLayerFromDirectory(join(root, "b")), { code: "ENOTDIR" });
  });

  test("a file that shrinks while it is read is refused", async (t) => {
    const root = tree(t, "forward");
    const layer = await createLayerFromDirectory(root, { compression: "none" });
    const reading = layer.open()[Symbol.asyncIterator]();
    await reading.next();
    writeFileSync(join(root, "big"), "short");
    const rest = async () => {
      for (let step = await reading.next(); !step.done; step = await reading.next());
    };
    await assert.rejects(rest(), code("ERR_OCI_LAYER_INVALID"));
  });

  test("an abort rejects with its reason; leaving early closes the file", async (t) => {
    const root = tree(t, "forward");
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await assert.rejects(createLayerFromDirectory(root, { signal }), reason);
    const open = () => readdirSync("/proc/self/fd").length;
    const before = open();
    const layer = await createLayerFromDirectory(root);
    for await (const chunk of layer.open()) {
      assert.ok(chunk.length > 0);
      break;
    }
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(open(), before);
  });
});

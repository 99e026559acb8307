import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { collectBytes, streamOf } from "../../../../src/core/bytes.ts";
import { digestOf } from "../../../../src/core/digest.ts";
import type { LadingError } from "../../../../src/core/errors.ts";
import { type FlattenLayersOptions, flattenLayers, readLayerFile } from "../../../../src/oci/layers/index.ts";
import { archive, type RawEntry } from "./archive.ts";

const file = (name: string, content = name): RawEntry => ({ name, content });
const link = (name: string, target: string): RawEntry => ({ name, type: "2", link: target });
const hard = (name: string, target: string): RawEntry => ({ name, type: "1", link: target });
const sources = (...layers: RawEntry[][]) =>
  layers.map((entries) => {
    const bytes = gzipSync(archive(...entries));
    return { open: () => streamOf(bytes) };
  });

async function flat(
  layers: Parameters<typeof flattenLayers>[0],
  options: FlattenLayersOptions = {},
): Promise<string[]> {
  const shown: string[] = [];
  for await (const { path, kind, target, content } of flattenLayers(layers, options)) {
    const text = Buffer.from(await collectBytes(content, { maxBytes: 1000 })).toString();
    shown.push([kind, path, target, text].filter((part) => part !== "").join(" "));
  }
  return shown;
}

const code = (expected: string) => (error: LadingError) => error.code === expected;

describe("flattened layers", () => {
  test("each name once: directories, files by layer, links behind what they link", async () => {
    const layers = sources(
      [hard("z", "f"), file("f", "1"), { name: "d/", mode: 0o700 }, file("d/x"), link("s", "d")].slice(1),
      [hard("a", "f"), file("d/x", "new"), file(".wh.s"), file("e/f")],
    );
    assert.deepEqual(await flat(layers), [
      "directory d",
      "directory e",
      "file a 1",
      "file d/x new",
      "file e/f e/f",
      "link f a",
    ]);
  });

  test("a hard link keeps the content of a file that a later layer replaced", async () => {
    const layers = sources([file("a", "old"), hard("b", "a")], [file("a", "new")]);
    assert.deepEqual(await flat(layers), ["file b old", "file a new"]);
  });

  test("metadata is that of the last entry that gave it", async () => {
    const layers = sources([{ name: "d/", mode: 0o700 }, file("d/f")], [{ name: "d/", mode: 0o711, uid: 5 }]);
    for await (const { path, mode, uid } of flattenLayers(layers)) {
      if (path === "d") assert.deepEqual([mode, uid], [0o711, 5]);
    }
  });

  test("links that lead out are kept, or dropped where asked for", async () => {
    const layers = sources([link("a/out", "../../x"), link("a/in", "../x"), link("a/abs", "/../x")]);
    assert.deepEqual((await flat(layers)).length, 4);
    assert.deepEqual(await flat(layers, { escapingLinks: "drop" }), [
      "directory a",
      "symlink a/abs /../x",
      "symlink a/in ../x",
    ]);
  });

  test("content that is not read is skipped, leaving early releases the layer", async () => {
    let open = 0;
    const bytes = archive(file("a"), file("b"), file("c"));
    const source = {
      async *open() {
        open++;
        try {
          yield bytes;
        } finally {
          open--;
        }
      },
    };
    const paths: string[] = [];
    for await (const { path } of flattenLayers([source])) {
      paths.push(path);
      if (path === "b") break;
    }
    assert.deepEqual([paths, open], [["a", "b"], 0]);
  });

  test("a wrong diff id, and a layer that is another one at the second reading", async () => {
    const [source] = sources([file("a")]);
    assert.ok(source);
    await assert.rejects(flat([{ ...source, diffId: digestOf("x") }]), code("ERR_OCI_DIFF_ID_MISMATCH"));
    let turn = 0;
    const changing = { open: () => streamOf(archive(file("a", `${turn++}`))) };
    await assert.rejects(flat([changing]), code("ERR_OCI_DIFF_ID_MISMATCH"));
  });

  test("an abort rejects with its reason, limits hold", async () => {
    const reason = new Error("enough");
    await assert.rejects(flat(sources([file("a")]), { signal: AbortSignal.abort(reason) }), reason);
    await assert.rejects(
      flat(sources([file("a"), file("b")]), { maxEntries: 1 }),
      code("ERR_OCI_LAYER_TOO_LARGE"),
    );
  });
});

describe("one file", () => {
  const layers = sources(
    [
      file("etc/passwd", "old"),
      link("l", "/etc"),
      link("m", "l/passwd"),
      link("loop", "loop"),
      link("up", "../../etc/passwd"),
    ],
    [file("etc/passwd", "new"), hard("h", "etc/passwd"), file("gone"), file(".wh.gone")],
  );

  test("links are followed inside the root", async () => {
    for (const path of ["etc/passwd", "/etc/passwd", "l/passwd", "m", "up", "h", "../l/../etc/passwd"]) {
      const { entry, content } = await readLayerFile(layers, path);
      assert.equal(Buffer.from(content).toString(), "new", path);
      assert.equal(entry.kind, "file");
    }
    assert.equal((await readLayerFile(layers, "m")).entry.path, "etc/passwd");
  });

  test("what is no file is not found", async () => {
    for (const path of ["etc", "absent", "gone", "loop", "etc/passwd/x", "", "l"]) {
      await assert.rejects(readLayerFile(layers, path), code("ERR_OCI_NOT_FOUND"), path);
    }
  });

  test("a file over the limit is refused", async () => {
    await readLayerFile(layers, "m", { maxBytes: 3 });
    await assert.rejects(readLayerFile(layers, "m", { maxBytes: 2 }), code("ERR_TOO_LARGE"));
  });
});

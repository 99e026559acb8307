/** Layers and archives of images are read by one reader of headers: the same bytes are the same entries to both. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { collectBytes, streamOf } from "../../../../src/core/bytes.ts";
import { isLadingError } from "../../../../src/core/errors.ts";
import { readLayer } from "../../../../src/oci/layers/index.ts";
import { openTarFile } from "../../../../src/oci/stores/tar-file.ts";
import { folderFor } from "../stores/samples.ts";
import { type Reading, TAR_CASES } from "./cases.ts";

const MAX = { maxBytes: 1e6 };
/** Names that any of the archives gives a file, and some that it must not. */
const READINGS = TAR_CASES.flatMap(({ layer, images = layer }) => [layer, images]);
const NAMES = new Set([
  "c",
  "d",
  "x",
  "z",
  ...READINGS.flatMap((each) => (each === "refused" ? [] : Object.keys(each))),
]);

async function asLayer(bytes: Buffer): Promise<Reading> {
  const files: Record<string, string> = {};
  try {
    for await (const { path, kind, content } of readLayer(streamOf(bytes))) {
      const text = Buffer.from(await collectBytes(content, MAX)).toString();
      if (kind === "file") files[path] = text;
      else assert.equal(text, "");
    }
  } catch (error) {
    assert.ok(isLadingError(error) && /^ERR_OCI_(LAYER|ENTRY)_/.test(error.code), String(error));
    return "refused";
  }
  return files;
}

async function asImages(t: TestContext, bytes: Buffer): Promise<Reading> {
  const path = join(await folderFor(t), "archive.tar");
  await writeFile(path, bytes);
  const files: Record<string, string> = {};
  try {
    const archive = await openTarFile(path, "ERR_OCI_ARCHIVE_INVALID", {});
    for (const name of NAMES) {
      const entry = archive.find(name);
      if (entry) files[name] = Buffer.from(await archive.readWhole(entry, 1e6)).toString();
    }
    await archive.close();
  } catch (error) {
    assert.ok(isLadingError(error) && error.code === "ERR_OCI_ARCHIVE_INVALID", String(error));
    return "refused";
  }
  return files;
}

describe("GHSA-f36w-mj3v-6jqv: one archive has one reading", () => {
  for (const { name, bytes, layer, images = layer } of TAR_CASES) {
    test(name, async (t) => {
      assert.deepEqual(await asLayer(bytes), layer, "as a layer");
      assert.deepEqual(await asImages(t, bytes), images, "as an archive of images");
    });
  }
});

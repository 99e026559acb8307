/** Nothing is left of what was read, applied or made, however it ended. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { streamOf } from "../../src/core/bytes.ts";
import { applyLayers, createLayerFromDirectory, flattenLayers, readLayer } from "../../src/oci/index.ts";
import { archive } from "../unit/oci/layers/archive.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const tar = archive(
  ...Array.from({ length: 200 }, (_, i) => ({ name: `d/${i}`, content: Buffer.alloc(20_000, `${i} `) })),
);
const forms = [tar, gzipSync(tar, { level: 1 }), zstdCompressSync(tar)];

test("readers that leave early, fail or are aborted", async (t) => {
  const place = mkdtempSync(join(tmpdir(), "lading-leaks-"));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  const before = countResources();
  let released = 0;
  async function* slowly(bytes: Buffer) {
    try {
      for (let at = 0; at < bytes.length; at += 3000) {
        yield bytes.subarray(at, at + 3000);
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      released++;
    }
  }
  for (const bytes of forms) {
    for await (const { path } of readLayer(slowly(bytes))) if (path === "d/7") break;
    await assert.rejects(async () => {
      for await (const { path } of readLayer(slowly(bytes))) if (path === "d/5") throw new Error("enough");
    }, /enough/);
    const open = () => slowly(bytes);
    for await (const { path } of flattenLayers([{ open }])) if (path === "d/9") break;
    const cut = { open: () => slowly(bytes.subarray(0, bytes.length >> 1)) };
    await assert.rejects(applyLayers([cut], join(place, "cut")), { code: "ERR_OCI_LAYER_INVALID" });
    const controller = new AbortController();
    const reason = new Error("aborted");
    const waiting = {
      async *open() {
        yield* slowly(bytes.subarray(0, 5000));
        // Not before there is something to release, however busy the machine is.
        setTimeout(() => controller.abort(reason), 5);
        await new Promise<void>((resolve) => controller.signal.addEventListener("abort", () => resolve()));
      },
    };
    await assert.rejects(applyLayers([waiting], join(place, "abort"), { signal: controller.signal }), reason);
  }
  await assertNothingLeft(before);
  // Each of five readings, the flattened one twice.
  assert.equal(released, forms.length * 6);
});

test("what is applied, made again and applied again stays the same", async (t) => {
  const place = mkdtempSync(join(tmpdir(), "lading-leaks-"));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  const before = countResources();
  await applyLayers([{ open: () => streamOf(tar) }], join(place, "one"), { staged: true });
  const diffIds: string[] = [];
  for (const compression of ["none", "gzip", "zstd"] as const) {
    const layer = await createLayerFromDirectory(join(place, "one"), { compression });
    await applyLayers([layer], join(place, compression), { staged: true });
    diffIds.push((await createLayerFromDirectory(join(place, compression))).diffId);
    for await (const _ of layer.open()) break;
  }
  assert.equal(new Set(diffIds).size, 1);
  await assertNothingLeft(before);
});

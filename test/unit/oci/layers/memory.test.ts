/** Memory that is given back while a layer is read: never before it was used for the last time, and nobody else's. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { streamOf } from "../../../../src/core/bytes.ts";
import {
  applyLayers,
  createLayout,
  describeContent,
  type LayerEntry,
  readLayer,
} from "../../../../src/oci/index.ts";
import { resolveLimits } from "../../../../src/oci/layers/limits.ts";
import { createTarParser } from "../../../../src/oci/layers/tar-parser.ts";
import { archive } from "./archive.ts";

const LONG = `${"directory/".repeat(30)}name`;

const MIXED = archive(
  { name: "d/" },
  { name: "short", content: "some content", pax: { path: LONG, "SCHILY.xattr.user.a": "value of it" } },
  { name: "././@LongLink", type: "L", content: `${LONG}-gnu\0` },
  { name: "cut off", content: Buffer.alloc(1500, "0123456789") },
  { name: "././@LongLink", type: "K", content: `${LONG}-target\0` },
  { name: "link", type: "2", link: "cut off" },
  {
    name: "sparse",
    content: Buffer.concat([Buffer.from("1\n1000\n3\n".padEnd(512, "\0")), Buffer.from("abc")]),
    pax: {
      "GNU.sparse.major": "1",
      "GNU.sparse.minor": "0",
      "GNU.sparse.name": "real name",
      "GNU.sparse.realsize": "2000",
    },
  },
  { name: "map", content: "abc", pax: { "GNU.sparse.size": "2000", "GNU.sparse.map": "1000,3" } },
);

test("the parser needs nothing of a chunk once it wants the next one", () => {
  /** Entries and content, of an archive that comes in pieces which become zeros when they were read. */
  function readIn(length: number): { entry: LayerEntry; content: string }[] {
    const parser = createTarParser(resolveLimits({}));
    const found: { entry: LayerEntry; content: string }[] = [];
    for (let at = 0; at < MIXED.length; at += length) {
      const chunk = Uint8Array.from(MIXED.subarray(at, at + length));
      parser.push(chunk);
      for (let event = parser.next(); event; event = parser.next()) {
        if (event.kind === "entry") found.push({ entry: event.entry, content: "" });
        const last = found.at(-1);
        if (event.kind === "data" && last) last.content += Buffer.from(event.bytes).toString("latin1");
      }
      chunk.fill(0);
    }
    parser.finish();
    return found;
  }
  const whole = readIn(MIXED.length);
  assert.deepEqual(
    whole.map(({ entry }) => entry.path),
    ["d", LONG, `${LONG}-gnu`, "link", "real name", "map"],
  );
  assert.equal(Buffer.from(whole[1]?.entry.xattrs.get("user.a") ?? []).toString(), "value of it");
  for (const length of [1, 7, 100, 511, 512, 513, 600, 1024, 1500]) assert.deepEqual(readIn(length), whole);
});

/** Files of which the archive is some megabytes long, compressed or not. */
const FILES = Array.from({ length: 9 }, (_, file) => ({
  name: `file-${file}`,
  content: Buffer.from(Array.from({ length: 700_001 }, (_, at) => (at * at + file * 7) % 256)),
}));
const TAR = archive(...FILES);
const FRAMES = [0, 1, 2].map((i) => TAR.subarray(i * 2_500_000, i === 2 ? undefined : (i + 1) * 2_500_000));
const FORMS = {
  none: TAR,
  gzip: gzipSync(TAR, { level: 0 }),
  "gzip of several members": Buffer.concat(FRAMES.map((part) => gzipSync(part, { level: 1 }))),
  "zstd of several frames": Buffer.concat(FRAMES.map((part) => zstdCompressSync(part))),
};

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lading-memory-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("a layer of a store is applied right, and what a caller keeps on the way stays what it was", async (t) => {
  const folder = folderFor(t);
  const layout = await createLayout(join(folder, "layout"), { sync: false });
  for (const [form, bytes] of Object.entries(FORMS)) {
    const blob = describeContent(bytes, "application/vnd.oci.image.layer.v1.tar");
    await layout.push(blob, bytes);
    const kept: Uint8Array[] = [];
    const keeping = {
      async *open() {
        for await (const chunk of layout.fetch(blob)) {
          kept.push(chunk);
          yield chunk;
        }
      },
    };
    const whole = { open: () => streamOf(bytes) };
    for (const [way, source] of Object.entries({ own: { open: () => layout.fetch(blob) }, keeping, whole })) {
      const target = join(folder, `${form} ${way}`);
      await applyLayers([source], target);
      for (const { name, content } of FILES)
        assert.ok(readFileSync(join(target, name)).equals(content), `${form} ${way} ${name}`);
    }
    assert.ok(Buffer.concat(kept).equals(bytes), form);
    // The caller's own array.
    assert.ok(bytes.length > 0 && describeContent(bytes, blob.mediaType).digest === blob.digest, form);
  }
});

test("content that a reader of a layer keeps stays what it was", async () => {
  for (const [form, bytes] of Object.entries(FORMS)) {
    const kept = new Map<string, Uint8Array[]>();
    for await (const { path, content } of readLayer(streamOf(bytes))) {
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(piece);
      kept.set(path, pieces);
    }
    for (const { name, content } of FILES)
      assert.ok(Buffer.concat(kept.get(name) ?? []).equals(content), `${form} ${name}`);
  }
});

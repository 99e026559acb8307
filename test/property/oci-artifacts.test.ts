/** Titles and archives from a registry: whatever they say, nothing is written outside the directory. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { pack } from "tar-stream";
import { collectBytes } from "../../src/core/bytes.ts";
import { isLadingError } from "../../src/core/errors.ts";
import { OCI_LAYER } from "../../src/core/media-types.ts";
import { packManifest } from "../../src/oci/artifact.ts";
import { pullArtifact } from "../../src/oci/artifacts/pull-artifact.ts";
import { checkTitles, titlePath } from "../../src/oci/artifacts/title.ts";
import { describeContent } from "../../src/oci/descriptor.ts";
import { memoryStore } from "../../src/oci/memory-store.ts";
import { property } from "./runs.ts";

const part = fc.oneof(fc.constantFrom("a", "b", "..", ".", "", "C:", "a\\b", "\0", "ü", "-"), fc.string());
const title = fc.array(part, { maxLength: 5 }).map((parts) => parts.join("/"));

test("a title that is let pass is a path below the directory", () => {
  fc.assert(
    fc.property(title, (text) => {
      let parts: string[];
      try {
        parts = titlePath(text);
      } catch (error) {
        assert.ok(isLadingError(error) && error.code === "ERR_OCI_ENTRY_REFUSED");
        return;
      }
      assert.equal(resolve("/root", text), `/root/${parts.join("/")}`);
      checkTitles([text]);
      assert.throws(() => checkTitles([text, text]), { code: "ERR_OCI_ENTRY_REFUSED" });
      assert.throws(() => checkTitles([`${text}/x`, text]), { code: "ERR_OCI_ENTRY_REFUSED" });
    }),
    property,
  );
});

const name = fc
  .array(fc.constantFrom("d", "e", "..", "."), { minLength: 1, maxLength: 4 })
  .map((all) => all.join("/"));
const entry = fc.record({
  name: fc.oneof(
    name.map((text) => `d/${text}`),
    name,
  ),
  kind: fc.constantFrom("file", "directory", "symlink", "link"),
  target: fc.oneof(
    name,
    name.map((text) => `d/${text}`),
    fc.constant("/outside"),
  ),
});

test("an archive writes below its title only, or nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lading-test-"));
  try {
    writeFileSync(join(folder, "e"), "outside");
    let turn = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 6 }), async (entries) => {
        const archive = pack();
        archive.entry({ name: "d/", type: "directory" });
        for (const { name, kind, target } of entries) {
          if (kind === "file") archive.entry({ name }, "inside");
          else if (kind === "directory") archive.entry({ name, type: kind });
          else archive.entry({ name, type: kind as "link", linkname: target });
        }
        archive.finalize();
        const content = await collectBytes(archive as AsyncIterable<Uint8Array>, { maxBytes: 1e6 });
        const annotations = {
          "org.opencontainers.image.title": "d",
          "io.deis.oras.content.unpack": "true",
        };
        const layer = { ...describeContent(content, OCI_LAYER), annotations };
        const manifest = packManifest({ artifactType: "a/b", layers: [layer] });
        const store = memoryStore();
        await store.push(layer, content);
        await store.push(manifest.descriptor, manifest.bytes);
        const directory = join(folder, String(turn++));
        mkdirSync(directory);
        let found: string[] = [];
        try {
          await pullArtifact(store, manifest.descriptor.digest, { directory });
          found = ["d"];
        } catch (error) {
          if (!isLadingError(error)) throw error;
        }
        assert.deepEqual(readdirSync(directory), found);
        rmSync(directory, { recursive: true });
        assert.deepEqual(readdirSync(folder), ["e"]);
        assert.equal(readFileSync(join(folder, "e"), "utf8"), "outside");
      }),
      { ...property, numRuns: Math.ceil(property.numRuns / 4) },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

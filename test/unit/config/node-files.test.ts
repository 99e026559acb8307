import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { nodeFiles } from "../../../src/config/node-files.ts";

/** A root with a file that is no text, links, and what they would lead to outside of it. */
async function withRoot(use: (root: string) => Promise<void>): Promise<void> {
  const top = mkdtempSync(join(tmpdir(), "lading-files-"));
  const root = join(top, "root");
  try {
    mkdirSync(join(root, "a"), { recursive: true });
    writeFileSync(join(root, "a/bytes"), Buffer.from([0xff, 0, 0xfe]));
    writeFileSync(join(root, "inside"), "inside");
    writeFileSync(join(top, "inside"), "outside");
    symlinkSync("../../inside", join(root, "a/up"));
    symlinkSync("/inside", join(root, "a/absolute"));
    symlinkSync(join(top, "inside"), join(root, "a/out"));
    await use(root);
  } finally {
    rmSync(top, { recursive: true });
  }
}

test("bytes come as they are, below the root whatever links say", async () => {
  await withRoot(async (root) => {
    const { read, readBytes } = nodeFiles({ root });
    assert.deepEqual([...((await readBytes("/a/bytes", {})) ?? [])], [0xff, 0, 0xfe]);
    await assert.rejects(read("/a/bytes", {}), { code: "ERR_CONFIG_FILE" });
    for (const path of ["/a/up", "/a/absolute", "/../inside", "/a/../../inside"]) {
      assert.equal(String(await readBytes(path, {})), "inside", path);
    }
    assert.equal(await readBytes("/a/out", {}), undefined);
    assert.equal(await readBytes("/nothing/here", {}), undefined);
  });
});

test("a path through a file is no missing file to those who read bytes", async () => {
  await withRoot(async (root) => {
    const { read, readBytes } = nodeFiles({ root });
    assert.equal(await read("/inside/x", {}), undefined);
    await assert.rejects(readBytes("/inside/x", {}), { code: "ERR_CONFIG_FILE" });
    await assert.rejects(readBytes("/a", {}), { code: "ERR_CONFIG_FILE" });
    await assert.rejects(readBytes("a/bytes", {}), { code: "ERR_CONFIG_FILE" });
    const reason = new Error("stop");
    await assert.rejects(readBytes("/a/bytes", { signal: AbortSignal.abort(reason) }), reason);
  });
});

test("bytes have a largest number", async () => {
  await withRoot(async (root) => {
    writeFileSync(join(root, "long"), Buffer.alloc(4 * 1024 * 1024 + 1));
    await assert.rejects(nodeFiles({ root }).readBytes("/long", {}), { code: "ERR_CONFIG_TOO_LARGE" });
  });
});

test("a link that leads nowhere is told, and not what is missing behind one that leads somewhere", async () => {
  await withRoot(async (root) => {
    symlinkSync("/opt/none", join(root, "dangling"));
    symlinkSync("a", join(root, "folder"));
    symlinkSync("folder/dangling", join(root, "chain"));
    symlinkSync("../dangling", join(root, "a/dangling"));
    symlinkSync("inside/x", join(root, "through-file"));
    const told: string[] = [];
    const files = nodeFiles({ root, onDanglingLink: (path) => told.push(path) });
    for (const [path, isDangling] of [
      ["/dangling", true],
      ["/dangling/below/it", true],
      ["/folder/dangling", true],
      ["/chain", true],
      ["/chain/x", true],
      ["/through-file", true],
      ["/folder/none", false],
      ["/folder/../none", false],
      ["/none", false],
      ["/a/up/none", false],
      ["/folder/absolute", false],
    ] as const) {
      told.length = 0;
      await files.read(path, {});
      assert.deepEqual(told, isDangling ? [path] : [], `read ${path}`);
      told.length = 0;
      await files.list(path, {}).catch(() => undefined);
      assert.deepEqual(told, isDangling ? [path] : [], `list ${path}`);
    }
  });
});

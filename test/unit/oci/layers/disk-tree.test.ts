import assert from "node:assert/strict";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createDiskTree, type DiskTree } from "../../../../src/oci/layers/disk-tree.ts";
import type { LayerEntry } from "../../../../src/oci/layers/entry.ts";
import { paceThatIs } from "../pace.ts";

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "lading-tree-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function entryOf(path: string, content: string): LayerEntry {
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, userName: "", groupName: "" };
  const device = { deviceMajor: 0, deviceMinor: 0 };
  const size = content.length;
  return {
    ...{ path, kind: "file", mode: 0o640, mtimeSeconds: 12, size, target: "", xattrs: new Map() },
    ...owner,
    ...device,
  };
}

function write(tree: DiskTree, path: string, content: string): void {
  const sink = tree.createFile(path, entryOf(path, content));
  sink.write(Buffer.from(content));
  sink.close();
}

const openFiles = (): number | undefined =>
  process.platform === "linux" ? readdirSync("/proc/self/fd").length : undefined;

const SPEEDS: [opensSlowly: boolean, setsSlowly: boolean, opened: number, set: number][] = [
  [false, false, 50, 50],
  [false, true, 50, 50],
  // Made by threads, and the rest at once.
  [true, false, 0, 50],
  [true, true, 0, 0],
];

for (const [opensSlowly, setsSlowly, opened, set] of SPEEDS) {
  const [opening, setting] = [opensSlowly, setsSlowly].map((slow) => (slow ? "slowly" : "quickly"));
  const options = {
    owners: true,
    overlayNamespace: "trusted",
    whiteouts: "remove",
    fileWrites: "auto",
  } as const;

  test(`a disk that opens ${opening} and sets ${setting} has whole files`, async (t) => {
    const root = folder(t);
    const paces = { opening: paceThatIs(opensSlowly), setting: paceThatIs(setsSlowly) };
    const tree = createDiskTree(root, { ...options, ...paces, onSkipped: () => assert.fail() });
    const before = openFiles();
    for (let at = 0; at < 50; at++) write(tree, `${at}`, `${at}`.repeat(at));
    await tree.pool.settle();
    tree.finish();
    assert.deepEqual([paces.opening.measured, paces.setting.measured], [opened, set]);
    for (let at = 0; at < 50; at++) {
      const path = join(root, `${at}`);
      assert.equal(readFileSync(path, "utf8"), `${at}`.repeat(at));
      const { mode, mtimeMs } = lstatSync(path);
      assert.deepEqual([mode & 0o7777, mtimeMs], [0o640, 12_000]);
    }
    assert.equal(openFiles(), before);
  });

  test(`what cannot be made on a disk that opens ${opening} and sets ${setting} is refused`, async (t) => {
    const root = folder(t);
    writeFileSync(join(root, "there"), "old");
    const paces = { opening: paceThatIs(opensSlowly), setting: paceThatIs(setsSlowly) };
    const tree = createDiskTree(root, { ...options, ...paces, onSkipped: () => assert.fail() });
    const before = openFiles();
    await assert.rejects(
      async () => {
        write(tree, "there", "new");
        await tree.pool.settle();
      },
      { code: "ERR_OCI_ENTRY_REFUSED" },
    );
    assert.equal(readFileSync(join(root, "there"), "utf8"), "old");
    assert.equal(openFiles(), before);
  });
}

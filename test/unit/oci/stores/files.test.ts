import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, statfs, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isInMemory, writeBytesThenRename } from "../../../../src/oci/stores/files.ts";
import { paceThatIs } from "../pace.ts";

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lading-files-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const bytes: Uint8Array = Buffer.from("content");

for (const isSlow of [false, true]) {
  const name = isSlow ? "a slow disk" : "a fast disk";

  test(`few bytes on ${name} stand there whole, and replace what stood there`, async (t) => {
    const folder = await folderFor(t);
    const pace = paceThatIs(isSlow);
    for (const sync of [true, false]) {
      for (const content of [bytes, new Uint8Array(0), Buffer.alloc(128 * 1024, 7)]) {
        await writeBytesThenRename(folder, join(folder, "a"), content, { sync, pace });
        assert.deepEqual(await readdir(folder), ["a"]);
        assert.deepEqual(await readFile(join(folder, "a")), Buffer.from(content));
      }
    }
    assert.equal(pace.measured, isSlow ? 0 : 6);
  });

  test(`a file that cannot get its name on ${name} leaves nothing`, async (t) => {
    const folder = await folderFor(t);
    await mkdir(join(folder, "taken"));
    const options = { sync: true, pace: paceThatIs(isSlow) };
    await assert.rejects(writeBytesThenRename(folder, join(folder, "taken"), bytes, options), {
      code: /EISDIR|EEXIST|EPERM|EACCES/,
    });
    assert.deepEqual(await readdir(folder), ["taken"]);
    await assert.rejects(writeBytesThenRename(join(folder, "none"), join(folder, "b"), bytes, options), {
      code: "ENOENT",
    });
  });

  test(`a link in the place of a file on ${name} is replaced, not followed`, async (t) => {
    const folder = await folderFor(t);
    await writeFile(join(folder, "other"), "other");
    await symlink("other", join(folder, "a"));
    await writeBytesThenRename(folder, join(folder, "a"), bytes, { sync: false, pace: paceThatIs(isSlow) });
    assert.equal(await readFile(join(folder, "other"), "utf8"), "other");
    assert.equal(await readFile(join(folder, "a"), "utf8"), "content");
  });
}

test("only directories of file systems in memory need no waiting for a disk", async (t) => {
  const folder = await folderFor(t);
  if (process.platform !== "linux") return assert.equal(await isInMemory(folder), false);
  // /proc is no disk either, but nobody stores there; what counts is that only the two kinds are taken.
  assert.equal(await isInMemory("/proc"), false);
  const shared = await statfs("/dev/shm").catch(() => undefined);
  if (shared?.type === 0x0102_1994) assert.equal(await isInMemory("/dev/shm"), true);
  await assert.rejects(isInMemory(join(folder, "none")), { code: "ENOENT" });
});

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../..");
const committed = join(root, "src/cri/gen");

/** Path and content of every file below a folder. */
function filesOf(folder: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(folder, name);
    if (statSync(path).isFile()) files.set(name, readFileSync(path, "utf8"));
  }
  return files;
}

test("generating the CRI messages again gives the committed bytes", () => {
  const folder = mkdtempSync(join(tmpdir(), "lading-gen-"));
  try {
    const run = spawnSync(process.execPath, [join(root, "scripts/generate-cri.ts"), join(folder, "gen")], {
      encoding: "utf8",
    });
    assert.equal(run.status, 0, run.stderr);
    const made = filesOf(join(folder, "gen"));
    const want = filesOf(committed);
    assert.deepEqual([...made.keys()], [...want.keys()]);
    assert.ok(want.size > 0);
    for (const [name, content] of want) assert.ok(made.get(name) === content, `${name} differs`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

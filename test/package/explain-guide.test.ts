/** The guide to explanations: its examples run, its programs compile, its functions are there. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import * as config from "../../src/config/index.ts";
import * as explain from "../../src/explain/index.ts";
import { DIAGNOSTICS_CHANNELS } from "../../src/index.ts";
import { blocksOf, linksOf, matches, ROOT, readGuide, typeProblems } from "./guide.ts";

const guide = readGuide("explain.md");
const EXAMPLES = readdirSync(join(ROOT, "examples/explain")).filter((file) => file.endsWith(".ts"));

for (const file of EXAMPLES) {
  test(`the example ${file} runs, and finds what it says`, async () => {
    const args = ["--conditions=lading-source", join("examples/explain", file)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, timeout: 60_000 });
    assert.ok(stdout.length > 0);
    assert.ok(!stdout.includes("\u001b"), "no colours where there is no terminal");
  });
}

test("every file that it links is there, and every example is linked and run", () => {
  const links = linksOf(guide);
  for (const path of links) assert.ok(existsSync(path), path);
  assert.ok(EXAMPLES.length >= 3);
  for (const file of EXAMPLES) {
    assert.ok(links.includes(join(ROOT, "examples/explain", file)), file);
    assert.ok(guide.includes(`node --conditions=lading-source examples/explain/${file}`), file);
  }
});

test("every function of its table is exported, and every channel is one", () => {
  const rows = guide.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| step"));
  const exported = new Map<string, unknown>([...Object.entries(config), ...Object.entries(explain)]);
  const names = rows.slice(0, 6).flatMap((row) => matches(row, /`(\w+)`/g));
  assert.ok(names.length >= 8);
  for (const name of names) assert.equal(typeof exported.get(name), "function", name);
  for (const channel of DIAGNOSTICS_CHANNELS) assert.ok(guide.includes(`| \`${channel}\` |`), channel);
  assert.ok("explanationSchema" in explain);
});

test("its programs have no type errors", { timeout: 120_000 }, () => {
  const programs = blocksOf(guide, "ts");
  assert.ok(programs.length >= 4);
  assert.deepEqual(typeProblems(programs, "examples/explain", { noUnusedLocals: false }), []);
});

/** The guide to admission webhooks: its files and functions are there, its programs compile, its arguments are all. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as admission from "../../src/admission/index.ts";
import { blocksOf, codesIn, linksOf, matches, programsOf, ROOT, readGuide, typeProblems } from "./guide.ts";

const guide = readGuide("admission.md");

test("every file that it links and every example that it runs is there", () => {
  const links = linksOf(guide);
  const programs = programsOf(guide);
  assert.ok(links.length >= 12 && programs.length >= 6);
  for (const path of [...links, ...programs]) assert.ok(existsSync(path), path);
});

test("every function is exported, and every one that is exported is in it", () => {
  const rows = guide.split("\n").filter((line) => /^\| [a-z]/.test(line) && line.includes("../examples/"));
  const named = rows.flatMap((row) => codesIn(row.split("|")[2] ?? ""));
  const exported = Object.entries(admission)
    .filter(([name]) => /^[a-z]/.test(name))
    .map(([name]) => name);
  assert.deepEqual([...new Set(named)].sort(), exported.sort());
});

test("every argument of the server is in its table, and none else", () => {
  const settings = readFileSync(join(ROOT, "examples/admission-webhook/server/settings.ts"), "utf8");
  const there = matches(settings, /^ {6}"?([a-z-]+)"?: \{ type: "string"/gm);
  assert.ok(there.length >= 15);
  const table = guide.split("\n").filter((line) => line.startsWith("| `--"));
  const told = table.flatMap((row) => matches(row.split("|")[1] ?? "", /--([a-z-]+)/g));
  const more = table.join("\n").includes("`--warn-namespace NAME`") ? ["warn-namespace"] : [];
  assert.deepEqual([...new Set([...told, ...more])].sort(), there.sort());
});

test("its programs have no type errors", { timeout: 120_000 }, () => {
  const programs = blocksOf(guide, "ts");
  assert.ok(programs.length >= 2);
  assert.deepEqual(typeProblems(programs, "examples"), []);
});

/** What docs/seccomp.md says: its tables come from the code, its names and files are there. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { withTables } from "../../scripts/seccomp-tables/markdown.ts";
import { GUIDE, withSeccompTables } from "../../scripts/seccomp-tables.ts";
import * as seccomp from "../../src/seccomp/index.ts";
import { matches } from "./guide.ts";

const text = readFileSync(GUIDE, "utf8");

test("the tables are what the code makes: run scripts/seccomp-tables.ts after a change", async () => {
  assert.equal(await withSeccompTables(text), text);
});

test("a stale, missing or unknown table is noticed", async () => {
  const stale = text.replace("| the artifact |", "| the artefact |");
  assert.notEqual(stale, text);
  assert.equal(await withSeccompTables(stale), text);
  await assert.rejects(withSeccompTables(text.replace("<!-- table: ways -->", "")), /no place for ways/);
  assert.throws(() => withTables("<!-- table: x -->\n<!-- end of table -->", new Map()), /no table x/);
});

test("every function that is named is exported", () => {
  const known = new Set(Object.keys(seccomp));
  // Members of files, options and commands that look like names of functions.
  const others = new Set([
    "archMap",
    "includes",
    "excludes",
    "minKernel",
    "errno",
    "name",
    "names",
    "comment",
  ]);
  for (const other of ["architectures", "defaultErrno", "artifactType", "strict", "check", "app", "write"]) {
    others.add(other);
  }
  const prose = text.replaceAll(/<!-- table[\s\S]*?end of table -->/g, "").replaceAll(/```[\s\S]*?```/g, "");
  const named = matches(prose, /`([a-z][A-Za-z0-9]*)`/g);
  assert.ok(named.length > 30);
  for (const name of named) assert.ok(known.has(name) || others.has(name), name);
});

test("every example is named, and there", () => {
  const folder = join(dirname(GUIDE), "../examples/seccomp");
  const named = matches(text, /examples\/seccomp\/([a-z-]+\.ts)/g);
  assert.deepEqual([...named].sort(), readdirSync(folder).sort());
  for (const file of named) assert.ok(existsSync(join(folder, file)), file);
});

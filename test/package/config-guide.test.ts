/** What the guide to nodes says of functions, codes and of what its example prints. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as config from "../../src/config/index.ts";
import { blocksOf, matches, ROOT, readGuide } from "./guide.ts";

const guide = readGuide("config.md");

test("every function of the table is there", () => {
  const named = matches(guide, /^\| `([a-zA-Z]+)\(/gm);
  assert.ok(named.length >= 12);
  const there: ReadonlySet<string> = new Set(Object.keys(config));
  assert.deepEqual(
    named.filter((name) => !there.has(name)),
    [],
  );
});

test("every code of the table of warnings is one of its source", () => {
  const sources = {
    "cri-o": "crio/types.ts",
    containerd: "containerd/warnings.ts",
    "hosts.toml": "node-warnings.ts",
    "registries.conf": "node-warnings.ts",
    "registries.d": "node-warnings.ts",
    node: "node-warnings.ts",
  };
  for (const [source, file] of Object.entries(sources)) {
    const row = guide.split("\n").find((line) => line.startsWith(`| \`${source}\` |`)) ?? "";
    const codes = matches(row, /`([a-z-]+)`/g).filter((code) => code !== source);
    assert.ok(codes.length > 0, source);
    const text = readFileSync(join(ROOT, "src/config", file), "utf8");
    for (const code of codes) assert.match(text, new RegExp(`code: [^;}]*"${code}"`), `${source} ${code}`);
  }
});

test("the example prints what the guide shows", () => {
  const args = ["--conditions=lading-source", "--no-warnings", "examples/config/node.ts"];
  const printed = execFileSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
  const [shown] = blocksOf(guide, "text");
  assert.equal(shown, printed.replace(/ +$/gm, ""));
});

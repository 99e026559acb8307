/** The guide to explanations: its examples run, its programs compile, its functions are there. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import ts from "typescript";
import * as config from "../../src/config/index.ts";
import * as explain from "../../src/explain/index.ts";
import { DIAGNOSTICS_CHANNELS } from "../../src/index.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const guide = readFileSync(join(ROOT, "docs/explain.md"), "utf8");
const EXAMPLES = readdirSync(join(ROOT, "examples/explain")).filter((file) => file.endsWith(".ts"));

const blocksOf = (language: string): string[] =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"))].map(([, text]) => text ?? "");

for (const file of EXAMPLES) {
  test(`the example ${file} runs, and finds what it says`, async () => {
    const args = ["--conditions=lading-source", join("examples/explain", file)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, timeout: 60_000 });
    assert.ok(stdout.length > 0);
    assert.ok(!stdout.includes("\u001b"), "no colours where there is no terminal");
  });
}

test("every file that it links is there, and every example is linked and run", () => {
  const links = [...guide.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) =>
    join(ROOT, "docs", path ?? ""),
  );
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
  const names = rows
    .slice(0, 6)
    .flatMap((row) => [...row.matchAll(/`(\w+)`/g)].map(([, name]) => name ?? ""));
  assert.ok(names.length >= 8);
  for (const name of names) assert.equal(typeof exported.get(name), "function", name);
  for (const channel of DIAGNOSTICS_CHANNELS) assert.ok(guide.includes(`| \`${channel}\` |`), channel);
  assert.ok("explanationSchema" in explain);
});

test("its programs have no type errors", { timeout: 120_000 }, () => {
  const blocks = blocksOf("ts");
  assert.ok(blocks.length >= 4);
  const { config: json } = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(json, ts.sys, ROOT);
  const files = new Map(
    blocks.map((text, index) => [join(ROOT, "examples/explain", `guide-${index}.ts`), text]),
  );
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.getSourceFile = (name, ...rest) => {
    const text = files.get(name);
    if (text === undefined) return getSourceFile.call(host, name, ...rest);
    return ts.createSourceFile(name, text, ts.ScriptTarget.ESNext);
  };
  host.fileExists = (name) => files.has(name) || fileExists.call(host, name);
  host.readFile = (name) => files.get(name) ?? readFile.call(host, name);
  const program = ts.createProgram(
    [...files.keys()],
    { ...options, noEmit: true, noUnusedLocals: false },
    host,
  );
  const problems = [...files.keys()].flatMap((name) => {
    const source = program.getSourceFile(name);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  });
  assert.deepEqual(
    problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n")),
    [],
  );
});

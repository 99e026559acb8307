/** The guide to admission webhooks: its files and functions are there, its programs compile, its arguments are all. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import ts from "typescript";
import * as admission from "../../src/admission/index.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const guide = readFileSync(join(ROOT, "docs/admission.md"), "utf8");

test("every file that it links and every example that it runs is there", () => {
  const links = [...guide.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) =>
    join(ROOT, "docs", path ?? ""),
  );
  const programs = [...guide.matchAll(/examples\/[a-z/-]+\.ts/g)].map(([path]) => join(ROOT, path));
  assert.ok(links.length >= 12 && programs.length >= 6);
  for (const path of [...links, ...programs]) assert.ok(existsSync(path), path);
});

test("every function is exported, and every one that is exported is in it", () => {
  const rows = guide.split("\n").filter((line) => /^\| [a-z]/.test(line) && line.includes("../examples/"));
  const named = rows.flatMap((row) =>
    [...(row.split("|")[2] ?? "").matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ""),
  );
  const exported = Object.entries(admission)
    .filter(([name]) => /^[a-z]/.test(name))
    .map(([name]) => name);
  assert.deepEqual([...new Set(named)].sort(), exported.sort());
});

test("every argument of the server is in its table, and none else", () => {
  const settings = readFileSync(join(ROOT, "examples/admission-webhook/server/settings.ts"), "utf8");
  const there = [...settings.matchAll(/^ {6}"?([a-z-]+)"?: \{ type: "string"/gm)].map(
    ([, name]) => name ?? "",
  );
  assert.ok(there.length >= 15);
  const table = guide.split("\n").filter((line) => line.startsWith("| `--"));
  const told = table.flatMap((row) =>
    [...(row.split("|")[1] ?? "").matchAll(/--([a-z-]+)/g)].map(([, name]) => name ?? ""),
  );
  const more = table.join("\n").includes("`--warn-namespace NAME`") ? ["warn-namespace"] : [];
  assert.deepEqual([...new Set([...told, ...more])].sort(), there.sort());
});

test("its programs have no type errors", { timeout: 120_000 }, () => {
  const blocks = [...guide.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, text]) => text ?? "");
  assert.ok(blocks.length >= 2);
  const config = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT);
  const files = new Map(
    blocks.map((text, index) => [join(ROOT, "examples", `admission-guide-${index}.ts`), text]),
  );
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.getSourceFile = (name, ...rest) => {
    const text = files.get(name);
    if (text === undefined) return getSourceFile.call(host, name, ...rest);
    return ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  };
  host.fileExists = (name) => files.has(name) || fileExists.call(host, name);
  const program = ts.createProgram(
    [...files.keys()],
    { ...options, noEmit: true, isolatedDeclarations: false, declaration: false },
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

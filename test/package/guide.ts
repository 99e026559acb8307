/** What the tests of guides read out of a guide: links, programs, blocks and tables. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import ts from "typescript";

/** The folder of the checkout. */
export const ROOT: string = resolve(import.meta.dirname, "../..");

/** The text of a guide. */
export function readGuide(name: string): string {
  return readFileSync(join(ROOT, "docs", name), "utf8");
}

/** Paths of the files that a guide links, without those of other sites. */
export function linksOf(guide: string): string[] {
  return matches(guide, /\]\((?!https?:)([^)#]+)/g).map((path) => join(ROOT, "docs", path));
}

/** Paths of the examples that a guide names. */
export function programsOf(guide: string): string[] {
  return matches(guide, /(examples\/[a-z/-]+\.ts)/g).map((path) => join(ROOT, path));
}

/** The code blocks of a language. */
export function blocksOf(guide: string, language: string): string[] {
  return matches(guide, new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"));
}

/** The rows of all tables, as their cells, without the heads. */
export function rowsOf(guide: string): string[][] {
  const lines = guide.split("\n").filter((line) => line.startsWith("|"));
  const isRule = (line = ""): boolean => /^\|[-|]+\|$/.test(line);
  return lines.filter((line, i) => !isRule(line) && !isRule(lines[i + 1])).map(cellsOf);
}

/** The rows of the table whose first head is this one. */
export function tableOf(guide: string, head: string): string[][] {
  const lines = guide.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  assert.ok(start >= 0, head);
  const rest = lines.slice(start + 2);
  const end = rest.findIndex((line) => !line.startsWith("|"));
  return rest.slice(0, end < 0 ? rest.length : end).map(cellsOf);
}

function cellsOf(line: string): string[] {
  return line
    .slice(1, -1)
    .split("|")
    .map((cell) => cell.trim());
}

/** What stands in a text as code. */
export function codesIn(text: string): string[] {
  return matches(text, /`([^`]+)`/g);
}

/** The first group of every match. */
export function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, found]) => found ?? "");
}

/**
 * What the compiler says against programs, each taken as a file of its own in a folder of the checkout: by the rules of the
 * project, and with its packages.
 *
 * @param overrides Rules that do not hold for them.
 */
export function typeProblems(
  programs: readonly string[],
  folder: string,
  overrides: ts.CompilerOptions = {},
): string[] {
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const files = new Map(programs.map((text, index) => [join(ROOT, folder, `guide-${index}.ts`), text]));
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.getSourceFile = (name, ...rest) => {
    const text = files.get(name);
    if (text === undefined) return getSourceFile.call(host, name, ...rest);
    return ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  };
  host.fileExists = (name) => files.has(name) || fileExists.call(host, name);
  host.readFile = (name) => files.get(name) ?? readFile.call(host, name);
  const program = ts.createProgram([...files.keys()], { ...options, ...overrides, noEmit: true }, host);
  const problems = [...files.keys()].flatMap((name) => {
    const source = program.getSourceFile(name);
    assert.ok(source, name);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  });
  return problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

/**
 * The public surface, as text: for each subpath the names it exports and their declarations. A difference is an
 * API review: look at it, then write it down with `LADING_UPDATE_EXPORTS=1 npm test`.
 */
import { equal } from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import ts from "typescript";

const manifest: { exports: Record<string, string | { "lading-source": string }> } = JSON.parse(
  readFileSync("package.json", "utf8"),
);
const entries = Object.entries(manifest.exports).flatMap(([subpath, target]) =>
  typeof target === "string" ? [] : [{ subpath, file: target["lading-source"] }],
);

const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile("tsconfig.json", ts.sys.readFile).config,
  ts.sys,
  ".",
);
const program = ts.createProgram(
  entries.map(({ file }) => file),
  options,
);
const checker = program.getTypeChecker();
const printer = ts.createPrinter({ removeComments: true });
const declarationFiles = new Map<string, ts.SourceFile>();

/** The declarations that a source file would ship, parsed. */
function declarationFile(source: ts.SourceFile): ts.SourceFile {
  const known = declarationFiles.get(source.fileName);
  if (known) return known;
  const { outputText } = ts.transpileDeclaration(source.text, {
    fileName: source.fileName,
    compilerOptions: options,
  });
  const parsed = ts.createSourceFile(`${source.fileName}.d.ts`, outputText, ts.ScriptTarget.Latest);
  declarationFiles.set(source.fileName, parsed);
  return parsed;
}

function describe(symbol: ts.Symbol): string {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const sources = new Set((target.declarations ?? []).map((declaration) => declaration.getSourceFile()));
  const texts = [...sources].flatMap((source) => {
    if (source.fileName.includes("/gen/")) return ["(generated from the contract)"];
    const file = declarationFile(source);
    return file.statements
      .filter((statement) => namesIn(statement, file).includes(target.name))
      .map((statement) => printer.printNode(ts.EmitHint.Unspecified, statement, file));
  });
  return `${symbol.name}\n${texts.join("\n").replaceAll(/^/gm, "  ")}`;
}

/** The names that a statement declares. */
function namesIn(statement: ts.Statement, file: ts.SourceFile): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map((declaration) => declaration.name.getText(file));
  }
  const { name } = statement as ts.Statement & { name?: ts.Identifier };
  return name ? [name.text] : [];
}

for (const { subpath, file } of entries) {
  test(`the exports of lading${subpath.slice(1)} are the reviewed ones`, () => {
    const source = program.getSourceFile(file);
    const module = source && checker.getSymbolAtLocation(source);
    const symbols = module ? checker.getExportsOfModule(module) : [];
    const actual = `${symbols
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map(describe)
      .join("\n\n")}\n`;
    const snapshot = `test/package/exports/${subpath === "." ? "index" : subpath.slice(2)}.txt`;
    if (process.env["LADING_UPDATE_EXPORTS"]) {
      mkdirSync("test/package/exports", { recursive: true });
      writeFileSync(snapshot, actual);
    }
    equal(actual, readFileSync(snapshot, "utf8"));
  });
}

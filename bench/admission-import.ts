/**
 * A process that imports lading/admission, as it is published, against one that imports what it depends on alone: no
 * package, and of Node itself what it names.
 *
 *   node --conditions=lading-source bench/admission-import.ts [--margin 0.25]
 */
import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";
import { formatTime, interleave, report } from "./interleave.ts";

const ROOT = resolve(import.meta.dirname, "..");
const folder = mkdtempSync(join(tmpdir(), "lading-import-"));

/** Imports, and prints every module that was loaded for it. */
const TRACE = `
import { registerHooks } from "node:module";
const loaded = [];
registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
await import(process.argv[1]);
console.log(JSON.stringify(loaded));
`;

try {
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(ROOT, "tsconfig.build.json"), ts.sys.readFile).config,
    ts.sys,
    ROOT,
  );
  for (const path of globSync("src/{admission,core,explain,oci,policy}/**/*.ts", { cwd: ROOT })) {
    const target = join(folder, path.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(target), { recursive: true });
    const { outputText } = ts.transpileModule(readFileSync(join(ROOT, path), "utf8"), {
      fileName: path,
      compilerOptions: {
        ...options,
        module: ts.ModuleKind.ESNext,
        moduleResolution: ts.ModuleResolutionKind.Bundler,
        sourceMap: false,
        declaration: false,
        declarationMap: false,
      },
    });
    writeFileSync(target, outputText);
  }
  const node = (...args: string[]): string =>
    execFileSync(process.execPath, ["--input-type=module", "--no-warnings", ...args], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, NODE_OPTIONS: "" },
    });
  const entry = pathToFileURL(join(folder, "src/admission/index.js")).href;
  const loaded = JSON.parse(node("--eval", TRACE, entry)) as string[];
  const builtins = [...new Set(loaded.filter((url) => url.startsWith("node:")))];
  const others = loaded.filter(
    (url) => !url.startsWith("node:") && !url.startsWith(pathToFileURL(folder).href),
  );
  if (others.length > 0) throw new Error(`a package is loaded: ${others[0]}`);
  console.log(`${loaded.length - builtins.length} files, no package, ${builtins.join(" ")}`);
  const importing = (urls: readonly string[]) => urls.map((url) => `import ${JSON.stringify(url)};`).join("");
  const ways = [
    { name: "lading/admission", run: () => node("--eval", importing([entry])) },
    { name: "what it depends on", run: () => node("--eval", importing(builtins)) },
  ];
  const [mine = Number.NaN, theirs = Number.NaN] = await interleave(ways, { rounds: 25 });
  for (const [at, { name }] of ways.entries())
    console.log(`${name}: ${formatTime(at === 0 ? mine : theirs)}`);
  report([
    { name: "importing lading/admission, processes as a whole", value: mine, against: theirs, limit: 1.5 },
  ]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Checks the package as a user gets it: packs it, lints the tarball, installs it into an empty project, and uses
 * every subpath there on each supported Node line and under the TypeScript module modes that users have.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { NODE_LINES, nodeOf } from "./nodes.ts";

const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const subpaths: string[] = Object.keys(manifest.exports).filter((path) => path !== "./package.json");
const specifiers = subpaths.map((path) => join("lading", path));

const publint = fileURLToPath(new URL("cli.js", import.meta.resolve("publint")));
const attw = fileURLToPath(
  new URL("dist/index.js", import.meta.resolve("@arethetypeswrong/cli/package.json")),
);
const tsc = fileURLToPath(import.meta.resolve("typescript/lib/tsc.js"));

function run(command: string, args: string[], cwd = process.cwd()): string {
  console.log(`$ ${[command, ...args].map((word) => (isAbsolute(word) ? basename(word) : word)).join(" ")}`);
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

const node = (program: string, ...args: string[]): string => run(process.execPath, [program, ...args]);
const install = (what: string, folder: string): string =>
  run("npm", ["install", "--loglevel=error", "--no-audit", "--no-fund", "--prefer-offline", what], folder);

const work = mkdtempSync(join(tmpdir(), "lading-package-"));
try {
  const [packed] = JSON.parse(
    run("npm", ["pack", "--json", "--pack-destination", work]).replace(/^[^[]*/, ""),
  );
  const tarball = join(work, packed.filename);
  console.log(
    `${packed.filename}: ${packed.files.length} files, ${packed.size} bytes, ${packed.unpackedSize} unpacked`,
  );

  console.log(node(publint, "--strict", tarball));
  console.log(node(attw, "--profile", "esm-only", "--no-emoji", tarball));
  run("npm", ["publish", "--dry-run", "--ignore-scripts", "--loglevel=error", tarball]);

  writeFileSync(join(work, "package.json"), JSON.stringify({ private: true, type: "module" }));
  install(tarball, work);
  writeFileSync(
    join(work, "use.mjs"),
    `${specifiers.map((name, i) => `import * as m${i} from ${JSON.stringify(name)};`).join("\n")}
import { strictEqual } from "node:assert";
import { createRequire } from "node:module";
import { parseDigest } from "lading";
for (const m of [${specifiers.map((_, i) => `m${i}`).join(", ")}]) strictEqual(Object.keys(m).length > 0, true);
strictEqual(parseDigest("sha256:" + "0".repeat(64)).length, 71);
strictEqual(createRequire(import.meta.url)("lading").parseDigest, parseDigest);
console.log(process.version, "imports", ${JSON.stringify(specifiers.join(" "))});
`,
  );
  for (const line of NODE_LINES) process.stdout.write(run(nodeOf(line), ["use.mjs"], work));

  writeFileSync(
    join(work, "use.ts"),
    `${specifiers.map((name, i) => `import * as m${i} from ${JSON.stringify(name)};`).join("\n")}
import { type Digest, parseDigest } from "lading";
export const all = [${specifiers.map((_, i) => `m${i}`).join(", ")}];
export const digest: Digest = parseDigest("sha256:${"0".repeat(64)}");
`,
  );
  install(`@types/node@${manifest.devDependencies["@types/node"]}`, work);
  const flags = "--noEmit --strict --skipLibCheck false --target es2023 --lib es2023,esnext.disposable".split(
    " ",
  );
  for (const [module, resolution] of [
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
  ]) {
    const modes = ["--module", String(module), "--moduleResolution", String(resolution), "--types", "node"];
    process.stdout.write(run(process.execPath, [tsc, ...flags, ...modes, "use.ts"], work));
  }

  checkAlone();
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log("package checks passed");

/** That `lading` needs no dependency, in a project where none is left. */
function checkAlone(): void {
  const modules = join(work, "node_modules");
  for (const name of readdirSync(modules)) {
    if (name !== "lading") rmSync(join(modules, name), { recursive: true });
  }
  writeFileSync(
    join(work, "alone.mjs"),
    `import { rejects, strictEqual } from "node:assert";
import { parseReference, formatReference } from "lading";
strictEqual(formatReference(parseReference("busybox")), "docker.io/library/busybox");
await rejects(import("lading/cri"), { code: "ERR_MODULE_NOT_FOUND" });
console.log(process.version, "imports lading without any dependency");
`,
  );
  for (const line of NODE_LINES) process.stdout.write(run(nodeOf(line), ["alone.mjs"], work));
}

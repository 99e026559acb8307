/**
 * Checks the package as a user gets it: packs it, lints the tarball, installs it into an empty project, and uses
 * every subpath there on each supported Node line and under the TypeScript module modes that users have.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { NODE_LINES, nodeOf } from "./nodes.ts";

const manifest = JSON.parse(readFileSync("package.json", "utf8"));
const subpaths: string[] = Object.keys(manifest.exports).filter((path) => path !== "./package.json");
const specifiers = subpaths.map((path) => join("lading", path));
const bin = (name: string): string => resolve("node_modules/.bin", name);

function run(command: string, args: string[], cwd = process.cwd()): string {
  console.log(`$ ${[command.split("/").at(-1), ...args].join(" ")}`);
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

const work = mkdtempSync(join(tmpdir(), "lading-package-"));
try {
  const [packed] = JSON.parse(
    run("npm", ["pack", "--json", "--pack-destination", work]).replace(/^[^[]*/, ""),
  );
  const tarball = join(work, packed.filename);
  console.log(
    `${packed.filename}: ${packed.files.length} files, ${packed.size} bytes, ${packed.unpackedSize} unpacked`,
  );

  console.log(run(bin("publint"), ["--strict", tarball]));
  console.log(run(bin("attw"), ["--profile", "esm-only", "--no-emoji", tarball]));
  run("npm", ["publish", "--dry-run", "--ignore-scripts", tarball]);

  writeFileSync(join(work, "package.json"), JSON.stringify({ private: true, type: "module" }));
  run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball], work);
  writeFileSync(
    join(work, "use.mjs"),
    `${specifiers.map((name, i) => `import * as m${i} from ${JSON.stringify(name)};`).join("\n")}
import { strictEqual } from "node:assert";
import { parseDigest } from "lading";
for (const m of [${specifiers.map((_, i) => `m${i}`).join(", ")}]) strictEqual(Object.keys(m).length > 0, true);
strictEqual(parseDigest("sha256:" + "0".repeat(64)).length, 71);
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
  run(
    "npm",
    [
      "install",
      "--no-audit",
      "--no-fund",
      "--prefer-offline",
      `@types/node@${manifest.devDependencies["@types/node"]}`,
    ],
    work,
  );
  for (const [module, resolution] of [
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
  ]) {
    const flags = [
      "--noEmit",
      "--strict",
      "--skipLibCheck",
      "false",
      "--target",
      "es2023",
      "--lib",
      "es2023,esnext.disposable",
    ];
    const modes = ["--module", String(module), "--moduleResolution", String(resolution), "--types", "node"];
    process.stdout.write(run(bin("tsc"), [...flags, ...modes, "use.ts"], work));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log("package checks passed");

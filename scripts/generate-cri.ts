/**
 * Makes the TypeScript of the CRI messages from proto/: `node scripts/generate-cri.ts [OUTPUT_FOLDER]`.
 *
 * Compiler and plugin are those of node_modules, and nothing is fetched: the same sources give the same bytes.
 * Only runtime.v1 is generated: runtime.v1alpha2 is a subset of it on the wire, so that one codec serves both.
 * What stands in the output folder, by default src/cri/gen, is replaced.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(import.meta.dirname, "..");
const buf = fileURLToPath(new URL("bin/buf", import.meta.resolve("@bufbuild/buf/package.json")));
const plugin = fileURLToPath(
  new URL("bin/protoc-gen-es", import.meta.resolve("@bufbuild/protoc-gen-es/package.json")),
);
const output = resolve(process.argv[2] ?? join(root, "src", "cri", "gen"));

const template = {
  version: "v2",
  plugins: [
    {
      local: [process.execPath, plugin],
      out: output,
      opt: ["target=ts", "erasable_syntax=true", "import_extension=ts"],
    },
  ],
};

const cache = mkdtempSync(join(tmpdir(), "lading-buf-"));
try {
  rmSync(output, { recursive: true, force: true });
  const { status, error } = spawnSync(
    process.execPath,
    [
      buf,
      "generate",
      join(root, "proto"),
      "--path",
      join(root, "proto", "runtime", "v1"),
      "--template",
      JSON.stringify(template),
    ],
    { stdio: "inherit", env: { ...process.env, BUF_CACHE_DIR: cache } },
  );
  if (error) throw error;
  process.exitCode = status ?? 1;
} finally {
  rmSync(cache, { recursive: true, force: true });
}

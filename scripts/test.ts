/**
 * Runs the tests of a kind: `node scripts/test.ts [KIND …]`.
 *
 * Without a kind, everything that needs nothing but this checkout runs; `interop` needs real daemons and
 * `fuzz` takes minutes, so both run only when named.
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";

const OFFLINE = ["unit", "tables", "property", "mutation", "integration", "package"];

const kinds = process.argv.slice(2);
const fuzz = kinds.includes("fuzz");
const folders = fuzz ? ["property"] : kinds.length > 0 ? kinds : OFFLINE;
const files = folders.flatMap((folder) => globSync(`test/${folder}/**/*.test.ts`)).sort();
if (files.length === 0) {
  console.error(`no tests found for: ${folders.join(", ")}`);
  process.exit(1);
}
const { status } = spawnSync(
  process.execPath,
  ["--conditions=lading-source", "--test", "--test-reporter=spec", ...files],
  { stdio: "inherit", env: { ...process.env, ...(fuzz ? { LADING_FUZZ_RUNS: "50000" } : {}) } },
);
process.exit(status ?? 1);

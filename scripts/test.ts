/**
 * Runs the tests of a kind: `node scripts/test.ts [KIND …]`.
 *
 * Without a kind, everything that needs nothing but this checkout runs; `interop` needs real daemons and
 * `fuzz` takes minutes, so both run only when named.
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";

const OFFLINE = ["unit", "tables", "property", "mutation", "integration", "package"];

const kinds = process.argv.slice(2);
const fuzz = kinds.includes("fuzz");
const folders = fuzz ? ["property"] : kinds.length > 0 ? kinds : OFFLINE;
const files = folders.flatMap((folder) => globSync(`test/${folder}/**/*.test.ts`)).sort();
if (files.length === 0) {
  console.error(`no tests found for: ${folders.join(", ")}`);
  process.exit(1);
}
/** Most tests wait as much as they work, so there are more of them than processors; daemons are asked one at a time. */
const sideBySide = kinds.includes("interop") ? 1 : availableParallelism() + 1;
const { status } = spawnSync(
  process.execPath,
  [
    ...["--conditions=lading-source", "--test", "--test-reporter=spec"],
    ...[`--test-concurrency=${sideBySide}`, ...files],
  ],
  {
    stdio: "inherit",
    env: {
      ...process.env,
      // Each file is a process that reads the same sources.
      NODE_COMPILE_CACHE: fileURLToPath(new URL("../.cache/compile", import.meta.url)),
      ...(fuzz ? { LADING_FUZZ_RUNS: "50000" } : {}),
    },
  },
);
process.exit(status ?? 1);

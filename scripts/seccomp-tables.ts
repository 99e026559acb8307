/**
 * Writes the tables of docs/seccomp.md anew: `node --conditions=lading-source scripts/seccomp-tables.ts`.
 *
 * Every cell is asked of the code. A test fails where the guide has another table.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultTable } from "./seccomp-tables/defaults.ts";
import { architectureTable, engineTable, refusalTable } from "./seccomp-tables/engines.ts";
import { withTables } from "./seccomp-tables/markdown.ts";
import { artifactTable, wayTable } from "./seccomp-tables/nodes.ts";

/** The guide. */
export const GUIDE: string = join(import.meta.dirname, "../docs/seccomp.md");

/** The guide's text with all of its tables made anew. */
export async function withSeccompTables(text: string): Promise<string> {
  return withTables(
    text,
    new Map([
      ["ways", wayTable()],
      ["artifacts", artifactTable()],
      ["built-in", defaultTable()],
      ["engines", await engineTable()],
      ["refusals", await refusalTable()],
      ["architectures", architectureTable()],
    ]),
  );
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(GUIDE, await withSeccompTables(readFileSync(GUIDE, "utf8")));
}

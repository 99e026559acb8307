/**
 * Makes the table of system calls: `node scripts/generate-syscalls.ts SYSCALLS.csv PSEUDO.csv SOURCE`.
 *
 * SYSCALLS.csv has a column `name` and one column of numbers for each architecture, empty where the call does
 * not exist; numbers of x32 stand without bit 30. PSEUDO.csv has the columns `name`, `pseudo`, `multiplexer` and
 * `arg0` of the calls that can arrive through `socketcall` and `ipc`. SOURCE says where the numbers are from and
 * ends up in the file's header. The same input gives the same bytes.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const OUTPUT = join(import.meta.dirname, "../src/seccomp/syscall-data.ts");
const WIDTH = 100;

const [syscalls, pseudo, source] = process.argv.slice(2);
if (!syscalls || !pseudo || !source) {
  console.error("usage: generate-syscalls.ts SYSCALLS.csv PSEUDO.csv SOURCE");
  process.exit(2);
}

const [header, ...rows] = readCsv(syscalls);
const [nameColumn, ...arches] = header ?? [];
if (nameColumn !== "name" || arches.length === 0) throw new Error(`${syscalls}: no column "name"`);
for (const arch of arches) if (!/^[a-z0-9_]+$/.test(arch)) throw new Error(`bad architecture ${arch}`);

const entries = rows.map(([name = "", ...numbers]) => {
  if (!/^[a-z0-9_]+$/.test(name)) throw new Error(`bad name ${JSON.stringify(name)}`);
  if (numbers.length !== arches.length) throw new Error(`${name}: ${numbers.length} numbers`);
  for (const number of numbers)
    if (!/^[0-9]*$/.test(number)) throw new Error(`${name}: bad number ${number}`);
  return [name, ...numbers.map((number) => number || "-")].join(" ").replace(/( -)+$/, "");
});
if (new Set(rows.map(([name]) => name)).size !== rows.length) throw new Error("a name stands twice");

const multiplexed = readCsv(pseudo)
  .slice(1)
  .map(([name = "", , multiplexer = "", arg0 = ""]) => {
    if (!/^(socketcall|ipc)$/.test(multiplexer) || !/^[0-9]+$/.test(arg0)) throw new Error(`bad row ${name}`);
    return `${name} ${multiplexer} ${arg0}`;
  });

writeFileSync(
  OUTPUT,
  `/**
 * Numbers of ${rows.length} system calls on ${arches.length} architectures.
 *
 * Source: ${source}.
 * Made by scripts/generate-syscalls.ts from that table as CSV; do not edit.
 *
 * @module
 */

/** Columns of {@link SYSCALLS}, by libseccomp's names. */
export const SYSCALL_ARCHES: readonly string[] =
  "${arches.join(" ")}".split(" ");

/** "name number number …", separated by semicolons; "-" where there is none. x32 without bit 30. */
export const SYSCALLS: string = \`
${wrap(entries)}
\`;

/** "name multiplexer code", separated by semicolons: the code is argument 0 of the multiplexer. */
export const MULTIPLEXED: string = \`
${wrap(multiplexed)}
\`;
`,
);

function readCsv(path: string): string[][] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => line.trim().split(","));
}

function wrap(items: string[]): string {
  const lines: string[] = [];
  let line = "";
  for (const item of items) {
    if (line && line.length + item.length + 1 > WIDTH) {
      lines.push(line);
      line = "";
    }
    line += `${item};`;
  }
  return [...lines, line].join("\n");
}

/**
 * Runs vector suites: `node test/vectors/run.ts [DIR] [--base DIR] [--only SUITE,SUITE]`.
 *
 * Every `*.json` file of DIR is a suite, run by the adapter in `suites/` that its `suite` field names. A suite without adapter,
 * a suite file that cannot be read, an empty folder and a suite of `--only` without file are failures. Cases
 * of `disputed.json` are run and printed but counted apart. The last line is `N passed, N failed`.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { raceSignal } from "../../src/core/signal.ts";
import {
  items,
  type JsonNode,
  type JsonValue,
  members,
  parseJson,
  stringOf,
  toPlain,
} from "../../src/core/strict-json.ts";
import { type Mismatch, mismatches } from "./match.ts";
import type { VectorCase, VectorContext, VectorFields, VectorSuite } from "./suite.ts";

const MAX_FILE_BYTES = 256 * 1024 * 1024;
const CASE_TIMEOUT_MS = 60_000;
const SHOWN_CHARACTERS = 2000;

interface Counts {
  passed: number;
  failed: number;
  disputed: number;
}

const root = resolve(import.meta.dirname, "../..");
const { values, positionals } = parseArgs({
  options: { base: { type: "string" }, only: { type: "string" } },
  allowPositionals: true,
});
if (positionals.length > 1) throw new TypeError(`one folder expected, got ${positionals.join(" ")}`);
const folder = resolve(positionals[0] ?? join(root, "../shared/vectors"));
const context: VectorContext = { base: resolve(values.base ?? dirname(folder)) };
const disputed = readDisputed(join(import.meta.dirname, "disputed.json"));

const total = await runFolder(values.only?.split(",").filter((name) => name !== ""));
if (total.disputed > 0) console.log(`${total.disputed} disputed`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);

async function runFolder(only: string[] | undefined): Promise<Counts> {
  const total: Counts = { passed: 0, failed: 0, disputed: 0 };
  let files: string[] = [];
  try {
    files = readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch (error) {
    console.log(`cannot read ${folder}: ${messageOf(error)}`);
  }
  const named = files.sort().filter((file) => only?.includes(suiteName(file)) ?? true);
  for (const name of only ?? []) {
    if (named.includes(`${name}.json`)) continue;
    console.log(`${name}: no file ${name}.json in ${folder}`);
    total.failed++;
  }
  if (files.length === 0) {
    console.log(`no vectors in ${folder}`);
    total.failed++;
  }
  for (const file of named) {
    const counts = await runFile(file);
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.disputed += counts.disputed;
  }
  return total;
}

async function runFile(file: string): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0, disputed: 0 };
  const name = suiteName(file);
  let suite: string;
  let cases: VectorCase[];
  let adapter: VectorSuite | undefined;
  try {
    ({ suite, cases } = readSuite(join(folder, file)));
    adapter = await loadAdapter(suite);
  } catch (error) {
    console.log(`${name}: cannot be run: ${messageOf(error)}`);
    return { ...counts, failed: 1 };
  }
  if (!adapter || cases.length === 0) {
    console.log(`${name}: ${adapter ? "has no cases" : `not yet implemented (${cases.length} cases)`}`);
    return { ...counts, failed: Math.max(cases.length, 1) };
  }
  const failures: string[] = [];
  for (const vector of cases) {
    const found = await runCase(adapter, vector);
    const reason = disputed.get(caseKey(suite, vector.name));
    if (reason !== undefined) {
      counts.disputed++;
      failures.push(
        `  DISPUTED ${vector.name} (${found.length === 0 ? "holds" : "does not hold"}): ${reason}`,
      );
    } else if (found.length === 0) counts.passed++;
    else {
      counts.failed++;
      failures.push(`  FAILED ${vector.name}`, ...found.map(describe));
    }
  }
  const apart = counts.disputed > 0 ? `, ${counts.disputed} disputed` : "";
  console.log(`${name}: ${counts.passed} passed, ${counts.failed} failed${apart}`);
  for (const line of failures) console.log(line);
  return counts;
}

async function runCase(adapter: VectorSuite, vector: VectorCase): Promise<Mismatch[]> {
  // The timer also keeps the process alive for a case that waits for nothing.
  const abort = new AbortController();
  const timer = setTimeout(
    () => abort.abort(new Error(`no outcome within ${CASE_TIMEOUT_MS} ms`)),
    CASE_TIMEOUT_MS,
  );
  try {
    const outcome = await raceSignal((async () => adapter.run(vector, context))(), abort.signal);
    return mismatches(vector.expect, outcome);
  } catch (error) {
    const actual = error instanceof Error ? (error.stack ?? error.message) : error;
    return [{ path: "run", expected: "an outcome", actual }];
  } finally {
    clearTimeout(timer);
  }
}

async function loadAdapter(name: string): Promise<VectorSuite | undefined> {
  if (!/^[A-Za-z0-9-]+$/.test(name)) throw new TypeError(`no name of a suite: ${JSON.stringify(name)}`);
  const path = join(import.meta.dirname, "suites", `${name}.ts`);
  if (!existsSync(path)) return undefined;
  const { default: adapter } = (await import(path)) as { default?: Partial<VectorSuite> };
  if (typeof adapter?.run !== "function") throw new TypeError(`${path} has no adapter as default export`);
  return adapter as VectorSuite;
}

function readSuite(path: string): { suite: string; cases: VectorCase[] } {
  const found = new Map<string, JsonNode>();
  for (const { key, value } of members(parseJson(readFileSync(path), { maxBytes: MAX_FILE_BYTES }))) {
    found.set(key, value);
  }
  const [suite, cases] = [found.get("suite"), found.get("cases")];
  if (!suite || !cases) throw new TypeError("no suite or no cases");
  return { suite: stringOf(suite), cases: items(cases).map(readCase) };
}

function readCase(node: JsonNode): VectorCase {
  const fields = new Map(members(node).map(({ key, value }) => [key, value]));
  const [name, input, expect] = [fields.get("name"), fields.get("input"), fields.get("expect")];
  if (!name || !input || !expect) throw new TypeError("a case without name, input or expect");
  const plain: JsonValue = toPlain(input);
  if (input.kind !== "object") throw new TypeError(`${stringOf(name)}: the input is not an object`);
  const source = fields.get("source");
  return {
    name: stringOf(name),
    source: source ? stringOf(source) : "",
    input: plain as VectorFields,
    expect: toPlain(expect),
  };
}

function readDisputed(path: string): Map<string, string> {
  const reasons = new Map<string, string>();
  for (const entry of items(parseJson(readFileSync(path)))) {
    const fields = new Map(members(entry).map(({ key, value }) => [key, stringOf(value)]));
    const [suite, name, reason] = [fields.get("suite"), fields.get("name"), fields.get("reason")];
    if (!suite || !name || !reason) throw new TypeError(`${path}: each entry needs suite, name and a reason`);
    reasons.set(caseKey(suite, name), reason);
  }
  return reasons;
}

function caseKey(suite: string, name: string): string {
  return JSON.stringify([suite, name]);
}

function suiteName(file: string): string {
  return file.slice(0, -".json".length);
}

function describe({ path, expected, actual }: Mismatch): string {
  return `    ${path}\n      expected ${show(expected)}\n      actual   ${show(actual)}`;
}

function show(value: unknown): string {
  const text =
    typeof value === "string"
      ? JSON.stringify(value)
      : (JSON.stringify(value, (_key, field: unknown) => (typeof field === "bigint" ? `${field}n` : field)) ??
        "nothing");
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

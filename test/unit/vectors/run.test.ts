import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

const ROOT = resolve(import.meta.dirname, "../../..");

const passing = {
  name: "empty text",
  source: "FIPS 180-4",
  input: { op: "digest", algorithm: "sha256", text: "" },
  expect: { digest: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
};
const failing = { ...passing, name: "wrong on purpose", expect: { digest: "sha256:0" } };
const throwing = { ...passing, name: "no such op", input: { op: "nothing" } };

/** Runs the runner over a folder with these files. */
function run(
  files: Record<string, string | object>,
  ...options: string[]
): { status: number | null; lines: string[] } {
  const folder = mkdtempSync(join(tmpdir(), "lading-vectors-"));
  try {
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
    }
    return runIn(folder, ...options);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function runIn(...args: string[]): { status: number | null; lines: string[] } {
  const { status, stdout } = spawnSync(process.execPath, [join(ROOT, "test/vectors/run.ts"), ...args], {
    encoding: "utf8",
  });
  return { status, lines: stdout.trimEnd().split("\n") };
}

const suite = (...cases: object[]) => ({ suite: "oci-digests", cases });

test("a suite that holds ends with its counts and success", () => {
  const { status, lines } = run({ "oci-digests.json": suite(passing) });
  assert.equal(status, 0);
  assert.deepEqual(lines, ["oci-digests: 1 passed, 0 failed", "1 passed, 0 failed"]);
});

test("a failing case is named with what was expected and what came", () => {
  const { status, lines } = run({ "oci-digests.json": suite(passing, failing, throwing) });
  assert.notEqual(status, 0);
  assert.equal(lines.at(-1), "1 passed, 2 failed");
  const text = lines.join("\n");
  assert.match(
    text,
    /FAILED wrong on purpose\n.*expect\.digest\n.*expected "sha256:0"\n.*actual +"sha256:e3b0c442/,
  );
  assert.match(text, /FAILED no such op\n/);
});

test("what cannot be run is a failure", () => {
  const cases: [name: string, files: Record<string, string | object>][] = [
    ["an empty folder", {}],
    ["a folder without suites", { "README.md": "x" }],
    ["a suite without adapter", { "no-such-suite.json": { suite: "no-such-suite", cases: [passing] } }],
    ["a suite without cases", { "oci-digests.json": suite() }],
    ["a case that compares nothing", { "oci-digests.json": suite({ ...passing, expect: { note: "x" } }) }],
    ["a suite that is no JSON", { "oci-digests.json": "{" }],
    ["a repeated member", { "oci-digests.json": '{"cases":[],"cases":[]}' }],
    ["a suite without list", { "oci-digests.json": { suite: "oci-digests" } }],
    ["a suite without name", { "oci-digests.json": { cases: [passing] } }],
    ["a name that is a path", { "oci-digests.json": { suite: "../suites/oci-digests", cases: [passing] } }],
    ["a case without expectation", { "oci-digests.json": suite({ ...passing, expect: undefined }) }],
  ];
  for (const [name, files] of cases) {
    const { status, lines } = run(files);
    assert.notEqual(status, 0, name);
    assert.match(lines.at(-1) ?? "", /^0 passed, [1-9][0-9]* failed$/, name);
  }
  const missing = runIn(join(tmpdir(), "lading-no-such-folder"));
  assert.notEqual(missing.status, 0);
  assert.equal(missing.lines.at(-1), "0 passed, 1 failed");
});

test("a failure in one suite does not keep the others from running", () => {
  const { status, lines } = run({ "a-broken.json": "{", "oci-digests.json": suite(passing) });
  assert.notEqual(status, 0);
  assert.equal(lines.at(-1), "1 passed, 1 failed");
});

test("a selection runs what it names, and misses what is not there", () => {
  const files = {
    "no-such-suite.json": { suite: "no-such-suite", cases: [passing] },
    "oci-digests.json": suite(passing),
  };
  assert.equal(run(files, "--only", "oci-digests").status, 0);
  assert.notEqual(run(files, "--only", "oci-digests,oci-platforms").status, 0);
  assert.notEqual(run(files, "--only", "").status, 0);
});

test("the folder of fixtures is the parent unless it is given", () => {
  const parent = mkdtempSync(join(tmpdir(), "lading-vectors-"));
  try {
    mkdirSync(join(parent, "vectors"));
    writeFileSync(join(parent, "vectors", "oci-digests.json"), JSON.stringify(suite(passing)));
    assert.equal(runIn(join(parent, "vectors")).status, 0);
    assert.equal(runIn(join(parent, "vectors"), "--base", parent).status, 0);
    assert.notEqual(runIn(join(parent, "vectors"), "--bose", parent).status, 0);
  } finally {
    rmSync(parent, { recursive: true });
  }
});

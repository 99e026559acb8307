import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { test } from "node:test";
import { findViolations } from "./boundaries.ts";

const ROOT = resolve(import.meta.dirname, "../..");

test("no source file crosses a boundary", () => {
  const paths = globSync("src/**/*.ts", { cwd: ROOT }).map((path) => path.replaceAll(sep, "/"));
  const sources = new Map(paths.map((path) => [path, readFileSync(join(ROOT, path), "utf8")]));
  assert.ok(sources.has("src/index.ts") && sources.has("src/core/errors.ts"));
  assert.deepEqual(findViolations(sources), []);
});

/** What reads names of members as they are written, or reads texts in which there can be no wrong ones. */
const NATIVE_JSON = [
  "src/core/native-json.ts",
  // Look at what they got with mayBeMisread.
  "src/admission/body.ts",
  "src/oci/json-value.ts",
  // A text of its own, and a string.
  "src/oci/stores/archive-writer.ts",
  "src/config/node/key-place.ts",
];

test("JSON.parse, which reads some names wrongly, is called nowhere else", () => {
  const paths = globSync("src/**/*.ts", { cwd: ROOT }).map((path) => path.replaceAll(sep, "/"));
  const calls = paths.filter((path) =>
    /\bJSON\.parse\(|\.json\(\)/.test(readFileSync(join(ROOT, path), "utf8")),
  );
  const found = calls.filter((path) => !path.startsWith("src/testing/")).sort();
  assert.deepEqual(found, NATIVE_JSON.toSorted());
});

/** One import in an otherwise empty tree. */
function violations(path: string, text: string): string[] {
  const others = ["core/a", "cri/a", "oci/a", "policy/a", "seccomp/a", "testing/a"];
  return findViolations(new Map([...others.map((name) => [`src/${name}.ts`, ""] as const), [path, text]]));
}

const ALLOWED: [path: string, text: string][] = [
  ["src/index.ts", 'export * from "./core/a.ts";'],
  ["src/core/x.ts", 'import { createHash } from "node:crypto"; import "./a.ts";'],
  ["src/cri/x.ts", 'import * as grpc from "@grpc/grpc-js"; import "@bufbuild/protobuf/codegenv2";'],
  ["src/cri/gen/x/y.ts", 'import "../../../core/a.ts";'],
  ["src/oci/x.ts", 'import { request } from "undici"; import { readFile } from "node:fs/promises";'],
  [
    "src/policy/x.ts",
    'import type { Store } from "../oci/a.ts"; import { X509Certificate } from "node:crypto";',
  ],
  ["src/testing/x.ts", 'import "../cri/a.ts"; import "../policy/a.ts"; import "pkijs";'],
  ["src/core/x.ts", '// import "undici"\nconst text = `import "undici"`;'],
  ["src/oci/x.ts", 'const late = await import("undici");'],
];

const REFUSED: [path: string, text: string][] = [
  ["src/index.ts", 'export * from "./oci/a.ts";'],
  ["src/index.ts", 'import "node:fs";'],
  ["src/core/x.ts", 'import "undici";'],
  ["src/core/x.ts", 'import type { Dispatcher } from "undici";'],
  ["src/core/x.ts", 'type D = import("undici").Dispatcher;'],
  ["src/core/x.ts", 'import { readFile } from "node:fs/promises";'],
  ["src/core/x.ts", 'import "../oci/a.ts";'],
  ["src/core/x.ts", 'export * from "../oci/a.ts";'],
  ["src/core/x.ts", 'const late = await import("../oci/a.ts");'],
  ["src/core/x.ts", "const late = await import(name);"],
  ["src/core/x.ts", "const late = await import(`undici`);"],
  ["src/core/x.ts", "const late = require(name);"],
  ["src/core/x.ts", 'const fs = process.getBuiltinModule("node:fs");'],
  ["src/cri/x.ts", 'import "../oci/a.ts";'],
  ["src/cri/x.ts", 'import "undici";'],
  ["src/oci/x.ts", 'import "../policy/a.ts";'],
  ["src/oci/x.ts", 'import "../seccomp/a.ts";'],
  ["src/oci/x.ts", 'import "@grpc/grpc-js";'],
  ["src/oci/x.ts", 'import { createRequire } from "node:module";'],
  ["src/oci/x.ts", 'import "fs";'],
  ["src/oci/x.ts", 'import "lading";'],
  ["src/oci/x.ts", 'import "undici-types";'],
  ["src/policy/x.ts", 'import "../cri/a.ts";'],
  ["src/policy/x.ts", 'import "../seccomp/a.ts";'],
  ["src/policy/x.ts", 'import "undici";'],
  ["src/policy/x.ts", 'import * as pkijs from "pkijs";'],
  ["src/oci/x.ts", 'import "pkijs";'],
  ["src/testing/x.ts", 'import "undici";'],
  ["src/seccomp/x.ts", 'import "../oci/a.ts";'],
  ["src/seccomp/x.ts", 'import "../testing/a.ts";'],
  ["src/testing/x.ts", 'import "@grpc/grpc-js";'],
  ["src/policy/x.ts", 'import "../testing/a.ts";'],
  ["src/oci/x.ts", 'import "../../test/a.ts";'],
  ["src/oci/x.ts", 'import "../core/missing.ts";'],
  ["src/oci/x.ts", 'import "../core/a.js";'],
  ["src/other/x.ts", ""],
  ["src/other.ts", ""],
];

test("the check lets through what is allowed", async (t) => {
  for (const [path, text] of ALLOWED) {
    await t.test(`${path}: ${text}`, () => assert.deepEqual(violations(path, text), []));
  }
});

test("the check notices each import that is not", async (t) => {
  for (const [path, text] of REFUSED) {
    await t.test(`${path}: ${text}`, () => {
      const found = violations(path, text);
      assert.equal(found.length, 1, found.join("\n"));
      assert.ok(found[0]?.startsWith(`${path}: `), found[0]);
    });
  }
});

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { test } from "node:test";

const ROOT = resolve(import.meta.dirname, "../..");

/** Imports an entry point in a process of its own, and gives the npm packages that were loaded for it. */
const TRACE = `
import { registerHooks } from "node:module";
const packages = new Set();
registerHooks({
  load(url, context, nextLoad) {
    for (const [, name] of url.matchAll(/\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/g)) packages.add(name);
    return nextLoad(url, context);
  },
});
await import(process.argv[1]);
console.log(JSON.stringify([...packages].sort()));
`;

function loadedFor(entry: string): string[] {
  const flags = ["--conditions=lading-source", "--input-type=module", "--no-warnings"];
  const output = execFileSync(process.execPath, [...flags, "--eval", TRACE, entry], {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: "" },
  });
  return JSON.parse(output) as string[];
}

const HEAVY = [
  "@grpc/grpc-js",
  "@bufbuild/protobuf",
  "re2js",
  "ws",
  "yaml",
  "undici",
  "tar-stream",
  "pkijs",
  "asn1js",
];

test("the trace sees a package that is loaded", () => {
  const packages = loadedFor("lading/cri");
  assert.ok(packages.includes("@grpc/grpc-js"), packages.join());
  assert.ok(packages.includes("@bufbuild/protobuf"), packages.join());
});

test("lading loads no package at all", () => {
  assert.deepEqual(loadedFor("lading"), []);
});

/** What policies need now and then only. */
const ON_DEMAND = [
  "openpgp",
  "@sigstore/bundle",
  "@sigstore/protobuf-specs",
  "@sigstore/verify",
  "yaml",
  "re2js",
];

const UNLOADED: [entry: string, packages: readonly string[]][] = [
  ["lading/seccomp", HEAVY],
  ["lading/admission", [...HEAVY, "ajv", "openpgp", "@sigstore/verify"]],
  ["lading/cri", ["undici", "tar-stream", "pkijs", "asn1js", "ajv"]],
  ["lading/oci", ["@grpc/grpc-js", "@bufbuild/protobuf", "ws", "pkijs", "asn1js", "ajv"]],
  ["lading/policy", ["@grpc/grpc-js", "@bufbuild/protobuf", "ws", "pkijs", "asn1js", "ajv", ...ON_DEMAND]],
  ["lading/config", [...HEAVY, ...ON_DEMAND, "ajv", "jose"]],
  ["lading/explain", ["@grpc/grpc-js", "@bufbuild/protobuf", "ws", "pkijs", "asn1js", "ajv", ...ON_DEMAND]],
];

test("no entry point loads what belongs to another", async (t) => {
  for (const [entry, packages] of UNLOADED) {
    await t.test(entry, () => {
      const loaded = loadedFor(entry);
      assert.deepEqual(
        packages.filter((name) => loaded.includes(name)),
        [],
      );
    });
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatCranePlatform,
  parseCranePlatform,
  satisfiesPlatform,
  wantedPlatforms,
} from "../../../src/core/peer-platform.ts";
import type { Platform } from "../../../src/core/platform.ts";

const full: Platform = {
  os: "windows",
  architecture: "amd64",
  variant: "v2",
  "os.version": "10.0.1",
  "os.features": ["a", "b"],
  features: ["c"],
};

test("every field that is asked for must be there as written", () => {
  assert.equal(satisfiesPlatform(full, {}), true);
  assert.equal(satisfiesPlatform(full, full), true);
  assert.equal(satisfiesPlatform(full, { os: "", variant: "", "os.features": [] }), true);
  assert.equal(satisfiesPlatform(full, { "os.features": ["b"] }), true);
  const asked: Partial<Platform>[] = [
    { os: "linux" },
    { os: "Windows" },
    { architecture: "x86_64" },
    { variant: "v1" },
    { "os.version": "10.0.2" },
    { "os.version": "10.0" },
    { "os.features": ["a", "x"] },
    { features: ["d"] },
  ];
  for (const each of asked) assert.equal(satisfiesPlatform(full, each), false, JSON.stringify(each));
  assert.equal(satisfiesPlatform({ os: "linux", architecture: "arm" }, { variant: "v7" }), false);
});

test("the list that containers/image looks for", () => {
  const variants = (architecture: string, variant?: string) =>
    wantedPlatforms({ os: "linux", architecture, variant }).map((each) => each.variant ?? "");
  assert.deepEqual(variants("arm", "v8"), ["v8", "v7", "v6", "v5", ""]);
  assert.deepEqual(variants("arm", "v5"), ["v5", ""]);
  assert.deepEqual(variants("arm", "v4"), ["v4", ""]);
  assert.deepEqual(variants("arm64", "v9"), ["v9", ""]);
  assert.deepEqual(variants("arm64"), ["", "v8"]);
  assert.deepEqual(variants("amd64"), [""]);
  assert.deepEqual(variants("amd64", "v3"), ["v3", ""]);
  assert.deepEqual(wantedPlatforms({ ...full, architecture: "amd64", variant: "" }), [
    { os: "windows", architecture: "amd64" },
  ]);
});

test("crane's text", () => {
  const texts = ["linux", "linux/amd64", "linux/arm/v7", "windows/amd64:10.0.1", "linux/arm/v7:1", "linux:1"];
  for (const text of texts) assert.equal(formatCranePlatform(parseCranePlatform(text)), text);
  assert.deepEqual(parseCranePlatform(" windows/amd64/v2:10.0.1\n"), {
    os: "windows",
    architecture: "amd64",
    variant: "v2",
    "os.version": "10.0.1",
  });
  assert.equal(formatCranePlatform({ architecture: "amd64" }), "");
  assert.equal(formatCranePlatform(full), "windows/amd64/v2:10.0.1");
});

test("what is no text of crane's is refused", () => {
  for (const text of [
    "",
    " ",
    "/",
    "a/",
    "/a",
    "a//b",
    "a/b/c/d",
    "a:",
    "a:1:2",
    ":1",
    "a:1/2",
    "a/".repeat(1e6),
  ]) {
    const refusal = { code: "ERR_PLATFORM_INVALID" };
    assert.throws(() => parseCranePlatform(text), refusal, text.slice(0, 20));
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  cpuVariantFromMachine,
  equalPlatforms,
  formatPlatform,
  formatPlatformFull,
  normalizePlatform,
  type Platform,
  parsePlatform,
} from "../../../src/core/platform.ts";

const amd64: Platform = { os: "linux", architecture: "amd64" };

test("a word on its own takes the rest from the host", () => {
  const arm: Platform = {
    os: "freebsd",
    architecture: "arm",
    variant: "v6",
    "os.version": "14",
    "os.features": ["x"],
  };
  assert.deepEqual(parsePlatform("linux", arm), { os: "linux", architecture: "arm", variant: "v6" });
  assert.deepEqual(parsePlatform("linux", { ...arm, variant: "v7" }), { os: "linux", architecture: "arm" });
  assert.deepEqual(parsePlatform("linux", { ...amd64, variant: "v3" }), amd64);
  assert.deepEqual(parsePlatform("amd64", arm), { os: "freebsd", architecture: "amd64" });
  assert.deepEqual(parsePlatform("windows(1)", arm), {
    os: "windows",
    architecture: "arm",
    variant: "v6",
    "os.version": "1",
  });
});

test("formatting leaves out what is not there", () => {
  assert.equal(formatPlatform({}), "unknown");
  assert.equal(formatPlatformFull({ architecture: "amd64", "os.version": "1" }), "unknown");
  assert.equal(formatPlatform({ os: "linux" }), "linux");
  assert.equal(formatPlatform({ ...amd64, variant: "", "os.version": "1" }), "linux/amd64");
  assert.equal(formatPlatformFull({ ...amd64, "os.version": "", "os.features": ["", ""] }), "linux/amd64");
  const features = Object.freeze(["b", "a"]);
  assert.equal(formatPlatformFull({ ...amd64, "os.features": features }), "linux(+a+b)/amd64");
});

test("normalising changes spelling, not meaning, and not what was given", () => {
  const given: Platform = Object.freeze({
    os: "MacOS",
    architecture: "AArch64",
    variant: "V8",
    "os.version": "",
    "os.features": Object.freeze(["b", "a", "b"]),
    features: Object.freeze(["z", "y"]),
  });
  const normal = normalizePlatform(given);
  assert.deepEqual(normal, {
    os: "darwin",
    architecture: "arm64",
    "os.features": ["a", "b"],
    features: ["z", "y"],
  });
  assert.deepEqual(normalizePlatform(normal), normal);
  assert.deepEqual(normalizePlatform({ os: "", architecture: "" }), { os: "", architecture: "" });
  assert.deepEqual(normalizePlatform({ os: "linux", architecture: "arm" }), {
    os: "linux",
    architecture: "arm",
    variant: "v7",
  });
});

test("every field counts for equality", () => {
  const full: Platform = {
    ...amd64,
    variant: "v2",
    "os.version": "1",
    "os.features": ["a", "b"],
    features: ["c", "d"],
  };
  assert.equal(equalPlatforms(full, { ...full, "os.features": ["b", "a"], features: ["d", "c"] }), true);
  assert.equal(equalPlatforms(amd64, { ...amd64, variant: "", "os.version": "", "os.features": [] }), true);
  const changes: Partial<Platform>[] = [
    { os: "windows" },
    { architecture: "arm64" },
    { variant: "v3" },
    { variant: undefined },
    { "os.version": "2" },
    { "os.version": undefined },
    { "os.features": ["a"] },
    { "os.features": ["a", "a", "b"] },
    { "os.features": undefined },
    { features: ["c", "x"] },
    { features: undefined },
    { os: "Linux" },
  ];
  for (const change of changes) {
    assert.equal(equalPlatforms(full, { ...full, ...change }), false, JSON.stringify(change));
    assert.equal(equalPlatforms({ ...full, ...change }, full), false, JSON.stringify(change));
  }
});

test("a machine name tells the variant of an ARM", () => {
  const known = {
    aarch64: "8",
    AArch64: "8",
    armv8l: "8",
    armv7l: "7",
    armv6: "6",
    armv5tel: "5",
    armv4t: "4",
    armv3: "3",
  };
  for (const [machine, variant] of Object.entries(known))
    assert.equal(cpuVariantFromMachine(machine), variant);
  for (const machine of ["", "arm", "armv", "armv2", "armv9", "armvx", "x86_64", "arm64", "xarmv7"]) {
    assert.throws(() => cpuVariantFromMachine(machine), { code: "ERR_PLATFORM_INVALID" }, machine);
  }
});

test("hostile specifiers are refused quickly", () => {
  const start = performance.now();
  for (const part of ["a", "/", "(", "+", "%41", "a+", "(a"]) {
    for (const text of [
      part.repeat(1e6),
      `linux(${part.repeat(1000)}!`,
      `linux(+${part.repeat(1e6)})/amd64`,
    ]) {
      assert.throws(() => parsePlatform(text, amd64), { code: "ERR_PLATFORM_INVALID" });
    }
  }
  assert.ok(performance.now() - start < 5000);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Platform } from "../../../src/core/platform.ts";
import {
  anyPlatform,
  onlyPlatform,
  onlyPlatformOs,
  onlyPlatformStrict,
  orderedPlatforms,
  type PlatformMatcher,
  sortPlatforms,
  windowsPlatform,
} from "../../../src/core/platform-match.ts";

const amd64: Platform = { os: "linux", architecture: "amd64" };
const arm64: Platform = { os: "linux", architecture: "arm64" };
const i386: Platform = { os: "linux", architecture: "386" };
const windows: Platform = { os: "windows", architecture: "amd64" };

const order = (matcher: PlatformMatcher, candidates: readonly Platform[]) =>
  sortPlatforms(matcher, candidates);

test("both sides are normalised", () => {
  const matcher = onlyPlatformStrict({ os: "Linux", architecture: "x86-64", variant: "v1" });
  assert.equal(matcher.match({ os: "LINUX", architecture: "AMD64", "os.features": [] }), true);
});

test("an ordered list prefers its earlier entries, and takes nothing else", () => {
  const matcher = orderedPlatforms([arm64, amd64]);
  assert.deepEqual(order(matcher, [i386, amd64, arm64]), [arm64, amd64, i386]);
  assert.equal(matcher.match(i386), false);
  assert.equal(orderedPlatforms([]).match(amd64), false);
  assert.deepEqual(order(orderedPlatforms([]), [i386, amd64]), [i386, amd64]);
});

test("any of a list prefers none of its entries", () => {
  const matcher = anyPlatform([arm64, amd64]);
  assert.deepEqual(order(matcher, [i386, amd64, arm64]), [amd64, arm64, i386]);
  assert.equal(anyPlatform([]).match(amd64), false);
});

test("the rule for an operating system leaves the CPU open", () => {
  const host: Platform = { ...windows, "os.version": "10.0.17763", "os.features": ["a"] };
  const matcher = onlyPlatformOs(host);
  const arm: Platform = { os: "windows", architecture: "arm64" };
  assert.equal(matcher.match(arm), true);
  assert.equal(matcher.match({ ...arm, "os.version": "10.0.17763.5" }), true);
  assert.equal(matcher.match({ ...arm, "os.version": "10.0.20348" }), false);
  assert.equal(matcher.match({ ...arm, "os.features": ["b"] }), false);
  assert.equal(matcher.match(amd64), false);
  assert.deepEqual(order(matcher, [amd64, arm, windows]), [windows, arm, amd64]);
});

test("what fits but for its features comes before what does not fit at all", () => {
  const matcher = onlyPlatform(amd64);
  const needy: Platform = { ...amd64, "os.features": ["x"] };
  assert.equal(matcher.match(needy), false);
  assert.deepEqual(order(matcher, [arm64, needy, i386, amd64]), [amd64, i386, needy, arm64]);
});

test("win32k is every Windows host's", () => {
  assert.equal(onlyPlatform(windows).match({ ...windows, "os.features": ["win32k"] }), true);
  assert.equal(onlyPlatform(windows).match({ ...windows, "os.features": ["win32k", "x"] }), false);
  assert.equal(onlyPlatform(amd64).match({ ...amd64, "os.features": ["win32k"] }), false);
});

test("on Windows the greater version is preferred", () => {
  const version = (text: string): Platform => ({ ...windows, "os.version": text });
  const matcher = windowsPlatform(version("10.0.26100.1"));
  const [older, newer, foreign] = [version("10.0.20348.9"), version("10.0.26100.1"), version("10.0.17763")];
  assert.deepEqual(order(matcher, [foreign, windows, older, newer, amd64]), [
    newer,
    older,
    windows,
    foreign,
    amd64,
  ]);
  assert.equal(matcher.match(foreign), false);
  assert.equal(matcher.match({ ...newer, architecture: "arm64" }), false);
});

test("sorting is stable, complete, and leaves the given list alone", () => {
  const tagged = [1, 2, 3, 4].map((id) => ({ ...(id % 2 ? arm64 : amd64), id }));
  const given = Object.freeze([...tagged]);
  assert.deepEqual(
    sortPlatforms(onlyPlatform(amd64), given).map(({ id }) => id),
    [2, 4, 1, 3],
  );
  assert.deepEqual(sortPlatforms(onlyPlatform(amd64), []), []);
});

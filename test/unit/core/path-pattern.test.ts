import assert from "node:assert/strict";
import { test } from "node:test";
import { matchPathPattern } from "../../../src/core/path-pattern.ts";

const CASES: [pattern: string, name: string, covers: boolean][] = [
  ["", "", true],
  ["", "a", false],
  ["a", "", false],
  ["abc", "abc", true],
  ["abc", "abcd", false],
  ["*", "", true],
  ["*", "abc", true],
  ["*", "a/b", false],
  ["**", "a/b", false],
  ["*c", "abc", true],
  ["*c", "abcd", false],
  ["a*", "a", true],
  ["a*/b", "a/b", true],
  ["a*/b", "abc/b", true],
  ["a*/b", "a/c/b", false],
  ["a*b*c", "aXbXbXc", true],
  ["a*b*c", "aXbXbX", false],
  ["a*b?c*x", "abxbbxdbxebxczzx", true],
  ["a*b?c*x", "abxbbxdbxebxczzy", false],
  ["?", "a", true],
  ["?", "", false],
  ["?", "/", false],
  ["?", "é", true],
  ["?", "😀", true],
  ["a?c", "a/c", false],
  ["[abc]", "b", true],
  ["[abc]", "d", false],
  ["[a-c]", "b", true],
  ["[a-c]x", "bx", true],
  ["[^a-c]", "b", false],
  ["[^a-c]", "d", true],
  ["[^a]", "/", true],
  ["[/]", "/", true],
  ["[a-cx-z]", "y", true],
  ["[c-a]", "b", false],
  ["[\\-]", "-", true],
  ["[\\]]", "]", true],
  ["[a\\-c]", "b", false],
  ["[a^]", "^", true],
  ["[α-ω]", "β", true],
  ["[😀]", "😀", true],
  ["a]", "a]", true],
  ["\\*", "*", true],
  ["\\*", "a", false],
  ["\\a", "a", true],
  ["\\\\", "\\", true],
  ["a-b", "a-b", true],
];

test("patterns", async (t) => {
  for (const [pattern, name, covers] of CASES) {
    await t.test(`${pattern} ${covers ? "covers" : "does not cover"} ${JSON.stringify(name)}`, () =>
      assert.equal(matchPathPattern(pattern, name), covers),
    );
  }
});

test("a malformed pattern is an error, also behind a mismatch", () => {
  for (const pattern of [
    "[",
    "[a",
    "[]",
    "[]a]",
    "[-]",
    "[-x]",
    "[x-]",
    "[a-b-c]",
    "[^",
    "[^]",
    "[^bc",
    "a[",
    "\\",
    "a\\",
    "[\\",
  ]) {
    assert.throws(() => matchPathPattern(pattern, "a"), { code: "ERR_PATTERN_INVALID" }, pattern);
    assert.throws(() => matchPathPattern(`zzz${pattern}`, "a"), { code: "ERR_PATTERN_INVALID" }, pattern);
  }
});

test("no pattern takes exponential time, and huge ones are refused", () => {
  const start = performance.now();
  assert.equal(matchPathPattern(`${"a*".repeat(2000)}b`, "a".repeat(4000)), false);
  assert.ok(performance.now() - start < 5000);
  assert.throws(() => matchPathPattern("a".repeat(65_537), "a"), { code: "ERR_PATTERN_INVALID" });
  assert.throws(() => matchPathPattern("a", "a".repeat(65_537)), { code: "ERR_PATTERN_INVALID" });
});

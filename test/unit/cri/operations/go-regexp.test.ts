import assert from "node:assert/strict";
import { test } from "node:test";
import { CriError } from "../../../../src/cri/errors.ts";
import { compileGoRegexp } from "../../../../src/cri/operations/go-regexp.ts";

/** Patterns, texts that match and texts that do not, by the syntax page of Go's package regexp. */
const MATCHES: readonly [pattern: string, matching: readonly string[], other: readonly string[]][] = [
  ["", ["", "x"], []],
  ["web", ["web", "my-web-1"], ["we", "WEB", ""]],
  ["^web$", ["web"], ["web\n", "aweb", "webs"]],
  ["(?m)^web$", ["web", "a\nweb\nb"], ["aweb"]],
  ["a.c", ["abc", "a\rc", "a\u2028c", "a\u{1f6a2}c"], ["a\nc", "ac"]],
  ["(?s)a.c", ["a\nc"], ["ac"]],
  ["^(a|b|)$", ["a", "b", ""], ["ab", "c"]],
  ["^(?:ab)*c?$", ["", "ab", "abab", "c", "ababc"], ["aba", "cc"]],
  ["^a{2,3}$", ["aa", "aaa"], ["a", "aaaa"]],
  ["^a{2}$", ["aa"], ["a", "aaa"]],
  ["^a{2,}$", ["aa", "aaaaaa"], ["a"]],
  ["^a{0}$", [""], ["a"]],
  ["^a{,2}$", ["a{,2}"], ["aa"]],
  ["^a{x$", ["a{x"], ["a"]],
  ["^a+?b*?$", ["a", "aab"], ["b"]],
  ["(?i)^größe$", ["GRÖßE", "Größe"], ["grose"]],
  ["(?i)k", ["K", "\u212a"], ["x"]],
  ["(?i)s", ["S", "\u017f"], ["x"]],
  ["(?i)[^a]", ["b"], ["a", "A"]],
  ["(?i:a)b", ["Ab", "ab"], ["aB"]],
  ["a(?i)b|c", ["aB", "C"], ["AB"]],
  ["(?i)a(?-i)b", ["Ab"], ["AB"]],
  ["^[a-c]+$", ["abc"], ["abd", ""]],
  ["^[^a-c]$", ["d", "\n"], ["a"]],
  ["^[]a]$", ["]", "a"], ["b"]],
  ["^[^]a]$", ["b"], ["]", "a"]],
  ["^[a-]$", ["a", "-"], ["b"]],
  ["^[\\d_.]+$", ["1_2.3"], ["a"]],
  ["^[[:alpha:][:digit:]]+$", ["a1B"], ["-"]],
  ["^[[:^alpha:]]$", ["1"], ["a"]],
  ["^[[:word:]]$", ["_"], ["-"]],
  ["^[[:cntrl:]]$", ["\u0001"], ["a", "\u0085"]],
  ["^\\d\\D$", ["1a"], ["11", "\u0661a"]],
  ["^\\w\\W$", ["a-", "_ "], ["ab", "ä-"]],
  ["^\\s\\S$", ["\ta"], ["\u00a0a", "\va"]],
  ["\\bweb\\b", ["my web 1", "web"], ["web1", "xweb"]],
  ["a\\Bb", ["ab"], ["a b"]],
  ["\\Aweb\\z", ["web"], ["web\n"]],
  ["^\\Qa.b*\\E+$", ["a.b*", "a.b***"], ["axb", "a.ba.b"]],
  ["^\\Qa.b", ["a.bc"], ["axb"]],
  ["^\\x41\\x{1F6A2}\\101\\n\\-\\_$", ["A\u{1f6a2}A\n-_"], ["A"]],
  ["^\\07$", ["\u0007"], ["7"]],
  ["^\\pL\\p{Greek}\\P{Lu}\\p{^Greek}$", ["aαa1", "äβ-_"], ["1αaa", "aaaa"]],
  ["^(?P<name>a)(?<other>b)$", ["ab"], ["a"]],
  ["^\u{1f6a2}?$", ["", "\u{1f6a2}"], ["\u{1f6a2}\u{1f6a2}"]],
  ["^(a*)*$", ["", "aaa"], ["b"]],
  ["^(|a)+$", ["", "aaa"], ["b"]],
  ["(?)a", ["a"], ["b"]],
  ["}]", ["}]"], ["}"]],
];

for (const [pattern, matching, other] of MATCHES) {
  test(`matches of ${JSON.stringify(pattern)}`, () => {
    const matches = compileGoRegexp(pattern);
    for (const text of matching) assert.equal(matches(text), true, JSON.stringify(text));
    for (const text of other) assert.equal(matches(text), false, JSON.stringify(text));
  });
}

const REFUSED = [
  "(",
  ")",
  "a)",
  "(?:a",
  "[a",
  "[",
  "[]",
  "[z-a]",
  "[a-\\d]",
  "[[:nothing:]]",
  "*",
  "+a",
  "?",
  "{2}",
  "a|*",
  "(*a)",
  "a**",
  "a+*",
  "a{2}{3}",
  "a{1001}",
  "a{3,2}",
  "a{99999999999999999999}",
  "\\",
  "\\1",
  "\\8",
  "\\y",
  "\\ä",
  "\\x",
  "\\x4",
  "\\x{}",
  "\\x{110000}",
  "\\p{Nothing}",
  "\\p",
  "(?=a)",
  "(?!a)",
  "(?<=a)",
  "(?<!a)",
  "(?P=a)",
  "(?P<>a)",
  "(?<a",
  "(?x)a",
  "(?i-)a",
  "(?-)a",
  "(?",
];

for (const pattern of REFUSED) {
  test(`no pattern: ${JSON.stringify(pattern)}`, () => {
    assert.throws(
      () => compileGoRegexp(pattern),
      (error) => error instanceof CriError && error.code === "ERR_CRI_QUERY_INVALID",
    );
  });
}

test("a pattern that grows too large is refused, and quickly", () => {
  for (const pattern of ["((((a{100}){100}){100}){100}){100}", "(".repeat(5000) + ")".repeat(5000)]) {
    assert.throws(
      () => compileGoRegexp(pattern),
      (error) => error instanceof CriError && error.code === "ERR_CRI_QUERY_INVALID",
    );
  }
});

test("no pattern is slow where RegExp is", () => {
  const matches = compileGoRegexp("^(a+)+$");
  const started = performance.now();
  assert.equal(matches(`${"a".repeat(20_000)}b`), false);
  assert.ok(performance.now() - started < 5000);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../../src/config/errors.ts";
import { MAX_TOML_LENGTH, parseTomlDocument, type TomlPath } from "../../../src/config/origin.ts";
import { isLadingError } from "../../../src/core/errors.ts";

const TEXT = `# first
a.b . "c d" = 1   # dotted
list = [ "x", # one
  [2, 3],
  { k = '''
y''', l.m = 1979-05-27 07:32:00 },
]
[t."\\u0061\\"]"]
v = """a "quoted\\" = [ text"""
[[many]]
n = true
  [many.sub]
  o = 'p]'
[[many]]
n = false
[t]
'' = {}
__proto__ = 4
`;

function places(path: TomlPath): [key: string, value: string] {
  const document = parseTomlDocument("/f", TEXT);
  const key = document.keyOrigin(path);
  const value = document.valueOrigin(path);
  assert.equal(key?.file, "/f");
  return [`${key?.line}:${key?.column}`, `${value?.line}:${value?.column}`];
}

const PLACES: [path: TomlPath, key: string, value: string][] = [
  [["a"], "2:1", "2:1"],
  [["a", "b"], "2:3", "2:3"],
  [["a", "b", "c d"], "2:7", "2:15"],
  [["list"], "3:1", "3:8"],
  [["list", 0], "3:10", "3:10"],
  [["list", 1], "4:3", "4:3"],
  [["list", 1, 1], "4:7", "4:7"],
  [["list", 2], "5:3", "5:3"],
  [["list", 2, "k"], "5:5", "5:9"],
  [["list", 2, "l"], "6:7", "6:7"],
  [["list", 2, "l", "m"], "6:9", "6:13"],
  [["t"], "16:2", "16:2"],
  [["t", 'a"]'], "8:4", "8:4"],
  [["t", 'a"]', "v"], "9:1", "9:5"],
  [["many"], "10:3", "10:3"],
  [["many", 0], "10:3", "10:3"],
  [["many", 0, "n"], "11:1", "11:5"],
  [["many", 0, "sub"], "12:9", "12:9"],
  [["many", 0, "sub", "o"], "13:3", "13:7"],
  [["many", 1], "14:3", "14:3"],
  [["many", 1, "n"], "15:1", "15:5"],
  [["t", ""], "17:1", "17:6"],
  [["t", "__proto__"], "18:1", "18:13"],
];

for (const [path, key, value] of PLACES) {
  test(`the place of ${JSON.stringify(path)}`, () => assert.deepEqual(places(path), [key, value]));
}

test("what a document does not have has no place", () => {
  const document = parseTomlDocument("/f", TEXT);
  for (const path of [["b"], ["a", "x"], ["list", 3], ["many", 1, "sub"], ["list", "k"], ["a", 0]]) {
    assert.equal(document.keyOrigin(path), undefined, JSON.stringify(path));
    assert.equal(document.valueOrigin(path), undefined, JSON.stringify(path));
  }
});

test("ends of lines may have a carriage return, and a byte order mark may stand in front", () => {
  const document = parseTomlDocument("/f", "\ufeff# c\r\n\r\na = 1\r\n[b]\r\nc = 'd'\r\n");
  assert.deepEqual(document.valueOrigin(["a"]), { file: "/f", line: 3, column: 5 });
  assert.deepEqual(document.valueOrigin(["b", "c"]), { file: "/f", line: 5, column: 5 });
});

test("columns count UTF-16 code units", () => {
  const document = parseTomlDocument("/f", '"😀é" = "ü"');
  assert.deepEqual(document.valueOrigin(["😀é"]), { file: "/f", line: 1, column: 9 });
});

test("a text that is no document is refused with its place", () => {
  assert.throws(
    () => parseTomlDocument("/f", "a = 1\nb = [1,\n\n  ?]\n"),
    (error) => {
      assert.ok(error instanceof ConfigError && isLadingError(error));
      assert.equal(error.code, "ERR_CONFIG_SYNTAX");
      assert.equal(error.origin?.file, "/f");
      assert.equal(error.origin?.line, 4);
      return true;
    },
  );
});

test("a document has a largest length and depth", () => {
  const longest = `#${"x".repeat(MAX_TOML_LENGTH - 1)}`;
  assert.deepEqual(Object.keys(parseTomlDocument("/f", longest).root), []);
  assert.throws(() => parseTomlDocument("/f", `${longest}x`), { code: "ERR_CONFIG_TOO_LARGE" });
  assert.throws(() => parseTomlDocument("/f", `a = ${"[".repeat(5000)}${"]".repeat(5000)}`), {
    code: "ERR_CONFIG_SYNTAX",
  });
});

test("the walk takes time in proportion to the text", () => {
  const parts = 100_000;
  const started = performance.now();
  const document = parseTomlDocument("/f", `${"a.".repeat(parts)}b = 1\n`);
  assert.equal(document.valueOrigin(["a", "a"])?.column, 3);
  const lines = parseTomlDocument("/f", "[[a]]\nb = 1\n".repeat(50_000));
  assert.equal(lines.valueOrigin(["a", 49_999, "b"])?.line, 100_000);
  assert.ok(performance.now() - started < 10_000);
});

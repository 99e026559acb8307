import assert from "node:assert/strict";
import { test } from "node:test";
import { OciError } from "../../../../src/oci/errors.ts";
import { parseToml } from "../../../../src/oci/mirrors/toml.ts";

const RIGHT = [
  "a = 1979-05-27",
  "a = 1979-05-27T07:32:00Z",
  "a = 1979-05-27t07:32:00.999999-07:00 # 1979-",
  "a = 1979-05-27 07:32:00\r\nb = 1\r\n",
  "a = 07:32:00.5",
  "a = [ # 1979-,5-27\n  1979-05-27, # 12:\n  07:32:00,\n]",
  "a = { 1979-b = 1979-05-27, 'c' = [07:32:00] }",
  "1979-a = 1979-05-27",
  "1979-a . 1980-b = 1979-05-27",
  "[1979-]\na = 1979-05-27",
  "[[1979-]]\na = [[1979-05-27], [{ b = 07:32:00 }]]",
  "a = 'x = 1979-,5-27'\nb = 1979-05-27",
  'a = "\\" = 1979-,5-27"\nb = 1979-05-27',
  'a = """\n= 1979-,5-27 \\""" """""\nb = 1979-05-27',
  "a = '''\n= 1979-,5-27 '''''\nb = 1979-05-27",
  "a = 2020-02-29\nb = 0004-02-29\nc = 2000-02-29",
];

for (const text of RIGHT) {
  test(`dates as TOML has them: ${JSON.stringify(text)}`, () => {
    assert.ok(Object.keys(parseToml(text)).length > 0);
  });
}

const WRONG: [text: string, line: number, column: number][] = [
  ["a = 1979-,5-27", 1, 5],
  ["a = 1979- 5-27", 1, 5],
  ["b = 1\na = [ 1979-05-27, # c\n  1979-,5-27 ]", 3, 3],
  ["a = { b = 1, 1979-c = 1979-,5-27 }", 1, 23],
  ["[1979-]\n1979-b = 1979-,5-27", 2, 10],
  ["a = 2021-02-30", 1, 5],
  ["a = 2021-02-29T00:00:00Z", 1, 5],
  ["a = 1900-02-29", 1, 5],
  ["a = 2021-04-31 12:00:00", 1, 5],
];

for (const [text, line, column] of WRONG) {
  test(`what the parser takes for a date and is none: ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parseToml(text),
      (error) => {
        assert.ok(error instanceof OciError);
        assert.equal(error.code, "ERR_OCI_CONFIG_INVALID");
        assert.match(error.message, new RegExp(`^toml syntax in line ${line}: `));
        assert.equal((error.cause as { column?: unknown }).column, column);
        return true;
      },
    );
  });
}

test("a date is found however deep it is", () => {
  assert.throws(() => parseToml(`${"a.".repeat(100_000)}b = [{ c = 1979-,5-27 }]`), {
    code: "ERR_OCI_CONFIG_INVALID",
  });
});

test("a long document with a date is read", () => {
  for (const quotes of ['"""', "'''"]) {
    const text = `a = ${quotes}${"x'\"\\\\ ".repeat(160_000)}${quotes}\nb = 1979-05-27\n`;
    assert.deepEqual(Object.keys(parseToml(text)), ["a", "b"]);
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonText } from "../../../src/core/json-write.ts";
import { type JsonValue, parseJson, toPlain } from "../../../src/core/strict-json.ts";

test("what was read is written again, with every digit of a whole number", () => {
  for (const text of [
    "null",
    "true",
    "-1.5",
    '"\\"\\n\\u0000é😀"',
    "[]",
    "{}",
    "18446744073709551615",
    "-9223372036854775808",
    '{"b":[1,{"a":null}],"a":{"__proto__":9007199254740993}}',
  ]) {
    assert.equal(jsonText(toPlain(parseJson(text))), text);
  }
});

test("members that are undefined are left out, as JSON.stringify does", () => {
  const value = { a: undefined, b: 1, c: { d: undefined } } as unknown as JsonValue;
  assert.equal(jsonText(value), JSON.stringify(value));
});

test("data as deep as the reader lets a text be is written", () => {
  const deep = `${"[".repeat(1000)}${"]".repeat(1000)}`;
  assert.equal(jsonText(toPlain(parseJson(deep))), deep);
});

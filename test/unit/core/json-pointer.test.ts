import assert from "node:assert/strict";
import { test } from "node:test";
import { nearestNode, parseJsonPointer } from "../../../src/core/json-pointer.ts";
import { parseJson, toPlain } from "../../../src/core/strict-json.ts";

test("a pointer is a list of names, with both escapes undone in the right order", () => {
  assert.deepEqual(parseJsonPointer(""), []);
  assert.deepEqual(parseJsonPointer("/"), [""]);
  assert.deepEqual(parseJsonPointer("/a~1b/m~0n/~01/0"), ["a/b", "m~n", "~1", "0"]);
});

test("the value at a path is found, or the nearest one above it", () => {
  const root = parseJson('{"a":[1,{"b":"x"}],"a/b":2,"t":1,"t":3}', { duplicateKeys: "keep" });
  const at = (...path: string[]) => toPlain(nearestNode(root, path));
  assert.equal(at("a", "1", "b"), "x");
  assert.deepEqual(at("a", "1", "c"), at("a", "1"));
  assert.deepEqual(at("a", "7"), at("a"));
  assert.deepEqual(at("a", "1", "b", "deeper"), "x");
  assert.deepEqual(at("missing"), at());
  assert.equal(at("a/b")?.toString(), "2");
  assert.equal(at("t")?.toString(), "3");
});

test("of an object with many members each is found, and of several of one name the last", () => {
  const members = Array.from({ length: 5000 }, (_, at) => `"m${at}":${at}`);
  const root = parseJson(`{"a":{${members.join()},"m7":true,"__proto__":1}}`, { duplicateKeys: "keep" });
  const at = (name: string) => toPlain(nearestNode(root, ["a", name]));
  assert.deepEqual([at("m0")?.toString(), at("m4999")?.toString(), at("m7")], ["0", "4999", true]);
  assert.equal(at("__proto__")?.toString(), "1");
  const whole = nearestNode(root, ["a"]);
  for (const name of ["m5000", "toString", ""]) assert.equal(nearestNode(root, ["a", name]), whole);
});

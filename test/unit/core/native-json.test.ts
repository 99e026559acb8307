import assert from "node:assert/strict";
import { test } from "node:test";
import { mayBeMisread, parseNativeJson } from "../../../src/core/native-json.ts";

/** Has `JSON.parse` see objects after which it reads other names wrongly, where it is one that does. */
function misleadBy(...texts: string[]): void {
  for (const text of texts) JSON.parse(text);
}

test("names with escapes are read as they are written, whatever was read before", () => {
  const cases: [before: string, text: string, expected: object][] = [
    ['{"n1":1,"\\\\":2}', '{"n1":1,"\\u0061":2}', { n1: 1, a: 2 }],
    ['{"n2":1,"\\\\":2}', '{"n2":1,"\\"":2}', { n2: 1, '"': 2 }],
    ['{"n3":1,"\\\\u006":2}', '{"n3":1,"\\u0069mage":2}', { n3: 1, image: 2 }],
    ['{"n4":1,"la\\\\u":2}', '{"n4":1,"la\\u0079e":2}', { n4: 1, laye: 2 }],
    [
      '[[{"n5":1,"\\\\u":2}]]',
      '[[{"n5":1,"é\\n":{"n5":1,"\\n\\n":2}}]]',
      [[{ n5: 1, "é\n": { n5: 1, "\n\n": 2 } }]] as object,
    ],
    ['{"n6":1,"\\\\":2}', '{"n6":1,"\\n":2,"\\\\":3}', { n6: 1, "\n": 2, "\\": 3 }],
  ];
  for (const [before, text, expected] of cases) {
    misleadBy(before, before);
    assert.deepEqual(parseNativeJson(text), expected);
  }
});

test("what is read again is what JSON.parse gives otherwise", () => {
  const text =
    '{"\\\\":1,"big":12345678901234567890,"exponent":1e3,"zero":-0,"tiny":1e-7,"twice":1,"twice":2,"__proto__":{"a":[]},"text":"\\u00e9\\/"}';
  const value = parseNativeJson(text) as Record<string, unknown>;
  assert.equal(mayBeMisread(text, value), true);
  assert.equal(value["big"], Number("12345678901234567890"));
  assert.equal(value["exponent"], 1000);
  assert.ok(Object.is(value["zero"], -0));
  assert.equal(value["twice"], 2);
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.deepEqual(Object.keys(value), [
    "\\",
    "big",
    "exponent",
    "zero",
    "tiny",
    "twice",
    "__proto__",
    "text",
  ]);
  assert.equal(value["text"], "é/");
});

test("only names with a backslash are doubtful", () => {
  const doubtful = (text: string) => mayBeMisread(text, JSON.parse(text));
  assert.equal(doubtful('{"a":"\\n","b\\n":"\\\\","c":[{"d":{"\\"":1}}]}'), false);
  assert.equal(doubtful('[[{"d":{"\\\\":1}}]]'), true);
  assert.equal(doubtful('"\\\\"'), false);
  assert.equal(doubtful("null"), false);
});

test("no depth is too deep, and what is no JSON is refused as JSON.parse refuses it", () => {
  const deep = `${"[".repeat(20_000)}{"\\\\":1}${"]".repeat(20_000)}`;
  let value = parseNativeJson(deep);
  for (let depth = 0; depth < 20_000; depth++) value = (value as unknown[])[0];
  assert.deepEqual(value, { "\\": 1 });
  for (const text of ["", "{", '{"\\x":1}', "[1,]", "nul"]) {
    assert.throws(() => parseNativeJson(text), SyntaxError);
  }
});

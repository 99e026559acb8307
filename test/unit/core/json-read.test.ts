import assert from "node:assert/strict";
import { test } from "node:test";
import type { CoreError } from "../../../src/core/errors.ts";
import {
  booleanOf,
  integerOf,
  items,
  type JsonNode,
  members,
  parseJson,
  readObject,
  stringOf,
} from "../../../src/core/strict-json.ts";

const keep = (text: string): JsonNode => parseJson(text, { duplicateKeys: "keep" });

test("each reader takes its own type alone", () => {
  const readers: [name: string, read: (node: JsonNode) => unknown, fits: readonly string[]][] = [
    ["string", stringOf, ['"x"', '""']],
    ["boolean", booleanOf, ["true", "false"]],
    ["array", items, ["[]", "[1]"]],
    ["object", members, ["{}", '{"a":1}']],
    ["integer", (node) => integerOf(node, 0n, 10n), ["5"]],
  ];
  const all = readers.flatMap(([, , fits]) => fits).concat("null", "1.5");
  for (const [name, read, fits] of readers) {
    for (const text of all) {
      if (fits.includes(text)) read(keep(text));
      else assert.throws(() => read(keep(text)), { code: "ERR_JSON_TYPE" }, `${name} of ${text}`);
    }
  }
});

test("a type error names what is there, shortened, and where", () => {
  assert.throws(
    () => stringOf(items(keep("[1]"))[0] ?? keep("null")),
    (error: CoreError) => error.message === "JSON string expected, got 1" && error.position?.path === "$[0]",
  );
  for (const text of [`"${"x".repeat(1e5)}"`, "1".repeat(1e5)]) {
    assert.throws(
      () => booleanOf(keep(text)),
      (error: Error) => error.message.length < 150,
    );
  }
});

test("whole numbers are exact, within bounds, and only digits", () => {
  const read = (text: string) => integerOf(keep(text), -(2n ** 63n), 2n ** 64n - 1n);
  assert.equal(read("9007199254740993"), 9007199254740993n);
  assert.equal(read("18446744073709551615"), 2n ** 64n - 1n);
  assert.equal(read("-9223372036854775808"), -(2n ** 63n));
  assert.equal(read("-0"), 0n);
  for (const text of [
    "18446744073709551616",
    "-9223372036854775809",
    "1.0",
    "1e3",
    "1E0",
    '"1"',
    "9".repeat(1e6),
  ]) {
    assert.throws(() => read(text), { code: "ERR_JSON_TYPE" }, text.slice(0, 30));
  }
  assert.equal(integerOf(keep("0"), 0n, 0n), 0n);
  assert.throws(() => integerOf(keep("1"), 0n, 0n), { code: "ERR_JSON_TYPE" });
  assert.throws(() => integerOf(keep("-1"), 0n, 5n), { code: "ERR_JSON_TYPE" });
});

test("an object is read member by member in text order", () => {
  const seen: string[] = [];
  const reader = (value: JsonNode) => {
    seen.push(stringOf(value));
  };
  readObject(keep('{"b":"1","a":"2"}'), { a: reader, b: reader, c: reader });
  assert.deepEqual(seen, ["1", "2"]);
});

test("the first problem in the text ends the reading", () => {
  const fail = () => {
    throw new Error("reader");
  };
  const options = { required: ["a"] };
  const cases: [text: string, code: string][] = [
    ['{"a":1,"a":1,"x":1}', "ERR_JSON_DUPLICATE_KEY"],
    ['{"x":1,"x":1}', "ERR_JSON_UNKNOWN_KEY"],
    ['{"x":1,"a":1,"a":1}', "ERR_JSON_UNKNOWN_KEY"],
    ['{"A":1}', "ERR_JSON_UNKNOWN_KEY"],
    ['{"toString":1}', "ERR_JSON_UNKNOWN_KEY"],
    ['{"__proto__":1}', "ERR_JSON_UNKNOWN_KEY"],
    ["{}", "ERR_JSON_MISSING_KEY"],
    ["null", "ERR_JSON_TYPE"],
    ["[]", "ERR_JSON_TYPE"],
  ];
  for (const [text, code] of cases) {
    assert.throws(() => readObject(keep(text), { a: () => {} }, options), { code }, text);
  }
  assert.throws(() => readObject(keep('{"a":1,"x":1}'), { a: fail }, options), /reader/);
});

test("unknown members can be ignored, repeated ones never", () => {
  const options = { unknownKeys: "ignore" } as const;
  readObject(keep('{"x":1,"a":1}'), { a: () => {} }, options);
  assert.throws(() => readObject(keep('{"x":1,"x":1}'), {}, options), { code: "ERR_JSON_DUPLICATE_KEY" });
});

test("the texts that users match on", () => {
  const message = (text: string) => {
    try {
      readObject(keep(text), { a: () => {} }, { required: ["a"] });
    } catch (error) {
      return (error as CoreError).message;
    }
    return "";
  };
  assert.equal(message('{"a":1,"a":1}'), 'Duplicate key "a"');
  assert.equal(message('{"b":1}'), 'Unknown key "b"');
  assert.equal(message("{}"), 'Key "a" missing in a JSON object');
  assert.match(message("1"), /^JSON object expected, got 1/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { CoreError } from "../../../src/core/errors.ts";
import { type JsonNode, parseJson, pathOf, positionOf, toPlain } from "../../../src/core/strict-json.ts";

const plain = (text: string | Uint8Array) => toPlain(parseJson(text));
const bytesOf = (...parts: (string | number[])[]): Uint8Array =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

test("every kind of value, with white space around", () => {
  assert.deepEqual(plain(' \t\r\n{ "a" : [ 1 , -2.5e3 , "x" , true , false , null , { } , [ ] ] } \n'), {
    a: [1, -2500, "x", true, false, null, {}, []],
  });
  for (const [text, value] of [
    ["0", 0],
    ["-0.0", -0],
    ["1E+2", 100],
    ["1e-2", 0.01],
    ['""', ""],
    ["null", null],
    ["true", true],
    ["[]", []],
  ] as const) {
    assert.deepEqual(plain(text), value, text);
  }
});

const SYNTAX = [
  "",
  " ",
  "{",
  "[",
  "}",
  "]",
  "{]",
  "[}",
  "[1,]",
  "[,1]",
  "[1 2]",
  "[1,,2]",
  '{"a":1,}',
  '{,"a":1}',
  '{"a" 1}',
  '{"a":}',
  '{"a"}',
  "{a:1}",
  "{'a':1}",
  "{1:1}",
  '{"a":1 "b":2}',
  "1 2",
  "{} {}",
  "[]x",
  "nul",
  "nulll",
  "True",
  "NaN",
  "Infinity",
  "-Infinity",
  "undefined",
  "01",
  "-01",
  "1.",
  ".1",
  "+1",
  "-",
  "1e",
  "1e+",
  "1.e1",
  "0x10",
  "1_000",
  "1-2",
  "--1",
  '"',
  '"a',
  '"\\"',
  '"\\x"',
  '"\\u12"',
  '"\\u12G4"',
  '"\\U0041"',
  '"a\nb"',
  '"a\tb"',
  '"\0"',
  "'a'",
  "/* c */ 1",
  "1 // c",
  "\ufeff1",
  "\u00a01",
  "1\u2028",
  "\v1",
];

test("anything but one complete value is a syntax error", async (t) => {
  for (const text of SYNTAX) {
    await t.test(JSON.stringify(text), () =>
      assert.throws(() => parseJson(text), { code: "ERR_JSON_SYNTAX" }),
    );
  }
  assert.throws(() => parseJson(bytesOf([0xef, 0xbb, 0xbf], "1")), { code: "ERR_JSON_SYNTAX" });
});

test("a syntax error tells where", () => {
  assert.throws(
    () => parseJson('{\n "é": 1,\n  x}'),
    (error: CoreError) => {
      assert.deepEqual(error.position, { path: "$", offset: 14, line: 3, column: 3 });
      return true;
    },
  );
});

test("a prefix of a text is no text", () => {
  const text = '{"a":[1,"x\\u00e9",{"b":null}],"c":true}';
  for (let end = 0; end < text.length; end++) {
    assert.throws(() => parseJson(text.slice(0, end)), { code: "ERR_JSON_SYNTAX" }, text.slice(0, end));
  }
});

test("escapes", () => {
  assert.equal(
    plain('"\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0041\\u00e9\\u20ac"'),
    '" \\ / \b \f \n \r \t Aé€',
  );
  assert.equal(plain('"\\ud83d\\ude00"'), "😀");
  assert.equal(plain('"\\u0000"'), "\0");
  assert.equal(plain('"é\\n€ 😀 plain"'), "é\n€ 😀 plain");
});

test("each lone surrogate and each byte that is not UTF-8 becomes one replacement character", () => {
  const cases: [input: string | Uint8Array, value: string][] = [
    ['"\\ud83d"', "\ufffd"],
    ['"\\ude00\\ud83d"', "\ufffd\ufffd"],
    ['"\\ud83dx"', "\ufffdx"],
    ['"\\ud83d\\u0041"', "\ufffdA"],
    ['"\\ud83d\\ud83d\\ude00"', "\ufffd😀"],
    [bytesOf('"', [0xff], '"'), "\ufffd"],
    [bytesOf('"', [0xc3], '"'), "\ufffd"],
    [bytesOf('"a', [0xe2, 0x82], 'b"'), "a\ufffd\ufffdb"],
    [bytesOf('"', [0xc0, 0xaf], '"'), "\ufffd\ufffd"],
    [bytesOf('"', [0xe0, 0x80, 0x80], '"'), "\ufffd\ufffd\ufffd"],
    [bytesOf('"', [0xed, 0xa0, 0x80], '"'), "\ufffd\ufffd\ufffd"],
    [bytesOf('"', [0xf4, 0x90, 0x80, 0x80], '"'), "\ufffd\ufffd\ufffd\ufffd"],
    [bytesOf('"', [0xf0, 0x9f, 0x98], '"'), "\ufffd\ufffd\ufffd"],
    [bytesOf('"', [0xf0, 0x9f, 0x98, 0x80], '"'), "😀"],
    [bytesOf('"', [0xf8, 0x88, 0x80, 0x80, 0x80], '"'), "\ufffd".repeat(5)],
    [bytesOf('"', [0xef, 0xbf, 0xbd], '"'), "\ufffd"],
    [bytesOf('"', [0xef, 0xbb, 0xbf], '"'), "\ufeff"],
    [bytesOf('"é', [0x80], '€"'), "é\ufffd€"],
  ];
  for (const [input, value] of cases) assert.equal(plain(input), value, Buffer.from(input).toString("hex"));
  assert.throws(() => parseJson(bytesOf([0xff])), { code: "ERR_JSON_SYNTAX" });
});

test("names are compared after unescaping, and after replacing what is not UTF-8", () => {
  const repeated: (string | Uint8Array)[] = [
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"":1,"":2}',
    '{"x":{"a":1,"b":2,"a":3}}',
    '[{"a":1},{"a":1,"a":1}]',
    '{"__proto__":1,"__proto__":2}',
    bytesOf('{"', [0xff], '":1,"', [0xfe], '":2}'),
  ];
  for (const text of repeated) {
    assert.throws(() => parseJson(text), { code: "ERR_JSON_DUPLICATE_KEY" }, Buffer.from(text).toString());
    parseJson(text, { duplicateKeys: "keep" });
  }
  for (const text of ['{"a":1,"A":2}', '{"a":{"a":{}}}', '{"é":1,"e\\u0301":2}', '[{"a":1},{"a":1}]'])
    parseJson(text);
});

test("a repeated name is found among few members and among many, with its path", () => {
  for (const count of [1, 7, 8, 9, 50]) {
    const members = Array.from({ length: count }, (_, index) => `"k${index}":${index}`);
    parseJson(`{${members.join()}}`);
    for (const again of [0, count - 1]) {
      assert.throws(
        () => parseJson(`{"x":[{${members.join()},"k${again}":1}]}`),
        (error: CoreError) => {
          assert.equal(error.code, "ERR_JSON_DUPLICATE_KEY");
          assert.equal(error.position?.path, `$['x'][0]['k${again}']`);
          assert.equal(error.message, `Duplicate key "k${again}"`);
          return true;
        },
      );
    }
  }
});

test("kept duplicates stay in order; as plain data the last one counts", () => {
  const node = parseJson('{"a":1,"b":2,"a":[3]}', { duplicateKeys: "keep" });
  assert.ok(node.kind === "object");
  assert.deepEqual(
    node.members.map((member) => member.key),
    ["a", "b", "a"],
  );
  assert.deepEqual(toPlain(node), { a: [3], b: 2 });
});

test("whole numbers are exact up to 64 bits", () => {
  assert.equal(plain("9007199254740991"), 9007199254740991);
  assert.equal(plain("9007199254740992"), 9007199254740992n);
  assert.equal(plain("9007199254740993"), 9007199254740993n);
  assert.equal(plain("18446744073709551615"), 2n ** 64n - 1n);
  assert.equal(plain("-9223372036854775808"), -(2n ** 63n));
  assert.equal(plain("18446744073709551616"), 2 ** 64);
  assert.equal(plain("-9223372036854775809"), -(2 ** 63));
  assert.equal(plain("1e3"), 1000);
  assert.equal(plain("18446744073709551616.0"), 2 ** 64);
  assert.equal(plain("1".repeat(100_000)), Number.POSITIVE_INFINITY);
});

test("a member called __proto__ is an ordinary one", () => {
  const value = plain('{"__proto__":{"polluted":true},"constructor":1}') as Record<string, unknown>;
  assert.deepEqual(Object.keys(value), ["__proto__", "constructor"]);
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal((value as { polluted?: boolean }).polluted, undefined);
});

test("members keep the order of the text", () => {
  assert.deepEqual(Object.keys(plain('{"b":{},"a":[],"c":1}') as object), ["b", "a", "c"]);
});

test("depth is limited, and no depth exhausts the stack", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  parseJson(nested(1000));
  assert.throws(() => parseJson(nested(1001)), { code: "ERR_JSON_TOO_DEEP" });
  assert.throws(() => parseJson("[".repeat(1e6)), { code: "ERR_JSON_TOO_DEEP" });
  assert.throws(() => parseJson('{"a":'.repeat(1e5)), { code: "ERR_JSON_TOO_DEEP" });
  assert.throws(() => parseJson("[]", { maxDepth: 0 }), { code: "ERR_JSON_TOO_DEEP" });
  assert.equal(toPlain(parseJson("1", { maxDepth: 0 })), 1);
  const deep = parseJson(nested(300_000), { maxDepth: 300_000 });
  let level = 0;
  for (let value = toPlain(deep); Array.isArray(value) && value.length > 0; value = value[0] ?? null) level++;
  assert.equal(level, 299_999);
});

test("size is limited in bytes", () => {
  assert.equal(plain('"é"'), "é");
  parseJson('"é"', { maxBytes: 4 });
  assert.throws(() => parseJson('"é"', { maxBytes: 3 }), { code: "ERR_TOO_LARGE" });
  assert.throws(() => parseJson(bytesOf('"é"'), { maxBytes: 3 }), { code: "ERR_TOO_LARGE" });
  assert.throws(() => parseJson(" ".repeat(4 * 1024 * 1024 + 1)), { code: "ERR_TOO_LARGE" });
  for (const limit of [-1, 0.5, Number.NaN]) {
    assert.throws(() => parseJson("1", { maxBytes: limit }), RangeError);
    assert.throws(() => parseJson("1", { maxDepth: limit }), RangeError);
  }
});

test("a part of a larger buffer is read as just that part", () => {
  const whole = bytesOf("[1] [2] [3]");
  assert.deepEqual(plain(whole.subarray(4, 7)), [2]);
});

test("hostile texts take linear time", () => {
  const start = performance.now();
  const size = 1e6;
  for (const text of [
    `"${"\\u00e9".repeat(size / 6)}"`,
    `"${"\\ud83d".repeat(size / 6)}"`,
    `[${"1,".repeat(size / 2)}1]`,
    "1".repeat(size),
    `{${Array.from({ length: size / 10 }, (_, index) => `"k${index}":1`).join()}}`,
  ]) {
    toPlain(parseJson(text));
  }
  toPlain(parseJson(Buffer.concat([Buffer.from('"'), Buffer.alloc(size, 0xff), Buffer.from('"')])));
  assert.throws(() => parseJson("\n".repeat(size)), { code: "ERR_JSON_SYNTAX" });
  assert.ok(performance.now() - start < 15_000);
});

test("every node tells its path and place", () => {
  const root = parseJson('{"a":\n [1, {"it\'s \\"x\\"\\n\\\\": null}]}');
  const at = (node: JsonNode | undefined, ...keys: (string | number)[]): JsonNode => {
    let current = node;
    for (const key of keys) {
      if (current?.kind === "array") current = current.items[Number(key)];
      else if (current?.kind === "object")
        current = current.members.find((member) => member.key === key)?.value;
    }
    assert.ok(current);
    return current;
  };
  assert.equal(pathOf(root), "$");
  assert.deepEqual(positionOf(at(root, "a", 0)), { path: "$['a'][0]", offset: 8, line: 2, column: 3 });
  assert.equal(pathOf(at(root, "a", 1, 'it\'s "x"\n\\')), "$['a'][1]['it\\'s \"x\"\\n\\\\']");
});

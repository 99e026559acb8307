import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonValue } from "../../../src/core/strict-json.ts";
import { mismatches } from "../../vectors/match.ts";

const HOLDS: [name: string, expected: JsonValue, actual: unknown][] = [
  ["equal scalars", { a: 1, b: "x", c: true }, { a: 1, b: "x", c: true }],
  ["more in the outcome than listed", { a: { b: 1 } }, { a: { b: 1, c: 2 }, d: 3 }],
  ["more in a map within a list", { a: [{ b: 1 }] }, { a: [{ b: 1, c: 2 }] }],
  ["number and bigint of one value", { a: 5, b: 9007199254740993n }, { a: 5n, b: 9007199254740993n }],
  ["bigint where a number is expected", { a: [1, 2] }, { a: [1n, 2n] }],
  ["null", { a: null }, { a: null }],
  [
    "notes and reasons",
    { a: 1, note: "for people", reason: "why", b: { note: "x", c: 1 } },
    { a: 1, b: { c: 1 } },
  ],
  ["a note on a field", { a: 1, aNote: "for people", b: { c: 1, cNote: "x" } }, { a: 1, b: { c: 1 } }],
  ["some error", { error: true }, { error: "whatever" }],
  ["some error that is true itself", { error: true }, { error: true }],
  ["a named error", { error: "name-empty" }, { error: "name-empty" }],
  ["a part of the message", { errorContains: "not found" }, { message: "key not found here" }],
  ["a part under errorContains", { errorContains: "not found" }, { errorContains: "not found" }],
  ["an allowed error", { next: "x", errorAllowed: true }, { error: "refused" }],
  ["an outcome where an error is allowed", { next: "x", errorAllowed: true }, { next: "x" }],
  ["a list as expectation", [1, ["a"]], [1, ["a"]]],
  ["an empty list", { a: [] }, { a: [] }],
  ["an empty map against a map", { a: {} }, { a: { b: 1 } }],
];

const FAILS: [name: string, expected: JsonValue, actual: unknown, ...paths: string[]][] = [
  ["no outcome", { a: 1 }, undefined, "expect.a"],
  ["a missing field", { a: 1 }, {}, "expect.a"],
  ["another value", { a: 1 }, { a: 2 }, "expect.a"],
  ["a text that looks like the number", { a: 1 }, { a: "1" }, "expect.a"],
  ["zero for false", { a: false }, { a: 0 }, "expect.a"],
  ["nothing for false", { a: false }, {}, "expect.a"],
  ["nothing for null", { a: null }, {}, "expect.a"],
  ["null for nothing", { a: "" }, { a: null }, "expect.a"],
  [
    "bigints that a double would round together",
    { a: 9007199254740993n },
    { a: 9007199254740992 },
    "expect.a",
  ],
  ["a fraction for a bigint", { a: 1.5 }, { a: 1n }, "expect.a"],
  ["NaN", { a: 0 }, { a: Number.NaN }, "expect.a"],
  ["a difference deep down", { a: { b: [{ c: 1 }] } }, { a: { b: [{ c: 2 }] } }, "expect.a.b[0].c"],
  ["a shorter list", { a: [1, 2] }, { a: [1] }, "expect.a"],
  ["a longer list", { a: [1] }, { a: [1, 2] }, "expect.a"],
  ["another order", { a: [1, 2, 1] }, { a: [2, 1, 1] }, "expect.a[0]", "expect.a[1]"],
  ["a list for a map", { a: {} }, { a: [] }, "expect.a"],
  ["a map for a list", { a: [] }, { a: {} }, "expect.a"],
  ["nothing for an empty list", { a: [] }, {}, "expect.a"],
  ["nothing for an empty map", { a: {} }, {}, "expect.a"],
  ["no error", { error: true }, { ok: true }, "expect.error"],
  ["an error that is false", { error: true }, { error: false }, "expect.error"],
  ["an error without a word", { error: true }, { error: "" }, "expect.error"],
  ["another error", { error: "name-empty" }, { error: "name-too-long" }, "expect.error"],
  ["some error for a named one", { error: "name-empty" }, { error: true }, "expect.error"],
  ["another message", { errorContains: "not found" }, { message: "found" }, "expect.errorContains"],
  ["no message", { errorContains: "not found" }, {}, "expect.errorContains"],
  ["an empty text to contain", { errorContains: "" }, { message: "x" }, "expect.errorContains"],
  [
    "another outcome where an error is allowed",
    { next: "x", errorAllowed: true },
    { next: "y" },
    "expect.next",
  ],
  ["a reason deep down", { a: { reason: 1 } }, { a: { reason: 2 } }, "expect.a.reason"],
  ["a field of the prototype", { a: { toString: "x" } }, { a: {} }, "expect.a.toString"],
  ["an empty expectation", {}, { a: 1 }, "expect"],
  ["an expectation of notes alone", { note: "x", reason: "y" }, { a: 1 }, "expect"],
  ["a note on no field", { a: 1, bNote: "x" }, { a: 1 }, "expect.bNote"],
  ["a list as expectation against a map", [1], { 0: 1 }, "expect"],
];

test("an outcome holds when everything listed is there", async (t) => {
  for (const [name, expected, actual] of HOLDS) {
    await t.test(name, () => assert.deepEqual(mismatches(expected, actual), []));
  }
});

test("an outcome fails at the path of the difference", async (t) => {
  for (const [name, expected, actual, ...paths] of FAILS) {
    await t.test(name, () => {
      assert.deepEqual(
        mismatches(expected, actual).map((found) => found.path),
        paths,
      );
    });
  }
});

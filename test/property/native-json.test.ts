import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseJson } from "../../src/core/json-parse.ts";
import { toPlain } from "../../src/core/json-plain.ts";
import { parseNativeJson } from "../../src/core/native-json.ts";
import { property } from "./runs.ts";

test("texts that come one after the other are read as the strict reader reads each", () => {
  // Few names with many beginnings in common: each text changes what the next ones may be taken for.
  const piece = fc.constantFrom("a", "\\u0061", "\\\\", '\\"', "\\n", "u", "0", "6", "\\u00e9", "é", "\\/");
  const name = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(""));
  const { value } = fc.letrec<{ value: string }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3, depthSize: "small" },
      fc.constantFrom("1", '"\\\\"', "null"),
      fc.array(tie("value"), { maxLength: 3 }).map((items) => `[${items.join()}]`),
      fc
        .array(fc.tuple(name, tie("value")), { minLength: 1, maxLength: 4 })
        .map((members) => `{${members.map(([key, part]) => `"${key}":${part}`).join()}}`),
    ),
  }));
  fc.assert(
    fc.property(value, (text) => {
      assert.deepEqual(parseNativeJson(text), toPlain(parseJson(text, { duplicateKeys: "keep" })));
    }),
    property,
  );
});

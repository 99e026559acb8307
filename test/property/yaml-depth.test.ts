import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Lexer, Parser } from "yaml";
import { isYamlDeeper } from "../../src/core/yaml-depth.ts";
import { property } from "./runs.ts";

const library = { Lexer, Parser };

test("the depth of collections in each other is told, closed or not", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.constantFrom(["[", "]"], ["{a: ", "}"], ["- ", ""], ["? ", ""]),
      (depth, [open = "", end = ""]) => {
        for (const text of [`${open.repeat(depth)}x${end.repeat(depth)}`, open.repeat(depth)]) {
          assert.equal(isYamlDeeper(library, text, depth), false, text);
          assert.equal(isYamlDeeper(library, text, depth - 1), true, text);
        }
      },
    ),
    property,
  );
});

test("of any text something is told, and brackets that close nothing are too much", () => {
  const part = fc.constantFrom(
    "[",
    "]",
    "{",
    "}",
    "- ",
    "a: ",
    "\n",
    "  ",
    "'",
    '"',
    "|\n",
    "---\n",
    "#",
    "&a ",
    "*a",
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 60 }), (parts) => {
      const text = parts.join("");
      assert.equal(typeof isYamlDeeper(library, text, 5), "boolean");
      assert.equal(isYamlDeeper(library, text, 200), isYamlDeeper(library, text, 1e6));
    }),
    property,
  );
  assert.equal(isYamlDeeper(library, "]", 50), true);
  assert.equal(isYamlDeeper(library, "a: b]", 50), false);
});

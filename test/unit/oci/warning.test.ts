import assert from "node:assert/strict";
import { test } from "node:test";
import { parseWarning } from "../../../src/oci/warning.ts";

test("the text is unescaped, percent-decoded once and read as UTF-8", () => {
  const line = Buffer.from('299 - "a\\"b %2541 ž"', "utf8").toString("latin1");
  assert.equal(parseWarning(line)?.text, 'a"b %41 ž');
});

test("control characters in any disguise void the warning", () => {
  for (const text of ["a\nb", "a\\\nb", "a%0Ab", "a%22b", "a%7fb", "a\x7fb", "a%1b[31mb"]) {
    assert.equal(parseWarning(`299 - "${text}"`), undefined, JSON.stringify(text));
  }
  assert.equal(parseWarning('299 - "a\tb"')?.text, "a\tb");
});

test("a text over 4096 bytes is dropped", () => {
  assert.equal(parseWarning(`299 - "${"a".repeat(4096)}"`)?.bytes.byteLength, 4096);
  assert.equal(parseWarning(`299 - "${"a".repeat(4097)}"`), undefined);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { CoreError } from "../../src/core/errors.ts";
import { familiarReference, formatReference, parseReference } from "../../src/core/reference.ts";
import { ACCEPTED, REFUSED } from "./references.ts";

test("texts that denote references", async (t) => {
  for (const { text, full, familiar, ...reference } of ACCEPTED) {
    await t.test(text, () => {
      const parsed = parseReference(text);
      assert.deepEqual(parsed, reference);
      assert.equal(formatReference(parsed), full ?? text);
      assert.equal(familiarReference(parsed), familiar);
      assert.deepEqual(parseReference(formatReference(parsed)), parsed);
    });
  }
});

test("texts that denote none", async (t) => {
  for (const [text, message] of REFUSED) {
    await t.test(JSON.stringify(text.slice(0, 80)), () => {
      assert.throws(
        () => parseReference(text),
        (error: CoreError) => {
          assert.equal(error.code, "ERR_REFERENCE_INVALID");
          assert.ok(error.message.startsWith(message), error.message);
          assert.equal(error.input, text.slice(0, 256));
          return true;
        },
      );
    });
  }
});

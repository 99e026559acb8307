import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTokenAnswer } from "../../../src/oci/token-answer.ts";

const invalid = { code: "ERR_OCI_TOKEN_INVALID" };

test("an expiry that is none becomes the default of a minute", () => {
  for (const text of ["0", "-5", "1e999", '"300"', "null"]) {
    assert.equal(parseTokenAnswer(`{"token":"t","expires_in":${text}}`).expiresInSeconds, 60, text);
  }
  assert.equal(parseTokenAnswer('{"token":"t","expires_in":300}').expiresInSeconds, 300);
});

test("an empty access_token gives way to token", () => {
  assert.equal(parseTokenAnswer('{"access_token":"","token":"t"}').token, "t");
});

test("a token that would break out of its header is refused, and not shown", () => {
  for (const token of ["a\\r\\nX: y", "a b", "é", "\\u0000"]) {
    assert.throws(
      () => parseTokenAnswer(`{"token":"secret${token}"}`),
      (error: Error & { code?: string }) =>
        error.code === invalid.code && !error.message.includes("secret") && error.cause === undefined,
    );
  }
});

test("no JSON, no object, no text: no token", () => {
  for (const text of ["", "null", "[]", '"t"', '{"token":1}', '{"token":"a","token":"b"}', "<html>"]) {
    assert.throws(() => parseTokenAnswer(text), invalid, text);
  }
});

test("an answer over one mebibyte is refused", () => {
  assert.throws(() => parseTokenAnswer(`{"token":"${"a".repeat(1024 * 1024)}"}`), invalid);
});

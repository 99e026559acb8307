import assert from "node:assert/strict";
import { test } from "node:test";
import { CoreError } from "../../../src/core/errors.ts";
import { messageOf } from "../../../src/core/message-of.ts";

test("whatever is thrown has a message, also what cannot become a text", () => {
  const hostile = new Error("below");
  Object.defineProperty(hostile, "message", {
    get: () => {
      throw new Error("no");
    },
  });
  for (const [thrown, message] of [
    [new CoreError("ERR_TOO_LARGE", "too large"), "too large"],
    ["text", "text"],
    [undefined, "undefined"],
    [Symbol("s"), "Symbol(s)"],
    [Object.assign(new Error("below"), { message: Symbol("s") }), "Symbol(s)"],
    [Object.create(null), "a value without a text was thrown"],
    [{ toString: () => assert.fail() }, "a value without a text was thrown"],
    [hostile, "a value without a text was thrown"],
  ] as const) {
    assert.equal(messageOf(thrown), message);
  }
});

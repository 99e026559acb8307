import assert from "node:assert/strict";
import { test } from "node:test";
import { CoreError, isLadingError, LadingError } from "../../../src/core/errors.ts";

test("an error carries its code, name, cause and position", () => {
  const cause = new TypeError("below");
  const position = { path: "$['a']", offset: 5, line: 1, column: 6 };
  const error = new CoreError("ERR_JSON_TYPE", "no", { cause, position });
  assert.ok(error instanceof LadingError && error instanceof Error);
  assert.equal(error.name, "CoreError");
  assert.equal(error.code, "ERR_JSON_TYPE");
  assert.equal(error.cause, cause);
  assert.deepEqual(error.position, position);
  assert.match(error.stack ?? "", /^CoreError: no/);
});

test("what was not given is absent, not undefined", () => {
  const error = new CoreError("ERR_TOO_LARGE", "no");
  assert.equal("cause" in error, false);
  assert.equal("position" in error, false);
  assert.equal("input" in error, false);
  assert.equal("cause" in new CoreError("ERR_TOO_LARGE", "no", { cause: undefined }), true);
});

test("a refused text is kept up to 256 characters", () => {
  assert.equal(new CoreError("ERR_REFERENCE_INVALID", "no", { input: "" }).input, "");
  assert.equal(new CoreError("ERR_REFERENCE_INVALID", "no", { input: "x".repeat(1000) }).input?.length, 256);
});

test("the guard knows errors of another copy of the package, and nothing else", () => {
  class OtherCopy extends Error {
    readonly code = "ERR_TOO_LARGE";
  }
  const foreign = new OtherCopy("no");
  assert.equal(isLadingError(foreign), false);
  Object.defineProperty(foreign, Symbol.for("lading.error"), { value: true });
  assert.equal(isLadingError(foreign), true);
  assert.equal(isLadingError(new CoreError("ERR_TOO_LARGE", "no")), true);
  for (const value of [
    undefined,
    null,
    1,
    "x",
    {},
    new Error("no"),
    { [Symbol.for("lading.error")]: true },
  ]) {
    assert.equal(isLadingError(value), false);
  }
});

test("the mark of the package does not show when an error is listed", () => {
  assert.deepEqual(Object.keys(new CoreError("ERR_TOO_LARGE", "no")), ["name", "code"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { reviewSignal } from "../../../src/admission/review-signal.ts";

test("the signal of a review is one, and aborts with the first reason", () => {
  const work = reviewSignal();
  const { signal } = work.options;
  assert.equal(work.options.signal, signal);
  assert.equal(signal.aborted, false);
  work.abort("first");
  work.abort("second");
  assert.equal(signal.reason, "first");
});

test("a signal that is asked for after the end is aborted", () => {
  const work = reviewSignal();
  work.abort("first");
  work.abort("second");
  assert.equal(work.options.signal.aborted, true);
  assert.equal(work.options.signal.reason, "first");
});

test("reviews do not share a signal", () => {
  const [one, other] = [reviewSignal(), reviewSignal()];
  one.abort("over");
  assert.notEqual(one.options.signal, other.options.signal);
  assert.equal(other.options.signal.aborted, false);
  assert.equal(reviewSignal().options.signal.aborted, false);
});

test("a copy of what a check is given has the signal", () => {
  const work = reviewSignal();
  const copy = { ...work.options, more: 1 };
  assert.equal(copy.signal, work.options.signal);
  work.abort("over");
  assert.equal(copy.signal.reason, "over");
  assert.deepEqual(Object.keys(work.options), ["signal"]);
});

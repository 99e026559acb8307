import assert from "node:assert/strict";
import { test } from "node:test";
import { reviewSignal } from "../../../src/admission/review-signal.ts";

test("the signal of a review is one, and aborts with the first reason", () => {
  const work = reviewSignal();
  const { signal } = work;
  assert.equal(work.signal, signal);
  assert.equal(signal.aborted, false);
  work.abort("first");
  work.abort("second");
  assert.equal(signal.reason, "first");
});

test("a signal that is asked for after the end is aborted", () => {
  const work = reviewSignal();
  work.abort("first");
  work.abort("second");
  assert.equal(work.signal.aborted, true);
  assert.equal(work.signal.reason, "first");
});

test("reviews do not share a signal", () => {
  const [one, other] = [reviewSignal(), reviewSignal()];
  one.abort("over");
  assert.notEqual(one.signal, other.signal);
  assert.equal(other.signal.aborted, false);
  assert.equal(reviewSignal().signal.aborted, false);
});

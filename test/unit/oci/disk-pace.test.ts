import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createDiskPace } from "../../../src/oci/disk-pace.ts";

/** Tells the pace of a disk of which every call takes so many milliseconds. */
function paceOf(took: readonly number[], t: TestContext): boolean {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const pace = createDiskPace();
  for (const [index, time] of took.entries()) {
    const made = pace.measure(() => {
      now += time;
      return index;
    });
    assert.equal(made, index);
  }
  return pace.isSlow;
}

const times = (slow: number, all: number): number[] =>
  Array.from({ length: all }, (_, index) => (index < slow ? 0.2 : 0.1));

test("a disk counts as fast until enough files were made", (t) => {
  assert.equal(paceOf([], t), false);
  assert.equal(paceOf(times(31, 31), t), false);
  assert.equal(paceOf(times(32, 32), t), true);
});

test("a disk is slow where most files are, and fast where a few of a busy machine are", (t) => {
  assert.equal(paceOf(times(24, 32), t), false);
  assert.equal(paceOf(times(25, 32), t), true);
});

test("a disk that becomes slow later is noticed, and what it was before does not count", (t) => {
  assert.equal(paceOf([...times(0, 320), ...times(32, 32)], t), true);
  assert.equal(paceOf([...times(24, 32), ...times(24, 32)], t), false);
});

test("a call that fails is not measured, and its error comes out", () => {
  const pace = createDiskPace();
  const error = new Error("refused");
  assert.throws(
    () =>
      pace.measure(() => {
        throw error;
      }),
    (thrown) => thrown === error,
  );
});

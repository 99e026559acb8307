import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { abortableStream, delay, joinSignals, raceSignal } from "../../../src/core/signal.ts";

const never = new Promise<never>(() => {});

/** A source that records whether it was released, and hangs before the value at `hangAt`. */
function source(values: readonly number[], hangAt = Number.POSITIVE_INFINITY) {
  const state = { released: 0, asked: 0 };
  const iterable: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next() {
        const at = state.asked++;
        if (at >= hangAt) return never;
        const value = values[at];
        return Promise.resolve(
          value === undefined ? { done: true, value: undefined } : { done: false, value },
        );
      },
      return() {
        state.released++;
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  return { iterable, state };
}

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of stream) values.push(value);
  return values;
}

test("no signal joins to none, one to itself", () => {
  const { signal } = new AbortController();
  assert.equal(joinSignals(), undefined);
  assert.equal(joinSignals(undefined, undefined), undefined);
  assert.equal(joinSignals(undefined, signal), signal);
});

test("joined signals abort with the reason of the one that does", () => {
  const [a, b] = [new AbortController(), new AbortController()];
  const joined = joinSignals(a.signal, undefined, b.signal);
  const reason = { why: "b" };
  assert.equal(joined?.aborted, false);
  b.abort(reason);
  assert.equal(joined?.aborted, true);
  assert.equal(joined?.reason, reason);
  a.abort("later");
  assert.equal(joined?.reason, reason);
});

test("a race settles as its promise does", async () => {
  const { signal } = new AbortController();
  assert.equal(await raceSignal(Promise.resolve(1), undefined), 1);
  assert.equal(await raceSignal(Promise.resolve(1), signal), 1);
  const error = new Error("own");
  await assert.rejects(raceSignal(Promise.reject(error), signal), (caught) => caught === error);
});

test("an abort before, during and after a race", async () => {
  const reason = { why: "test" };
  await assert.rejects(raceSignal(never, AbortSignal.abort(reason)), (caught) => caught === reason);
  const before = raceSignal(Promise.resolve(1), AbortSignal.abort(reason));
  await assert.rejects(before, (caught) => caught === reason);
  const during = new AbortController();
  const waiting = raceSignal(never, during.signal);
  during.abort(reason);
  await assert.rejects(waiting, (caught) => caught === reason);
  const after = new AbortController();
  assert.equal(await raceSignal(Promise.resolve(1), after.signal), 1);
  after.abort(reason);
});

test("the late error of abandoned work is nobody's unhandled rejection", async () => {
  let fail: (error: Error) => void = () => {};
  const work = new Promise<never>((_, reject) => {
    fail = reject;
  });
  await assert.rejects(raceSignal(work, AbortSignal.abort("stop")));
  fail(new Error("late"));
  await setImmediate();
});

test("a delay ends in time, and at an abort with its reason", async () => {
  await delay(1);
  const reason = new Error("stop");
  await assert.rejects(delay(60_000, { signal: AbortSignal.abort(reason) }), (caught) => caught === reason);
  const controller = new AbortController();
  const waiting = delay(60_000, controller);
  controller.abort(reason);
  await assert.rejects(waiting, (caught) => caught === reason);
});

test("an abortable stream passes everything on", async () => {
  const plain = source([1, 2, 3]);
  assert.deepEqual(await collect(abortableStream(plain.iterable, undefined)), [1, 2, 3]);
  const watched = source([1, 2, 3]);
  assert.deepEqual(await collect(abortableStream(watched.iterable, new AbortController().signal)), [1, 2, 3]);
  assert.equal(watched.state.released, 0, "a source that ended needs no release");
});

test("nothing is asked of a source before the first value is, or after an abort", async () => {
  const lazy = source([1]);
  const stream = abortableStream(lazy.iterable, AbortSignal.abort("stop"));
  assert.equal(lazy.state.asked, 0);
  await assert.rejects(collect(stream), (caught) => caught === "stop");
  assert.equal(lazy.state.asked, 0);
});

test("an abort ends the wait for a source that hangs, and tells it to stop", async () => {
  const hanging = source([1, 2], 1);
  const controller = new AbortController();
  const seen: number[] = [];
  const reading = (async () => {
    for await (const value of abortableStream(hanging.iterable, controller.signal)) seen.push(value);
  })();
  await setImmediate();
  controller.abort("stop");
  await assert.rejects(reading, (caught) => caught === "stop");
  assert.deepEqual(seen, [1]);
  assert.equal(hanging.state.released, 1);
});

test("an abort between values ends the stream before the next", async () => {
  const ready = source([1, 2, 3]);
  const controller = new AbortController();
  const seen: number[] = [];
  await assert.rejects(
    (async () => {
      for await (const value of abortableStream(ready.iterable, controller.signal)) {
        seen.push(value);
        controller.abort("stop");
      }
    })(),
    (caught) => caught === "stop",
  );
  assert.deepEqual(seen, [1]);
  assert.equal(ready.state.released, 1);
});

test("an early break and a throw in the loop release the source", async () => {
  const left = source([1, 2]);
  for await (const _ of abortableStream(left.iterable, undefined)) break;
  assert.equal(left.state.released, 1);
  const thrown = source([1, 2]);
  await assert.rejects(async () => {
    for await (const _ of abortableStream(thrown.iterable, undefined)) throw new Error("own");
  }, /own/);
  assert.equal(thrown.state.released, 1);
});

test("a source that fails passes its error on and is not released again", async () => {
  const error = new Error("source");
  const state = { released: 0 };
  const failing: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.reject(error),
      return() {
        state.released++;
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
  const { signal } = new AbortController();
  await assert.rejects(collect(abortableStream(failing, signal)), (caught) => caught === error);
  assert.equal(state.released, 0);
});

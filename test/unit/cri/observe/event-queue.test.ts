import assert from "node:assert/strict";
import { test } from "node:test";
import { openEventQueue } from "../../../../src/cri/observe/event-queue.ts";
import { turn } from "./scripted-runtime.ts";

const delay = () => new Promise<void>(() => {});

/** A queue over these texts, whose sizes are their lengths. */
async function queueOf(texts: readonly string[], limits: { maxEvents?: number; maxBytes?: number } = {}) {
  const source = (async function* () {
    yield* texts;
  })();
  const options = { maxEvents: 100, maxBytes: 100, sizeOf: ({ length }: string) => length, now: () => 7 };
  const queue = openEventQueue(source, { ...options, ...limits });
  for (let turns = 0; turns < 5; turns++) await turn();
  return queue;
}

test("events wait in order, and the end comes after them", async () => {
  const queue = await queueOf(["a", "b"]);
  assert.deepEqual(queue.waiting, ["a", "b"]);
  assert.equal(queue.ended, undefined);
  assert.deepEqual([queue.shift(), queue.shift(), queue.shift()], ["a", "b", undefined]);
  assert.deepEqual(queue.ended, { at: 7 });
  await queue.wait({ delay });
  await queue.close();
});

test("too many of them are dropped, all at once", async () => {
  const queue = await queueOf(["a", "b", "c", "d"], { maxEvents: 2 });
  assert.deepEqual([queue.dropped, queue.received, queue.shift()], [4, 4, undefined]);
  assert.equal(queue.ended, undefined);
  assert.equal(queue.reset(), 4);
  assert.ok(queue.ended);
});

test("too much of them is dropped, but one alone may be of any size", async () => {
  assert.equal((await queueOf(["x".repeat(101)])).dropped, 0);
  assert.equal((await queueOf(["x".repeat(60), "y".repeat(40)])).dropped, 0);
  assert.equal((await queueOf(["x".repeat(60), "y".repeat(41)])).dropped, 2);
});

test("what was taken does not count any more", async () => {
  let send: (text: string | undefined) => void = () => {};
  const source = (async function* () {
    for (;;) {
      const text = await new Promise<string | undefined>((resolve) => {
        send = resolve;
      });
      if (text === undefined) return;
      yield text;
    }
  })();
  const sizeOf = ({ length }: string) => length;
  const queue = openEventQueue(source, { maxEvents: 9, maxBytes: 10, sizeOf, now: () => 0 });
  for (const text of ["12345678", "abcdefgh", "ABCDEFGH"]) {
    await turn();
    send(text);
    await queue.wait({ delay });
    assert.equal(queue.shift(), text);
  }
  await turn();
  send(undefined);
  await queue.wait({ delay });
  assert.deepEqual([queue.dropped, queue.received], [0, 3]);
  await queue.close();
});

test("a wait ends with the time, and with the reason of an abort", async () => {
  const source = {
    next: () => new Promise<IteratorResult<string, void>>(() => {}),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
  const queue = openEventQueue(source, { maxEvents: 1, maxBytes: 1, sizeOf: () => 1, now: () => 0 });
  await queue.wait({ ms: 5, delay: async (ms) => assert.equal(ms, 5) });
  const reason = new Error("enough");
  const isReason = (error: unknown) => error === reason;
  await assert.rejects(queue.wait({ delay, signal: AbortSignal.abort(reason) }), isReason);
  const controller = new AbortController();
  const waiting = queue.wait({ ms: 5, delay, signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(waiting, isReason);
});

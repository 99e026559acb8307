import assert from "node:assert/strict";
import { test } from "node:test";
import { createLatest } from "../../../../src/testing/streaming/latest.ts";
import { createPipe } from "../../../../src/testing/streaming/pipe.ts";

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const value of values) read.push(value);
  return read;
}

test("what is written waits until it is read, in order", async () => {
  const pipe = createPipe<number>();
  let taken = false;
  const first = pipe.write(1).then((value) => {
    taken = value;
  });
  const second = pipe.write(2);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(taken, false);
  pipe.end();
  assert.deepEqual(await all(pipe.values), [1, 2]);
  await first;
  assert.equal(taken, true);
  assert.equal(await second, true);
});

test("a reader that waits gets what is written, and the end", async () => {
  const pipe = createPipe<number>();
  const reading = all(pipe.values);
  assert.equal(await pipe.write(1), true);
  pipe.end();
  pipe.end();
  assert.deepEqual(await reading, [1]);
});

test("an end that drops lets writers go and keeps nothing", async () => {
  const pipe = createPipe<number>();
  const waiting = pipe.write(1);
  pipe.end({ drop: true });
  assert.equal(await waiting, false);
  assert.equal(await pipe.write(2), false);
  assert.deepEqual(await all(pipe.values), []);
});

test("leaving the loop ends the pipe", async () => {
  const pipe = createPipe<number>();
  const writes = [pipe.write(1), pipe.write(2)];
  for await (const value of pipe.values) {
    assert.equal(value, 1);
    break;
  }
  assert.deepEqual(await Promise.all(writes), [true, false]);
});

test("of a value that changes only the newest is read, the last one also after the end", async () => {
  const latest = createLatest<number>();
  latest.set(1);
  latest.set(2);
  const reader = latest.values[Symbol.asyncIterator]();
  assert.deepEqual(await reader.next(), { done: false, value: 2 });
  const next = reader.next();
  latest.set(3);
  assert.deepEqual(await next, { done: false, value: 3 });
  latest.set(4);
  latest.end();
  latest.set(5);
  assert.deepEqual(await reader.next(), { done: false, value: 4 });
  assert.deepEqual(await reader.next(), { done: true, value: undefined });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { paced } from "../../../src/oci/body-pace.ts";

/** A body whose chunks come after so many milliseconds each, on a clock that moves by nothing else. */
function script(...chunks: [waitMs: number, bytes: number][]) {
  let time = 0;
  let released = false;
  const body = async function* () {
    try {
      for (const [wait, bytes] of chunks) {
        time += wait;
        yield new Uint8Array(bytes);
      }
    } finally {
      released = true;
    }
  };
  return {
    body: body(),
    now: () => time,
    pass: (ms: number) => {
      time += ms;
    },
    isReleased: () => released,
  };
}

const pace = { minBytesPerSecond: 100, windowMs: 1000 };

async function lengthOf(stream: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const chunk of stream) length += chunk.byteLength;
  return length;
}

test("a body at the pace comes whole, also where it comes in bursts", async () => {
  const cases: [number, number][][] = [
    [],
    [[0, 5]],
    [
      [900, 0],
      [99, 1],
    ],
    [[1000, 100]],
    [
      [500, 0],
      [500, 100],
      [999, 1],
      [1, 100],
    ],
    Array.from({ length: 50 }, () => [100, 10]),
  ];
  for (const chunks of cases) {
    const { body, now } = script(...chunks);
    const expected = chunks.reduce((sum, [, bytes]) => sum + bytes, 0);
    assert.equal(await lengthOf(paced(body, pace, now)), expected);
  }
});

test("a slower one fails as soon as its time is over, and is released", async () => {
  const cases: [number, number][][] = [
    [[1000, 99]],
    [[20_000, 1]],
    [
      [400, 1],
      [400, 1],
      [400, 1],
    ],
    // Each window counts by itself: a fast beginning does not pay for what drips after it.
    [
      [0, 1_000_000],
      [1000, 1],
      [1000, 1],
    ],
  ];
  for (const chunks of cases) {
    const { body, now, isReleased } = script(...chunks, [0, 1]);
    await assert.rejects(lengthOf(paced(body, pace, now)), { code: "ETIMEDOUT" }, JSON.stringify(chunks));
    assert.ok(isReleased());
  }
});

test("the time that a reader takes does not count", async () => {
  const { body, now, pass } = script(...Array.from({ length: 30 }, (): [number, number] => [10, 1]));
  let chunks = 0;
  for await (const _ of paced(body, pace, now)) {
    pass(60_000);
    chunks++;
  }
  assert.equal(chunks, 30);
});

test("leaving early releases the body, and its own failure comes out", async () => {
  const early = script([0, 1], [0, 1]);
  for await (const _ of paced(early.body, pace, early.now)) break;
  assert.ok(early.isReleased());
  const failure = new Error("broken");
  const failing = async function* () {
    yield new Uint8Array(1);
    throw failure;
  };
  await assert.rejects(lengthOf(paced(failing(), pace)), (error) => error === failure);
});

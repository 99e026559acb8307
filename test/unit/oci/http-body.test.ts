import assert from "node:assert/strict";
import { test } from "node:test";
import { createBody } from "../../../src/oci/http-body.ts";

const MEBIBYTE = 1024 * 1024;

/** A body with a record of what it asks of its connection. */
function setUp(declaredLength?: number) {
  const calls: string[] = [];
  const feed = createBody({
    declaredLength,
    pause: () => calls.push("pause"),
    resume: () => calls.push("resume"),
    leave: () => calls.push("leave"),
  });
  feed.body.onClose(() => calls.push("closed"));
  return { ...feed, calls, iterator: feed.body[Symbol.asyncIterator]() };
}

/** Bytes that differ from place to place. */
function pattern(length: number, from = 0): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => (from + at) % 251));
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return pieces;
}

test("small chunks come out as large pieces, whether a length is declared, is too small, or is not there", async (t) => {
  // However long a turn takes, the time for gathering is not over.
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const content = pattern(2.5 * MEBIBYTE);
  for (const declared of [content.length, 1000, 0, undefined]) {
    const { body, add, end, calls } = setUp(declared);
    const reading = collect(body);
    for (let at = 0; at < content.length; at += 60_000) {
      add(content.subarray(at, at + 60_000));
      // A turn for the reader.
      await new Promise(setImmediate);
    }
    end();
    const pieces = await reading;
    assert.deepEqual(Buffer.concat(pieces), content, String(declared));
    assert.ok(pieces.every(({ byteLength }) => byteLength <= MEBIBYTE));
    if (declared === content.length) {
      assert.deepEqual(
        pieces.map(({ byteLength }) => byteLength),
        [MEBIBYTE, MEBIBYTE, MEBIBYTE / 2],
      );
    }
    assert.deepEqual(calls.at(-1), "closed");
    assert.ok(!calls.includes("leave"));
  }
});

test("what was given is copied: its memory is the giver's again at once", async () => {
  const { body, add, end } = setUp(6);
  const chunk = Buffer.from("abc");
  add(chunk);
  chunk.fill(0);
  add(Buffer.from("def"));
  end();
  assert.equal(Buffer.concat(await collect(body)).toString(), "abcdef");
});

test("a connection is paused while its reader is slow, and goes on when it reads", async () => {
  const { add, end, calls, iterator } = setUp(4 * MEBIBYTE);
  add(pattern(MEBIBYTE));
  assert.deepEqual(calls, []);
  add(pattern(MEBIBYTE));
  assert.deepEqual(calls, ["pause"]);
  // A dispatcher may give what it has all the same.
  add(pattern(MEBIBYTE));
  assert.deepEqual(calls, ["pause"]);
  await iterator.next();
  assert.deepEqual(calls, ["pause", "resume"]);
  add(pattern(MEBIBYTE));
  assert.deepEqual(calls, ["pause", "resume", "pause"]);
  end();
  for (let rest = 3; rest > 0; rest--) assert.equal((await iterator.next()).value?.byteLength, MEBIBYTE);
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
});

test("bytes that arrive within resume() keep their order", async () => {
  const content = pattern(6 * MEBIBYTE);
  let at = 0;
  let paused = false;
  const feed = createBody({
    declaredLength: content.length,
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
      run();
    },
    leave: () => assert.fail("it was read to its end"),
  });
  function run(): void {
    while (!paused && at < content.length) {
      feed.add(content.subarray(at, at + 100_000));
      at += 100_000;
    }
    if (at >= content.length) feed.end();
  }
  run();
  assert.deepEqual(Buffer.concat(await collect(feed.body)), content);
});

test("few bytes do not wait for others", async () => {
  const { add, iterator } = setUp(MEBIBYTE);
  const reading = iterator.next();
  add(Buffer.from("ab"));
  add(Buffer.from("cd"));
  assert.equal(Buffer.from((await reading).value ?? []).toString(), "abcd");
  // Those that came while nobody read are not forgotten.
  add(Buffer.from("ef"));
  const { value } = await iterator.next();
  assert.equal(Buffer.from(value ?? []).toString(), "ef");
  // They do not hold the memory of a whole piece.
  assert.equal(value?.buffer.byteLength, 2);
  await iterator.return?.();
});

test("a failure comes behind the bytes that came before it, once; an abort comes at once", async () => {
  const error = new Error("broken");
  const failing = setUp(MEBIBYTE);
  failing.add(Buffer.from("abc"));
  failing.fail(error);
  assert.equal(failing.body.closed, false);
  assert.equal((await failing.iterator.next()).value?.byteLength, 3);
  await assert.rejects(failing.iterator.next(), (thrown) => thrown === error);
  assert.deepEqual(await failing.iterator.next(), { done: true, value: undefined });
  assert.deepEqual(failing.calls, ["closed"]);

  const aborted = setUp(MEBIBYTE);
  const waiting = aborted.iterator.next();
  aborted.abort(error);
  await assert.rejects(waiting, (thrown) => thrown === error);
  assert.deepEqual(aborted.calls, ["closed"]);

  const dropped = setUp(MEBIBYTE);
  dropped.add(Buffer.from("abc"));
  dropped.abort(error);
  dropped.add(Buffer.from("def"));
  await assert.rejects(dropped.iterator.next(), (thrown) => thrown === error);
});

test("a failure that nobody reads on for is no unhandled rejection, and closes the body", () => {
  const { fail, body, calls } = setUp(10);
  fail(new Error("broken"));
  assert.equal(body.closed, true);
  assert.deepEqual(calls, ["closed"]);
});

test("leaving early lets go of the connection, once, and of what was gathered", async () => {
  for (const leave of ["return", "destroy", "break"] as const) {
    const { body, add, end, fail, calls, iterator } = setUp(10 * MEBIBYTE);
    add(pattern(MEBIBYTE));
    if (leave === "return") await iterator.return?.();
    else if (leave === "destroy") body.destroy();
    else for await (const _ of body) break;
    assert.deepEqual(calls, ["closed", "leave"], leave);
    add(pattern(MEBIBYTE));
    fail(new Error("the connection was closed"));
    end();
    body.destroy();
    assert.deepEqual(calls, ["closed", "leave"], leave);
    assert.deepEqual(await body[Symbol.asyncIterator]().next(), { done: true, value: undefined });
  }
  // Behind the end there is no connection to let go of.
  const { body, add, end, calls } = setUp(3);
  add(Buffer.from("abc"));
  end();
  assert.equal(body.closed, false);
  body.destroy();
  assert.deepEqual(calls, ["closed"]);
});

test("a reader that waits is told when others let go", async () => {
  const { body, iterator } = setUp(10);
  const waiting = iterator.next();
  body.destroy();
  assert.deepEqual(await waiting, { done: true, value: undefined });
});

test("a body without bytes is closed at its end", async () => {
  const { body, end, calls } = setUp(0);
  end();
  assert.equal(body.closed, true);
  assert.deepEqual(calls, ["closed"]);
  assert.deepEqual(await collect(body), []);
});

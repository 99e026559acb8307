import assert from "node:assert/strict";
import { test } from "node:test";
import { type ByteStream, collectBytes, equalBytes, limitBytes, streamOf } from "../../../src/core/bytes.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A stream that tells whether it was released. */
function tracked(...chunks: string[]): { stream: ByteStream; released: () => boolean } {
  let released = false;
  const stream = (async function* () {
    try {
      for (const chunk of chunks) yield bytes(chunk);
    } finally {
      released = true;
    }
  })();
  return { stream, released: () => released };
}

test("as many bytes as the limit pass", async () => {
  for (const chunks of [["abcd"], ["ab", "cd"], ["", "abc", "", "d", ""]]) {
    const { stream } = tracked(...chunks);
    assert.deepEqual(await collectBytes(stream, { maxBytes: 4 }), bytes("abcd"));
  }
});

test("an empty stream is no bytes, also with the limit 0", async () => {
  assert.deepEqual(await collectBytes(streamOf(), { maxBytes: 0 }), new Uint8Array());
  assert.deepEqual(await collectBytes(streamOf(new Uint8Array()), { maxBytes: 0 }), new Uint8Array());
});

test("CVE-2020-1702: a byte more fails, releases the source and is not delivered", async () => {
  const { stream, released } = tracked("ab", "c", "d");
  const seen: string[] = [];
  await assert.rejects(
    async () => {
      for await (const chunk of limitBytes(stream, { maxBytes: 2 })) seen.push(Buffer.from(chunk).toString());
    },
    { code: "ERR_TOO_LARGE" },
  );
  assert.deepEqual(seen, ["ab"]);
  assert.equal(released(), true);
  const { stream: another, released: gone } = tracked("ab", "c");
  await assert.rejects(collectBytes(another, { maxBytes: 2 }), { code: "ERR_TOO_LARGE" });
  assert.equal(gone(), true);
});

test("leaving early releases the source", async () => {
  const { stream, released } = tracked("a", "b");
  for await (const _ of limitBytes(stream, { maxBytes: 2 })) break;
  assert.equal(released(), true);
});

test("an abort rejects with its reason", async () => {
  const reason = { why: "test" };
  const { stream } = tracked("a");
  const options = { maxBytes: 9, signal: AbortSignal.abort(reason) };
  await assert.rejects(collectBytes(stream, options), (caught) => caught === reason);
  const controller = new AbortController();
  const stalled = (async function* () {
    yield bytes("a");
    await new Promise(() => {});
  })();
  const waiting = collectBytes(stalled, { maxBytes: 9, signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(waiting, (caught) => caught === reason);
});

test("an abort after the end changes nothing", async () => {
  const controller = new AbortController();
  const { stream } = tracked("a");
  const result = await collectBytes(stream, { maxBytes: 1, signal: controller.signal });
  controller.abort();
  assert.deepEqual(result, bytes("a"));
});

test("a limit that is none is the caller's mistake", async () => {
  for (const maxBytes of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
    await assert.rejects(collectBytes(streamOf(), { maxBytes }), RangeError);
  }
});

test("bytes are equal by content", () => {
  assert.equal(equalBytes(bytes("ab"), bytes("ab")), true);
  assert.equal(equalBytes(bytes("ab"), bytes("abc").subarray(0, 2)), true);
  assert.equal(equalBytes(bytes("ab"), bytes("abc")), false);
  assert.equal(equalBytes(bytes("ab"), bytes("ac")), false);
  assert.equal(equalBytes(new Uint8Array(), new Uint8Array()), true);
});

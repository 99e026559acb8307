import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { resolveEndpoint } from "../../src/oci/endpoint.ts";
import type { HttpAnswer } from "../../src/oci/http.ts";
import { createBody } from "../../src/oci/http-body.ts";
import { readTextList } from "../../src/oci/pages.ts";
import { firstBytes, holdBack, inPieces } from "../../src/oci/push-content.ts";
import { parseRateLimit } from "../../src/oci/rate-limit.ts";
import { rangeEnd } from "../../src/oci/upload.ts";
import { property } from "./runs.ts";

/** Tries a property that waits. */
function check<T extends [unknown, ...unknown[]]>(
  ...args: [...{ [K in keyof T]: fc.Arbitrary<T[K]> }, (...values: T) => Promise<void>]
): Promise<void> {
  return fc.assert(fc.asyncProperty<T>(...args), property);
}

function answer(headers: HttpAnswer["headers"], body = ""): HttpAnswer {
  const url = new URL("http://127.0.0.1:1/v2/");
  const feed = createBody({ declaredLength: undefined, pause() {}, resume() {}, leave() {} });
  feed.add(Buffer.from(body));
  feed.end();
  return { method: "GET", url, status: 200, headers, body: feed.body };
}

async function* chunksOf(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array, void> {
  let at = 0;
  for (const cut of [...cuts].map((n) => n % (bytes.byteLength + 1)).sort((a, b) => a - b)) {
    // The same buffer for each chunk, as some sources do it.
    const shared = Uint8Array.from(bytes.subarray(at, cut));
    yield shared;
    shared.fill(0);
    at = cut;
  }
  yield bytes.subarray(at);
}

const content = fc.uint8Array({ maxLength: 300 });
const cuts = fc.array(fc.nat(300), { maxLength: 12 });

test("pieces have the length that was asked for, and are the content", async () => {
  await check(content, cuts, fc.integer({ min: 1, max: 100 }), async (bytes, at, length) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of inPieces(chunksOf(bytes, at), length)) pieces.push(piece);
    assert.deepEqual(Buffer.concat(pieces), Buffer.from(bytes));
    for (const piece of pieces.slice(0, -1)) assert.equal(piece.byteLength, length);
    const last = pieces.at(-1);
    if (last) assert.ok(last.byteLength > 0 && last.byteLength <= length);
  });
});

test("the last piece is given only after the source has ended", async () => {
  await check(content, cuts, fc.integer({ min: 1, max: 100 }), async (bytes, at, length) => {
    let ended = false;
    const source = async function* () {
      yield* chunksOf(bytes, at);
      ended = true;
    };
    let given = 0;
    for await (const piece of inPieces(source(), length)) {
      given += piece.byteLength;
      if (given === bytes.byteLength) assert.ok(ended);
    }
    ended = false;
    given = 0;
    for await (const chunk of holdBack(source())) {
      given += chunk.byteLength;
      if (given === bytes.byteLength) assert.ok(ended);
    }
    assert.equal(given, bytes.byteLength);
  });
});

test("the first bytes are those, however they are cut", async () => {
  await check(content, cuts, fc.nat(350), async (bytes, at, length) => {
    const parts: Uint8Array[] = [];
    for await (const part of firstBytes(chunksOf(bytes, at), length)) parts.push(Uint8Array.from(part));
    assert.deepEqual(Buffer.concat(parts), Buffer.from(bytes.subarray(0, length)));
  });
});

const headerText = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.stringMatching(/^[0-9;=,wrtq" -]{0,40}$/),
  fc.stringMatching(/^[0-9]{1,20}(;w=[0-9]{1,20})?$/),
);

test("no header makes a rate limit of what is none", async () => {
  const names = [
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "ratelimit",
    "ratelimit-policy",
  ];
  await check(fc.dictionary(fc.constantFrom(...names), headerText), async (headers) => {
    const found = parseRateLimit(headers) ?? {};
    for (const value of Object.values(found)) assert.ok(Number.isSafeInteger(value) && Number(value) >= 0);
  });
});

test("the range of an upload is a number of bytes, or an error", async () => {
  const range = fc.oneof(headerText, fc.stringMatching(/^(bytes=)?0-[0-9]{1,20}$/));
  await check(range, fc.nat(), async (text, known) => {
    try {
      const stored = rangeEnd(answer({ range: text }), known);
      assert.ok(stored !== undefined && Number.isSafeInteger(stored) && stored >= 0);
      assert.equal(Number(/0-([0-9]+)$/.exec(text.trim())?.[1]), Math.max(0, stored - 1));
    } catch (error) {
      if (error instanceof assert.AssertionError || !isLadingError(error)) throw error;
      assert.equal(error.code, "ERR_OCI_PROTOCOL");
    }
  });
});

test("a page is a list of texts, or an error", async () => {
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .record({ tags: fc.oneof(fc.jsonValue(), fc.array(fc.oneof(fc.string(), fc.constant(null)))) })
      .map((page) => JSON.stringify(page)),
  );
  await check(body, async (text) => {
    try {
      const list = await readTextList(answer({}, text), "tags", undefined);
      const { tags } = JSON.parse(text) as { tags: (string | null)[] | null };
      assert.deepEqual(
        list,
        (tags ?? []).filter((tag) => tag !== null),
      );
    } catch (error) {
      if (error instanceof assert.AssertionError || !isLadingError(error)) throw error;
      assert.equal(error.code, "ERR_OCI_PROTOCOL");
    }
  });
});

test("an endpoint's root is the URL's own origin and path, or refused as the caller's mistake", async () => {
  const url = fc.oneof(
    fc.string(),
    fc.webUrl({ withQueryParameters: true, withFragments: true }),
    fc.webUrl(),
  );
  await check(url, async (text) => {
    try {
      const { root } = resolveEndpoint({ url: text });
      assert.equal(root.origin, new URL(text).origin);
      assert.equal(root.pathname.replace(/\/$/, ""), new URL(text).pathname.replace(/\/+$/, ""));
      assert.equal(root.search + root.hash + root.username + root.password, "");
    } catch (error) {
      if (error instanceof assert.AssertionError || !(error instanceof TypeError)) throw error;
    }
  });
});

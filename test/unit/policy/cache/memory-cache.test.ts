import assert from "node:assert/strict";
import { test } from "node:test";
import { formatEntry } from "../../../../src/policy/cache/entry-text.ts";
import {
  type MemoryVerdictCacheOptions,
  memoryVerdictCache,
} from "../../../../src/policy/cache/memory-cache.ts";
import { kept } from "./entries.ts";

function cacheOf(options: MemoryVerdictCacheOptions = {}) {
  const clock = { at: 0 };
  const cache = memoryVerdictCache({ monotonic: () => clock.at, ...options });
  const has = (key: string) => cache.get(key, {}) !== undefined;
  const put = (key: string, ttlMs = 1000) => cache.set(key, kept(), { ttlMs });
  return { cache, clock, has, put };
}

test("what is put in comes out, until it is removed or replaced", () => {
  const { cache, put, has } = cacheOf();
  assert.equal(cache.get("a", {}), undefined);
  const first = kept();
  cache.set("a", first, { ttlMs: 1000 });
  assert.equal(cache.get("a", {}), first);
  const second = kept({ storedAt: 2000 });
  cache.set("a", second, { ttlMs: 1000 });
  assert.equal(cache.get("a", {}), second);
  put("b");
  cache.delete("a");
  cache.delete("never there");
  assert.deepEqual([has("a"), has("b")], [false, true]);
});

test("the entry that was not used for longest goes first", () => {
  const { put, has } = cacheOf({ maxEntries: 3 });
  for (const key of ["a", "b", "c"]) put(key);
  assert.ok(has("a"));
  put("d");
  assert.deepEqual(["a", "b", "c", "d"].map(has), [true, false, true, true]);
  // Putting in anew counts as use, and takes no second place.
  put("a");
  put("e");
  assert.deepEqual(["a", "c", "d", "e"].map(has), [true, false, true, true]);
});

test("bytes are bounded, and an entry of a large part of them is not kept", () => {
  const size = Buffer.byteLength(formatEntry(kept())) + 1;
  const { cache, put, has } = cacheOf({ maxBytes: 20 * size });
  for (let at = 0; at < 40; at++) put(String.fromCharCode(0x61 + at));
  const count = Array.from({ length: 40 }, (_, at) => has(String.fromCharCode(0x61 + at))).filter(Boolean);
  assert.equal(count.length, 20);
  cache.set("~", kept({ expiresAt: 1, verdict: { ...kept().verdict, candidates: ["x".repeat(2 * size)] } }), {
    ttlMs: 1000,
  });
  assert.equal(has("~"), false);
  // What took the place of another frees the other's bytes.
  for (let at = 0; at < 100; at++) put("same");
  assert.equal(count.length, 20);
  assert.ok(has("same"));
  assert.ok(has(String.fromCharCode(0x61 + 39)));
});

test("an entry ends by the clock that only goes forward", () => {
  const { clock, put, has } = cacheOf();
  put("a", 1000);
  clock.at = 999;
  assert.ok(has("a"));
  clock.at = 1000;
  assert.equal(has("a"), false);
  clock.at = 0;
  assert.equal(has("a"), false, "it was removed");
});

test("limits that are none", () => {
  for (const options of [{ maxEntries: 0 }, { maxEntries: Number.NaN }, { maxBytes: -1 }, { maxBytes: 0 }]) {
    assert.throws(() => memoryVerdictCache(options), RangeError);
  }
});

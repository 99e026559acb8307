import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryVerdictCache } from "../../../../src/policy/cache/memory-cache.ts";
import { tieredVerdictCache } from "../../../../src/policy/cache/tiered-cache.ts";
import type { CachedVerdict, VerdictCache } from "../../../../src/policy/cache/verdict-cache.ts";
import { kept } from "./entries.ts";

/** A cache that counts what it is asked, answering after a while. */
function farCache() {
  const entries = new Map<string, CachedVerdict>();
  const asked: string[] = [];
  const cache: VerdictCache = {
    async get(key) {
      asked.push(key);
      return structuredClone(entries.get(key));
    },
    set: async (key, entry) => entries.set(key, entry),
    delete: async (key) => entries.delete(key),
  };
  return { cache, entries, asked };
}

test("what the far cache gave is near from then on, and frozen", async () => {
  const clock = { at: 0 };
  const { cache: far, entries, asked } = farCache();
  const tiered = tieredVerdictCache(memoryVerdictCache({ monotonic: () => clock.at }), far);
  assert.equal(await tiered.get("a", {}), undefined);
  entries.set("a", kept());
  const first = await tiered.get("a", {});
  assert.deepEqual(first, kept());
  assert.equal(tiered.get("a", {}), first, "at once, without waiting");
  assert.deepEqual(asked, ["a", "a"]);
  assert.throws(() => Object.assign(first ?? {}, { expiresAt: 1e15 }), TypeError);
  // Near for as long as the entry counts from its beginning on.
  clock.at = kept().expiresAt - kept().storedAt;
  entries.clear();
  assert.equal(await tiered.get("a", {}), undefined);
});

test("new entries go to both, and so do removals", async () => {
  const near = memoryVerdictCache();
  const { cache: far, entries } = farCache();
  const tiered = tieredVerdictCache(near, far);
  await tiered.set("a", kept(), { ttlMs: 1000 });
  assert.deepEqual([near.get("a", {}), entries.get("a")], [kept(), kept()]);
  await tiered.delete("a");
  assert.deepEqual([near.get("a", {}), entries.size], [undefined, 0]);
});

test("a failure of the far cache comes out, and leaves what is near in use", async () => {
  const failure = new Error("connection lost");
  const fail = async () => Promise.reject(failure);
  const tiered = tieredVerdictCache(memoryVerdictCache(), { get: fail, set: fail, delete: fail });
  await assert.rejects(
    async () => tiered.get("a", {}),
    (error) => error === failure,
  );
  await assert.rejects(
    async () => tiered.set("a", kept(), { ttlMs: 1000 }),
    (error) => error === failure,
  );
  assert.deepEqual(tiered.get("a", {}), kept());
});

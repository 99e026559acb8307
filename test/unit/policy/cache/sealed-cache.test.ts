/** A store that others write to: nothing comes out but what was put in, under its own key. */
import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { test } from "node:test";
import { digestOf } from "../../../../src/core/digest.ts";
import { formatEntry } from "../../../../src/policy/cache/entry-text.ts";
import {
  type RefusedEntry,
  type SealedVerdictCacheOptions,
  sealedVerdictCache,
} from "../../../../src/policy/cache/sealed-cache.ts";
import { allowed, kept, rejected } from "./entries.ts";

const secret = randomBytes(32);
const KEY = "a".repeat(64);

function sealed(options: Partial<SealedVerdictCacheOptions> = {}, store = new Map<string, string>()) {
  const refused: RefusedEntry[] = [];
  const cache = sealedVerdictCache(store, {
    secrets: [secret],
    onRefused: (entry) => refused.push(entry),
    ...options,
  });
  return { cache, store, refused };
}

async function textOf(entry = kept(), key = KEY): Promise<string> {
  const { cache, store } = sealed();
  await cache.set(key, entry, { ttlMs: 1000 });
  return store.get(key) ?? assert.fail();
}

test("entries come back as they were, bigints included", async () => {
  const { cache, refused } = sealed();
  const files = { kind: "files", paths: ["/ca.pem"], storedAt: 1, expiresAt: 2 } as const;
  for (const entry of [
    kept(),
    kept({ verdict: allowed({ validUntil: 5 }) }),
    kept({ verdict: rejected() }),
    files,
  ]) {
    await cache.set(KEY, entry, { ttlMs: 1000 });
    assert.deepEqual(await cache.get(KEY, {}), entry);
  }
  await cache.delete(KEY);
  assert.equal(await cache.get(KEY, {}), undefined);
  assert.deepEqual(refused, []);
});

test("the store gets the time to live", async () => {
  const calls: unknown[][] = [];
  const store = { get: () => null, set: (...given: unknown[]) => calls.push(given), delete: () => {} };
  const cache = sealedVerdictCache(store, { secrets: [secret], onRefused: () => assert.fail() });
  await cache.set(KEY, kept(), { ttlMs: 1234 });
  assert.deepEqual(
    calls.map(([key, , ttl]) => [key, ttl]),
    [[KEY, 1234]],
  );
  assert.equal(await cache.get(KEY, {}), undefined, "null is none");
});

test("a forged entry is not believed, is told, and is removed", async () => {
  const content = formatEntry(kept());
  const mac = (key: Uint8Array, text: string | Buffer) =>
    createHmac("sha256", key).update(text).digest("base64url");
  const forged = [
    content,
    `${mac(Buffer.alloc(32), content)}.${content}`,
    // The right secret over the wrong thing.
    `${mac(secret, content)}.${content}`,
    `${mac(secret, `${KEY}${content}`)}.${content}`,
    `${"A".repeat(43)}.${content}`,
    `${"_".repeat(42)}.${content}`,
    `.${content}`,
    "",
    ".",
    `${"A".repeat(43)}.`,
    "null",
    "\u0000".repeat(100),
    `${"é".repeat(43)}.${content}`,
  ];
  for (const text of forged) {
    const { cache, store, refused } = sealed({}, new Map([[KEY, text]]));
    assert.equal(await cache.get(KEY, {}), undefined, text.slice(0, 60));
    assert.deepEqual(
      refused.map(({ key }) => key),
      [KEY],
    );
    assert.equal(store.size, 0);
  }
});

test("things other than texts are no entries", async () => {
  for (const value of [1, {}, kept(), [await textOf()], Buffer.from(await textOf()), true]) {
    const { cache, refused } = sealed({}, new Map([[KEY, value as string]]));
    assert.equal(await cache.get(KEY, {}), undefined);
    assert.deepEqual(refused, [{ key: KEY, reason: "form" }]);
  }
});

test("an entry counts under its own key only", async () => {
  const text = await textOf();
  for (const key of ["b".repeat(64), KEY.slice(1), `${KEY}a`, KEY.toUpperCase(), ""]) {
    const { cache, refused } = sealed({}, new Map([[key, text]]));
    assert.equal(await cache.get(key, {}), undefined);
    assert.deepEqual(refused, [{ key, reason: "mac" }]);
  }
});

test("an entry that was cut off, lengthened or changed at any place is not believed", async () => {
  const text = await textOf();
  const changed = [
    ...Array.from({ length: text.length }, (_, at) => text.slice(0, at)),
    ...Array.from({ length: 60 }, (_, at) => text.slice(at + 1)),
    `${text} `,
    `${text}\n`,
    `${text}\u0000`,
    ` ${text}`,
    text + text,
    text.replace('"allowed"', '"ALLOWED"'),
    text.replace("expiresAt", "expiresat"),
    text.replace('"expiresAt":61000', '"expiresAt":99061000'),
    text.replace(digestOf("image"), digestOf("evil")),
  ];
  for (const each of changed) {
    assert.notEqual(each, text);
    const { cache, refused } = sealed({}, new Map([[KEY, each]]));
    assert.equal(await cache.get(KEY, {}), undefined);
    assert.equal(refused.length, 1);
  }
  // Every single bit of the MAC counts.
  for (let bit = 0; bit < 256; bit++) {
    const mac = Buffer.from(text.slice(0, 43), "base64url");
    mac[bit >> 3] = (mac[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const { cache, refused } = sealed({}, new Map([[KEY, mac.toString("base64url") + text.slice(43)]]));
    assert.equal(await cache.get(KEY, {}), undefined);
    assert.deepEqual(refused, [{ key: KEY, reason: "mac" }]);
  }
});

test("a new secret is put in front of the old one", async () => {
  const next = randomBytes(48);
  const store = new Map([[KEY, await textOf()]]);
  const both = sealed({ secrets: [next, secret] }, store);
  assert.deepEqual(await both.cache.get(KEY, {}), kept());
  await both.cache.set(KEY, kept({ storedAt: 5 }), { ttlMs: 1 });
  assert.equal(await sealed({ secrets: [secret] }, new Map(store)).cache.get(KEY, {}), undefined);
  assert.deepEqual(await sealed({ secrets: [next] }, store).cache.get(KEY, {}), kept({ storedAt: 5 }));
});

test("a text with a right MAC that is no entry", async () => {
  // Such as one of a later version of the format.
  for (const content of ["", "{", "null", '{"kind":"verdict"}', '{"kind":"x","storedAt":1,"expiresAt":2}']) {
    const prefix = `lading verdict entry 1\n${KEY.length}\n${KEY}\n`;
    const mac = createHmac("sha256", secret).update(prefix).update(content).digest("base64url");
    const { cache, refused } = sealed({}, new Map([[KEY, `${mac}.${content}`]]));
    assert.equal(await cache.get(KEY, {}), undefined, content);
    assert.deepEqual(refused, [{ key: KEY, reason: "form" }]);
  }
});

test("entries that are too long are neither kept nor believed", async () => {
  const size = Buffer.byteLength(formatEntry(kept()));
  const exact = sealed({ maxEntryBytes: size });
  await exact.cache.set(KEY, kept(), { ttlMs: 1 });
  assert.deepEqual(await exact.cache.get(KEY, {}), kept());
  const less = sealed({ maxEntryBytes: size - 1 });
  await less.cache.set(KEY, kept(), { ttlMs: 1 });
  assert.equal(less.store.size, 0);
  const long = sealed({ maxEntryBytes: size - 1 }, exact.store);
  assert.equal(await long.cache.get(KEY, {}), undefined);
  assert.deepEqual(long.refused, [{ key: KEY, reason: "form" }]);
});

test("what would not come back as it is, is not kept", async () => {
  const { cache, store } = sealed();
  for (const thing of [new Map(), Buffer.from("x"), new Date(0), { $bigint: "1" }, Object.create(null)]) {
    const verdict = { ...allowed(), sources: [thing] } as never;
    await assert.rejects(async () => cache.set(KEY, kept({ verdict }), { ttlMs: 1 }), TypeError);
  }
  assert.equal(store.size, 0);
});

test("secrets that are too short, and options that are none", () => {
  const onRefused = () => {};
  for (const secrets of [[], [Buffer.alloc(31)], [secret, Buffer.alloc(16)], [Buffer.alloc(0)]]) {
    assert.throws(() => sealedVerdictCache(new Map(), { secrets: secrets as never, onRefused }), RangeError);
  }
  assert.throws(() => sealedVerdictCache(new Map(), { secrets: [secret] } as never), TypeError);
  assert.throws(
    () => sealedVerdictCache(new Map(), { secrets: [secret], onRefused, maxEntryBytes: 0 }),
    RangeError,
  );
});

test("a secret that its owner wipes stays in use", async () => {
  const given = Buffer.from(secret);
  const { cache } = sealed({ secrets: [given] });
  given.fill(0);
  await cache.set(KEY, kept(), { ttlMs: 1 });
  assert.deepEqual(await cache.get(KEY, {}), kept());
  assert.equal(await textOf(), await textOf());
});

test("failures of the store come out", async () => {
  const failure = new Error("connection lost");
  const fail = async () => Promise.reject(failure);
  const cache = sealedVerdictCache(
    { get: fail, set: fail, delete: fail },
    { secrets: [secret], onRefused: () => {} },
  );
  for (const call of [
    () => cache.get(KEY, {}),
    () => cache.set(KEY, kept(), { ttlMs: 1 }),
    () => cache.delete(KEY),
  ]) {
    await assert.rejects(
      async () => call(),
      (error) => error === failure,
    );
  }
});

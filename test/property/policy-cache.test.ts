/** Entries of caches in any form: nothing is believed that was not put in, and nothing else is thrown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatEntry, isEntry, parseEntry } from "../../src/policy/cache/entry-text.ts";
import { frozenCopy } from "../../src/policy/cache/frozen-copy.ts";
import { type RefusedEntry, sealedVerdictCache } from "../../src/policy/cache/sealed-cache.ts";
import type { CachedVerdict } from "../../src/policy/cache/verdict-cache.ts";
import { kept } from "../unit/policy/cache/entries.ts";
import { mutated } from "../unit/policy/mutated.ts";
import { property } from "./runs.ts";

/** Plain data as verdicts have it, with names and texts of any kind. */
const plain = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: "binary" }),
    fc.bigInt(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: "binary" }), tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

const entries: fc.Arbitrary<CachedVerdict> = fc
  .tuple(plain, fc.integer(), fc.integer())
  .map(([extra, storedAt, expiresAt]) => {
    const verdict = { ...kept().verdict, extra };
    return { kind: "verdict", verdict, storedAt, expiresAt } as CachedVerdict;
  });

test("an entry comes back from its text as it was, or has no text", () => {
  fc.assert(
    fc.property(entries, (entry) => {
      let text: string;
      try {
        text = formatEntry(entry);
      } catch (error) {
        assert.ok(error instanceof TypeError);
        assert.match(
          JSON.stringify(entry, (_, value) => (typeof value === "bigint" ? 0 : value)),
          /\$bigint/,
        );
        return;
      }
      assert.deepEqual(parseEntry(text), entry);
    }),
    property,
  );
});

test("any text is an entry of the right shape, or none", () => {
  const valid = Buffer.from(formatEntry(kept()));
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json(), mutated(valid).map(String)), (text) => {
      const entry = parseEntry(text);
      assert.ok(entry === undefined || isEntry(entry));
    }),
    property,
  );
});

test("a text in the store that was changed in any way is refused, and told", async () => {
  const store = new Map<string, string>();
  const refused: RefusedEntry[] = [];
  const cache = sealedVerdictCache(store, {
    secrets: [Buffer.alloc(32, 7)],
    onRefused: (entry) => refused.push(entry),
  });
  await cache.set("key", kept(), { ttlMs: 1 });
  const valid = store.get("key") ?? "";
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string({ unit: "binary" }),
        mutated(Buffer.from(valid)).map((bytes) => bytes.toString("utf8")),
      ),
      async (text) => {
        store.set("key", text);
        const before = refused.length;
        const entry = await cache.get("key", {});
        if (entry === undefined) {
          assert.equal(refused.length, before + 1);
          assert.equal(store.has("key"), false);
          return;
        }
        // The unused bits of the last digit of the MAC may differ, and nothing else.
        assert.equal(text.slice(0, 42) + text.slice(43), valid.slice(0, 42) + valid.slice(43));
        assert.deepEqual(entry, kept());
      },
    ),
    property,
  );
});

test("a frozen copy is equal, and no part of it can be changed", () => {
  fc.assert(
    fc.property(plain, (value) => {
      const copy = frozenCopy(value);
      assert.deepEqual(copy, value);
      assertFrozen(copy);
    }),
    property,
  );
});

function assertFrozen(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  assert.ok(Object.isFrozen(value));
  for (const member of Object.values(value)) assertFrozen(member);
}

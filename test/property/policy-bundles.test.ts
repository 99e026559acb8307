/** Readers of bundles, roots and statements under any input: an error of lading, or nothing at all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { digestOf } from "../../src/core/digest.ts";
import { PolicyError } from "../../src/policy/errors.ts";
import { countDistinct } from "../../src/policy/extended/evaluate-bundles.ts";
import {
  COSIGN_SIGN_PREDICATE,
  parseBundle,
  parseTrustedRoot,
  verifyBundle,
} from "../../src/policy/extended/index.ts";
import { readStatement } from "../../src/policy/extended/statement.ts";
import { createBundleAuthorities, DEFAULT_OIDC_ISSUER, signStatement } from "../../src/testing/index.ts";
import { property } from "./runs.ts";

const EMAIL = "a@example.com";
const DIGEST = digestOf("content");
const made = createBundleAuthorities();
const who = made.certify(EMAIL);
const statement = signStatement(DIGEST);
const BUNDLES = [
  made.sign({ signer: who, content: { statement } }),
  made.sign({ signer: who, content: { statement }, logs: [made.logV2] }),
  made.sign({ signer: who, content: { message: Buffer.from("content") }, version: "0.1" }),
].map((bundle) => JSON.stringify(bundle));
const ROOT = JSON.stringify(made.trustedRoot());
const OPTIONS = {
  artifact: { digest: DIGEST },
  signer: {
    kind: "keyless",
    trustedRoot: parseTrustedRoot(ROOT),
    issuer: DEFAULT_OIDC_ISSUER,
    subject: { kind: "email", exact: EMAIL },
  },
  content: { predicateTypes: [COSIGN_SIGN_PREDICATE], messageSignature: true },
} as const;
/** Verifying takes milliseconds, reading does not. */
const slow = { ...property, numRuns: Math.ceil(property.numRuns / 20) };

/** A text with a stretch of it replaced. */
function mutated(texts: readonly string[]): fc.Arbitrary<string> {
  const bit = fc.oneof(
    fc.string({ maxLength: 6 }),
    fc.constantFrom('"', "{", "}", "[", "]", "null", "0", "-1", "1e9", "\\u0000", ",", ":", '""', "A", "="),
  );
  return fc
    .tuple(fc.constantFrom(...texts), fc.nat(1_000_000), fc.nat(12), bit)
    .map(([text, at, length, instead]) => {
      const from = at % text.length;
      return text.slice(0, from) + instead + text.slice(from + length);
    });
}

function readsOrRefuses(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof PolicyError, String(error));
  }
}

test("a bundle is read or refused", () => {
  const input = fc.oneof(mutated(BUNDLES), fc.json(), fc.string(), fc.uint8Array());
  fc.assert(
    fc.property(input, (text) => readsOrRefuses(() => parseBundle(text))),
    property,
  );
});

test("a root is read or refused", () => {
  const input = fc.oneof(mutated([ROOT]), fc.json(), fc.string(), fc.uint8Array());
  fc.assert(
    fc.property(input, (text) => readsOrRefuses(() => parseTrustedRoot(text))),
    property,
  );
});

test("a statement is read or refused, and never read for another digest", () => {
  const text = JSON.stringify(statement);
  const input = fc.oneof(mutated([text]), fc.json(), fc.string());
  fc.assert(
    fc.property(input, (payload) =>
      readsOrRefuses(() => {
        const { subject } = readStatement(Buffer.from(payload), DIGEST);
        assert.equal(subject.digest, DIGEST);
        assert.ok(payload.includes(DIGEST.slice("sha256:".length)) || payload.includes("\\u"));
      }),
    ),
    property,
  );
});

test("a bundle with anything changed is refused, or says the same", async () => {
  await fc.assert(
    fc.asyncProperty(mutated(BUNDLES), async (text) => {
      try {
        const { signer, statement: said } = await verifyBundle(text, OPTIONS);
        assert.ok(signer.kind === "keyless");
        assert.equal(signer.subject.value, EMAIL);
        if (said) assert.deepEqual(JSON.parse(Buffer.from(said.payload).toString()), statement);
      } catch (error) {
        assert.ok(error instanceof PolicyError, String(error));
      }
    }),
    slow,
  );
});

test("every byte that a bundle signs counts", async () => {
  const member = fc.constantFrom("sig", "payload", "signedEntryTimestamp", "canonicalizedBody", "rawBytes");
  const [good = ""] = BUNDLES;
  await fc.assert(
    fc.asyncProperty(member, fc.nat(100_000), fc.integer({ min: 1, max: 255 }), async (name, at, flip) => {
      const match = new RegExp(`"${name}":"([^"]+)"`).exec(good);
      assert.ok(match?.[1]);
      const bytes = Buffer.from(match[1], "base64");
      const place = at % bytes.length;
      bytes[place] = (bytes[place] ?? 0) ^ flip;
      const text = good.replace(match[1], bytes.toString("base64"));
      await assert.rejects(verifyBundle(text, OPTIONS), PolicyError);
    }),
    slow,
  );
});

test("different signers are counted as well as trying every choice does", () => {
  const sets = fc.array(fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"), { maxLength: 4 }), {
    maxLength: 5,
  });
  const best = (lists: readonly (readonly string[])[], taken: readonly string[]): number => {
    const [first, ...rest] = lists;
    if (!first) return 0;
    const chosen = first
      .filter((signer) => !taken.includes(signer))
      .map((signer) => 1 + best(rest, [...taken, signer]));
    return Math.max(best(rest, taken), ...chosen);
  };
  fc.assert(
    fc.property(sets, (lists) => {
      assert.equal(countDistinct(lists.map((list) => new Set(list))), best(lists, []));
    }),
    property,
  );
});

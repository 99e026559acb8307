import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  classifyDigest,
  createDigester,
  type DigestAlgorithm,
  digestAlgorithm,
  digestHex,
  digestOf,
  isDigest,
  matchesDigestGrammar,
  parseDigest,
  verifyBytes,
  verifyStream,
} from "../../src/core/digest.ts";
import { CoreError } from "../../src/core/errors.ts";
import { isTag } from "../../src/core/reference.ts";
import { referrersTag } from "../../src/oci/digest-tag.ts";
import { property } from "./runs.ts";

const algorithm = fc.constantFrom<DigestAlgorithm>("sha256", "sha384", "sha512");
const chunks = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 8 });

async function* stream(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* parts;
}

async function code(source: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  try {
    for await (const _ of source);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof CoreError, String(error));
    return error.code;
  }
}

test("the digest does not depend on how content is cut", async () => {
  await fc.assert(
    fc.asyncProperty(chunks, algorithm, async (parts, by) => {
      const whole = Buffer.concat(parts);
      const digest = digestOf(whole, by);
      const digester = createDigester(by);
      for (const part of parts) digester.update(part);
      assert.equal(digester.size, whole.length);
      assert.equal(digester.digest(), digest);
      assert.equal(parseDigest(digest), digest);
      assert.equal(`${digestAlgorithm(digest)}:${digestHex(digest)}`, digest);
      assert.equal(await code(verifyStream(stream(parts), { digest, size: whole.length })), undefined);
    }),
    property,
  );
});

test("one changed bit, one byte less and one more are noticed", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 60 }),
      fc.nat(),
      fc.nat(7),
      async (content, at, bit) => {
        const expected = { digest: digestOf(content), size: content.length };
        const changed = Uint8Array.from(content);
        const index = at % content.length;
        changed[index] = (content[index] ?? 0) ^ (1 << bit);
        assert.equal(await code(verifyStream(stream([changed]), expected)), "ERR_DIGEST_MISMATCH");
        assert.throws(() => verifyBytes(changed, expected), { code: "ERR_DIGEST_MISMATCH" });
        const short = content.subarray(0, -1);
        const long = Buffer.concat([content, content.subarray(0, 1)]);
        for (const other of [short, long]) {
          assert.equal(await code(verifyStream(stream([other]), expected)), "ERR_SIZE_MISMATCH");
          assert.equal(
            await code(verifyStream(stream([other]), { digest: expected.digest })),
            "ERR_DIGEST_MISMATCH",
          );
        }
      },
    ),
    property,
  );
});

test("a text is a digest for all questions or for none", () => {
  const near = fc.oneof(
    fc
      .tuple(
        algorithm,
        fc.string({ unit: fc.constantFrom(..."0123456789abcdefABCXYZ=_-/.:\n"), maxLength: 140 }),
      )
      .map(([name, encoded]) => `${name}:${encoded}`),
    fc.tuple(algorithm, fc.nat(), fc.string({ maxLength: 3 })).map(([name, at, put]) => {
      const digest: string = digestOf("x", name);
      const start = at % (digest.length + 1);
      return digest.slice(0, start) + put + digest.slice(start + put.length);
    }),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(near, (text) => {
      let accepted = true;
      try {
        assert.equal(parseDigest(text), text);
      } catch (error) {
        assert.ok(
          error instanceof CoreError && /^ERR_DIGEST_(INVALID|UNSUPPORTED)$/.test(error.code),
          String(error),
        );
        accepted = false;
      }
      assert.equal(isDigest(text), accepted);
      if (accepted) assert.match(text, /^sha(256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})$/);
      const form = classifyDigest(text);
      assert.equal(form.kind !== "invalid", matchesDigestGrammar(text));
      if (form.kind === "invalid") assert.throws(() => referrersTag(text), { code: "ERR_DIGEST_INVALID" });
      else assert.equal(isTag(referrersTag(text)), true);
    }),
    property,
  );
});

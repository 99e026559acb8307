import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { parseCrictlConfig, setCrictlConfig } from "../../src/cri/index.ts";
import { property } from "./runs.ts";

const VALID = [
  "runtime-endpoint: unix:///run/crio/crio.sock # c\nimage-endpoint: 'x'\ntimeout: 10\ndebug: true\n",
  '# c\n{"timeout": "5", debug: T, max-retries: -1}\n',
  "---\npull-image-on-create: false\n\ndisable-pull-on-run: 0\ntimeout: 1\ntimeout: 2\n...\n",
];

const mutated: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...VALID),
    fc.nat(100),
    fc.nat(8),
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 4 }),
      fc.constantFrom("\n", ": ", "- ", "? ", "[", "{", "&a ", "*a", "!!str ", "|\n ", "<<: ", "%", "---\n"),
    ),
  )
  .map(([text, at, length, put]) => text.slice(0, at) + put + text.slice(at + length));

const text = fc.oneof(mutated, fc.string({ unit: "binary" }), fc.json());

const changes = fc.record(
  {
    runtimeEndpoint: fc
      .string({ unit: "grapheme" })
      .filter((each) => !/[\p{Cc}\p{Surrogate}\u2028\u2029\ufeff]/u.test(each)),
    timeout: fc.maxSafeInteger(),
    debug: fc.boolean(),
    pullImageOnCreate: fc.boolean(),
    maxRetries: fc.maxSafeInteger(),
  },
  { requiredKeys: [] },
);

test("a configuration is read, and changed to what was asked for, or refused with a code", () => {
  fc.assert(
    fc.property(text, changes, (given, asked) => {
      let before: ReturnType<typeof parseCrictlConfig>;
      try {
        before = parseCrictlConfig(given);
      } catch (error) {
        assert.ok(isLadingError(error), String(error));
        assert.equal(error.code, "ERR_CRI_CONFIG_INVALID");
        return;
      }
      assert.deepEqual(parseCrictlConfig(setCrictlConfig(given, asked)), { ...before, ...asked });
    }),
    property,
  );
});

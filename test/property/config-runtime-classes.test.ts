import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/config/errors.ts";
import { parseRuntimeClasses } from "../../src/config/parse-runtime-classes.ts";
import { property } from "./runs.ts";

const VALID =
  "kind: List\nitems:\n- apiVersion: node.k8s.io/v1\n  kind: RuntimeClass\n  metadata:\n    name: a.b\n  handler: c\n";

test("any text is read or refused with a code", async () => {
  const part = fc.oneof(
    fc.string({ unit: "binary", maxLength: 4 }),
    fc.constantFrom("\n---\n", "- ", "{", "null", ": "),
  );
  const mutated = fc
    .tuple(fc.nat(VALID.length), fc.nat(12), part)
    .map(([at, length, put]) => VALID.slice(0, at) + put + VALID.slice(at + length));
  await fc.assert(
    fc.asyncProperty(fc.oneof(mutated, fc.string({ unit: "binary" }), fc.json()), async (text) => {
      try {
        for (const { handler } of (await parseRuntimeClasses("/f", text)).values()) {
          assert.match(handler, /^[a-z0-9-]{1,63}$/);
        }
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
      }
    }),
    property,
  );
});

test("classes that are written out are read again", async () => {
  const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/);
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(label, label), { selector: ([name]) => name }),
      async (pairs) => {
        const items = pairs.map(([name, handler]) => ({
          apiVersion: "node.k8s.io/v1",
          kind: "RuntimeClass",
          metadata: { name },
          handler,
        }));
        const classes = await parseRuntimeClasses("/f", JSON.stringify({ kind: "List", items }));
        assert.deepEqual(
          [...classes.values()].map(({ name, handler }) => [name, handler]),
          pairs,
        );
      },
    ),
    property,
  );
});

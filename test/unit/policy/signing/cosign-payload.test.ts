import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePayload } from "../../../../src/policy/payload.ts";
import {
  type AnnotationValue,
  type CosignPayload,
  formatCosignPayload,
} from "../../../../src/policy/signing/cosign-payload.ts";

const digest = `sha256:${"d34db33f".repeat(8)}`;
const critical = (name: string): string =>
  `{"critical":{"identity":{"docker-reference":"${name}"},"image":{"docker-manifest-digest":"${digest}"},"type":"cosign container image signature"},"optional":`;

function format(rest: Partial<CosignPayload> = {}): string {
  return Buffer.from(
    formatCosignPayload({ dockerReference: "example.com/test/image", digest, ...rest }),
  ).toString();
}

// The texts are what sigstore's own payload tests expect of the same input.
test("the payload is the one that cosign writes", () => {
  assert.equal(format(), `${critical("example.com/test/image")}null}`);
  assert.equal(
    format({ dockerReference: "example.com/atomic/test/image", creator: "atomic", timestamp: 1458239713 }),
    `${critical("example.com/atomic/test/image")}{"creator":"atomic","timestamp":1458239713}}`,
  );
  const annotations = {
    some_struct: { foo: "bar", false: true, nothing: null },
    "CamelCase WithSpace": 8.314,
  };
  assert.equal(
    format({ dockerReference: "example.com/cosign/test/image", creator: "anyone", annotations }),
    `${critical("example.com/cosign/test/image")}{"CamelCase WithSpace":8.314,"creator":"anyone","some_struct":{"false":true,"foo":"bar","nothing":null}}}`,
  );
});

test("texts are escaped and sorted as Go's encoder does it", () => {
  const optional = (annotations: Record<string, AnnotationValue>): string =>
    format({ annotations }).slice(critical("example.com/test/image").length, -1);
  assert.equal(optional({ a: "<b>&\u2028\u2029" }), '{"a":"\\u003cb\\u003e\\u0026\\u2028\\u2029"}');
  assert.equal(optional({ "<": 'q"\\\n\t\u0001\u007f' }), '{"\\u003c":"q\\"\\\\\\n\\t\\u0001\u007f"}');
  assert.equal(optional({ a: "é🔑" }), '{"a":"é🔑"}');
  // By UTF-8 the private use area comes before what takes two units of UTF-16.
  assert.equal(optional({ "🔑": 1, "\uf8ff": 2 }), '{"\uf8ff":2,"🔑":1}');
  assert.equal(optional({ 10: 1, 9: 2 }), '{"10":1,"9":2}');
  assert.equal(optional({ a: [1e21, 1e-7, 0.000001, true, []] }), '{"a":[1e+21,1e-7,0.000001,true,[]]}');
  assert.equal(optional({}), "null");
});

test("what is written is what verifiers read", () => {
  const bytes = formatCosignPayload({
    dockerReference: "quay.io/a/b:1",
    digest,
    creator: 'lading "0"',
    timestamp: 2n ** 53n - 1n,
    annotations: { __proto__x: "1" },
  });
  assert.deepEqual(parsePayload(bytes, "sigstore"), {
    dockerManifestDigest: digest,
    dockerReference: "quay.io/a/b:1",
    creator: 'lading "0"',
    timestamp: 2n ** 53n - 1n,
  });
});

test("a payload that verifiers would refuse, or read otherwise, is not made", () => {
  const loop: Record<string, AnnotationValue> = {};
  loop["a"] = loop;
  const wrong: Partial<CosignPayload>[] = [
    { dockerReference: "" },
    { annotations: { creator: "x" } },
    { annotations: { timestamp: "1" } },
    { annotations: { a: Number.NaN } },
    { annotations: { a: undefined as unknown as string } },
    { annotations: { a: (() => 1) as unknown as string } },
    { annotations: { a: "\ud800" } },
    { annotations: { "\udfff": "a" } },
    { annotations: loop },
    { creator: 1 as unknown as string },
    { dockerReference: undefined as unknown as string },
  ];
  for (const each of wrong) assert.throws(() => format(each), TypeError);
  for (const timestamp of [1.5, Number.NaN, 2 ** 60, 2n ** 53n, -(2n ** 53n), 2n ** 64n]) {
    assert.throws(() => format({ timestamp }), RangeError);
  }
  assert.throws(() => format({ digest: "" }), { code: "ERR_DIGEST_INVALID" });
  assert.throws(() => format({ digest: digest.toUpperCase() }), { code: "ERR_DIGEST_INVALID" });
});

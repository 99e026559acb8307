import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../src/core/digest.ts";
import { parseOrasReference } from "../../../src/core/oras-reference.ts";

const digest = digestOf("abc");

test("the registry is what stands before the first slash, whatever it looks like", () => {
  const name = { domain: "hello", path: "world" };
  assert.deepEqual(parseOrasReference("hello/world"), name);
  assert.deepEqual(parseOrasReference("hello/world:v1"), { ...name, tag: "v1" });
  assert.deepEqual(parseOrasReference(`hello/world@${digest}`), { ...name, digest });
  assert.deepEqual(parseOrasReference(`hello/world:v1@${digest}`), { ...name, tag: "v1", digest });
  assert.deepEqual(parseOrasReference(`hello/world:@${digest}`), { ...name, digest });
  assert.deepEqual(parseOrasReference("my_registry:5000/a/b"), { domain: "my_registry:5000", path: "a/b" });
  assert.deepEqual(parseOrasReference("docker.io/alpine"), { domain: "docker.io", path: "alpine" });
  assert.deepEqual(parseOrasReference("[::1]:5000/x:1"), { domain: "[::1]:5000", path: "x", tag: "1" });
  // The path is never read as another domain.
  assert.deepEqual(parseOrasReference("r/quay.io/x"), { domain: "r", path: "quay.io/x" });
});

test("a scheme in front is dropped", () => {
  for (const scheme of ["oci://", "http://", "https://"]) {
    assert.deepEqual(parseOrasReference(`${scheme}hello/world`), { domain: "hello", path: "world" });
  }
});

test("everything else is refused", () => {
  const refused = [
    "",
    "hello",
    "hello:v1",
    `hello@${digest}`,
    "/world",
    "hello/",
    "hello/:v1",
    "hello/world:",
    "hello/world@",
    `hello/world@@${digest}`,
    `hello/world:v1:v2`,
    `hello/world:a b@${digest}`,
    `hello/world@${digest.slice(0, -1)}`,
    `hello/world@${digest}\n`,
    "hello/World",
    "hello/../world",
    "hello//world",
    "user@hello/world",
    "user:pass@hello/world",
    "ftp://hello/world",
    "oci://oci://hello/world",
    "hello:port/world",
    "[::1/world",
    "h\u00e9llo/world",
    `hello/${"a".repeat(256)}`,
    `hello/${"a".repeat(1e6)}`,
  ];
  for (const text of refused) {
    assert.throws(() => parseOrasReference(text), { code: "ERR_REFERENCE_INVALID" }, text.slice(0, 80));
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { formatBasicPair, parseBasicPair } from "../../../../src/oci/credentials/basic-pair.ts";

const base64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64");

test("the first colon divides, whatever follows it", () => {
  const key = JSON.stringify(
    { type: "service_account", private_key: "-----BEGIN\nA:B\n-----END\n" },
    null,
    2,
  );
  assert.deepEqual(parseBasicPair(base64(`_json_key:${key}`)), {
    kind: "pair",
    username: "_json_key",
    password: key,
  });
  assert.deepEqual(parseBasicPair(base64(":")), { kind: "pair", username: "", password: "" });
  assert.deepEqual(parseBasicPair(base64("ü:pß😀")), { kind: "pair", username: "ü", password: "pß😀" });
});

test("NUL characters go from the end only", () => {
  assert.deepEqual(parseBasicPair(base64("u:a\0b\0\0")), { kind: "pair", username: "u", password: "a\0b" });
});

test("what is no pair", () => {
  assert.deepEqual(parseBasicPair(""), { kind: "none", reason: "empty" });
  assert.deepEqual(parseBasicPair("\r\n"), { kind: "none", reason: "empty" });
  assert.deepEqual(parseBasicPair(base64("token")), { kind: "none", reason: "no-colon" });
  for (const text of ["dTpw=", "dTp", "dT pw", "dTp_", "=", "dTpw====", "ZHU6cA", "dTpw\tAAA="]) {
    assert.deepEqual(parseBasicPair(text), { kind: "invalid", reason: "illegal base64" }, text);
  }
  assert.deepEqual(parseBasicPair(base64(Buffer.from([0x75, 0x3a, 0xff]))), {
    kind: "invalid",
    reason: "not UTF-8",
  });
});

test("line breaks within are passed over; padding can be optional", () => {
  assert.deepEqual(parseBasicPair("dT\r\npw\n"), { kind: "pair", username: "u", password: "p" });
  assert.deepEqual(parseBasicPair(" ZHU6cA ", { padding: "optional" }), {
    kind: "pair",
    username: "du",
    password: "p",
  });
  assert.deepEqual(parseBasicPair("ZHU6cA==", { padding: "optional" }), {
    kind: "pair",
    username: "du",
    password: "p",
  });
  assert.equal(parseBasicPair("ZHU6c", { padding: "optional" }).kind, "invalid");
});

test("what is written is read back; a user name with a colon is not written", () => {
  const text = formatBasicPair("u", "p:q\n\u{1f511}");
  assert.deepEqual(parseBasicPair(text), { kind: "pair", username: "u", password: "p:q\n\u{1f511}" });
  assert.throws(() => formatBasicPair("u:v", "p"), TypeError);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSignatureBlob } from "../../../src/policy/signature-blob.ts";

const framed = (name: string, data: string | Buffer) =>
  Buffer.concat([Buffer.from([0]), Buffer.from(`${name}\n`), Buffer.from(data)]);

test("a sigstore signature", () => {
  const json = { mimeType: "m", payload: "YWJj", annotations: { a: "b" }, unknown: 1 };
  const signature = parseSignatureBlob(framed("sigstore-json", JSON.stringify(json)));
  assert.ok(signature.format === "sigstore-json");
  assert.equal(signature.mediaType, "m");
  assert.equal(Buffer.from(signature.payload).toString(), "abc");
  assert.deepEqual([...signature.annotations], [["a", "b"]]);
  const empty = parseSignatureBlob(framed("sigstore-json", "{}"));
  assert.deepEqual(empty, {
    format: "sigstore-json",
    mediaType: "",
    payload: new Uint8Array(0),
    annotations: new Map(),
  });
});

test("a simple signature, framed or bare", () => {
  const content = Buffer.from("any\nthing");
  assert.deepEqual(parseSignatureBlob(framed("simple-signing", content)), {
    format: "simple-signing",
    content,
  });
  const bare = Buffer.from([0xa3, 1, 2]);
  assert.deepEqual(parseSignatureBlob(bare), { format: "simple-signing", content: bare });
});

test("everything else is refused, never passed over", () => {
  const bad = [
    Buffer.alloc(0),
    Buffer.from([0]),
    Buffer.from("\0simple-signing"),
    framed("", ""),
    framed("simple-signing ", ""),
    framed("Sigstore-json", "{}"),
    framed("sigstore-json", ""),
    framed("sigstore-json", "{"),
    framed("sigstore-json", "[]"),
    framed("sigstore-json", '{"mimeType":1}'),
    framed("sigstore-json", '{"payload":"!"}'),
    framed("sigstore-json", '{"annotations":{"a":1}}'),
    framed("sigstore-json", '{"annotations":{"a":"1","a":"2"}}'),
    framed("sigstore-json", '{"payload":"YQ==","Payload":"Yg=="}'),
    Buffer.from("<html>"),
    Buffer.from("-----BEGIN PGP SIGNATURE-----"),
    Buffer.from([0x93, 1]),
    Buffer.from([0, 0x80, 0x0a]),
  ];
  for (const blob of bad) {
    assert.throws(() => parseSignatureBlob(blob), { code: "ERR_POLICY_SIGNATURES" }, blob.toString());
  }
});

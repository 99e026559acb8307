import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../src/core/digest.ts";
import { DOCKER_SCHEMA1_SIGNED, OCI_MANIFEST } from "../../../src/core/media-types.ts";
import {
  guessManifestType,
  manifestDigest,
  manifestMatchesDigest,
} from "../../../src/policy/manifest-digest.ts";
import { imageManifest } from "./images.ts";

const base64url = (text: string) => Buffer.from(text).toString("base64url");

/** A signed schema 1 manifest: the payload with a list of signatures put in before its end. */
function schema1(payload: string, headers: object[]): Buffer {
  const blocks = headers.map((header) => ({ protected: base64url(JSON.stringify(header)), signature: "" }));
  const head = payload.slice(0, -2);
  return Buffer.from(`${head},"signatures":${JSON.stringify(blocks)}\n}`);
}

const PAYLOAD = '{"schemaVersion":1,"name":"a"\n}';
const HEADER = { formatLength: PAYLOAD.length - 2, formatTail: base64url("\n}") };

test("the digest is of the bytes, whatever they are", () => {
  for (const bytes of [
    imageManifest(),
    Buffer.alloc(0),
    Buffer.from("no json"),
    Buffer.from('{"schemaVersion":2}'),
  ]) {
    assert.equal(manifestDigest(bytes), digestOf(bytes));
    assert.ok(manifestMatchesDigest(bytes, digestOf(bytes)));
  }
  assert.equal(guessManifestType(imageManifest()), OCI_MANIFEST);
});

test("only the sha256 digest, spelled in full, matches", () => {
  const bytes = imageManifest();
  const digest = digestOf(bytes);
  const wrong = [
    digestOf(bytes, "sha512"),
    digest.toUpperCase(),
    digest.slice(0, -1),
    `${digest}0`,
    ` ${digest}`,
    "",
  ];
  for (const text of [...wrong, digest.slice("sha256:".length)]) {
    assert.equal(manifestMatchesDigest(bytes, text), false, text);
  }
});

test("a signed schema 1 manifest has the digest of the payload that its signatures cover", () => {
  const manifest = schema1(PAYLOAD, [HEADER, { ...HEADER, time: "2015" }]);
  assert.equal(guessManifestType(manifest), DOCKER_SCHEMA1_SIGNED);
  assert.equal(manifestDigest(manifest), digestOf(PAYLOAD));
  assert.equal(manifestMatchesDigest(manifest, digestOf(manifest)), false);
});

test("signatures that do not say what they cover, or disagree, give no digest", () => {
  const bad: object[][] = [
    [],
    [{}],
    [{ formatLength: 1 }],
    [{ formatTail: "" }],
    [{ ...HEADER, formatLength: 1_000_000 }],
    [{ ...HEADER, formatLength: -1 }],
    [{ ...HEADER, formatLength: 1.5 }],
    [{ ...HEADER, formatLength: "1" }],
    [{ ...HEADER, formatTail: "!" }],
    [{ ...HEADER, formatTail: 1 }],
    [HEADER, { ...HEADER, formatLength: 1 }],
    [HEADER, { ...HEADER, formatTail: "" }],
    [[]],
  ];
  for (const headers of bad) {
    assert.throws(
      () => manifestDigest(schema1(PAYLOAD, headers)),
      { code: "ERR_POLICY_MANIFEST" },
      JSON.stringify(headers),
    );
  }
  for (const signatures of ["1", "{}", '[{"protected":1}]', "[1]", '[{"protected":"!"}]', "[{}]"]) {
    const manifest = Buffer.from(`{"schemaVersion":1,"signatures":${signatures}}`);
    assert.throws(() => manifestDigest(manifest), { code: "ERR_POLICY_MANIFEST" }, signatures);
  }
  assert.equal(
    manifestDigest(Buffer.from('{"schemaVersion":1,"signatures":null}')),
    digestOf('{"schemaVersion":1,"signatures":null}'),
  );
});

test("signatures that cover another document give no digest: it would be the digest of that one", () => {
  const other = imageManifest();
  const wrapped = (formatLength: number, formatTail: string | Buffer, before = '"name":"a"') =>
    `{"schemaVersion":1,${before},"signatures":${JSON.stringify([
      {
        protected: base64url(
          JSON.stringify({ formatLength, formatTail: Buffer.from(formatTail).toString("base64url") }),
        ),
      },
    ])}}`;
  const whole = '{"schemaVersion":1,"name":"a"'.length;
  assert.equal(manifestDigest(Buffer.from(wrapped(whole, "}"))), digestOf(PAYLOAD.replace("\n", "")));
  const forged = [
    wrapped(0, other),
    wrapped(1, other.subarray(1)),
    wrapped(whole, ',"layers":[]}'),
    wrapped(whole - 1, '"}'),
    wrapped(whole + 1, '"x":1}'),
    wrapped(whole, ""),
    wrapped('{"schemaVersion":1'.length, "}"),
    wrapped(whole, "}").replace(/\}$/, ',"fsLayers":[]}'),
    wrapped(whole, "}", '"name":"a","signatures":[]'),
  ];
  for (const text of forged) {
    assert.throws(() => manifestDigest(Buffer.from(text)), { code: "ERR_POLICY_MANIFEST" }, text);
  }
});

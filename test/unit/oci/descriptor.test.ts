import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../src/core/digest.ts";
import {
  describeContent,
  embeddedContent,
  isMediaType,
  parseDescriptor,
} from "../../../src/oci/descriptor.ts";

test("every member is read, null counts as absent, unknown ones are left out", () => {
  const full = {
    mediaType: "application/x",
    digest: digestOf("abc"),
    size: 3,
    urls: ["https://a.example/x"],
    annotations: { k: "ž" },
    data: "YWJj",
    artifactType: "application/y",
    platform: {
      architecture: "arm64",
      os: "windows",
      "os.version": "10",
      "os.features": ["win32k"],
      variant: "v8",
      features: ["f"],
    },
  };
  assert.deepEqual(parseDescriptor(JSON.stringify({ ...full, unknown: 1 })), full);
  const nulls = { urls: null, annotations: null, data: null, artifactType: null, platform: null };
  const { mediaType, digest, size } = full;
  assert.deepEqual(parseDescriptor(JSON.stringify({ ...full, ...nulls })), { mediaType, digest, size });
});

test("a platform needs os and architecture", () => {
  const { digest, size, mediaType } = describeContent(Buffer.from("x"), "a/b");
  for (const platform of [{ os: "linux" }, { architecture: "amd64" }]) {
    assert.throws(() => parseDescriptor(JSON.stringify({ digest, size, mediaType, platform })), {
      code: "ERR_JSON_MISSING_KEY",
    });
  }
});

test("embedded content is verified", () => {
  const descriptor = describeContent(Buffer.from("abc"), "a/b");
  assert.equal(embeddedContent(descriptor), undefined);
  assert.equal(Buffer.from(embeddedContent({ ...descriptor, data: "YWJj" }) ?? []).toString(), "abc");
  assert.throws(() => embeddedContent({ ...descriptor, data: "YWJk" }), { code: "ERR_DIGEST_MISMATCH" });
  assert.throws(() => embeddedContent({ ...descriptor, data: "YWI=" }), { code: "ERR_SIZE_MISMATCH" });
});

test("data must be base64 with padding", () => {
  const descriptor = describeContent(Buffer.from("abc"), "a/b");
  for (const data of ["YWI", "YW I=", "_-==", "="]) {
    assert.throws(() => parseDescriptor(JSON.stringify({ ...descriptor, data })), { code: "ERR_JSON_TYPE" });
  }
});

test("media types have two limited parts", () => {
  for (const type of ["a/b", "application/vnd.x+json", `a/${"b".repeat(127)}`]) assert.ok(isMediaType(type));
  for (const type of [
    "",
    "a",
    "a/",
    "/b",
    "a/b/c",
    "a/b;c",
    "+a/b",
    `a/${"b".repeat(128)}`,
    "a/b\n",
    "ä/b",
  ]) {
    assert.ok(!isMediaType(type), type);
  }
  assert.throws(() => describeContent(Buffer.from(""), "nope"), TypeError);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/core/digest.ts";
import {
  OCI_CONFIG,
  OCI_EMPTY,
  OCI_INDEX,
  OCI_LAYER,
  OCI_MANIFEST,
} from "../../../../src/core/media-types.ts";
import { type DocumentKind, validateDocument } from "../../../../src/oci/documents/validate.ts";

const digest = digestOf("x");
const config = { mediaType: OCI_CONFIG, digest, size: 1 };
const layer = { mediaType: OCI_LAYER, digest, size: 1 };
const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] };
const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [{ ...layer, mediaType: OCI_MANIFEST }] };
const imageConfig = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [digest] } };

async function found(kind: DocumentKind, value: unknown): Promise<[verdict: string, ...problems: string[]]> {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const verdict = await validateDocument(kind, Buffer.from(text));
  const problems = verdict.problems.map(({ level, rule, position }) => `${level} ${rule} ${position.path}`);
  return [verdict.kind, ...problems];
}

test("good documents have no problems", async () => {
  assert.deepEqual(await found("manifest", manifest), ["valid"]);
  assert.deepEqual(await found("index", index), ["valid"]);
  assert.deepEqual(await found("config", imageConfig), ["valid"]);
  assert.deepEqual(await found("descriptor", layer), ["valid"]);
  assert.deepEqual(await found("layout", { imageLayoutVersion: "1.0.0" }), ["valid"]);
  assert.deepEqual(await found("layout", { imageLayoutVersion: "1.1.0" }), [
    "invalid",
    "error enum $['imageLayoutVersion']",
  ]);
});

test("every problem is told, in the order of the text, with line and column", async () => {
  const text = '{\n "schemaVersion": 3,\n "config": {},\n "layers": [{"mediaType": "a", "size": -1}]\n}';
  const { problems } = await validateDocument("manifest", Buffer.from(text));
  const errors = problems.filter(({ level }) => level === "error");
  assert.deepEqual(
    errors.map(({ rule, position }) => `${rule} ${position.path} ${position.line}:${position.column}`),
    [
      "enum $['schemaVersion'] 2:19",
      "required $['config'] 3:12",
      "required $['config'] 3:12",
      "required $['config'] 3:12",
      "required $['layers'][0] 4:13",
      "pattern $['layers'][0]['mediaType'] 4:27",
      "minimum $['layers'][0]['size'] 4:40",
    ],
  );
});

test("a text that is no JSON is one problem", async () => {
  for (const text of ["", "{", "{} {}", "nul"]) {
    assert.deepEqual(await found("config", text), ["invalid", "error syntax $"], text);
  }
  assert.equal((await found("manifest", "null"))[0], "invalid");
  assert.equal((await found("descriptor", "[]"))[0], "invalid");
});

test("CVE-2021-41190: documents that programs read differently are invalid", async () => {
  const both = { ...manifest, manifests: [] };
  assert.deepEqual(await found("manifest", both), ["invalid", "error ambiguous $"]);
  assert.equal((await found("manifest", { ...manifest, mediaType: OCI_INDEX }))[0], "invalid");
  assert.deepEqual(await found("manifest", { ...manifest, Annotations: {} }), [
    "invalid",
    "error ambiguous $['Annotations']",
  ]);
  const text = JSON.stringify(manifest);
  assert.deepEqual(await found("manifest", text.replace('"layers"', '"layers":[],"layers"')), [
    "invalid",
    "error duplicate-key $['layers']",
  ]);
  assert.equal((await found("manifest", text.replace('"size":1', '"size":1,"Size":2')))[0], "invalid");
});

test("another spelling is found behind a digest that lading does not compute", async () => {
  const other = { ...config, digest: "multihash+base58:Qm" };
  assert.deepEqual(await found("manifest", { ...manifest, config: other }), ["valid"]);
  const layers = [{ ...layer, Data: "" }];
  assert.deepEqual(await found("manifest", { ...manifest, config: other, layers }), [
    "invalid",
    "error ambiguous $['layers'][0]['Data']",
  ]);
});

test("keys of annotations are data", async () => {
  assert.deepEqual(await found("manifest", { ...manifest, annotations: { a: "", A: "" } }), ["valid"]);
  assert.equal((await found("manifest", { ...manifest, annotations: { "": "x" } }))[0], "invalid");
});

test("embedded content must be the content", async () => {
  const right = { mediaType: "a/b", digest: digestOf("abc"), size: 3, data: "YWJj" };
  assert.deepEqual(await found("descriptor", right), ["valid"]);
  for (const wrong of [{ size: 4 }, { digest: digestOf("abd") }, { data: "YWJk" }, { data: "" }]) {
    assert.deepEqual(await found("descriptor", { ...right, ...wrong }), [
      "invalid",
      "error data-mismatch $['data']",
    ]);
  }
});

test("the empty content is that one, and tells no type", async () => {
  const empty = { mediaType: OCI_EMPTY, digest: digestOf("{}"), size: 2 };
  assert.deepEqual(await found("descriptor", empty), ["valid"]);
  assert.deepEqual(await found("descriptor", { ...empty, digest }), [
    "invalid",
    "error empty-content $['digest']",
  ]);
  assert.deepEqual(await found("manifest", { ...manifest, config: empty }), [
    "invalid",
    "error artifact-type $['config']",
  ]);
  assert.deepEqual(await found("manifest", { ...manifest, config: empty, artifactType: "a/b" }), ["valid"]);
});

test("what is allowed and discouraged is a warning", async () => {
  const foreign = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
  const url = "https://example.com/layer";
  assert.deepEqual(await found("descriptor", { ...layer, mediaType: foreign, urls: [url, "ftp://a/b"] }), [
    "valid",
    "warning nondistributable-layer $['mediaType']",
    "warning foreign-url $['urls'][0]",
    "warning foreign-url $['urls'][1]",
  ]);
  assert.deepEqual(await found("manifest", { ...manifest, mediaType: undefined, layers: [] }), [
    "valid",
    "warning no-media-type $",
    "warning no-layers $['layers']",
  ]);
  const platform = { os: "linux", architecture: "x86_64" };
  assert.deepEqual(await found("descriptor", { ...layer, platform }), [
    "valid",
    "warning platform-name $['platform']['architecture']",
  ]);
});

test("annotations that the specification defines have their form", async () => {
  const name = "org.opencontainers.image";
  const right = {
    [`${name}.created`]: "2024-02-29T23:59:59.5+01:00",
    [`${name}.base.digest`]: digest,
    [`${name}.ref.name`]: "v1.0--rc/a@b",
  };
  assert.deepEqual(await found("manifest", { ...manifest, annotations: right }), ["valid"]);
  const wrong: [string, string, string][] = [
    ["created", "2023-02-29T00:00:00Z", "invalid"],
    ["created", "2023-02-28", "invalid"],
    ["base.digest", "sha256", "invalid"],
    ["ref.name", "a//b", "valid"],
    ["invented", "", "valid"],
  ];
  for (const [key, value, kind] of wrong) {
    const verdict = await found("manifest", { ...manifest, annotations: { [`${name}.${key}`]: value } });
    assert.equal(verdict[0], kind, key);
    assert.equal(verdict.length, 2, key);
  }
});

test("steps of history that made layers are as many as the layers", async () => {
  const history = [{ created: "2024-01-01T00:00:00Z" }, { empty_layer: true }];
  assert.deepEqual(await found("config", { ...imageConfig, history }), ["valid"]);
  assert.deepEqual(await found("config", { ...imageConfig, history: [...history, {}] }), [
    "valid",
    "warning history-count $['history']",
  ]);
  assert.deepEqual(
    await found("config", { ...imageConfig, history: [{ created: "2024-01-32T00:00:00Z" }] }),
    ["invalid", "error pattern $['history'][0]['created']", "error created $['history'][0]['created']"],
  );
});

test("limits hold, and errors are kept before warnings", async () => {
  const large = Buffer.from(JSON.stringify(manifest));
  await assert.rejects(validateDocument("manifest", large, { maxBytes: 10 }), { code: "ERR_TOO_LARGE" });
  await assert.rejects(validateDocument("manifest", large, { maxProblems: -1 }), RangeError);
  await assert.rejects(validateDocument("image" as DocumentKind, large), TypeError);
  await assert.rejects(validateDocument("constructor" as DocumentKind, large), TypeError);
  const urls = Array.from({ length: 200 }, () => "ftp://a/b");
  const bad = Buffer.from(JSON.stringify({ ...layer, urls, size: -1 }));
  const { kind, problems } = await validateDocument("descriptor", bad, { maxProblems: 3 });
  assert.equal(kind, "invalid");
  assert.deepEqual(
    problems.map(({ rule }) => rule),
    ["minimum", "foreign-url", "foreign-url"],
  );
  assert.equal((await validateDocument("descriptor", bad, { maxProblems: 0 })).kind, "invalid");
});

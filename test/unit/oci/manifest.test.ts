import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../src/core/digest.ts";
import {
  DOCKER_MANIFEST,
  DOCKER_SCHEMA1_SIGNED,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER,
  OCI_MANIFEST,
} from "../../../src/core/media-types.ts";
import { artifactTypeOf, parseManifest } from "../../../src/oci/manifest.ts";

const digest = digestOf("x");
const config = { mediaType: OCI_CONFIG, digest, size: 1 };
const layer = { mediaType: OCI_LAYER, digest, size: 1 };
const image = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] };
const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [{ ...layer, mediaType: OCI_MANIFEST }] };

function bytes(value: unknown): Uint8Array {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
}

function refused(value: unknown, code: string, mediaType?: string): void {
  assert.throws(() => parseManifest(bytes(value), mediaType), { code }, JSON.stringify(value));
}

test("an image manifest keeps its bytes, and its descriptor is of these", () => {
  const input = bytes(`  ${JSON.stringify({ ...image, "org.example": { big: 1 } })}\n`);
  const manifest = parseManifest(input, `${OCI_MANIFEST}; charset=utf-8`);
  assert.equal(manifest.kind, "manifest");
  assert.equal(manifest.bytes, input);
  assert.deepEqual(manifest.descriptor, {
    mediaType: OCI_MANIFEST,
    digest: digestOf(input),
    size: input.length,
  });
  assert.deepEqual(manifest.value, image);
  assert.deepEqual(manifest.plain["org.example"], { big: 1 });
});

test("integers beyond double precision survive in unknown members", () => {
  const manifest = parseManifest(bytes(JSON.stringify(image).replace("{", '{"n":9007199254740993,')));
  assert.equal(manifest.plain["n"], 9007199254740993n);
});

test("the digest can be computed with another algorithm", () => {
  const { descriptor } = parseManifest(bytes(image), undefined, { algorithm: "sha512" });
  assert.equal(descriptor.digest, digestOf(bytes(image), "sha512"));
});

test("an index without entries and an image without layers are read", () => {
  assert.equal(parseManifest(bytes({ ...index, manifests: [] })).kind, "index");
  const manifest = parseManifest(bytes({ ...image, layers: [] }));
  assert.deepEqual(manifest.kind === "manifest" && manifest.value.layers, []);
  assert.equal(parseManifest(bytes({ ...image, layers: null })).kind, "manifest");
});

test("a document with members of both kinds is refused, whatever it is called", () => {
  const both = { ...image, manifests: index.manifests };
  refused(both, "ERR_OCI_MANIFEST_AMBIGUOUS");
  refused({ ...both, mediaType: OCI_INDEX }, "ERR_OCI_MANIFEST_AMBIGUOUS");
  refused({ ...both, mediaType: undefined }, "ERR_OCI_MANIFEST_AMBIGUOUS", OCI_INDEX);
  refused({ ...image, manifests: [] }, "ERR_OCI_MANIFEST_AMBIGUOUS");
  refused({ ...image, fsLayers: [] }, "ERR_OCI_MANIFEST_AMBIGUOUS");
  refused({ ...index, config }, "ERR_OCI_MANIFEST_AMBIGUOUS");
  assert.equal(parseManifest(bytes({ ...image, manifests: null })).kind, "manifest");
});

test("another spelling of a known name is refused at every depth", () => {
  refused({ ...image, Layers: [] }, "ERR_OCI_MANIFEST_AMBIGUOUS");
  refused({ ...image, MANIFESTS: [] }, "ERR_OCI_MANIFEST_AMBIGUOUS");
  refused({ ...image, "layer\u017f": [] }, "ERR_OCI_MANIFEST_AMBIGUOUS");
  refused({ ...image, config: { ...config, Digest: digestOf("y") } }, "ERR_OCI_MANIFEST_AMBIGUOUS");
  refused({ ...image, layers: [{ ...layer, SIZE: 2 }] }, "ERR_OCI_MANIFEST_AMBIGUOUS");
  const platform = { os: "linux", architecture: "amd64", OS: "windows" };
  refused({ ...index, manifests: [{ ...layer, platform }] }, "ERR_OCI_MANIFEST_AMBIGUOUS");
  // Keys of annotations are data, not names of fields.
  const annotations = { a: "1", A: "2" };
  assert.deepEqual(parseManifest(bytes({ ...image, annotations })).value.annotations, annotations);
});

test("CVE-2021-41190: duplicate names are refused at every depth", () => {
  const text = JSON.stringify(image);
  refused(text.replace("{", '{"layers":[],'), "ERR_JSON_DUPLICATE_KEY");
  refused(text.replace('"size":1', '"size":1,"size":2'), "ERR_JSON_DUPLICATE_KEY");
});

test("CVE-2021-41190: a name that JSON.parse misreads is no way to give one twice", () => {
  // V8 takes the name of the first text, `\\u006c`, for the escaped one of the second.
  const text = (name: string) => JSON.stringify(image).replace(/\}$/, `,"${name}":[]}`);
  const misleading = text("\\\\u006c");
  for (let turn = 0; turn < 2; turn++) JSON.parse(misleading);
  refused(text("\\u006cayers"), "ERR_JSON_DUPLICATE_KEY");
  refused(text("\\u004cayers"), "ERR_OCI_MANIFEST_AMBIGUOUS");
});

test("the delivered type and the declared one must be the same", () => {
  refused(image, "ERR_OCI_MEDIA_TYPE_MISMATCH", DOCKER_MANIFEST);
  refused({ ...image, mediaType: OCI_INDEX }, "ERR_OCI_MEDIA_TYPE_MISMATCH", OCI_MANIFEST);
  const parsed = parseManifest(bytes(image), DOCKER_MANIFEST, { mediaTypes: "kind" });
  assert.equal(parsed.mediaType, DOCKER_MANIFEST);
  assert.throws(() =>
    parseManifest(bytes({ ...image, mediaType: OCI_INDEX }), OCI_MANIFEST, { mediaTypes: "kind" }),
  );
});

test("types that are no manifest's are refused", () => {
  refused(image, "ERR_OCI_MEDIA_TYPE_UNSUPPORTED", "application/json");
  refused(image, "ERR_OCI_MEDIA_TYPE_UNSUPPORTED", "text/plain");
  refused(image, "ERR_OCI_MEDIA_TYPE_UNSUPPORTED", "");
});

test("schema 1 is refused by name", () => {
  const schema1 = { schemaVersion: 1, fsLayers: [], history: [], signatures: [] };
  refused(schema1, "ERR_OCI_SCHEMA1_UNSUPPORTED");
  refused(schema1, "ERR_OCI_SCHEMA1_UNSUPPORTED", DOCKER_SCHEMA1_SIGNED);
});

test("each required member is required, and of its type", () => {
  for (const name of ["config", "layers"] as const)
    refused({ ...image, [name]: undefined }, "ERR_JSON_MISSING_KEY");
  refused({ ...image, schemaVersion: undefined }, "ERR_JSON_MISSING_KEY");
  refused({ ...image, schemaVersion: 3 }, "ERR_JSON_TYPE");
  refused({ ...image, config: null }, "ERR_JSON_TYPE");
  refused({ ...index, manifests: undefined }, "ERR_JSON_MISSING_KEY");
  for (const name of ["mediaType", "digest", "size"] as const) {
    refused({ ...image, layers: [{ ...layer, [name]: undefined }] }, "ERR_JSON_MISSING_KEY");
  }
  refused({ ...image, layers: [{ ...layer, size: -1 }] }, "ERR_JSON_TYPE");
  refused({ ...image, layers: [{ ...layer, size: 1.5 }] }, "ERR_JSON_TYPE");
  refused(JSON.stringify(image).replace('"size":1', '"size":9007199254740992'), "ERR_JSON_TYPE");
  refused({ ...image, layers: [{ ...layer, mediaType: "a b/c" }] }, "ERR_JSON_TYPE");
  refused({ ...image, annotations: { a: 1 } }, "ERR_JSON_TYPE");
  refused({ ...image, subject: {} }, "ERR_JSON_MISSING_KEY");
});

test("CVE-2024-3727: digests that could steer a path are refused, with the place", () => {
  for (const bad of ["sha256:../../x", `sha256:${"A".repeat(64)}`, "sha256:abc", "../x", ""]) {
    assert.throws(
      () => parseManifest(bytes({ ...image, layers: [{ ...layer, digest: bad }] })),
      (error: { code?: string; position?: { path: string } }) =>
        error.code === "ERR_DIGEST_INVALID" && error.position?.path === "$['layers'][0]['digest']",
    );
  }
  refused({ ...image, layers: [{ ...layer, digest: `md5:${"0".repeat(32)}` }] }, "ERR_DIGEST_UNSUPPORTED");
});

test("a document over the limit is refused before it is read", () => {
  const large = { ...image, annotations: { a: "a".repeat(4 * 1024 * 1024) } };
  refused(large, "ERR_TOO_LARGE");
  assert.equal(parseManifest(bytes(large), undefined, { maxBytes: 5 * 1024 * 1024 }).kind, "manifest");
});

test("what is no document at all is an error with a code", () => {
  refused("", "ERR_JSON_SYNTAX");
  refused("null", "ERR_OCI_MANIFEST_INVALID");
  refused("[]", "ERR_OCI_MANIFEST_INVALID");
  refused("{}", "ERR_OCI_MANIFEST_INVALID");
  refused("[]", "ERR_JSON_TYPE", OCI_MANIFEST);
});

test("the artifact type is the document's own, else the type of an image's config", () => {
  assert.equal(artifactTypeOf(parseManifest(bytes({ ...image, artifactType: "a/b" }))), "a/b");
  assert.equal(artifactTypeOf(parseManifest(bytes(image))), OCI_CONFIG);
  assert.equal(artifactTypeOf(parseManifest(bytes(index))), undefined);
});

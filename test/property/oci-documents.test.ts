/** Documents of the image specification: what the reader refuses, the validator finds, and nothing else is thrown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { digestOf } from "../../src/core/digest.ts";
import { isLadingError } from "../../src/core/errors.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from "../../src/core/media-types.ts";
import { packArtifact } from "../../src/oci/artifact.ts";
import { parseDescriptor } from "../../src/oci/descriptor.ts";
import { parseImageConfig } from "../../src/oci/documents/image-config.ts";
import { type DocumentKind, validateDocument } from "../../src/oci/documents/validate.ts";
import { parseManifest } from "../../src/oci/manifest.ts";
import { mutated } from "../unit/policy/mutated.ts";
import { property } from "./runs.ts";

const digest = digestOf("x");
const MANIFEST = packArtifact({
  artifactType: "application/x",
  files: [{ content: Buffer.from("content"), title: "t" }],
  subject: { mediaType: OCI_MANIFEST, digest, size: 1 },
}).manifest.bytes;
const INDEX = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: [
      { mediaType: OCI_MANIFEST, digest, size: 1, platform: { os: "linux", architecture: "amd64" } },
    ],
  }),
);
const CONFIG = Buffer.from(
  JSON.stringify({
    created: "2024-01-01T00:00:00Z",
    architecture: "amd64",
    os: "linux",
    config: { Env: ["A=b"], Labels: { a: "b" }, Volumes: { "/v": {} }, Healthcheck: { Interval: 1 } },
    rootfs: { type: "layers", diff_ids: [digest] },
    history: [{ created_by: "x" }],
  }),
);
const DESCRIPTOR = Buffer.from(
  JSON.stringify({
    mediaType: OCI_CONFIG,
    digest: digestOf("abc"),
    size: 3,
    data: "YWJj",
    urls: ["https://a"],
  }),
);

const KINDS: [DocumentKind, Uint8Array, (bytes: Uint8Array) => unknown][] = [
  ["manifest", MANIFEST, (bytes) => parseManifest(bytes, OCI_MANIFEST, { mediaTypes: "kind" })],
  ["index", INDEX, (bytes) => parseManifest(bytes, OCI_INDEX, { mediaTypes: "kind" })],
  ["config", CONFIG, parseImageConfig],
  ["descriptor", DESCRIPTOR, parseDescriptor],
];

for (const [kind, valid, parse] of KINDS) {
  test(`a ${kind} that its reader refuses is invalid`, async () => {
    assert.equal((await validateDocument(kind, valid)).kind, "valid");
    parse(valid);
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated(valid), fc.string().map(Buffer.from)), async (bytes) => {
        const verdict = await validateDocument(kind, bytes);
        try {
          parse(bytes);
        } catch (error) {
          if (!isLadingError(error)) throw error;
          // A digest of an algorithm that lading does not compute is valid, and cannot be fetched.
          if (error.code !== "ERR_DIGEST_UNSUPPORTED") assert.equal(verdict.kind, "invalid", error.message);
        }
        for (const { position } of verdict.problems) assert.ok(position.offset <= bytes.length);
      }),
      { ...property, numRuns: Math.ceil(property.numRuns / 4) },
    );
  });
}

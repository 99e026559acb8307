/** What a document says of other content: chosen, described and taken out without an error of another kind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { digestOf } from "../../src/core/digest.ts";
import { CoreError, isLadingError } from "../../src/core/errors.ts";
import type { Platform } from "../../src/core/platform.ts";
import { onlyPlatform, windowsPlatform } from "../../src/core/platform-match.ts";
import { describeArtifact, packArtifact } from "../../src/oci/artifact.ts";
import { type Descriptor, describeContent, embeddedContent } from "../../src/oci/descriptor.ts";
import { OciError } from "../../src/oci/errors.ts";
import { fetchManifest } from "../../src/oci/fetch.ts";
import { artifactTypeOf, parseManifest } from "../../src/oci/manifest.ts";
import { memoryStore } from "../../src/oci/memory-store.ts";
import { selectManifest } from "../../src/oci/select.ts";
import { mutated } from "../unit/policy/mutated.ts";
import { property } from "./runs.ts";

const DOCUMENT = packArtifact({
  artifactType: "application/x",
  files: [{ content: Buffer.from("content"), title: "t" }],
}).manifest;

test("embedded content is what its descriptor says, or is refused with a code", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.string(), fc.nat(3), (content, text, pick) => {
      const written = Buffer.from(content).toString("base64");
      const data = [written, text, written + text, written.slice(1)][pick] ?? "";
      const descriptor: Descriptor = { ...describeContent(content, "a/b"), data };
      try {
        assert.deepEqual(Buffer.from(embeddedContent(descriptor) ?? ""), Buffer.from(content));
      } catch (error) {
        assert.ok(error instanceof CoreError && /^ERR_(SIZE|DIGEST)_MISMATCH$/.test(error.code));
        assert.notEqual(data, written);
      }
    }),
    property,
  );
});

const platform: fc.Arbitrary<Platform> = fc.record(
  {
    os: fc.constantFrom("linux", "windows", "Linux", "darwin", ""),
    architecture: fc.oneof(fc.constantFrom("amd64", "arm64", "arm", "x86_64", "386"), fc.string()),
    variant: fc.constantFrom("", "v5", "v7", "v8", "v9", "v1"),
    "os.version": fc.oneof(fc.constantFrom("10.0.17763", "10.0.20348.1"), fc.string()),
  },
  { requiredKeys: ["os", "architecture"] },
);
const entry = fc
  .tuple(
    fc.option(platform, { nil: undefined }),
    fc.constantFrom(
      {},
      { "vnd.docker.reference.type": "attestation-manifest" },
      { "io.github.containers.compression.zstd": "true" },
    ),
    fc.nat(),
  )
  .map(([platform, annotations, id]): Descriptor => {
    const descriptor = { mediaType: "a/b", digest: digestOf(`${id}`), size: 1, annotations };
    return platform
      ? { ...descriptor, platform: platform as NonNullable<Descriptor["platform"]> }
      : descriptor;
  });

test("what is chosen of an index is an entry of it that the host can run, and no attestation", () => {
  fc.assert(
    fc.property(
      fc.array(entry, { maxLength: 5 }),
      platform,
      fc.constantFrom("containerd", "containers-image"),
      (manifests, host, rule) => {
        let chosen: Descriptor;
        try {
          chosen = selectManifest({ manifests }, host, { rule });
        } catch (error) {
          assert.ok(error instanceof OciError && error.code === "ERR_OCI_PLATFORM_NOT_FOUND", String(error));
          return;
        }
        assert.ok(manifests.includes(chosen));
        assert.equal(chosen.annotations?.["vnd.docker.reference.type"], undefined);
        if (!chosen.platform) return;
        if (rule === "containers-image") assert.equal(chosen.platform.architecture, host.architecture);
        else {
          const matcher = host.os === "windows" ? windowsPlatform(host) : onlyPlatform(host);
          assert.ok(matcher.match(chosen.platform));
        }
      },
    ),
    property,
  );
});

test("a manifest that is read can be described", () => {
  fc.assert(
    fc.property(mutated(DOCUMENT.bytes), (bytes) => {
      try {
        const manifest = parseManifest(bytes);
        const type = artifactTypeOf(manifest);
        if (manifest.kind !== "manifest") return;
        const { artifactType, files, config } = describeArtifact(manifest);
        assert.equal(artifactType, type ?? config.mediaType);
        assert.equal(files.length, manifest.value.layers.length);
      } catch (error) {
        if (!isLadingError(error)) throw error;
      }
    }),
    property,
  );
});

test("a store that gives other bytes than its descriptor says is noticed", async () => {
  await fc.assert(
    fc.asyncProperty(mutated(DOCUMENT.bytes), fc.boolean(), async (bytes, byTag) => {
      const store = memoryStore();
      await store.push(DOCUMENT.descriptor, DOCUMENT.bytes);
      await store.tag(DOCUMENT.descriptor, "t");
      const lying = {
        resolve: store.resolve,
        async *fetch() {
          yield bytes;
        },
      };
      const isSame = Buffer.compare(bytes, DOCUMENT.bytes) === 0;
      try {
        const { descriptor } = await fetchManifest(lying, byTag ? "t" : DOCUMENT.descriptor);
        assert.equal(descriptor.digest, DOCUMENT.descriptor.digest);
        assert.ok(isSame);
      } catch (error) {
        if (!isLadingError(error)) throw error;
        assert.ok(!isSame);
      }
    }),
    property,
  );
});

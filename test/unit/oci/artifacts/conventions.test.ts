import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../../src/core/digest.ts";
import { OCI_CONFIG, OCI_LAYER, SIMPLE_SIGNING } from "../../../../src/core/media-types.ts";
import {
  packArtifact,
  packImage,
  packIndex,
  packManifest,
  packSeccompProfile,
} from "../../../../src/oci/artifact.ts";
import {
  conventionOf,
  conventionOfType,
  isAttestationEntry,
} from "../../../../src/oci/artifacts/conventions.ts";
import type { Descriptor } from "../../../../src/oci/descriptor.ts";

const digest = digestOf("x");

function manifestOf(configType: string, ...layerTypes: string[]) {
  const layers = layerTypes.map((mediaType) => ({ mediaType, digest, size: 1 }));
  return packManifest({ config: { mediaType: configType, digest, size: 1 }, layers });
}

test("types name their convention, exactly", () => {
  const names: [string, string | undefined][] = [
    ["application/vnd.dev.sigstore.bundle.v0.3+json", "sigstore-bundle"],
    ["application/vnd.dev.sigstore.bundle+json;version=0.1", "sigstore-bundle"],
    ["application/vnd.dev.sigstore.bundle.v0.3+json.x", undefined],
    ["application/vnd.cncf.notary.signature", "notation-signature"],
    ["application/vnd.dev.cosign.artifact.sig.v1+json", "cosign-signature"],
    ["application/spdx+json", "spdx"],
    ["application/vnd.cyclonedx+json", "cyclonedx"],
    ["application/vnd.cncf.helm.config.v1+json", "helm-chart"],
    ["application/vnd.wasm.config.v0+json", "wasm"],
    ["application/spdx", undefined],
    ["constructor", undefined],
  ];
  for (const [type, name] of names) assert.equal(conventionOfType(type), name, type);
});

test("a manifest is told by its type, then by its layers", () => {
  assert.equal(conventionOf(manifestOf(OCI_CONFIG, OCI_LAYER)), "image");
  assert.equal(conventionOf(manifestOf(OCI_CONFIG, SIMPLE_SIGNING, SIMPLE_SIGNING)), "cosign-signature");
  assert.equal(conventionOf(manifestOf(OCI_CONFIG, SIMPLE_SIGNING, OCI_LAYER)), "image");
  assert.equal(
    conventionOf(manifestOf(OCI_CONFIG, "application/vnd.dsse.envelope.v1+json")),
    "cosign-attestation",
  );
  assert.equal(
    conventionOf(manifestOf("application/vnd.cncf.helm.config.v1+json", SIMPLE_SIGNING)),
    "helm-chart",
  );
  assert.equal(conventionOf(manifestOf("application/x", OCI_LAYER)), undefined);
  assert.equal(conventionOf(packSeccompProfile(Buffer.from("{}")).manifest), "seccomp-profile");
  const index = packIndex([
    { graph: packImage({ platform: { os: "linux", architecture: "amd64" }, layers: [] }) },
  ]);
  assert.equal(conventionOf(index.manifest), undefined);
  const artifactType = "application/spdx+json";
  assert.equal(conventionOf(packArtifact({ artifactType, files: [] }).manifest), "spdx");
});

test("entries of attestations are told by their annotation", () => {
  const entry: Descriptor = { mediaType: OCI_LAYER, digest, size: 1 };
  const annotations = { "vnd.docker.reference.type": "attestation-manifest" };
  assert.equal(isAttestationEntry(entry), false);
  assert.equal(isAttestationEntry({ ...entry, annotations }), true);
});

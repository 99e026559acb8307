import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../../src/core/digest.ts";
import { OCI_MANIFEST } from "../../../src/core/media-types.ts";
import { onlyPlatformStrict } from "../../../src/core/platform-match.ts";
import type { Descriptor, DescriptorPlatform } from "../../../src/oci/descriptor.ts";
import { selectManifest } from "../../../src/oci/select.ts";

function entry(
  name: string,
  platform?: DescriptorPlatform,
  annotations?: Record<string, string>,
): Descriptor {
  return {
    mediaType: OCI_MANIFEST,
    digest: digestOf(name),
    size: 1,
    ...(platform ? { platform } : {}),
    ...(annotations ? { annotations } : {}),
  };
}
const linux = (architecture: string, variant?: string): DescriptorPlatform => ({
  os: "linux",
  architecture,
  ...(variant === undefined ? {} : { variant }),
});
const amd64 = linux("amd64");

test("the best fit is taken, the first among equals", () => {
  const manifests = [
    entry("386", linux("386")),
    entry("v1", amd64),
    entry("v2", linux("amd64", "v2")),
    entry("again", linux("amd64", "v2")),
  ];
  assert.equal(selectManifest({ manifests }, linux("x86_64", "v3")).digest, digestOf("v2"));
  assert.equal(selectManifest({ manifests }, amd64).digest, digestOf("v1"));
  assert.equal(selectManifest({ manifests: manifests.slice(0, 1) }, amd64).digest, digestOf("386"));
});

test("no foreign architecture is fallen back to", () => {
  const manifests = [entry("arm", linux("arm64")), entry("win", { os: "windows", architecture: "amd64" })];
  for (const rule of ["containerd", "containers-image"] as const) {
    assert.throws(() => selectManifest({ manifests }, amd64, { rule }), {
      code: "ERR_OCI_PLATFORM_NOT_FOUND",
    });
    assert.throws(() => selectManifest({ manifests: [] }, amd64, { rule }), {
      code: "ERR_OCI_PLATFORM_NOT_FOUND",
    });
  }
});

test("an entry without platform is the last resort", () => {
  const manifests = [entry("none"), entry("386", linux("386"))];
  assert.equal(selectManifest({ manifests }, amd64).digest, digestOf("386"));
  assert.equal(selectManifest({ manifests }, linux("s390x")).digest, digestOf("none"));
  assert.equal(
    selectManifest({ manifests }, linux("s390x"), { rule: "containers-image" }).digest,
    digestOf("none"),
  );
});

test("attestations are never taken", () => {
  const annotations = { "vnd.docker.reference.type": "attestation-manifest" };
  const manifests = [
    entry("attestation", { os: "unknown", architecture: "unknown" }, annotations),
    entry("disguised", amd64, annotations),
    entry("nameless", undefined, annotations),
  ];
  for (const rule of ["containerd", "containers-image"] as const) {
    assert.throws(() => selectManifest({ manifests }, amd64, { rule }), {
      code: "ERR_OCI_PLATFORM_NOT_FOUND",
    });
  }
});

test("a matcher can be given in place of a host", () => {
  const manifests = [entry("386", linux("386")), entry("amd64", amd64)];
  assert.equal(selectManifest({ manifests }, onlyPlatformStrict(linux("386"))).digest, digestOf("386"));
  assert.throws(
    () => selectManifest({ manifests }, onlyPlatformStrict(amd64), { rule: "containers-image" }),
    TypeError,
  );
});

test("names are compared as written by the rule of containers/image", () => {
  const manifests = [entry("x", linux("x86_64"))];
  assert.throws(() => selectManifest({ manifests }, amd64, { rule: "containers-image" }));
  assert.equal(selectManifest({ manifests }, amd64).digest, digestOf("x"));
});

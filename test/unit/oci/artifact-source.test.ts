import { deepEqual, equal, rejects } from "node:assert/strict";
import { test } from "node:test";
import { parseReference, referenceName } from "../../../src/core/reference.ts";
import { packSeccompProfile } from "../../../src/oci/artifact.ts";
import { createArtifactSource } from "../../../src/oci/artifact-source.ts";
import { memoryStore } from "../../../src/oci/memory-store.ts";
import { pushImage } from "../../../src/oci/push-image.ts";
import type { ArtifactSource } from "../../../src/seccomp/index.ts";

const profile = Buffer.from('{"defaultAction":"SCMP_ACT_ALLOW"}');
const graph = packSeccompProfile(profile);
const { digest } = graph.manifest.descriptor;
const layer = graph.manifest.value.layers[0];
const limits = { maxBytes: 1_000_000 };

async function stored(): Promise<{ source: ArtifactSource; asked: string[] }> {
  const store = memoryStore();
  await pushImage(store, graph, "v2");
  await store.tag(graph.manifest.descriptor, "latest");
  const asked: string[] = [];
  // That it is assigned here shows that the two shapes fit.
  const source: ArtifactSource = createArtifactSource({
    repository(name) {
      asked.push(name);
      return store;
    },
  });
  return { source, asked };
}

test("a tag, a digest, and neither of both are resolved in the repository that the reference names", async () => {
  const { source, asked } = await stored();
  for (const text of ["quay.io/crio/seccomp:v2", `quay.io/crio/seccomp@${digest}`, "quay.io/crio/seccomp"]) {
    const found = await source.resolve(text, limits);
    equal(found.digest, digest);
    equal(found.mediaType, graph.manifest.descriptor.mediaType);
    deepEqual(Buffer.from(found.bytes), Buffer.from(graph.manifest.bytes));
  }
  deepEqual(new Set(asked), new Set([referenceName(parseReference("quay.io/crio/seccomp"))]));
});

test("of a tag and a digest the digest counts", async () => {
  const { source } = await stored();
  equal((await source.resolve(`quay.io/crio/seccomp:absent@${digest}`, limits)).digest, digest);
});

test("a layer comes back verified and within the limit", async () => {
  const { source } = await stored();
  if (!layer) throw new Error("no layer");
  deepEqual(Buffer.from(await source.fetchBlob("quay.io/crio/seccomp", layer, limits)), profile);
  await rejects(source.fetchBlob("quay.io/crio/seccomp", layer, { maxBytes: profile.length - 1 }), {
    code: "ERR_TOO_LARGE",
  });
});

test("a manifest over the limit, a reference that is none and an unknown tag are refused", async () => {
  const { source } = await stored();
  await rejects(source.resolve("quay.io/crio/seccomp:v2", { maxBytes: 10 }), { code: "ERR_TOO_LARGE" });
  await rejects(source.resolve("quay.io/Crio/seccomp:v2", limits), { code: "ERR_REFERENCE_INVALID" });
  await rejects(source.resolve("quay.io/crio/seccomp:v3", limits), { code: "ERR_OCI_NOT_FOUND" });
});

test("an abort rejects with its reason", async () => {
  const { source } = await stored();
  const reason = new Error("enough");
  await rejects(
    source.resolve("quay.io/crio/seccomp:v2", { ...limits, signal: AbortSignal.abort(reason) }),
    reason,
  );
});

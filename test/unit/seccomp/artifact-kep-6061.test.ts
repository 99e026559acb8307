import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createArtifactSource, memoryStore } from "../../../src/oci/index.ts";
import { fetchKep6061Artifact } from "../../../src/seccomp/artifact-kep-6061.ts";
import { packProfileArtifact } from "../../../src/seccomp/artifact-push.ts";
import { describeBytes } from "../../../src/seccomp/artifact-store.ts";
import { readProfile } from "../../../src/seccomp/read-profile.ts";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const RULE = { names: ["read"], action: "SCMP_ACT_ALLOW" };
const PROFILE = { defaultAction: "SCMP_ACT_ERRNO", syscalls: [RULE] };
const NAME = "registry.example/team/profile";
const REFUSED = { code: "ERR_SECCOMP_ARTIFACT" };

/** Stores a manifest made of a good one; gives its reference by digest, and what reads it. */
async function stored(
  change: (manifest: Record<string, unknown>) => object = (manifest) => manifest,
  profile: unknown = PROFILE,
  mediaType = MANIFEST,
): Promise<{ reference: string; options: Parameters<typeof fetchKep6061Artifact>[1] }> {
  const good = await packProfileArtifact(
    await readProfile(JSON.stringify(PROFILE), { format: "runtime-spec" }),
    { form: "kep-6061" },
  );
  const store = memoryStore();
  for (const { descriptor, bytes } of good.blobs) await store.push(descriptor, bytes);
  const layer = describeBytes("application/json", Buffer.from(JSON.stringify(profile)));
  await store.push(layer.descriptor, layer.bytes);
  const manifest = JSON.parse(Buffer.from(good.manifest.bytes).toString()) as Record<string, unknown>;
  manifest["layers"] = [layer.descriptor];
  const document = describeBytes(mediaType, Buffer.from(JSON.stringify(change(manifest))));
  await store.push(document.descriptor, document.bytes);
  await store.tag(document.descriptor, "v1");
  return {
    reference: `${NAME}@${document.descriptor.digest}`,
    options: { source: createArtifactSource({ repository: () => store }) },
  };
}

async function fetched(...given: Parameters<typeof stored>): Promise<unknown> {
  const { reference, options } = await stored(...given);
  return fetchKep6061Artifact(reference, options);
}

describe("fetchKep6061Artifact", () => {
  test("takes what pushing in this form makes", async () => {
    const { reference, options } = await stored();
    const checked: string[] = [];
    const { reading, profile, warnings } = await fetchKep6061Artifact(reference, {
      ...options,
      check: ({ manifest }) => void checked.push(manifest.digest),
    });
    assert.equal(Buffer.from(profile).toString(), JSON.stringify(PROFILE));
    assert.deepEqual(reading.profile.syscalls, [RULE]);
    assert.equal(reading.confinement, "filtered");
    assert.deepEqual(warnings, []);
    assert.deepEqual(checked, [reference.slice(NAME.length + 1)]);
  });

  test("asks the check before the layer, and passes its rejection on", async () => {
    const { reference, options } = await stored();
    const reason = new Error("not signed");
    const check = (): never => {
      throw reason;
    };
    const source = { ...options.source, fetchBlob: () => assert.fail("no layer may be fetched") };
    await assert.rejects(fetchKep6061Artifact(reference, { source, check }), reason);
  });

  test("takes only a reference with a digest, in full form", async () => {
    const { reference } = await stored();
    const nobody = { resolve: () => assert.fail("nobody is asked"), fetchBlob: () => assert.fail() };
    const digest = reference.slice(NAME.length);
    for (const bad of [`${NAME}:v1`, NAME, `${NAME}:v1${digest}`, `profile${digest}`, ""]) {
      await assert.rejects(fetchKep6061Artifact(bad, { source: nobody }), REFUSED, bad);
    }
  });

  test("takes only a manifest of the form", async () => {
    const without = ({ artifactType: _, ...rest }: Record<string, unknown>): object => rest;
    const cases: [name: string, change: (manifest: Record<string, unknown>) => object][] = [
      ["no artifactType", without],
      ["another artifactType", (each) => ({ ...each, artifactType: "application/json" })],
      ["another config", (each) => ({ ...each, config: { ...(each["config"] as object), mediaType: "x" } })],
      ["no layer", (each) => ({ ...each, layers: [] })],
      ["two layers", (each) => ({ ...each, layers: [each["layers"], each["layers"]].flat() })],
    ];
    for (const [name, change] of cases) await assert.rejects(fetched(change), REFUSED, name);
    const index = (): object => ({ schemaVersion: 2, mediaType: INDEX, manifests: [] });
    await assert.rejects(fetched(index, PROFILE, INDEX), REFUSED);
  });

  test("takes only a runtime-spec profile within the limits", async () => {
    const same = (manifest: Record<string, unknown>): object => manifest;
    const profile = (change: object): unknown => ({ ...PROFILE, ...change });
    await fetched(same, profile({ syscalls: Array(128).fill(RULE) }));
    for (const change of [
      { syscalls: Array(129).fill(RULE) },
      { listenerPath: "/run/x" },
      { defaultAction: "SCMP_ACT_NOTIFY" },
      { syscalls: [{ ...RULE, action: "SCMP_ACT_NOTIFY" }] },
    ]) {
      await assert.rejects(fetched(same, profile(change)), REFUSED, JSON.stringify(change));
    }
    for (const strict of [{}, null, profile({ archMap: [] }), profile({ defaultErrno: "EPERM" })]) {
      await assert.rejects(fetched(same, strict), { code: "ERR_SECCOMP_STRICT" }, JSON.stringify(strict));
    }
    await assert.rejects(fetched(same, "x".repeat(1_048_577)), REFUSED);
  });
});

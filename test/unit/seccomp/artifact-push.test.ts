import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createArtifactSource } from "../../../src/oci/index.ts";
import { type MemoryStore, memoryStore } from "../../../src/oci/memory-store.ts";
import { fetchProfileArtifact } from "../../../src/seccomp/artifact.ts";
import { linkProfile } from "../../../src/seccomp/artifact-link.ts";
import { packProfileArtifact, pushProfileArtifact } from "../../../src/seccomp/artifact-push.ts";
import { describeBytes } from "../../../src/seccomp/artifact-store.ts";
import { readProfile, type StrictReading } from "../../../src/seccomp/read-profile.ts";
import { resolveSeccomp } from "../../../src/seccomp/resolve.ts";

const TYPE = "application/vnd.cncf.seccomp-profile.config.v1+json";
const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const PROFILE = JSON.stringify({
  defaultAction: "SCMP_ACT_ERRNO",
  syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }],
});
const READ = await readProfile(PROFILE);
const NAME = "registry.example/team/profile";

function json(bytes: Uint8Array): Record<string, unknown> {
  return JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
}

describe("pushProfileArtifact", () => {
  test("makes what every version of CRI-O takes, strictly", async () => {
    const store = memoryStore();
    const { manifest } = await pushProfileArtifact(store, READ, { tag: "v1" });
    assert.equal((await store.resolve("v1")).digest, manifest.descriptor.digest);
    const source = createArtifactSource({ repository: () => store });
    for (const version of ["1.30", "1.33", "1.34", "1.35", "1.36", "1.37"]) {
      const reference = `${NAME}@${manifest.descriptor.digest}`;
      const found = await fetchProfileArtifact(reference, { source, version, strict: true });
      assert.equal(Buffer.from(found.profile).toString(), PROFILE, version);
      assert.deepEqual(found.warnings, []);
    }
  });

  test("writes the manifest that oras writes for a config of this type", async () => {
    const { manifest, blobs } = await packProfileArtifact(READ, { annotations: { a: "b" } });
    const [config, layer] = blobs;
    assert.equal(Buffer.from(config?.bytes ?? []).toString(), "{}");
    assert.deepEqual(json(manifest.bytes), {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: {
        mediaType: TYPE,
        digest: "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        size: 2,
      },
      layers: [
        {
          mediaType: "application/vnd.oci.image.layer.v1.tar",
          digest: layer?.descriptor.digest,
          size: PROFILE.length,
          annotations: { "org.opencontainers.image.title": "seccomp.json" },
        },
      ],
      annotations: { a: "b" },
    });
  });

  test("writes the proposed form, within its limits", async () => {
    const format = "runtime-spec";
    const pack = async (profile: object): Promise<unknown> =>
      packProfileArtifact(await readProfile(JSON.stringify(profile), { format }), { form: "kep-6061" });
    const { manifest } = await packProfileArtifact(await readProfile(PROFILE, { format }), {
      form: "kep-6061",
    });
    const { artifactType, config, layers } = json(manifest.bytes);
    assert.equal(artifactType, TYPE);
    assert.equal(manifest.descriptor.artifactType, TYPE);
    assert.equal((config as { mediaType: string }).mediaType, TYPE);
    assert.equal((layers as unknown[]).length, 1);

    const base = { defaultAction: "SCMP_ACT_ERRNO" };
    const rule = { names: ["read"], action: "SCMP_ACT_ALLOW" };
    await pack({ ...base, syscalls: Array(128).fill(rule) });
    const code = "ERR_SECCOMP_ARTIFACT";
    await assert.rejects(pack({ ...base, syscalls: Array(129).fill(rule) }), { code });
    await assert.rejects(pack({ ...base, listenerPath: "/run/x" }), { code });
    await assert.rejects(pack({ ...base, syscalls: [{ ...rule, action: "SCMP_ACT_NOTIFY" }] }), { code });
    await assert.rejects(pack({ defaultAction: "SCMP_ACT_NOTIFY" }), { code });
    const gated = { ...rule, includes: { caps: ["CAP_BPF"] } };
    await assert.rejects(pack({ ...base, syscalls: [gated] }), { code: "ERR_SECCOMP_STRICT" });
    await assert.rejects(packProfileArtifact(READ, { form: "kep-6061" }), TypeError);
    const unchecked = { form: "kep-6061", unchecked: true } as const;
    await assert.rejects(packProfileArtifact(PROFILE, unchecked), TypeError);
  });

  const target = {
    push: () => assert.fail("nothing may be stored"),
    tag: () => assert.fail("nothing may be tagged"),
  };

  test("stores nothing of a profile that is none, or means none, whatever the reading says", async () => {
    for (const text of [
      "",
      "{",
      "{}",
      "null",
      '{"default_action":"SCMP_ACT_ERRNO"}',
      '{"defaultAction":"x"}',
    ]) {
      const forged: StrictReading = { ...READ, bytes: Buffer.from(text) };
      const refusal = { code: /^ERR_SECCOMP_(SYNTAX|STRICT)$/ };
      await assert.rejects(pushProfileArtifact(target, forged), refusal, text);
    }
    const large = Buffer.from(PROFILE + " ".repeat(1_048_577 - PROFILE.length));
    const read = await readProfile(large, { maxBytes: 2_000_000 });
    await assert.rejects(pushProfileArtifact(target, read), { code: "ERR_SECCOMP_TOO_LARGE" });
    for (const title of ["", "a/b", "../x"]) {
      await assert.rejects(pushProfileArtifact(target, READ, { title }), TypeError);
    }
    await assert.rejects(pushProfileArtifact(target, READ, { form: "tar" as "oras" }), TypeError);
    const reason = new Error("enough");
    await assert.rejects(pushProfileArtifact(target, READ, { signal: AbortSignal.abort(reason) }), reason);
  });

  test("takes a file that nobody read only where it is told so", async () => {
    const untyped = PROFILE as unknown as StrictReading;
    for (const options of [{}, { unchecked: false }, { unchecked: "yes" as unknown as boolean }]) {
      await assert.rejects(pushProfileArtifact(target, untyped, options), TypeError);
    }
    const odd = '{"DefaultAction":"SCMP_ACT_ERRNO","x":1}';
    const { blobs } = await pushProfileArtifact(memoryStore(), odd, { unchecked: true });
    assert.equal(Buffer.from(blobs[1]?.bytes ?? []).toString(), odd);
    const large = " ".repeat(1_048_577);
    const refusal = { code: "ERR_SECCOMP_TOO_LARGE" };
    await assert.rejects(pushProfileArtifact(target, large, { unchecked: true }), refusal);
    // What was read strictly is read again all the same.
    const forged: StrictReading = { ...READ, bytes: Buffer.from("{}") };
    await assert.rejects(pushProfileArtifact(target, forged, { unchecked: true }), {
      code: "ERR_SECCOMP_STRICT",
    });
  });

  test("stores what was read, whatever became of the file since", async () => {
    const file = Buffer.from(PROFILE);
    const read = await readProfile(file);
    file.fill(0x20);
    const { blobs } = await pushProfileArtifact(memoryStore(), read);
    assert.equal(Buffer.from(blobs[1]?.bytes ?? []).toString(), PROFILE);
  });

  test("stores the manifest last, and tags after that", async () => {
    const steps: string[] = [];
    const failure = new Error("disk full");
    const failing = {
      push: async ({ mediaType }: { mediaType: string }) => void steps.push(mediaType),
      tag: async () => Promise.reject(failure),
    };
    await assert.rejects(pushProfileArtifact(failing, READ, { tag: "v1" }), failure);
    assert.deepEqual(steps, [TYPE, "application/vnd.oci.image.layer.v1.tar", OCI_MANIFEST]);
  });
});

describe("linkProfile", () => {
  const reference = `${NAME}@sha256:${"a".repeat(64)}`;
  const V1 = "seccomp-profile.kubernetes.cri-o.io";
  const V2 = "seccomp-profile.crio.io";

  async function imageStore(more: object = {}): Promise<MemoryStore> {
    const store = memoryStore();
    const config = describeBytes("application/vnd.oci.image.config.v1+json", Buffer.from("{}"));
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: config.descriptor,
      layers: [],
      "x-own": [1, "ü"],
      ...more,
    });
    const image = describeBytes(OCI_MANIFEST, Buffer.from(text));
    await store.push(config.descriptor, config.bytes);
    await store.push(image.descriptor, image.bytes);
    await store.tag(image.descriptor, "1.0");
    return store;
  }

  test("makes CRI-O choose the artifact for a container of the image", async () => {
    const store = await imageStore({ annotations: { kept: "yes", [V2]: "old" } });
    const linked = await linkProfile(store, "1.0", reference, { tag: "linked" });
    assert.equal((await store.resolve("linked")).digest, linked.descriptor.digest);
    const { annotations, ...rest } = json(linked.bytes);
    assert.deepEqual(annotations, { kept: "yes", [V2]: reference, [V1]: reference });
    assert.deepEqual(rest["x-own"], [1, "ü"]);
    for (const [version, key] of [
      ["1.30", V1],
      ["1.37", V2],
    ] as const) {
      const container = { name: "app" };
      const choice = resolveSeccomp({
        pod: { spec: {} },
        container,
        imageAnnotations: annotations as Record<string, string>,
        runtime: { kind: "cri-o", version, allowedAnnotations: [key] },
      });
      assert.ok(choice.kind === "artifact" && choice.reference === reference && choice.slot === "image");
    }
  });

  test("links one container, under the names that are asked for", async () => {
    const store = await imageStore();
    const keys = async (names: "v1" | "v2"): Promise<string[]> => {
      const { bytes } = await linkProfile(store, "1.0", reference, { names, container: "app" });
      return Object.keys(json(bytes)["annotations"] as object);
    };
    assert.deepEqual(await keys("v1"), [`${V1}/app`]);
    assert.deepEqual(await keys("v2"), [`${V2}/app`]);
    await assert.rejects(linkProfile(store, "1.0", reference, { container: "" }), TypeError);
  });

  test("refuses a profile that is not pinned, and an image that cannot be linked", async () => {
    const store = await imageStore();
    const code = "ERR_SECCOMP_ARTIFACT";
    for (const bad of [`${NAME}:v1`, NAME, "profile", `${NAME}:v1@sha256:${"a".repeat(64)}`, ""]) {
      await assert.rejects(linkProfile(store, "1.0", bad), { code }, bad);
    }
    const index = describeBytes(
      "application/vnd.oci.image.index.v1+json",
      Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [] })),
    );
    await store.push(index.descriptor, index.bytes);
    await assert.rejects(linkProfile(store, index.descriptor.digest, reference), { code });
    const twofold = await imageStore({ Config: {} });
    await assert.rejects(linkProfile(twofold, "1.0", reference), { code });
    await assert.rejects(linkProfile(store, "2.0", reference), { code: "ERR_OCI_NOT_FOUND" });
  });
});

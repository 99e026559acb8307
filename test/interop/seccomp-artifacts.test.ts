/** Profile artifacts in docker-registry: pushed, linked, resolved and pulled as each CRI-O does, and seen by skopeo. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { formatReference } from "../../src/index.ts";
import {
  createArtifactSource,
  createLayer,
  createRegistry,
  fetchManifest,
  packArtifact,
  packImage,
  packIndex,
  pushImage,
  type Registry,
  type Repository,
} from "../../src/oci/index.ts";
import {
  createKeySigner,
  createVerifier,
  emptySource,
  parsePolicy,
  signImage,
  sigstoreAttachments,
} from "../../src/policy/index.ts";
import {
  evaluateSyscall,
  type FetchProfileArtifactOptions,
  fetchKep6061Artifact,
  fetchProfileArtifact,
  filterOfChoice,
  linkProfile,
  pushProfileArtifact,
  readProfile,
  resolveSeccomp,
} from "../../src/seccomp/index.ts";
import { mintKey, publicKeyPem } from "../../src/testing/index.ts";
import { needs } from "./parts.ts";
import { whyNoPrograms } from "./process.ts";
import { type DockerRegistry, startDockerRegistry, whyNoDockerRegistry } from "./registry.ts";
import { skopeo, temporaryFolder } from "./skopeo.ts";

const TYPE = "application/vnd.cncf.seccomp-profile.config.v1+json";
const VERSIONS = ["1.30", "1.32", "1.33", "1.34", "1.35.1", "1.35", "1.36", "1.37"];
const V1 = "seccomp-profile.kubernetes.cri-o.io";
const V2 = "seccomp-profile.crio.io";
const PROFILE = JSON.stringify({
  defaultAction: "SCMP_ACT_ERRNO",
  defaultErrnoRet: 38,
  syscalls: [{ names: ["read", "write"], action: "SCMP_ACT_ALLOW" }],
});
const PLATFORM = { os: "linux", architecture: "amd64" };
const COPY = ["--insecure-policy", "copy", "--preserve-digests", "--src-tls-verify=false"];

describe("profile artifacts", needs(whyNoDockerRegistry(), whyNoPrograms("skopeo")), () => {
  let docker: DockerRegistry;
  let registry: Registry;

  before(async () => {
    docker = await startDockerRegistry();
    registry = createRegistry();
  });
  after(async () => {
    await registry?.close();
    await docker?.stop();
  });

  function repository(path: string): { name: string; store: Repository } {
    const name = `${docker.host}/${path}`;
    return { name, store: registry.repository(name) };
  }

  async function pushed(path: string, tag = "v1"): Promise<{ name: string; reference: string }> {
    const { name, store } = repository(path);
    const { manifest } = await pushProfileArtifact(store, await readProfile(PROFILE), { tag });
    return { name, reference: `${name}@${manifest.descriptor.digest}` };
  }

  const fetched = (reference: string, version: string, more: object = {}) =>
    fetchProfileArtifact(reference, { source: createArtifactSource(registry), version, ...more });

  /** The versions that take a reference, of all. */
  async function takenBy(reference: string, more: object = {}): Promise<string[]> {
    const taken: string[] = [];
    for (const version of VERSIONS) {
      try {
        await fetched(reference, version, more);
        taken.push(version);
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, "ERR_SECCOMP_ARTIFACT", `${version}: ${error}`);
      }
    }
    return taken;
  }

  test("in the form of oras are pulled by every version, by tag and by digest", async () => {
    const { name, reference } = await pushed("oras/profile");
    for (const version of VERSIONS) {
      const found = await fetched(reference, version, { strict: true });
      assert.equal(Buffer.from(found.profile).toString(), PROFILE, version);
      assert.deepEqual(found.warnings, []);
      assert.deepEqual((await fetched(`${name}:v1`, version)).warnings, ["not-pinned"]);
    }
    await assert.rejects(fetched(`${name}:v1`, "1.36", { strict: true }), { code: "ERR_SECCOMP_ARTIFACT" });
    const digest = reference.slice(name.length);
    assert.deepEqual(await takenBy(`${name}:v1${digest}`), []);
  });

  test("are to skopeo what was pushed", async (t) => {
    const { name, reference } = await pushed("oras/seen");
    const raw = await skopeo("inspect", "--raw", "--tls-verify=false", `docker://${name}:v1`);
    const digest = `sha256:${createHash("sha256").update(raw).digest("hex")}`;
    assert.equal(reference, `${name}@${digest}`);
    const manifest = JSON.parse(raw);
    assert.equal(manifest.config.mediaType, TYPE);
    assert.equal(manifest.layers[0].annotations["org.opencontainers.image.title"], "seccomp.json");
    const config = await skopeo(
      ...["inspect", "--config", "--raw", "--tls-verify=false", `docker://${name}:v1`],
    );
    assert.equal(config, "{}");

    const folder = await temporaryFolder(t);
    await skopeo(...COPY, `docker://${name}:v1`, `dir:${folder}/dir`);
    const [, layer] = manifest.layers[0].digest.split(":");
    assert.equal(await readFile(join(folder, "dir", layer), "utf8"), PROFILE);

    const copy = `${docker.host}/oras/copied`;
    const places = [`docker://${name}:v1`, `oci:${folder}/oci:v1`, `docker://${copy}:v1`];
    await skopeo(...COPY, ...places.slice(0, 2));
    await skopeo(...COPY, "--dest-tls-verify=false", ...places.slice(1));
    assert.deepEqual(await takenBy(`${copy}@${digest}`, { strict: true }), VERSIONS);
  });

  test("in the form of the proposal are pulled under its rules, and by every version", async () => {
    const { name, store } = repository("kep/profile");
    const read = await readProfile(PROFILE, { format: "runtime-spec" });
    const { manifest } = await pushProfileArtifact(store, read, { form: "kep-6061", tag: "v1" });
    const reference = `${name}@${manifest.descriptor.digest}`;
    const source = createArtifactSource(registry);
    const { reading } = await fetchKep6061Artifact(reference, { source });
    assert.equal(Buffer.from(reading.bytes).toString(), PROFILE);
    assert.deepEqual(await takenBy(reference, { strict: true }), VERSIONS);
    const raw = await skopeo("inspect", "--raw", "--tls-verify=false", `docker://${name}:v1`);
    assert.equal(JSON.parse(raw).artifactType, TYPE);
    // Without its type it is an artifact of today's form, which the proposal does not take.
    const { reference: other } = await pushed("kep/oras");
    await assert.rejects(fetchKep6061Artifact(other, { source }), { code: "ERR_SECCOMP_ARTIFACT" });
    await assert.rejects(fetchKep6061Artifact(`${name}:v1`, { source }), { code: "ERR_SECCOMP_ARTIFACT" });
  });

  test("of other forms are taken by the versions that do not look", async () => {
    const content = Buffer.from(PROFILE);
    const files = [{ content, title: "seccomp.json" }];
    const { name, store } = repository("odd/profile");
    const config = { content: Buffer.from("{}"), mediaType: "application/vnd.example+json" };
    await pushImage(store, packArtifact({ config, files }), "config");
    assert.deepEqual(await takenBy(`${name}:config`), ["1.35.1", "1.35", "1.36", "1.37"]);

    const layers = [await createLayer([{ path: "etc/motd", content: "x" }])];
    const image = packImage({ platform: PLATFORM, layers });
    await pushImage(store, image, "image");
    assert.deepEqual(await takenBy(`${name}:image`), ["1.35.1", "1.37"]);

    const seccomp = { content: Buffer.from("{}"), mediaType: TYPE };
    const titled = packArtifact({ config: seccomp, files: [{ content, title: "a/seccomp.json" }] });
    await pushImage(store, titled, "title");
    assert.deepEqual(await takenBy(`${name}:title`), VERSIONS.slice(0, -1));

    const big = packArtifact({
      config: seccomp,
      files: [...files, { content: Buffer.alloc(1_048_576), title: "b" }],
    });
    await pushImage(store, big, "big");
    assert.deepEqual(await takenBy(`${name}:big`), ["1.30", "1.32"]);

    const graph = packArtifact({ config: seccomp, files });
    await pushImage(store, packIndex([{ graph, platform: PLATFORM }]), "index");
    const selectManifest = () => graph.manifest.descriptor.digest;
    assert.deepEqual(await takenBy(`${name}:index`, { selectManifest }), VERSIONS.slice(2));
  });

  test("that an image names confine its containers", async () => {
    const { reference } = await pushed("linked/profile");
    const { store } = repository("linked/app");
    const layers = [await createLayer([{ path: "etc/motd", content: "x" }])];
    await pushImage(store, packImage({ platform: PLATFORM, layers }), "1.0");
    await linkProfile(store, "1.0", reference, { tag: "1.0-confined" });
    const image = await fetchManifest(store, "1.0-confined");
    assert.ok(image.kind === "manifest");
    const imageAnnotations = image.value.annotations ?? {};

    for (const version of VERSIONS) {
      const allowed = /^1\.3[0-4]/.test(version) ? V1 : V2;
      const choose = (allowedAnnotations: string[], type?: string) =>
        resolveSeccomp({
          pod: {
            metadata: {},
            spec: type === undefined ? {} : { securityContext: { seccompProfile: { type } } },
          },
          container: { name: "app" },
          imageAnnotations,
          runtime: { kind: "cri-o", version, allowedAnnotations },
        });
      const choice = choose([allowed]);
      assert.ok(choice.kind === "artifact", version);
      assert.equal(choice.reference, reference);
      const filter = await filterOfChoice(choice, {
        arch: "amd64",
        capabilities: [],
        fetchArtifact: async (text, { signal }) => (await fetched(text, version, { signal })).profile,
      });
      assert.ok(filter.kind === "filter" && filter.from === "artifact");
      assert.equal(evaluateSyscall(filter.spec, { arch: "x86_64", name: "read" }).action, "SCMP_ACT_ALLOW");
      assert.equal(evaluateSyscall(filter.spec, { arch: "x86_64", name: "mount" }).errno, 38);
      // Not allowed, or asked for otherwise: the artifact does not count.
      assert.equal(choose([]).kind, "none");
      assert.equal(choose([allowed], "RuntimeDefault").kind, "runtime-default");
    }
  });

  test("are refused by the node's policy before their layer is fetched", async () => {
    const key = mintKey();
    const { name, reference } = await pushed("signed/profile");
    const { reference: unsigned } = await pushed("signed/other");
    await signImage(registry.repository(name), reference, await createKeySigner(key));
    const keyData = Buffer.from(publicKeyPem(key)).toString("base64");
    const signed = {
      type: "sigstoreSigned",
      keyData,
      signedIdentity: { type: "matchRepository" },
    };
    const verifier = createVerifier(parsePolicy(JSON.stringify({ default: [signed] })), {
      source: registry,
      signatureSources: [sigstoreAttachments(), emptySource("lookaside")],
    });
    const source = createArtifactSource(registry);
    let layers = 0;
    const check: FetchProfileArtifactOptions["check"] = async (artifact, options) => {
      const verdict = await verifier.evaluate(formatReference(artifact.reference), options);
      if (verdict.kind !== "allowed") throw new Error(verdict.message);
    };
    const counted: typeof source = {
      ...source,
      fetchBlob: (...args) => {
        layers++;
        return source.fetchBlob(...args);
      },
    };
    for (const version of VERSIONS) {
      const found = await fetchProfileArtifact(reference, { source: counted, version, check });
      assert.equal(Buffer.from(found.profile).toString(), PROFILE);
    }
    assert.equal(layers, VERSIONS.length);
    for (const version of VERSIONS) {
      await assert.rejects(
        fetchProfileArtifact(unsigned, { source: counted, version, check }),
        /A signature was required, but no signature exists/,
      );
    }
    assert.equal(layers, VERSIONS.length);
  });
});

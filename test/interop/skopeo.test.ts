/** Images that go between lading and skopeo through docker-registry, and what both decide by the same policy. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  createLayer,
  createRegistry,
  type Descriptor,
  fetchBlob,
  fetchManifest,
  type ImageGraph,
  packImage,
  packIndex,
  pushImage,
  type Registry,
  selectManifest,
} from "../../src/oci/index.ts";
import { createVerifier, emptySource, parsePolicy, sigstoreAttachments } from "../../src/policy/index.ts";
import { mintKey, publicKeyPem } from "../../src/testing/index.ts";
import { needs } from "./parts.ts";
import { runProgram, whyNoPrograms } from "./process.ts";
import { type DockerRegistry, startDockerRegistry, whyNoDockerRegistry } from "./registry.ts";
import { skopeo, temporaryFolder } from "./skopeo.ts";

const PLATFORMS = [
  { os: "linux", architecture: "amd64" },
  { os: "linux", architecture: "arm64", variant: "v8" },
] as const;
const COPY = ["--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"] as const;
const MAX_BYTES = 1024 * 1024;

async function buildImage(platform: (typeof PLATFORMS)[number], text = "hello"): Promise<ImageGraph> {
  const layers = [
    await createLayer([{ path: "etc/motd", content: text }]),
    await createLayer([{ path: "etc/ünïcode", content: platform.architecture }]),
  ];
  return packImage({ platform, layers, config: { Cmd: ["/x"] }, annotations: { by: "lading" } });
}

describe("skopeo", needs(whyNoPrograms("skopeo"), whyNoDockerRegistry()), () => {
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

  const push = async (path: string, graph: ImageGraph, tag: string): Promise<[string, Descriptor]> => {
    const name = `${docker.host}/${path}`;
    return [name, await pushImage(registry.repository(name), graph, tag)];
  };

  test("copies what lading pushed, byte for byte", async (t) => {
    const folder = await temporaryFolder(t);
    const image = await buildImage(PLATFORMS[0]);
    const [name, descriptor] = await push("made/image", image, "v1");

    const raw = ["inspect", "--raw", "--tls-verify=false", `docker://${name}:v1`];
    assert.equal(await skopeo(...raw), Buffer.from(image.manifest.bytes).toString());

    await skopeo(...COPY, `docker://${name}@${descriptor.digest}`, `dir:${folder}/dir`);
    assert.deepEqual(await readFile(`${folder}/dir/manifest.json`), Buffer.from(image.manifest.bytes));

    await skopeo(...COPY, `docker://${name}:v1`, `oci:${folder}/oci:v1`);
    const index = JSON.parse(await readFile(`${folder}/oci/index.json`, "utf8"));
    assert.deepEqual([index.manifests.length, index.manifests[0].digest], [1, descriptor.digest]);
    const contents = [...image.blobs, { descriptor, content: image.manifest.bytes }];
    for (const { descriptor, content } of contents) {
      const file = `${folder}/oci/blobs/${descriptor.digest.replace(":", "/")}`;
      assert.deepEqual(await readFile(file), Buffer.from(content));
    }
  });

  test("pushes images that lading reads, as OCI and as Docker images", async (t) => {
    const folder = await temporaryFolder(t);
    const image = await buildImage(PLATFORMS[0]);
    const [name] = await push("made/source", image, "v1");
    await skopeo(...COPY, `docker://${name}:v1`, `oci:${folder}/oci:v1`);
    const formats = [
      ["oci", "application/vnd.oci.image.manifest.v1+json"],
      ["v2s2", "application/vnd.docker.distribution.manifest.v2+json"],
    ] as const;
    for (const [format, mediaType] of formats) {
      const target = `${docker.host}/skopeo/image:${format}`;
      await skopeo(...COPY, `--format=${format}`, `oci:${folder}/oci:v1`, `docker://${target}`);
      const { repository, descriptor } = await registry.resolve(target);
      assert.equal(descriptor.mediaType, mediaType);
      const manifest = await fetchManifest(repository, descriptor);
      assert.ok(manifest.kind === "manifest");
      const { layers, config } = manifest.value;
      for (const [i, layer] of layers.entries()) {
        const expected = image.blobs[i + 1];
        assert.equal(layer.digest, expected?.descriptor.digest);
        const content = await fetchBlob(repository, layer, { maxBytes: MAX_BYTES });
        assert.deepEqual(Buffer.from(content), Buffer.from(expected?.content ?? []));
      }
      assert.equal(layers.length, 2);
      const settings = JSON.parse(
        Buffer.from(await fetchBlob(repository, config, { maxBytes: MAX_BYTES })).toString(),
      );
      assert.deepEqual([settings.architecture, settings.config.Cmd], ["amd64", ["/x"]]);
    }
  });

  test("copies an index with its images, and chooses from it the image that lading chooses", async (t) => {
    const folder = await temporaryFolder(t);
    const images = await Promise.all(PLATFORMS.map((platform) => buildImage(platform)));
    const entries = images.map((graph, i) => ({ graph, platform: PLATFORMS[i] }));
    const [name, pushed] = await push("made/index", packIndex(entries), "v1");
    const target = `${docker.host}/skopeo/index:v1`;
    await skopeo(...COPY, "--all", `docker://${name}:v1`, `docker://${target}`);
    const { repository, descriptor } = await registry.resolve(target);
    assert.deepEqual(descriptor, pushed);
    const index = await fetchManifest(repository, descriptor);
    assert.ok(index.kind === "index");
    for (const platform of PLATFORMS) {
      const { architecture } = platform;
      const out = `${folder}/${architecture}`;
      await skopeo(`--override-arch=${architecture}`, ...COPY, `docker://${target}`, `dir:${out}`);
      const chosen = await fetchManifest(repository, selectManifest(index.value, platform));
      assert.deepEqual(await readFile(`${out}/manifest.json`), Buffer.from(chosen.bytes));
    }
  });

  // skopeo in Debian 12 is built without sigstore: what it can decide on is which requirements count, and images
  // without any signature.
  test("decides by a policy file as lading does, in the same words", async (t) => {
    const folder = await temporaryFolder(t);
    const [name, { digest }] = await push("team/app", await buildImage(PLATFORMS[0]), "v1");
    await mkdir(join(folder, "registries.d"));
    const attachments = { docker: { [docker.host]: { "use-sigstore-attachments": true } } };
    await writeFile(join(folder, "registries.d", "all.yaml"), JSON.stringify(attachments));
    await writeFile(join(folder, "key.pem"), publicKeyPem(mintKey()));

    const [accept, reject] = [{ type: "insecureAcceptAnything" }, { type: "reject" }];
    const sigstore = { type: "sigstoreSigned", keyPath: join(folder, "key.pem") };
    const gpg = { type: "signedBy", keyType: "GPGKeys", keyPath: join(folder, "key.pem") };
    const [tagged, byDigest] = [`${name}:v1`, `${name}@${digest}`];
    const policies: readonly [byDefault: object[], scopes: Record<string, object[]>, allowed: string[]][] = [
      [[accept], {}, [tagged, byDigest]],
      [[reject], {}, []],
      [[reject], { "": [accept] }, [tagged, byDigest]],
      [[accept], { "": [accept, reject] }, []],
      [[accept], { [docker.host]: [reject] }, []],
      [[reject], { [`${docker.host}/team`]: [accept], [docker.host]: [reject] }, [tagged, byDigest]],
      [[reject], { [`${docker.host}/tea`]: [accept], [`${docker.host}/team/app/x`]: [accept] }, []],
      [[accept], { [name]: [reject], [`${docker.host}/team`]: [accept] }, []],
      [[reject], { [tagged]: [accept], [name]: [reject] }, [tagged]],
      [[reject], { [byDigest]: [accept], [name]: [reject] }, [byDigest]],
      [[accept], { [`${name}:v2`]: [reject] }, [tagged, byDigest]],
      [[sigstore], {}, []],
      [[gpg], {}, []],
      [[accept], { [name]: [accept, sigstore] }, []],
      [[accept], { [name]: [reject, sigstore] }, []],
    ];
    for (const [byDefault, scopes, allowed] of policies) {
      const policy = JSON.stringify({ default: byDefault, transports: { docker: scopes } });
      await writeFile(join(folder, "policy.json"), policy);
      const verifier = createVerifier(parsePolicy(policy), {
        source: registry,
        signatureSources: [sigstoreAttachments(), emptySource("lookaside")],
        readFile: (path) => readFile(path),
      });
      for (const reference of [tagged, byDigest]) {
        const verdict = await verifier.evaluate(reference);
        const { exitCode, stderr } = await runProgram("skopeo", [
          ...["--policy", join(folder, "policy.json"), "--registries.d", join(folder, "registries.d")],
          ...["copy", "--src-tls-verify=false", `docker://${reference}`, `dir:${folder}/out`],
        ]);
        const said = /level=fatal msg=(".*")$/m.exec(stderr)?.[1];
        const decided = exitCode === 0 ? "allowed" : JSON.parse(said ?? JSON.stringify(stderr));
        assert.equal(verdict.kind === "allowed", allowed.includes(reference), `${reference} by ${policy}`);
        assert.equal(verdict.kind === "allowed" ? "allowed" : verdict.message, decided, policy);
      }
    }
  });
});

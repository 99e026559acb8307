/** The registry client against docker-registry, and skopeo against the in-process registry. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { streamOf } from "../../src/core/bytes.ts";
import {
  createLayer,
  createRegistry,
  describeContent,
  fetchBlob,
  fetchManifest,
  packImage,
  packIndex,
  packSeccompProfile,
  pushImage,
  selectManifest,
} from "../../src/oci/index.ts";
import { type RegistryAuth, startRegistry } from "../../src/testing/index.ts";
import { needs } from "./parts.ts";
import { whyNoPrograms } from "./process.ts";
import { startDockerRegistry, whyNoDockerRegistry } from "./registry.ts";
import { skopeo, temporaryFolder } from "./skopeo.ts";

const platform = { os: "linux", architecture: "amd64" };
const password = { kind: "password", username: "alice", password: "pw:1" } as const;
const users = { [password.username]: password.password };

async function sampleImage() {
  const files = [
    { path: "bin/x", content: "hello", mode: 0o755 },
    { path: "l", kind: "symlink", target: "bin/x" } as const,
  ];
  return packImage({ platform, layers: [await createLayer(files)], config: { Cmd: ["/bin/x"] } });
}

for (const options of [{}, { users }]) {
  const isOpen = !("users" in options);
  const name = `docker-registry that asks for ${isOpen ? "nobody" : "a user name and password"}`;
  test(name, needs(whyNoDockerRegistry(options)), async (t) => {
    const { host, stop } = await startDockerRegistry(options);
    t.after(stop);
    const registry = createRegistry({ credentials: () => (isOpen ? undefined : password) });
    t.after(() => registry.close());
    const repository = registry.repository(`${host}/team/app`);
    const image = await sampleImage();
    await pushImage(repository, packIndex([{ graph: image, platform }]), "multi");
    await pushImage(registry.repository(`${host}/team/profile`), packSeccompProfile(Buffer.from("{}")), "v1");
    const resolved = await registry.resolve(`${host}/team/app:multi`);
    const index = await fetchManifest(resolved.repository, resolved.descriptor);
    assert.ok(index.kind === "index");
    const manifest = await fetchManifest(repository, selectManifest(index.value, platform));
    assert.deepEqual(Buffer.from(manifest.bytes), Buffer.from(image.manifest.bytes));
    const big = Buffer.alloc(20_000_000, "z");
    const descriptor = describeContent(big, "application/octet-stream");
    await repository.push(descriptor, streamOf(big.subarray(0, 7_000_000), big.subarray(7_000_000)));
    assert.ok(big.equals(await fetchBlob(repository, descriptor, { maxBytes: big.length })));
    await assert.rejects(
      repository.resolve("absent"),
      (error: { code: string; errors: { code: string }[] }) => {
        assert.deepEqual([error.code, error.errors[0]?.code], ["ERR_OCI_NOT_FOUND", "MANIFEST_UNKNOWN"]);
        return true;
      },
    );
    if (isOpen) return;
    const wrong = createRegistry({ credentials: () => ({ ...password, password: "wrong" }) });
    t.after(() => wrong.close());
    await assert.rejects(wrong.resolve(`${host}/team/app:multi`), { code: "ERR_OCI_UNAUTHORIZED" });
  });
}

const auths: Record<string, RegistryAuth | undefined> = {
  open: undefined,
  basic: { kind: "basic", users },
  bearer: { kind: "bearer", users },
};
for (const [name, auth] of Object.entries(auths)) {
  test(`skopeo with the in-process registry: ${name}`, needs(whyNoPrograms("skopeo")), async (t) => {
    const server = await startRegistry({ auth });
    t.after(() => server.close());
    const registry = createRegistry({ credentials: () => password });
    t.after(() => registry.close());
    await pushImage(registry.repository(`${server.host}/a/b`), await sampleImage(), "v1");
    const creds = auth
      ? [`--src-creds=alice:${password.password}`, `--dest-creds=alice:${password.password}`]
      : [];
    const tls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    const copy = ["--insecure-policy", "copy", ...tls, ...creds];
    await skopeo(...copy, `docker://${server.host}/a/b:v1`, `docker://${server.host}/c/d:v2`);
    const [from, to] = [
      await registry.resolve(`${server.host}/a/b:v1`),
      await registry.resolve(`${server.host}/c/d:v2`),
    ];
    assert.deepEqual(to.descriptor, from.descriptor);
    const folder = await temporaryFolder(t);
    await skopeo(...copy, `docker://${server.host}/c/d:v2`, `oci:${folder}/out:v2`);
  });
}

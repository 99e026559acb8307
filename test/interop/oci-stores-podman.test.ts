/** Images between lading's stores and the storage of podman and buildah: archives, layouts, and a registry. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import {
  copyImage,
  createRegistry,
  fetchManifest,
  flattenLayers,
  imageLayers,
  openDockerArchive,
  openLayout,
  openLayoutArchive,
  packDockerArchive,
  packLayoutArchive,
  type ReadStore,
  writeArchiveFile,
} from "../../src/oci/index.ts";
import { startRegistry } from "../../src/testing/index.ts";
import { needs } from "./parts.ts";
import { whyNoPrograms } from "./process.ts";
import { digestsOf, imageIdentity, layoutWith, run, sampleImage, storesFolder } from "./store-images.ts";

const NAME = "registry.example/team/app:v1";
const OTHER = "registry.example/team/other:v2";
const notRoot = process.geteuid?.() === 0 ? undefined : "not root";

/** podman or buildah with storage of its own, for which the test need not clean up more than the folder. */
async function storageFor(t: TestContext, program: "podman" | "buildah") {
  const folder = await storesFolder(t);
  const policy = join(folder, "policy.json");
  await writeFile(policy, JSON.stringify({ default: [{ type: "insecureAcceptAnything" }] }));
  const storage = [
    "--root",
    join(folder, "root"),
    "--runroot",
    join(folder, "run"),
    "--storage-driver",
    "vfs",
  ];
  const own = program === "podman" ? ["--tmpdir", join(folder, "tmp")] : [];
  const call = async (...args: readonly string[]) => (await run(program, ...storage, ...own, ...args)).trim();
  return { folder, call, signaturePolicy: ["--signature-policy", policy] };
}

/** Regular files of an image, as text by path. */
async function filesOf(store: ReadStore, name: string): Promise<Record<string, string>> {
  const manifest = await fetchManifest(store, name);
  assert.ok(manifest.kind === "manifest");
  const files: Record<string, string> = {};
  for await (const { kind, path, content } of flattenLayers(await imageLayers(store, manifest.value))) {
    if (kind !== "file") continue;
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(piece);
    files[path] = Buffer.concat(pieces).toString();
  }
  return files;
}

describe("podman", needs(whyNoPrograms("podman"), notRoot), () => {
  test("loads the archives of lading", async (t) => {
    const { folder, call, signaturePolicy } = await storageFor(t, "podman");
    const layout = await layoutWith(join(folder, "mine"), await sampleImage());
    const { config } = await imageIdentity(layout, "v1");
    const archives = {
      oci: packLayoutArchive(layout, [{ reference: "v1", name: NAME }]),
      docker: packDockerArchive(layout, [{ reference: "v1", tags: [NAME, OTHER] }]),
    };
    for (const [kind, archive] of Object.entries(archives)) {
      const path = join(folder, `${kind}.tar`);
      await writeArchiveFile(path, archive);
      await call("load", ...signaturePolicy, "--input", path);
      const names = kind === "oci" ? [NAME] : [NAME, OTHER];
      for (const name of names) {
        assert.equal(await call("image", "inspect", "--format", "{{.Id}}", name), config.slice(7), name);
      }
      const mounted = await call("image", "mount", NAME);
      assert.equal(await readFile(join(mounted, "bin/x"), "utf8"), "hello");
      await call("image", "unmount", "--all");
      await call("rmi", "--all", "--force");
    }
  });

  test("saves archives and layouts that lading reads", async (t) => {
    const { folder, call, signaturePolicy } = await storageFor(t, "podman");
    const layout = await layoutWith(join(folder, "mine"), await sampleImage());
    const expected = await imageIdentity(layout, "v1");
    await writeArchiveFile(
      join(folder, "mine.tar"),
      packDockerArchive(layout, [{ reference: "v1", tags: [NAME, OTHER] }]),
    );
    await call("load", ...signaturePolicy, "--input", join(folder, "mine.tar"));

    const save = (format: string, path: string, ...names: string[]) =>
      call("save", "--quiet", "--format", format, "--output", join(folder, path), ...names);
    await save("oci-archive", "oci.tar", NAME);
    const archive = await openLayoutArchive(join(folder, "oci.tar"));
    t.after(() => archive.close());
    assert.deepEqual(await imageIdentity(archive, NAME), expected);
    assert.deepEqual(await filesOf(archive, NAME), await filesOf(layout, "v1"));

    await save("oci-dir", "oci-dir", NAME);
    const theirs = await openLayout(join(folder, "oci-dir"));
    assert.deepEqual(await imageIdentity(theirs, ""), expected);

    await save("docker-archive", "docker.tar", NAME);
    const docker = await openDockerArchive(join(folder, "docker.tar"));
    t.after(() => docker.close());
    assert.deepEqual(await imageIdentity(docker, NAME), expected);
    assert.deepEqual(await filesOf(docker, NAME), await filesOf(layout, "v1"));

    await call("save", "--quiet", "--multi-image-archive", "--output", join(folder, "two.tar"), NAME, OTHER);
    const two = await openDockerArchive(join(folder, "two.tar"));
    t.after(() => two.close());
    for (const name of [NAME, OTHER]) assert.deepEqual(await imageIdentity(two, name), expected, name);
  });

  test("pulls what lading pushed, and lading what podman pushed", async (t) => {
    const { folder, call, signaturePolicy } = await storageFor(t, "podman");
    const server = await startRegistry();
    t.after(() => server.close());
    const registry = createRegistry();
    t.after(() => registry.close());
    const layout = await layoutWith(join(folder, "mine"), await sampleImage());
    await copyImage(layout, "v1", registry.repository(`${server.host}/a/b`), "v1");
    const tls = "--tls-verify=false";
    await call("pull", ...signaturePolicy, tls, `${server.host}/a/b:v1`);
    await call("push", ...signaturePolicy, tls, `${server.host}/a/b:v1`, `docker://${server.host}/c/d:v2`);
    const back = registry.repository(`${server.host}/c/d`);
    assert.deepEqual(await imageIdentity(back, "v2"), await imageIdentity(layout, "v1"));
    assert.deepEqual(await filesOf(back, "v2"), await filesOf(layout, "v1"));
  });
});

describe("buildah", needs(whyNoPrograms("buildah"), notRoot), () => {
  test("builds on an image of lading, in a layout that lading goes on with", async (t) => {
    const { folder, call, signaturePolicy } = await storageFor(t, "buildah");
    const path = join(folder, "mine");
    const layout = await layoutWith(path, await sampleImage());
    const container = await call("from", ...signaturePolicy, `oci:${path}:v1`);
    const mounted = await call("mount", container);
    assert.equal(await readFile(join(mounted, "bin/x"), "utf8"), "hello");
    await writeFile(join(mounted, "new"), "by buildah");
    await call("umount", container);
    await call("commit", ...signaturePolicy, container, `oci:${path}:v2`);
    await call("rm", container);

    const before = await imageIdentity(layout, "v1");
    const after = await imageIdentity(layout, "v2");
    assert.deepEqual(after.diffIds.slice(0, 2), before.diffIds);
    assert.deepEqual(await filesOf(layout, "v2"), { ...(await filesOf(layout, "v1")), new: "by buildah" });
    assert.equal((await digestsOf(layout, "v2")).length, 5, "three layers, config and manifest");
    assert.deepEqual((await layout.gc({ minAgeMs: 0 })).removed, []);
  });
});

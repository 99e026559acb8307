/** Images between lading's archives and the store of containerd. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  copyImage,
  createRegistry,
  openDockerArchive,
  openLayoutArchive,
  packDockerArchive,
  packLayoutArchive,
  writeArchiveFile,
} from "../../src/oci/index.ts";
import { startRegistry } from "../../src/testing/index.ts";
import { type Containerd, startContainerd, whyNoContainerd } from "./containerd.ts";
import { needs } from "./parts.ts";
import {
  digestsOf,
  digestsOfGraph,
  imageIdentity,
  layoutWith,
  run,
  sampleImage,
  sampleIndex,
  storesFolder,
} from "./store-images.ts";

const NAME = "registry.example/team/app:v1";

describe("containerd", needs(whyNoContainerd()), () => {
  let containerd: Containerd;
  before(async () => {
    containerd = await startContainerd();
  });
  after(() => containerd?.stop());
  const ctr = (...args: readonly string[]) =>
    run("ctr", "--address", containerd.socket, "--namespace", "stores", ...args);

  test("imports the OCI archive of lading with all platforms, and lading reads its export", async (t) => {
    const folder = await storesFolder(t);
    const index = await sampleIndex();
    const layout = await layoutWith(join(folder, "mine"), index);
    await writeArchiveFile(
      join(folder, "mine.tar"),
      packLayoutArchive(layout, [{ reference: "v1", name: NAME }]),
    );
    await ctr("images", "import", "--all-platforms", join(folder, "mine.tar"));
    await ctr("images", "export", "--all-platforms", join(folder, "theirs.tar"), NAME);
    const theirs = await openLayoutArchive(join(folder, "theirs.tar"));
    t.after(() => theirs.close());
    assert.deepEqual(await digestsOf(theirs, NAME), digestsOfGraph(index));
    await ctr("images", "remove", "--sync", NAME);
  });

  test("imports the docker archive of lading, unpacks it, and lading reads its export as both kinds", async (t) => {
    const folder = await storesFolder(t);
    const image = await sampleImage();
    const layout = await layoutWith(join(folder, "mine"), image);
    await writeArchiveFile(
      join(folder, "mine.tar"),
      packDockerArchive(layout, [{ reference: "v1", tags: [NAME] }]),
    );
    await ctr("images", "import", join(folder, "mine.tar"));
    const mounted = join(folder, "rootfs");
    await run("mkdir", mounted);
    await ctr("images", "mount", NAME, mounted);
    try {
      assert.equal(await readFile(join(mounted, "l"), "utf8"), "hello");
    } finally {
      await ctr("images", "unmount", "--rm", mounted);
    }
    await ctr("images", "export", join(folder, "theirs.tar"), NAME);
    const oci = await openLayoutArchive(join(folder, "theirs.tar"));
    t.after(() => oci.close());
    assert.deepEqual(await digestsOf(oci, NAME), digestsOfGraph(image));
    const docker = await openDockerArchive(join(folder, "theirs.tar"));
    t.after(() => docker.close());
    assert.deepEqual(await imageIdentity(docker, NAME), await imageIdentity(layout, "v1"));
    await ctr("images", "remove", "--sync", NAME);
  });

  test("pulls what lading pushed, and lading what containerd pushed", async (t) => {
    const folder = await storesFolder(t);
    const server = await startRegistry();
    t.after(() => server.close());
    const registry = createRegistry();
    t.after(() => registry.close());
    const index = await sampleIndex();
    const layout = await layoutWith(join(folder, "mine"), index);
    await copyImage(layout, "v1", registry.repository(`${server.host}/a/b`), "v1");
    await ctr("images", "pull", "--plain-http", "--all-platforms", `${server.host}/a/b:v1`);
    await ctr("images", "push", "--plain-http", `${server.host}/c/d:v2`, `${server.host}/a/b:v1`);
    const back = registry.repository(`${server.host}/c/d`);
    assert.deepEqual(await digestsOf(back, "v2"), digestsOfGraph(index));
  });
});

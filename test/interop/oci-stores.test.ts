/** Copies between lading's stores and those of docker-registry, skopeo and umoci: nothing may change on the way. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import {
  attachArtifact,
  copyImage,
  createLayout,
  createRegistry,
  discoverReferrers,
  openDockerArchive,
  openLayout,
  openLayoutArchive,
  packDockerArchive,
  packLayoutArchive,
  writeArchiveFile,
} from "../../src/oci/index.ts";
import { startRegistry } from "../../src/testing/index.ts";
import { needs } from "./parts.ts";
import { whyNoPrograms } from "./process.ts";
import { startDockerRegistry, whyNoDockerRegistry } from "./registry.ts";
import { skopeo } from "./skopeo.ts";
import {
  digestsOf,
  digestsOfGraph,
  imageIdentity,
  layoutWith,
  PLATFORM,
  run,
  sampleImage,
  sampleIndex,
  storesFolder,
} from "./store-images.ts";

const users = { alice: "pw:1" };
const password = { kind: "password", username: "alice", password: users.alice } as const;
const COPY = ["--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"] as const;
/** Without it skopeo compresses layers that are not, and makes other manifests. */
const SAME = [...COPY, "--preserve-digests"] as const;
const NAME = "registry.example/team/app:v1";

for (const [title, options] of Object.entries({
  "asks for nobody": {},
  "asks by Basic": { users },
  "asks for tokens": { users, auth: "token" },
} as const)) {
  const why = [whyNoDockerRegistry(options), whyNoPrograms("skopeo")];
  test(`docker-registry that ${title}: layout → registry → registry → layout`, needs(...why), async (t) => {
    const folder = await storesFolder(t);
    const { host, stop } = await startDockerRegistry(options);
    t.after(stop);
    const registry = createRegistry({ credentials: () => ("users" in options ? password : undefined) });
    t.after(() => registry.close());
    const index = await sampleIndex();
    const expected = digestsOfGraph(index);
    const layout = await layoutWith(join(folder, "mine"), index);
    await attachArtifact(layout, "v1", { artifactType: "application/vnd.cyclonedx+json" });

    const [first, second] = [registry.repository(`${host}/a/b`), registry.repository(`${host}/c/d`)];
    const pushed = await copyImage(layout, "v1", first, "v1", { referrers: true });
    assert.equal(pushed.copied.length, expected.length + 2, "with the referrer and its config");
    assert.deepEqual(await digestsOf(first, "v1"), expected);
    const moved = await copyImage(first, "v1", second, "v2", { referrers: true });
    assert.equal(moved.mounted.length, 6, "three layers, two configs and the empty one");
    const again = await copyImage(first, "v1", second, "v2", { referrers: true });
    assert.deepEqual([again.copied, again.mounted], [[], []]);
    const { referrers } = await discoverReferrers(second, "v2");
    assert.deepEqual(
      referrers.map(({ convention }) => convention),
      ["cyclonedx"],
    );
    const back = await createLayout(join(folder, "back"));
    await copyImage(second, "v2", back, "v1");
    assert.deepEqual(await digestsOf(back, "v1"), expected);

    const creds = "users" in options ? [`--src-creds=alice:${users.alice}`] : [];
    await skopeo(...SAME, ...creds, "--all", `docker://${host}/c/d:v2`, `oci:${folder}/theirs:v1`);
    assert.deepEqual(await digestsOf(await openLayout(join(folder, "theirs")), "v1"), expected);
    const destination = "users" in options ? [`--dest-creds=alice:${users.alice}`] : [];
    await skopeo(...SAME, ...destination, "--all", `oci:${folder}/back:v1`, `docker://${host}/e/f:v3`);
    assert.deepEqual(await digestsOf(registry.repository(`${host}/e/f`), "v3"), expected);
  });
}

describe("skopeo", needs(whyNoPrograms("skopeo")), () => {
  test("reads the layout of lading, and lading that of skopeo", async (t) => {
    const folder = await storesFolder(t);
    const index = await sampleIndex();
    await layoutWith(join(folder, "mine"), index);
    await skopeo(...SAME, "--all", `oci:${folder}/mine:v1`, `oci:${folder}/theirs:v2`);
    const theirs = await openLayout(join(folder, "theirs"));
    assert.deepEqual(await digestsOf(theirs, "v2"), digestsOfGraph(index));
    // Each writes into the layout of the other.
    const more = await sampleImage("more");
    const added = await layoutWith(join(folder, "theirs"), more, "v3");
    await skopeo(...SAME, `oci:${folder}/theirs:v3`, `oci:${folder}/mine:v4`);
    const mine = await openLayout(join(folder, "mine"));
    assert.deepEqual(await digestsOf(mine, "v4"), digestsOfGraph(more));
    assert.deepEqual(await digestsOf(mine, "v1"), digestsOfGraph(index));
    assert.deepEqual(await digestsOf(added, "v2"), digestsOfGraph(index));
    assert.deepEqual((await mine.gc({ minAgeMs: 0 })).removed, []);
  });

  test("reads the OCI archive of lading, and lading that of skopeo", async (t) => {
    const folder = await storesFolder(t);
    const index = await sampleIndex();
    const layout = await layoutWith(join(folder, "mine"), index);
    const archive = packLayoutArchive(layout, [{ reference: "v1", name: NAME }]);
    await writeArchiveFile(join(folder, "mine.tar"), archive);
    await skopeo(
      ...SAME,
      "--all",
      `oci-archive:${folder}/mine.tar:${NAME}`,
      `oci-archive:${folder}/theirs.tar:x`,
    );
    const theirs = await openLayoutArchive(join(folder, "theirs.tar"));
    t.after(() => theirs.close());
    assert.deepEqual(await digestsOf(theirs, "x"), digestsOfGraph(index));
  });

  test("reads the docker archive of lading, and lading that of skopeo", async (t) => {
    const folder = await storesFolder(t);
    const image = await sampleImage();
    const layout = await layoutWith(join(folder, "mine"), image);
    const expected = await imageIdentity(layout, "v1");
    const archive = packDockerArchive(layout, [{ reference: "v1", tags: [NAME, "other:2"] }]);
    await writeArchiveFile(join(folder, "mine.tar"), archive);
    for (const name of [NAME, "docker.io/library/other:2"]) {
      const place = `oci:${folder}/read:v${name.length}`;
      await skopeo(...COPY, `docker-archive:${folder}/mine.tar:${name}`, place);
      const read = await openLayout(join(folder, "read"));
      // skopeo writes the config of such an image anew.
      assert.deepEqual((await imageIdentity(read, `v${name.length}`)).diffIds, expected.diffIds, name);
    }
    await skopeo(...COPY, `oci:${folder}/mine:v1`, `docker-archive:${folder}/theirs.tar:${NAME}`);
    for (const mediaTypes of ["oci", "docker"] as const) {
      const theirs = await openDockerArchive(join(folder, "theirs.tar"), { mediaTypes });
      t.after(() => theirs.close());
      assert.deepEqual((await imageIdentity(theirs, NAME)).diffIds, expected.diffIds);
      // In layouts skopeo finds images of the OCI types only.
      const server = await startRegistry();
      t.after(() => server.close());
      const registry = createRegistry();
      t.after(() => registry.close());
      await copyImage(theirs, NAME, registry.repository(`${server.host}/a/b`), "v1");
      const report = await skopeo("inspect", "--tls-verify=false", `docker://${server.host}/a/b:v1`);
      assert.equal((JSON.parse(report) as { Architecture: string }).Architecture, PLATFORM.architecture);
    }
  });

  test("writes a directory with the very files that lading stored", async (t) => {
    const folder = await storesFolder(t);
    const image = await sampleImage();
    await layoutWith(join(folder, "mine"), image);
    await skopeo(...COPY, `oci:${folder}/mine:v1`, `dir:${folder}/dir`);
    const names = (await readdir(join(folder, "dir"))).filter((name) => name !== "version");
    const contents = await Promise.all(names.map((name) => readFile(join(folder, "dir", name))));
    assert.deepEqual(contents.map((content) => digestOf(content)).sort(), digestsOfGraph(image));
  });
});

describe("umoci", needs(whyNoPrograms("umoci")), () => {
  test("reads and changes a layout of lading, which goes on with what umoci wrote", async (t) => {
    const folder = await storesFolder(t);
    const image = await sampleImage();
    const path = join(folder, "mine");
    const layout = await layoutWith(path, image);
    assert.deepEqual((await run("umoci", "list", "--layout", path)).trim().split("\n"), ["v1"]);
    assert.ok("history" in JSON.parse(await run("umoci", "stat", "--json", "--image", `${path}:v1`)));

    await run("umoci", "tag", "--image", `${path}:v1`, "v2");
    await run("umoci", "config", "--image", `${path}:v1`, "--tag", "v3", "--config.env", "A=b");
    const tags: string[] = [];
    for await (const tag of layout.tags()) tags.push(tag);
    assert.deepEqual(tags.sort(), ["v1", "v2", "v3"]);
    assert.deepEqual(await digestsOf(layout, "v2"), digestsOfGraph(image));
    const changed = await imageIdentity(layout, "v3");
    assert.deepEqual(changed.diffIds, (await imageIdentity(layout, "v1")).diffIds);
    assert.notEqual(changed.config, (await imageIdentity(layout, "v1")).config);

    // Nothing that the one names is garbage to the other, and what one drops the other collects.
    await run("umoci", "gc", "--layout", path);
    for (const tag of tags) assert.equal((await digestsOf(layout, tag)).length, 4);
    assert.deepEqual((await layout.gc({ minAgeMs: 0 })).removed, []);
    await run("umoci", "rm", "--image", `${path}:v3`);
    assert.equal((await layout.gc({ minAgeMs: 0 })).removed.length, 2, "a manifest and a config");
    await layout.untag("v2");
    await run("umoci", "gc", "--layout", path);
    assert.deepEqual(await digestsOf(layout, "v1"), digestsOfGraph(image));
  });
});

/** Artifacts in docker-registry, copied by skopeo. */
import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import {
  attachArtifact,
  createRegistry,
  discoverReferrers,
  pullArtifact,
  pushArtifact,
} from "../../src/oci/index.ts";
import { needs } from "./parts.ts";
import { whyNoPrograms } from "./process.ts";
import { startDockerRegistry, whyNoDockerRegistry } from "./registry.ts";
import { skopeo, temporaryFolder } from "./skopeo.ts";

test("docker-registry holds artifacts and their referrers", needs(whyNoDockerRegistry()), async (t) => {
  const { host, stop } = await startDockerRegistry();
  t.after(stop);
  const registry = createRegistry();
  t.after(() => registry.close());
  const repository = registry.repository(`${host}/team/artifact`);
  const source = await temporaryFolder(t);
  await mkdir(join(source, "tree"));
  await writeFile(join(source, "tree/f"), "content");
  const files = [{ path: join(source, "tree") }, { content: Buffer.from("x"), title: "a/b" }];
  await pushArtifact(repository, { artifactType: "application/x", files }, "v1");
  await attachArtifact(repository, "v1", { artifactType: "application/vnd.cyclonedx+json" });
  const { referrers } = await discoverReferrers(repository, "v1");
  assert.deepEqual(
    referrers.map(({ convention }) => convention),
    ["cyclonedx"],
  );
  const directory = await temporaryFolder(t);
  await pullArtifact(repository, "v1", { directory });
  assert.equal(await readFile(join(directory, "tree/f"), "utf8"), "content");
  assert.deepEqual((await readdir(directory)).sort(), ["a", "tree"]);
});

test(
  "skopeo copies an artifact, and it is the same afterwards",
  needs(whyNoDockerRegistry(), whyNoPrograms("skopeo")),
  async (t) => {
    const { host, stop } = await startDockerRegistry();
    t.after(stop);
    const registry = createRegistry();
    t.after(() => registry.close());
    const config = { content: Buffer.from("{}"), mediaType: "application/vnd.oci.image.config.v1+json" };
    const files = [{ content: Buffer.from("x"), title: "f" }];
    const from = registry.repository(`${host}/team/from`);
    const pushed = await pushArtifact(from, { config, files }, "v1");
    const tls = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    const places = [`docker://${host}/team/from:v1`, `docker://${host}/team/to:v1`];
    await skopeo("--insecure-policy", "copy", "--preserve-digests", ...tls, ...places);
    const to = registry.repository(`${host}/team/to`);
    assert.equal((await to.resolve("v1")).digest, pushed.descriptor.digest);
    const directory = await temporaryFolder(t);
    await pullArtifact(to, "v1", { directory });
    assert.equal(await readFile(join(directory, "f"), "utf8"), "x");
  },
);

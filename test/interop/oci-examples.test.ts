/** The examples of registries, on docker-registry: one that has no referrers API, deletes no tags and pages none. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { createRegistry, pushImage, type Registry } from "../../src/oci/index.ts";
import { needs } from "./parts.ts";
import { runProgram } from "./process.ts";
import { type DockerRegistry, startDockerRegistry, whyNoDockerRegistry } from "./registry.ts";
import { sampleImage, sampleIndex } from "./store-images.ts";

const FOLDER = resolve(import.meta.dirname, "../../examples/oci");
const EXAMPLES = readdirSync(FOLDER).filter((file) => file.endsWith(".ts"));
/** Examples that do another thing for an image that is in no index. */
const WITHOUT_INDEX: ReadonlySet<string> = new Set(["copy.ts", "index.ts", "inspect.ts"]);

describe("examples", needs(whyNoDockerRegistry()), () => {
  let docker: DockerRegistry;
  let registry: Registry;
  before(async () => {
    docker = await startDockerRegistry();
    registry = createRegistry();
    const repository = registry.repository(`${docker.host}/team/app`);
    await pushImage(repository, await sampleIndex(), "index");
    await pushImage(repository, await sampleImage("single", "amd64"), "single");
  });
  after(async () => {
    await registry?.close();
    await docker?.stop();
  });

  for (const file of EXAMPLES) {
    test(file, async () => {
      for (const tag of WITHOUT_INDEX.has(file) ? ["index", "single"] : ["index"]) {
        const places = [
          `${docker.host}/team/app:${tag}`,
          `${docker.host}/copies/${file.slice(0, -3)}-${tag}`,
        ];
        const args = ["--conditions=lading-source", join(FOLDER, file), ...places];
        const { exitCode, stdout, stderr } = await runProgram(process.execPath, args);
        assert.equal(exitCode, 0, stderr);
        assert.notEqual(stdout, "");
        // Nothing that an example is given is changed by it.
        await registry.resolve(places[0] ?? "");
      }
    });
  }
});

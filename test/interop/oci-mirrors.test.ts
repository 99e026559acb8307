/** skopeo and lading, given the same registries.conf, ask the same registries in the same order. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { isLadingError } from "../../src/core/errors.ts";
import { createMirroredRegistry, createRegistry, loadRegistriesSources } from "../../src/oci/index.ts";
import { startRegistry } from "../../src/testing/index.ts";
import { pushSample } from "../integration/registry-setup.ts";
import { needs } from "./parts.ts";
import { runProgram, whyNoPrograms } from "./process.ts";
import { temporaryFolder } from "./skopeo.ts";

const endpoint = (table: string, location: string, more = ""): string =>
  `[[${table}]]\nlocation = "${location}"\ninsecure = true\n${more}`;

/** Configurations for a first and a second mirror and the registry itself, by the hosts of the three. */
const CONFIGS: Readonly<Record<string, (one: string, two: string, own: string) => string>> = {
  "mirrors in order, the last one has the image": (one, two, own) =>
    `${endpoint("registry", own, 'prefix = "images.example"\n')}${endpoint("registry.mirror", one)}${endpoint("registry.mirror", two)}`,
  "a mirror for digests is left out": (one, two, own) =>
    `${endpoint("registry", own, 'prefix = "images.example"\n')}${endpoint("registry.mirror", one, 'pull-from-mirror = "digest-only"\n')}${endpoint("registry.mirror", two)}`,
  "mirrors for digests alone": (one, _two, own) =>
    `${endpoint("registry", own, 'prefix = "images.example"\nmirror-by-digest-only = true\n')}${endpoint("registry.mirror", one)}`,
  "the longest prefix": (one, two, own) =>
    `${endpoint("registry", one, 'prefix = "images.example"\n')}${endpoint("registry", own, 'prefix = "images.example/a"\n')}${endpoint("registry.mirror", `${two}/copy`)}`,
  "a wildcard does not cover its own domain": (one, _two, own) =>
    `${endpoint("registry", one, 'prefix = "*.images.example"\n')}${endpoint("registry", own, 'prefix = "*.example"\n')}`,
  "blocked: only the mirror is asked": (one, two) =>
    `[[registry]]\nlocation = "images.example"\nblocked = true\n${endpoint("registry.mirror", one)}${endpoint("registry.mirror", two)}`,
  "blocked, without a mirror": () => `[[registry]]\nlocation = "images.example"\nblocked = true\n`,
  "a mirror that another entry blocks": (one, _two, own) =>
    `${endpoint("registry", own, 'prefix = "images.example"\n')}${endpoint("registry.mirror", one)}${endpoint("registry", one, "blocked = true\n")}`,
  "a mirror that only another entry makes insecure": (one, _two, own) =>
    `${endpoint("registry", own, 'prefix = "images.example"\n')}[[registry.mirror]]\nlocation = "${one}"\n${endpoint("registry", one)}`,
};

for (const [name, configure] of Object.entries(CONFIGS)) {
  test(name, needs(whyNoPrograms("skopeo")), async (t) => {
    const servers = [await startRegistry(), await startRegistry(), await startRegistry()] as const;
    const client = createRegistry({ retry: { attempts: 1 } });
    t.after(async () => {
      await client.close();
      for (const server of servers) await server.close();
    });
    const [one, two, own] = servers;
    for (const path of ["a/b", "b"]) await pushSample(client.repository(`${own.host}/${path}`));
    const path = join(await temporaryFolder(t), "registries.conf");
    await writeFile(path, configure(one.host, two.host, own.host));

    /** Who is asked for manifests of a tag, in order, and under which paths. */
    const asked = async (run: () => Promise<boolean>): Promise<{ ok: boolean; asked: string[] }> => {
      const before = servers.map(({ requests }) => requests.length);
      const ok = await run();
      const seen = servers.map(({ requests }, index) =>
        requests
          .slice(before[index])
          .filter(({ url }) => url.includes("/manifests/v1"))
          .map(({ url }) => `${index} ${url}`),
      );
      return { ok, asked: [...new Set(seen.flat())] };
    };
    const theirs = await asked(async () => {
      const args = ["--registries-conf", path, "inspect", "--raw", "docker://images.example/a/b:v1"];
      return (await runProgram("skopeo", args)).exitCode === 0;
    });
    const ours = await asked(async () => {
      const sources = await loadRegistriesSources({ path, env: {} });
      try {
        await createMirroredRegistry(client, { sources }).resolve("images.example/a/b:v1");
        return true;
      } catch (error) {
        assert.ok(isLadingError(error));
        return false;
      }
    });
    assert.deepEqual(ours, theirs);
    assert.equal(ours.ok, !name.startsWith("blocked"));
  });
}

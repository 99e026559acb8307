/** Hundreds of generated cases, decided by lading and by `skopeo copy --policy`: the same verdict, the same words. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { isLadingError } from "../../src/core/errors.ts";
import { createRegistry, packImage, pushImage, type Registry } from "../../src/oci/index.ts";
import {
  createNodeSignatures,
  createVerifier,
  parsePolicy,
  parseRegistriesD,
} from "../../src/policy/index.ts";
import { needs } from "./parts.ts";
import { type CaseMaterial, DIFFERENCES, inOldWords, makeCases, type PolicyCase } from "./policy-cases.ts";
import { runProgram, whyNoPrograms } from "./process.ts";
import { type DockerRegistry, startDockerRegistry, whyNoDockerRegistry } from "./registry.ts";
import { temporaryFolder } from "./skopeo.ts";

/** How many are asked at a time. */
const SIDE_BY_SIDE = 3;
const LEAST_CASES = 300;

/** Where a matrix stands. */
interface Setup {
  folder: string;
  registry: Registry;
  material: CaseMaterial;
}

describe("skopeo as judge", needs(whyNoPrograms("skopeo", "gpg"), whyNoDockerRegistry()), () => {
  test("of policies, signatures, references and identities", { timeout: 300_000 }, async (t) => {
    // Go prints times in the zone of the process.
    const zone = process.env["TZ"];
    process.env["TZ"] = "UTC";
    const docker: DockerRegistry = await startDockerRegistry();
    const registry = createRegistry();
    try {
      const setup = await prepare(await temporaryFolder(t), docker.host, registry);
      const { cases } = setup.material;
      assert.ok(cases.length >= LEAST_CASES, `${cases.length} cases`);
      assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length, "names are unique");
      const started = performance.now();
      const counts = { same: 0, differing: 0, allowed: 0 };
      const problems: string[] = [];
      const queue = cases.entries();
      const work = async () => {
        for (const [index, each] of queue) {
          const [said, decided] = await Promise.all([judge(setup, each, index), decide(setup, each)]);
          const problem = compare(each, said, decided);
          if (problem !== undefined) problems.push(`${each.name}: ${problem}`);
          counts[each.difference ? "differing" : "same"]++;
          if (decided === "allowed") counts.allowed++;
        }
      };
      await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      t.diagnostic(
        `${cases.length} cases in ${seconds} s: ${counts.same} alike, ${counts.differing} known to differ; ${counts.allowed} allowed`,
      );
      assert.deepEqual(problems, []);
      // A matrix in which nothing is allowed would prove little.
      assert.ok(counts.allowed >= 50 && counts.allowed <= cases.length - 50, `${counts.allowed} allowed`);
    } finally {
      await registry.close();
      await docker.stop();
      if (zone === undefined) delete process.env["TZ"];
      else process.env["TZ"] = zone;
    }
  });
});

/** Pushes the image, and writes keys and signatures. */
async function prepare(folder: string, host: string, registry: Registry): Promise<Setup> {
  const name = `${host}/team/app`;
  const graph = await packImage({ platform: { os: "linux", architecture: "amd64" }, layers: [] });
  const { digest } = await pushImage(registry.repository(name), graph, "1");
  for (const tag of ["2", "latest"]) await pushImage(registry.repository(name), graph, tag);
  const payload = (dockerReference: string, signed: string = digest, type = "atomic container signature") =>
    Buffer.from(
      JSON.stringify({
        critical: {
          identity: { "docker-reference": dockerReference },
          image: { "docker-manifest-digest": signed },
          type,
        },
        optional: { creator: "test", timestamp: 1 },
      }),
    );
  const material = await makeCases({ name, host, digest, payload });
  await mkdir(join(folder, "keys"));
  for (const [file, content] of material.keyFiles) await writeFile(join(folder, "keys", file), content);
  for (const [set, signatures] of material.sets) {
    const store = join(folder, "sets", set, `team/app@${digest.replace(":", "=")}`);
    await mkdir(store, { recursive: true });
    for (const [index, content] of signatures.entries()) {
      await writeFile(join(store, `signature-${index + 1}`), content);
    }
    await mkdir(join(folder, "config", set), { recursive: true });
    await writeFile(join(folder, "config", set, "test.yaml"), configOf(folder, set));
  }
  return { folder, registry, material };
}

function configOf(folder: string, set: string): string {
  return `default-docker:\n  lookaside: file://${join(folder, "sets", set)}\n`;
}

function policyOf({ folder }: Setup, { policy }: PolicyCase): string {
  return JSON.stringify(policy).replaceAll('"KEYS/', `"${join(folder, "keys")}/`);
}

/** What skopeo decides: `allowed`, or its words. */
async function judge(setup: Setup, each: PolicyCase, index: number): Promise<string> {
  const { folder } = setup;
  const policy = join(folder, `policy-${index}.json`);
  await writeFile(policy, policyOf(setup, each));
  const { exitCode, stderr } = await runProgram("skopeo", [
    ...["--policy", policy, "--registries.d", join(folder, "config", each.signatures)],
    ...["copy", "--src-tls-verify=false", "--remove-signatures"],
    ...[`docker://${each.reference}`, `dir:${join(folder, `out-${index}`)}`],
  ]);
  if (exitCode === 0) return "allowed";
  const said = /level=fatal msg=(".*")$/m.exec(stderr)?.[1];
  return String(JSON.parse(said ?? JSON.stringify(stderr)));
}

/** What lading decides: `allowed`, its message, or the code of an error and its message. */
async function decide(setup: Setup, each: PolicyCase): Promise<string> {
  const { folder, registry } = setup;
  const path = join(folder, "config", each.signatures, "test.yaml");
  const signatures = createNodeSignatures({
    config: await parseRegistriesD([{ path, text: configOf(folder, each.signatures) }]),
    defaultLookaside: "file:///nonexistent",
  });
  const verifier = createVerifier(parsePolicy(policyOf(setup, each)), {
    source: registry,
    signatureSources: [signatures],
    readFile: (file) => readFile(file),
  });
  try {
    const verdict = await verifier.evaluate(each.reference);
    return verdict.kind === "allowed" ? "allowed" : verdict.message;
  } catch (error) {
    if (!isLadingError(error)) throw error;
    return `${error.code}: ${error.message}`;
  } finally {
    await signatures.close();
  }
}

/** What is wrong with what the two say; nothing if it is the same, or differs as it is known to. */
function compare({ difference }: PolicyCase, said: string, decided: string): string | undefined {
  const both = `skopeo ${JSON.stringify(said)}, lading ${JSON.stringify(decided)}`;
  if (difference === undefined) return said === inOldWords(decided) ? undefined : both;
  const { skopeo, lading } = DIFFERENCES[difference];
  if (skopeo.test(said) && lading.test(decided)) return undefined;
  return `not as "${difference}" tells: ${both}`;
}

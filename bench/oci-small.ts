/**
 * Images of 300 small layers: pulled from a registry on this machine into a layout, and copied to another repository
 * that has everything already, against `skopeo copy`.
 *
 *   node --conditions=lading-source bench/oci-small.ts [--rounds 7] [--margin 0.25]
 *
 * skopeo starts anew each time, which takes it some hundredths of a second; lading runs in this process.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { copyImage, createLayout, createRegistry } from "../src/oci/index.ts";
import { startDockerRegistry } from "../test/interop/registry.ts";
import { type Figure, formatTime, interleave, report, type Way } from "./interleave.ts";
import {
  inMemoryFolder,
  needPrograms,
  pushImage,
  randomLayer,
  skopeoCopy,
  writeImage,
} from "./oci-images.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "7" } }, strict: false });
needPrograms("docker-registry", "skopeo");

const LAYERS = 300;
const LAYER_BYTES = 8192;

const figures: Figure[] = [];
await inMemoryFolder(async (folder) => {
  const docker = await startDockerRegistry();
  const registry = createRegistry();
  try {
    const made = join(folder, "image");
    await writeImage(
      made,
      Array.from({ length: LAYERS }, () => randomLayer(LAYER_BYTES)),
    );
    await pushImage(made, docker.host, "bench/small");
    await pushImage(made, docker.host, "bench/other");
    const source = registry.repository(`${docker.host}/bench/small`);
    const other = registry.repository(`${docker.host}/bench/other`);
    const target = join(folder, "target");
    const from = `docker://${docker.host}/bench/small:image`;
    const after = (): Promise<void> => rm(target, { recursive: true });

    await compare(`${LAYERS} small layers, registry to layout`, [
      {
        name: "lading",
        run: async () => copyImage(source, "image", await createLayout(target), "image"),
        after,
      },
      { name: "skopeo", run: () => skopeoCopy(from, `oci:${target}:image`), after },
    ]);
    await compare(`${LAYERS} small layers, registry to registry, all there`, [
      { name: "lading", run: () => copyImage(source, "image", other, "image") },
      { name: "skopeo", run: () => skopeoCopy(from, `docker://${docker.host}/bench/other:image`) },
    ]);
  } finally {
    await registry.close();
    await docker.stop();
  }
});
report(figures);

async function compare(name: string, ways: readonly Way[]): Promise<void> {
  const times = await interleave(ways, { rounds: Number(values.rounds), warmUp: 2 });
  console.log(name);
  for (const [way, { name }] of ways.entries()) {
    console.log(`  ${formatTime(times[way] ?? Number.NaN)}  ${name}`);
  }
  const [value = Number.NaN, against = Number.NaN] = times;
  figures.push({ name: `${name}, against skopeo`, value, against, limit: 0.8, goal: 0.5 });
}

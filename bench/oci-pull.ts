/**
 * How long it takes to pull an image from a registry on this machine into a layout, against `skopeo copy` and against
 * sockets whose bytes are hashed and written, which is about the least that a pull can be.
 *
 *   node --conditions=lading-source bench/oci-pull.ts [--rounds 5] [--margin 0.25]
 *
 * skopeo starts anew each time, which takes it some hundredths of a second; lading runs in this process.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { copyImage, createLayout, createRegistry } from "../src/oci/index.ts";
import { startDockerRegistry } from "../test/interop/registry.ts";
import { type Figure, formatTime, interleave, median, report } from "./interleave.ts";
import {
  type BenchLayer,
  inMemoryFolder,
  MEBIBYTE,
  needPrograms,
  pushImage,
  randomLayer,
  runHere,
  skopeoCopy,
  textLayer,
  type Used,
  writeImage,
} from "./oci-images.ts";
import { pullBySockets } from "./sockets.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" } }, strict: false });
needPrograms("docker-registry", "skopeo");

const IMAGES: readonly [name: string, layer: () => BenchLayer, count: number][] = [
  ["8 x 64 MiB that cannot be compressed", () => randomLayer(64 * MEBIBYTE), 8],
  ["4 x 64 MiB of text, compressed", () => textLayer(64 * MEBIBYTE), 4],
];

const figures: Figure[] = [];
await inMemoryFolder(async (folder) => {
  const docker = await startDockerRegistry();
  const registry = createRegistry();
  try {
    for (const [at, [name, layer, count]] of IMAGES.entries()) {
      const repository = `bench/${at}`;
      const made = join(folder, `image-${at}`);
      const layers = (function* () {
        for (let made = 0; made < count; made++) yield layer();
      })();
      const blobs = await writeImage(made, layers);
      await pushImage(made, docker.host, repository);
      await rm(made, { recursive: true });

      const source = registry.repository(`${docker.host}/${repository}`);
      const target = join(folder, "target");
      const programs: { name: string; pull: () => Promise<Used>; before?: () => unknown; cpu: number[] }[] = [
        {
          name: "lading",
          pull: () => runHere(async () => copyImage(source, "image", await createLayout(target), "image")),
          cpu: [],
        },
        {
          name: "skopeo",
          pull: () => skopeoCopy(`docker://${docker.host}/${repository}:image`, `oci:${target}:image`),
          cpu: [],
        },
        {
          name: "sockets, hashed and written",
          before: () => mkdir(target),
          pull: () => runHere(() => pullBySockets({ host: docker.host, repository }, blobs, target)),
          cpu: [],
        },
      ];
      const ways = programs.map(({ name, pull, before, cpu }) => ({
        name,
        before: before ?? (() => {}),
        run: async () => {
          cpu.push((await pull()).cpu);
        },
        after: () => rm(target, { recursive: true }),
      }));
      const times = await interleave(ways, { rounds: Number(values.rounds), warmUp: 1 });
      const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
      console.log(`${name}: ${(bytes / MEBIBYTE).toFixed(0)} MiB`);
      for (const [way, { name, cpu }] of programs.entries()) {
        const used = formatTime(median(cpu.slice(1)));
        console.log(`  ${formatTime(times[way] ?? Number.NaN)}, ${used} of processor time  ${name}`);
      }
      const [value = Number.NaN, skopeo = Number.NaN, sockets = Number.NaN] = times;
      figures.push(
        { name: `${name}, against skopeo`, value, against: skopeo, limit: 1, goal: 0.8 },
        { name: `${name}, against sockets`, value, against: sockets, limit: 1.5, goal: 1.2 },
      );
    }
  } finally {
    await registry.close();
    await docker.stop();
  }
});
report(figures);

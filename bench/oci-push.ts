/**
 * How long it takes to push an image from a layout to an empty registry on this machine, and what processor time the
 * client uses, against `skopeo copy`.
 *
 *   node --conditions=lading-source bench/oci-push.ts [--rounds 5] [--margin 0.25]
 *
 * Each push gets a registry of its own: one that was pushed to before lets skopeo leave blobs out. The registry reads,
 * hashes and writes every byte, so that the time of all is its time for the most part.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { copyImage, createRegistry, openLayout } from "../src/oci/index.ts";
import { type DockerRegistry, startDockerRegistry } from "../test/interop/registry.ts";
import { type Figure, formatTime, interleave, median, report, type Way } from "./interleave.ts";
import {
  type BenchLayer,
  inMemoryFolder,
  MEBIBYTE,
  needPrograms,
  randomLayer,
  runHere,
  skopeoCopy,
  textLayer,
  type Used,
  writeImage,
} from "./oci-images.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" } }, strict: false });
needPrograms("docker-registry", "skopeo");
const rounds = Number(values.rounds);

const IMAGES: readonly [name: string, layer: () => BenchLayer, count: number][] = [
  ["8 x 64 MiB that cannot be compressed", () => randomLayer(64 * MEBIBYTE), 8],
  ["4 x 64 MiB of text, compressed", () => textLayer(64 * MEBIBYTE), 4],
];

const figures: Figure[] = [];
for (const [name, layer, count] of IMAGES) {
  await inMemoryFolder(async (folder) => {
    const path = join(folder, "image");
    const layers = (function* () {
      for (let made = 0; made < count; made++) yield layer();
    })();
    const blobs = await writeImage(path, layers);
    let docker: DockerRegistry | undefined;
    const pushes: { name: string; push: (host: string) => Promise<Used>; cpu: number[] }[] = [
      { name: "lading", push: pushByLading, cpu: [] },
      {
        name: "skopeo",
        push: (host) => skopeoCopy(`oci:${path}:image`, `docker://${host}/a/b:image`),
        cpu: [],
      },
    ];
    const ways = pushes.map(
      ({ name, push, cpu }): Way => ({
        name,
        before: async () => {
          docker = await startDockerRegistry();
        },
        run: async () => {
          const used = await push(docker?.host ?? "");
          cpu.push(used.cpu);
        },
        after: async () => {
          await docker?.stop();
          docker = undefined;
        },
      }),
    );
    try {
      const times = await interleave(ways, { rounds, warmUp: 1 });
      const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
      console.log(`${name}: ${(bytes / MEBIBYTE).toFixed(0)} MiB`);
      const cpus = pushes.map(({ cpu }) => median(cpu.slice(1)));
      for (const [way, { name }] of pushes.entries()) {
        const [time = Number.NaN, cpu = Number.NaN] = [times[way], cpus[way]];
        console.log(`  ${formatTime(time)}, ${formatTime(cpu)} of processor time  ${name}`);
      }
      const [value = Number.NaN, against = Number.NaN] = times;
      const [cpu = Number.NaN, otherCpu = Number.NaN] = cpus;
      figures.push(
        { name: `${name}, against skopeo`, value, against, limit: 0.95, goal: 0.75 },
        { name: `${name}, processor time`, value: cpu, against: otherCpu, limit: 0.9, goal: 0.6 },
      );
    } finally {
      await docker?.stop();
    }

    function pushByLading(host: string): Promise<Used> {
      return runHere(async () => {
        const registry = createRegistry();
        try {
          const target = registry.repository(`${host}/a/b`);
          await copyImage(await openLayout(path), "image", target, "image");
        } finally {
          await registry.close();
        }
      });
    }
  });
}
report(figures);

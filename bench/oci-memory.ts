/**
 * How much memory is taken while a blob of 64 MiB, 512 MiB and 2 GiB is pulled, pushed, or unpacked as a layer.
 *
 *   node --conditions=lading-source bench/oci-memory.ts [--sizes 64,512,2048] [--margin 0.25]
 *
 * Each is done by a process of its own, after the same was done with a megabyte: the rise is from there to the most
 * memory that the process ever had.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  applyLayers,
  copyImage,
  createLayout,
  createRegistry,
  fetchManifest,
  imageLayers,
  openLayout,
} from "../src/oci/index.ts";
import { startDockerRegistry } from "../test/interop/registry.ts";
import { type Figure, report } from "./interleave.ts";
import { inMemoryFolder, MEBIBYTE, needPrograms, pushImage, writeImage } from "./oci-images.ts";
import { layerOfOneFile } from "./oci-tree.ts";

/** What a process does twice: with the small image, then with the large one. */
interface Task {
  work: "pull" | "push" | "unpack";
  host: string;
  /** Paths of the layouts of the two images; in the registry their names are `bench/small` and `bench/large`. */
  layouts: { small: string; large: string };
  /** A path where nothing is. */
  target: string;
}

const { values } = parseArgs({
  options: { sizes: { type: "string", default: "64,512,2048" } },
  strict: false,
});

if (process.send) {
  process.once("message", (task: Task) => {
    measure(task).then(
      (rise) => process.send?.(rise, () => process.disconnect()),
      (error: unknown) => {
        throw error;
      },
    );
  });
} else {
  await main();
}

async function main(): Promise<void> {
  needPrograms("docker-registry");
  const figures: Figure[] = [];
  await inMemoryFolder(async (folder) => {
    for (const size of String(values.sizes).split(",").map(Number)) {
      // A registry for each size: what is pushed to it goes with it.
      const docker = await startDockerRegistry();
      try {
        const layouts = { small: join(folder, `small-${size}`), large: join(folder, `large-${size}`) };
        await writeImage(layouts.small, [await layerOfOneFile(MEBIBYTE)]);
        await writeImage(layouts.large, [await layerOfOneFile(size * MEBIBYTE)]);
        for (const name of ["small", "large"] as const)
          await pushImage(layouts[name], docker.host, `bench/${name}`);
        for (const work of ["pull", "push", "unpack"] as const) {
          const target = join(folder, `${work}-${size}`);
          const rise = await inProcess({ work, host: docker.host, layouts, target });
          console.log(`${work} of ${size} MiB: ${(rise / MEBIBYTE).toFixed(0)} MiB more`);
          figures.push({ name: `${work} of ${size} MiB`, value: rise, against: 120 * MEBIBYTE, limit: 1 });
        }
      } finally {
        await docker.stop();
      }
    }
  });
  console.log("Against a rise of 120 MiB:");
  report(figures);
}

/** Has a process of its own do it, and gives the rise in bytes. */
async function inProcess(task: Task): Promise<number> {
  const child: ChildProcess = fork(import.meta.filename);
  const ended = once(child, "exit");
  child.send(task);
  const told: unknown[] = [];
  child.on("message", (rise) => told.push(rise));
  const [code] = await ended;
  const [rise] = told;
  if (code !== 0 || typeof rise !== "number") throw new Error(`${task.work} ended with ${String(code)}`);
  return rise;
}

async function measure({ work, host, layouts, target }: Task): Promise<number> {
  const registry = createRegistry();
  try {
    const once = async (size: "small" | "large"): Promise<void> => {
      const path = `${target}-${size}`;
      if (work === "pull") {
        const source = registry.repository(`${host}/bench/${size}`);
        await copyImage(source, "image", await createLayout(path), "image");
      } else if (work === "push") {
        const repository = registry.repository(`${host}/bench/pushed-${size}`);
        await copyImage(await openLayout(layouts[size]), "image", repository, "image");
      } else {
        const layout = await openLayout(layouts[size]);
        const manifest = await fetchManifest(layout, "image");
        if (manifest.kind !== "manifest") throw new Error("the image is an index");
        await applyLayers(await imageLayers(layout, manifest.value), path);
      }
    };
    await once("small");
    const before = process.memoryUsage.rss();
    await once("large");
    return process.resourceUsage().maxRSS * 1024 - before;
  } finally {
    await registry.close();
  }
}

/**
 * How long it takes to unpack an image of one layer with owners, modes, times and links, against `tar -xzf` and
 * `umoci unpack`.
 *
 *   node --conditions=lading-source bench/oci-unpack.ts [--rounds 5] [--files 20000] [--disk DIRECTORY]
 *
 * Files are made in memory, or with `--disk` in directories of that place; umoci is left out there. Run it as root:
 * other users cannot set owners. tar and umoci start anew each time; lading runs in this process.
 *
 * What was made on a disk stays until the end: ext4 does not give out an inode again for minutes after it was removed, and
 * looks for another one so long that making a file takes thirty times as long, by whatever program.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { applyLayers, fetchManifest, imageLayers, openLayout } from "../src/oci/index.ts";
import { formatTime, interleave, median, report, type Way } from "./interleave.ts";
import {
  inMemoryFolder,
  MEBIBYTE,
  needPrograms,
  runHere,
  runTimed,
  type Used,
  writeImage,
} from "./oci-images.ts";
import { layerOfFiles } from "./oci-tree.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    files: { type: "string", default: "20000" },
    disk: { type: "string" },
  },
  strict: false,
});
const disk = typeof values.disk === "string" ? values.disk : undefined;
needPrograms("tar", "gzip", "unshare", ...(disk === undefined ? ["umoci"] : []));

await inMemoryFolder(async (folder) => {
  const path = join(folder, "image");
  const layer = await layerOfFiles(Number(values.files));
  await writeImage(path, [layer]);
  const archive = join(folder, "layer.tar.gz");
  await writeFile(archive, layer.bytes);
  const sizes = [layer.archiveBytes, layer.bytes.byteLength].map((size) => (size / MEBIBYTE).toFixed(0));
  console.log(`${values.files} files, ${sizes[0]} MiB, ${sizes[1]} MiB compressed, ${disk ?? "in memory"}`);

  const place = disk === undefined ? folder : await mkdtemp(join(disk, "lading-bench-"));
  let turn = 0;
  let target = join(place, "target-0");
  const programs: { name: string; unpack: () => Promise<Used>; cpu: number[] }[] = [
    { name: "lading", unpack: () => runHere(unpackByLading), cpu: [] },
    {
      name: "tar",
      unpack: () => runTimed("sh", ["-c", 'mkdir "$1" && tar -xzf "$2" -C "$1"', "sh", target, archive]),
      cpu: [],
    },
  ];
  if (disk === undefined) {
    const image = `${path}:image`;
    programs.push({
      name: "umoci",
      unpack: () => runTimed("umoci", ["unpack", "--image", image, target]),
      cpu: [],
    });
  }
  const ways = programs.map(
    ({ name, unpack, cpu }): Way => ({
      name,
      run: async () => {
        cpu.push((await unpack()).cpu);
      },
      after: async () => {
        if (disk === undefined) await rm(target, { recursive: true });
        target = join(place, `target-${++turn}`);
      },
    }),
  );
  try {
    const times = await interleave(ways, { rounds: Number(values.rounds), warmUp: 1 });
    for (const [at, { name, cpu }] of programs.entries()) {
      const used = formatTime(median(cpu.slice(1)));
      console.log(`  ${formatTime(times[at] ?? Number.NaN)}, ${used} of processor time  ${name}`);
    }
    const [value = Number.NaN, tar = Number.NaN, umoci] = times;
    const limits = disk === undefined ? { limit: 1, goal: 0.75 } : { limit: 0.9, goal: 0.6 };
    report([
      { name: "against tar -xzf", value, against: tar, ...limits },
      ...(umoci === undefined ? [] : [{ name: "against umoci unpack", value, against: umoci, limit: 0.25 }]),
    ]);
  } finally {
    if (place !== folder) await rm(place, { recursive: true, force: true });
  }

  async function unpackByLading(): Promise<void> {
    const layout = await openLayout(path);
    const manifest = await fetchManifest(layout, "image");
    if (manifest.kind !== "manifest") throw new Error("the image is an index");
    await applyLayers(await imageLayers(layout, manifest.value), target);
  }
});

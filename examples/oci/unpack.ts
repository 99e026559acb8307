/** umoci unpack, docker create: the file system of an image in a directory. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { applyLayers, imageLayers, systemPrograms } from "lading/oci";
import { imageFor, onRegistry } from "./shared/place.ts";

await onRegistry(async ({ repository, name, folder }) => {
  const { manifest } = await imageFor(repository, name);
  const rootfs = join(folder, "rootfs");
  const { entries, skipped, diffIds } = await applyLayers(
    await imageLayers(repository, manifest.value),
    rootfs,
    {
      // In place once everything is applied and has its diff id.
      staged: true,
      // Devices, fifos and extended attributes: Node has no calls for them, and devices need root.
      ...(process.getuid?.() === 0 ? systemPrograms() : {}),
    },
  );
  console.log(entries, "entries of", diffIds.length, "layers; left out:", skipped);
  console.log((await readdir(rootfs, { recursive: true })).sort());
});

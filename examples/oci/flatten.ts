/** crane flatten, skopeo copy of a squashed image: all layers as one. */
import { join } from "node:path";
import {
  applyLayers,
  createLayerFromDirectory,
  imageLayers,
  packImage,
  pushImage,
  systemPrograms,
} from "lading/oci";
import { imageFor, onRegistry } from "./shared/place.ts";

await onRegistry(async ({ repository, name, target, folder }) => {
  const { manifest, config } = await imageFor(repository, name);
  const isRoot = process.getuid?.() === 0;
  const rootfs = join(folder, "rootfs");
  await applyLayers(await imageLayers(repository, manifest.value), rootfs, isRoot ? systemPrograms() : {});
  // Owners are those of the image only for root. Extended attributes are not taken along.
  const layer = await createLayerFromDirectory(rootfs, { owners: isRoot ? "keep" : "root" });
  await target.push(layer.descriptor, layer.open());
  const { os, architecture, variant, config: settings } = config.value;
  const image = packImage({
    platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
    layers: [layer],
    config: { ...settings },
  });
  console.log(
    "was",
    manifest.value.layers.length,
    "layers, is",
    (await pushImage(target, image, "flat")).digest,
  );
});

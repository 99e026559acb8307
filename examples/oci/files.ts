/** crane export | tar -t, regctl image get-file: what is in layers, without unpacking them. */
import { entryNameBytes, flattenLayers, imageLayers, readLayer, readLayerFile, whiteoutOf } from "lading/oci";
import { imageFor, onRegistry } from "./shared/place.ts";

await onRegistry(async ({ repository, name }) => {
  const { manifest } = await imageFor(repository, name);
  for (const layer of manifest.value.layers) {
    console.log(layer.digest);
    // Names are bytes, and any bytes: quoted they are harmless for a terminal.
    for await (const { path, kind, mode, size } of readLayer(repository.fetch(layer))) {
      const what = whiteoutOf(path) ? "whiteout" : kind;
      console.log(" ", what, mode.toString(8), size, JSON.stringify(String(entryNameBytes(path))));
    }
  }
  const layers = await imageLayers(repository, manifest.value);
  console.log("as one file system:");
  let wanted = "/etc/os-release";
  for await (const { path, kind, target } of flattenLayers(layers)) {
    console.log(" ", kind, JSON.stringify(path), target === "" ? "" : `→ ${JSON.stringify(target)}`);
    if (kind === "file") wanted = path;
  }
  // Links are followed as by a process in the container.
  const { content } = await readLayerFile(layers, wanted);
  console.log(wanted, content.byteLength, "bytes");
});
